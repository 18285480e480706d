#!/usr/bin/env bash
# Builds the archive of a release: binary, completions, man pages, licences, scenarios, with its SHA-256.
# usage: dist/build.sh [TARGET...]; the default is the static build for this machine's processor.
# PROFILE=quick builds in a fraction of the time, to try the script.
set -euo pipefail
cd "$(dirname "$0")/.."

profile=${PROFILE:-dist}
version=$(sed -n 's/^version = "\(.*\)"/\1/p' Cargo.toml | head -1)
host=$(rustc -vV | sed -n 's/^host: //p')
built=${CARGO_TARGET_DIR:-target}
if [ $# -eq 0 ]; then set -- "${host%%-*}-unknown-linux-musl"; fi

# Prints the path of a program of this version that runs on this machine: $1 where it does, else one built for it.
runs_here() {
  if [ "$("$1" --version 2>/dev/null)" = "stickysim $version" ]; then
    echo "$1"
  else
    cargo build --profile "$profile" --locked --bin stickysim >&2
    echo "$built/$profile/stickysim"
  fi
}

for target in "$@"; do
  if command -v rustup >/dev/null && ! rustup target list --installed | grep -qx "$target"; then
    rustup target add "$target"
  fi
  # all crates are Rust: the linker that comes with the toolchain is enough, also for another processor
  case "$target" in
    aarch64-unknown-linux-musl) export CARGO_TARGET_AARCH64_UNKNOWN_LINUX_MUSL_LINKER=rust-lld ;;
  esac
  cargo build --profile "$profile" --locked --bin stickysim --target "$target"
  name=stickysim-$version-$target
  out=$built/archives/$name
  rm -rf "$out"
  mkdir -p "$out/completions" "$out/man"
  binary=$built/$target/$profile/stickysim
  if [ -f "$binary.exe" ]; then binary=$binary.exe; fi
  cp "$binary" LICENSE-MIT LICENSE-APACHE README.md README.zh-CN.md CHANGELOG.md "$out/"
  cp -r scenarios traces "$out/"
  # completions and man pages come from a program that runs on this machine
  here=$(runs_here "$binary")
  for shell in bash zsh fish powershell elvish; do "$here" completions "$shell" > "$out/completions/stickysim.$shell"; done
  "$here" completions man > "$out/man/stickysim.1"
  for verb in $("$here" --help | sed -n '/^Commands:/,/^$/s/^  \([a-z]*\) .*/\1/p' | grep -vx help); do
    "$here" completions man "$verb" > "$out/man/stickysim-$verb.1"
  done
  tar -C "$built/archives" -czf "$built/archives/$name.tar.gz" "$name"
  (cd "$built/archives" && { sha256sum "$name.tar.gz" || shasum -a 256 "$name.tar.gz"; } > "$name.tar.gz.sha256")
  ls -l "$built/archives/$name.tar.gz" "$out/stickysim"* | awk '{ print $5, $9 }'
done
