#!/bin/sh
# Draws the charts of docs/guide/gallery.md into this folder, from the shipped scenarios, with the program itself:
# the same files on any machine. `make gallery` calls it. STICKYSIM names another program than the release build's.
set -eu
cd "$(dirname "$0")/../.."
stickysim=${STICKYSIM:-target/release/stickysim}
out=$(mktemp -d)
trap 'rm -rf "$out"' EXIT

keep() { # keep FROM TO: one chart out of a folder
    cp "$out/$1.png" "docs/gallery/$2.png"
}

for scenario in scenarios/*.yaml; do
    name=$(basename "$scenario" .yaml)
    "$stickysim" run "$scenario" --plot "$out/$name" >/dev/null
    keep "$name/timeline" "$name-timeline"
    keep "$name/incident" "$name-incident"
done
keep slow-account/who-suffered slow-account-who-suffered
keep brownout/who-suffered brownout-who-suffered
keep slow-account/journey slow-account-journey
keep all-slow/distribution all-slow-distribution
keep healthy/distribution healthy-distribution
keep flapping/detection flapping-detection
keep brownout/detection brownout-detection

for name in slow-account brownout healthy; do
    "$stickysim" sweep "scenarios/$name.yaml" --vary sticky_escape_ttft_ms=1000:60000:log:17 --replications 10 \
        --plot "$out/sweep-$name" >/dev/null
    keep "sweep-$name/sweep" "$name-sweep"
done
keep sweep-slow-account/detection slow-account-roc
"$stickysim" sweep scenarios/slow-account.yaml --vary sticky_escape_ttft_ms=2000:40000:log:9 --vary lb_top_k=1,2,3,5,7 \
    --replications 5 --plot "$out/heat" >/dev/null
keep heat/heat-map slow-account-heat
for name in slow-account all-slow; do
    "$stickysim" compare "scenarios/$name.yaml" --replications 20 --plot "$out/compare-$name" >/dev/null
    keep "compare-$name/comparison" "$name-compare"
done
