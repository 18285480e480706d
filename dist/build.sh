#!/usr/bin/env bash
# Builds the archive of a release: binary, completions, man pages, licences, scenarios, with its SHA-256.
# usage: dist/build.sh [TARGET...]; the default is the static build for this machine's processor.
set -euo pipefail
cd "$(dirname "$0")/.."

version=$(sed -n 's/^version = "\(.*\)"/\1/p' Cargo.toml | head -1)
host=$(rustc -vV | sed -n 's/^host: //p')
if [ $# -eq 0 ]; then set -- "${host%%-*}-unknown-linux-musl"; fi

# completions and man pages come from a program that runs on this machine
cargo build --profile dist --locked --bin stickysim
here=target/dist/stickysim

for target in "$@"; do
  if command -v rustup >/dev/null && ! rustup target list --installed | grep -qx "$target"; then
    rustup target add "$target"
  fi
  # all crates are Rust: the linker that comes with the toolchain is enough, also for another processor
  case "$target" in
    aarch64-unknown-linux-musl) export CARGO_TARGET_AARCH64_UNKNOWN_LINUX_MUSL_LINKER=rust-lld ;;
  esac
  cargo build --profile dist --locked --bin stickysim --target "$target"
  name=stickysim-$version-$target
  out=target/archives/$name
  rm -rf "$out"
  mkdir -p "$out/completions" "$out/man"
  binary=target/$target/dist/stickysim
  if [ -f "$binary.exe" ]; then binary=$binary.exe; fi
  cp "$binary" LICENSE-MIT LICENSE-APACHE README.md CHANGELOG.md "$out/"
  cp -r scenarios traces "$out/"
  for shell in bash zsh fish powershell elvish; do "$here" completions "$shell" > "$out/completions/stickysim.$shell"; done
  "$here" completions man > "$out/man/stickysim.1"
  for verb in run compare sweep tune explain merge check calibrate plot trace schema completions; do
    "$here" completions man "$verb" > "$out/man/stickysim-$verb.1"
  done
  tar -C target/archives -czf "target/archives/$name.tar.gz" "$name"
  (cd target/archives && { sha256sum "$name.tar.gz" || shasum -a 256 "$name.tar.gz"; } > "$name.tar.gz.sha256")
  ls -l "target/archives/$name.tar.gz" "$out/stickysim"* | awk '{ print $5, $9 }'
done
