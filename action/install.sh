#!/usr/bin/env bash
# Puts stickysim on the PATH of the next steps: the release for this runner, or a build with cargo.
# Reads VERSION, REPOSITORY, RUNNER_OS, RUNNER_ARCH, RUNNER_TEMP, GITHUB_PATH, GH_TOKEN.
set -euo pipefail

if command -v stickysim >/dev/null; then
  echo "stickysim is already installed: $(stickysim --version)"
  exit 0
fi

case "$RUNNER_OS-$RUNNER_ARCH" in
  Linux-X64) target=x86_64-unknown-linux-musl ;;
  Linux-ARM64) target=aarch64-unknown-linux-musl ;;
  macOS-X64) target=x86_64-apple-darwin ;;
  macOS-ARM64) target=aarch64-apple-darwin ;;
  Windows-X64) target=x86_64-pc-windows-msvc ;;
  *) target= ;;
esac

to=$RUNNER_TEMP/stickysim
mkdir -p "$to"
if [ "$VERSION" != source ] && [ -n "$target" ]; then
  # without a name, the latest release
  release=
  if [ "$VERSION" != latest ]; then release=$VERSION; fi
  if gh release download ${release:+"$release"} --repo "$REPOSITORY" --dir "$to" \
    --pattern "stickysim-*-$target.tar.gz*"; then
    cd "$to"
    sha256sum --check ./*.sha256 || shasum -a 256 --check ./*.sha256
    tar -xzf ./*.tar.gz --strip-components 1
    echo "$to" >> "$GITHUB_PATH"
    exit 0
  fi
  echo "::warning::there is no release of $REPOSITORY for $target: it is built from source"
fi
cargo install --locked --root "$to" --git "https://github.com/$REPOSITORY" stickysim
echo "$to/bin" >> "$GITHUB_PATH"
