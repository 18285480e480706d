#!/bin/sh
# A sweep with GNU parallel over ssh: one job a shard, on hosts that have stickysim on their PATH.
#
#     docs/cluster/parallel.sh slow-account.yaml 8 host1,host2,2/host3 \
#         --vary sticky_escape_ttft_ms=1000:60000:log:25 --replications 20
#
# `2/host3` runs two jobs at once there; `:` is this machine. The scenario is copied to the hosts and the journals come
# back into this folder, where they are merged. A shard that fails is tried again, on another host if there is one.
set -eu

scenario=$1 shards=$2 hosts=$3
shift 3

# the hosts' shells read the command again: quote what was given
arguments=$(for argument in "$@"; do printf "'%s' " "$argument"; done)

seq "$shards" | parallel \
    --will-cite --sshlogin "$hosts" --retries 3 --joblog parallel.log \
    --basefile "$scenario" --return 'part-{}.jsonl' --cleanup \
    "stickysim sweep $scenario $arguments --shard {}/$shards --out part-{}.jsonl"

parts=$(for shard in $(seq "$shards"); do printf 'part-%s.jsonl ' "$shard"; done)
# names made above, without spaces
# shellcheck disable=SC2086
exec stickysim merge $parts --out sweep.jsonl
