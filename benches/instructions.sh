#!/bin/bash
# Counts the instructions of whole commands, with valgrind: `make instructions`. CI compares the counts with those of
# benches/instructions.txt and fails if one of them grew by more than 2 %. UPDATE=1 writes the file again: do this in
# the commit that makes a command cheaper, or dearer for a reason.
#
# A count belongs to a version of the compiler. With another one than the file names, the counts are printed and not
# compared.
set -euo pipefail
cd "$(dirname "$0")/.."
program=${PROGRAM:-target/release/stickysim}
[ -x "$program" ] || { echo "no $program: cargo build --release" >&2; exit 2; }
for tool in valgrind rustc; do
  command -v "$tool" > /dev/null || { echo "skipped: no $tool"; exit 0; }
done
recorded=benches/instructions.txt
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
compiler=$(rustc --version | cut -d' ' -f1,2)

# counted NAME ARGUMENT...: adds the count of a command to the list. Exit status 1 is a gate that failed, and 4 says
# that no decision differed: neither is an error here.
counted() {
  local name=$1 status=0
  shift
  env -i PATH="$PATH" HOME="$folder" valgrind --tool=callgrind --callgrind-out-file="$folder/out" "$program" "$@" \
    > "$folder/stdout" 2> "$folder/stderr" || status=$?
  if [ $status != 0 ] && [ $status != 1 ] && [ $status != 4 ]; then cat "$folder/stderr" >&2; exit 2; fi
  printf '%s\t%s\n' "$name" "$(sed -n 's/^totals: //p' "$folder/out")" >> "$folder/counts"
}

pool() { # pool NAME ACCOUNTS SESSIONLESS_SHARE MINUTES
  counted "$1" run benches/pool.yaml --threads 1 --output json --set duration="$4m" --set "accounts=[{count: $2}]" \
    --set workload.synth.sessions_per_hour=$(($2 * 90)) --set workload.synth.sessionless_share="$3"
}

small=tests/experiments/small.yaml
counted "start" check "$small"
pool "run, 8 accounts, sticky" 8 0 30
pool "run, 8 accounts, balanced" 8 1 30
pool "run, 100 accounts, sticky" 100 0 4
pool "run, 100 accounts, balanced" 100 1 2
counted "run over WebSocket" run scenarios/websocket.yaml --threads 1 --set duration=40m --set warmup=10m
counted "compare, 4 replications" compare "$small" --threads 1 --replications 4
counted "sweep, 3 values" sweep "$small" --threads 1 --replications 2 --vary sticky_escape_ttft_ms=2000,8000,20000
counted "replay, csv" run "$small" --threads 1 --trace traces/azure-llm-2023.csv
counted "trace stats, jsonl" trace stats traces/sample.jsonl
counted "calibrate" calibrate traces/gateway-log.jsonl --accounts traces/accounts.jsonl --threads 1 \
  --replications 5 --out "$folder/calibrated"
counted "page" run "$small" --threads 1 --html "$folder/page.html"

if [ -n "${UPDATE:-}" ]; then
  { echo "# instructions of whole commands, with $compiler: written by UPDATE=1 make instructions"; cat "$folder/counts"; } \
    > "$recorded"
  cat "$recorded"
  exit 0
fi
known=$(sed -n 's/^# .* with \(rustc [^:]*\):.*/\1/p' "$recorded")
awk -F '\t' -v compiler="$compiler" -v known="$known" '
  FNR == 1 { file++ }
  /^#/ { next }
  file == 1 { before[$1] = $2; next }
  {
    change = before[$1] ? ($2 / before[$1] - 1) * 100 : 0
    printf "%-28s %14d  %+.2f %%\n", $1, $2, change
    if (!($1 in before) || change > 2) { dearer = dearer "\n  " $1 }
  }
  END {
    if (compiler != known) { print "not compared: the counts of benches/instructions.txt are of " known; exit 0 }
    if (dearer) {
      print "these commands need over 2 % more instructions than benches/instructions.txt says:" dearer
      print "find out why, or record the new counts with: UPDATE=1 make instructions"
      exit 1
    }
  }' "$recorded" "$folder/counts"
