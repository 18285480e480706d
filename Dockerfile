# stickysim in an image that holds nothing else: docker build -t stickysim .
# docker run --rm -v "$PWD:/data" stickysim run /scenarios/slow-account.yaml
FROM rust:1-alpine AS build
WORKDIR /stickysim
COPY . .
RUN cargo build --profile dist --locked --bin stickysim

FROM scratch
COPY --from=build /stickysim/target/dist/stickysim /stickysim
COPY --from=build /stickysim/scenarios /scenarios
COPY --from=build /stickysim/traces /traces
COPY --from=build /stickysim/LICENSE-MIT /stickysim/LICENSE-APACHE /
USER 65532:65532
WORKDIR /data
ENTRYPOINT ["/stickysim"]
CMD ["--help"]
