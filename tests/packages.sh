#!/bin/sh
# Installs what some tests use beside cargo, where this machine has Debian's packages and root: tests that do not find
# theirs say that they are skipped. Names the groups to install: `tests/packages.sh parallel slurm`.
set -eu

missing=""
want() { # want PROGRAM PACKAGE...
    program=$1
    shift
    command -v "$program" > /dev/null || [ -x "/usr/sbin/$program" ] || missing="$missing $*"
}
for group in "$@"; do
    case "$group" in
        parallel) want parallel parallel ;;
        chromium) want chromium chromium ;;
        jq) want jq jq ;;
        valgrind) want valgrind valgrind ;;
        qemu) want qemu-aarch64-static qemu-user-static ;;
        postgresql) ls /usr/lib/postgresql/*/bin/initdb > /dev/null 2>&1 || want initdb postgresql ;;
        slurm) want slurmctld slurm-wlm munge; want munged munge ;;
        *) echo "tests/packages.sh: no such group: $group" >&2; exit 2 ;;
    esac
done
[ -n "$missing" ] || exit 0
if [ "$(id -u)" != 0 ] || ! command -v apt-get > /dev/null; then
    echo "not installed (needs root and apt-get):$missing; tests that use them are skipped" >&2
    exit 0
fi
apt-get update -qq
# shellcheck disable=SC2086
DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $missing > /dev/null ||
    echo "could not be installed:$missing; tests that use them are skipped" >&2
