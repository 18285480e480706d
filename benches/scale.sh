#!/bin/bash
# Measures how time and memory grow with the work: `make scale`. Prints the tables of docs/reference/performance.md.
# It takes about ten minutes and 2 GB of disk. Time is processor time, so a busy machine disturbs it little.
# SHORT=1 leaves out the largest row of each table.
#
# The exponent of a row is log(time ratio) / log(size ratio) against the row before it. Where cost grows as the work
# does, it is 1; where the work of a request does not depend on the size, the cost of a request has the exponent 0.
set -euo pipefail
cd "$(dirname "$0")/.."
program=${PROGRAM:-target/release/stickysim}
[ -x "$program" ] || { echo "no $program: cargo build --release" >&2; exit 2; }
for tool in /usr/bin/time jq zstd; do
  command -v "$tool" > /dev/null || { echo "$tool is missing: apt-get install time jq zstd" >&2; exit 2; }
done
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT

# measured COMMAND...: sets `seconds` of processor time and `mb` of peak memory; the output is in $folder/out
measured() {
  /usr/bin/time -f '%U %S %M' -o "$folder/time" "$@" > "$folder/out" 2> "$folder/err" \
    || { cat "$folder/err" >&2; exit 1; }
  read -r user system kilobytes < "$folder/time"
  seconds=$(awk "BEGIN { print $user + $system }")
  mb=$((kilobytes / 1024))
}

# table HEADING ALIGNMENT: begins a table; its first row has none before it
table() {
  printf '%s\n' "$@"
  cost_before=
}

# grown COST SIZE: sets `exponent` against the row before
grown() {
  exponent=-
  if [ -n "$cost_before" ]; then
    exponent=$(awk "BEGIN { printf \"%.2f\", log($1 / $cost_before) / log($2 / $size_before) }")
  fi
  cost_before=$1 size_before=$2
}

sizes() {
  if [ -n "${SHORT:-}" ]; then echo "${@:1:$#-1}"; else echo "$@"; fi
}

pool() {
  measured "$program" run benches/pool.yaml --threads 1 --output json "$@"
  requests=$(jq .requests.total "$folder/out")
  each=$(awk "BEGIN { print $seconds / $requests * 1e6 }")
}

table "| requests in one run | processor time | peak memory | exponent of the time |" \
  "| ---: | ---: | ---: | ---: |"
for hours in $(sizes 20 200 2000); do
  pool --set duration="${hours}h"
  grown "$seconds" "$requests"
  echo "| $requests | $seconds s | $mb MB | $exponent |"
done

echo
table "| accounts | requests | time per request | peak memory | exponent of the time per request |" \
  "| ---: | ---: | ---: | ---: | ---: |"
# the same traffic, that of 100 accounts, on ever more of them: nearly all requests go where their session is bound
for accounts in $(sizes 100 1000 10000); do
  pool --set "accounts=[{count: $accounts}]" --set workload.synth.sessions_per_hour=9000 --set duration=2h \
    --set conditions=[]
  grown "$each" "$accounts"
  echo "| $accounts | $requests | $(printf %.2f "$each") µs | $mb MB | $exponent |"
done

echo
table "| live sessions | requests | time per request | peak memory | memory per session |" \
  "| ---: | ---: | ---: | ---: | ---: |"
for sessions in $(sizes 10000 100000 1000000); do
  # agentic sessions live for 2.3 hours on average
  pool --set 'accounts=[{count: 100, concurrency: 100000}]' --set duration=10m --set conditions=[] \
    --set workload.synth.sessions_per_hour=$((sessions * 10 / 23))
  echo "| $sessions | $requests | $(printf %.2f "$each") µs | $mb MB | $((mb * 1024 * 1024 / sessions)) bytes |"
done

echo
table "| points of a sweep | processor time | peak memory | exponent of the time |" \
  "| ---: | ---: | ---: | ---: |"
for points in $(sizes 10 100 1000); do
  measured "$program" sweep benches/pool.yaml --set duration=10m --set conditions=[] --replications 5 --output json \
    --vary "sticky_escape_ttft_ms=1000:60000:log:$points"
  grown "$seconds" "$points"
  echo "| $points | $seconds s | $mb MB | $exponent |"
done

echo
table "| trace | size | time to read | MB/s (10^6 bytes of text) | the decompressor alone |" \
  "| --- | ---: | ---: | ---: | ---: |"
"$program" trace synth benches/pool.yaml --set duration=40h --to "$folder/trace.jsonl" 2> /dev/null
"$program" trace synth benches/pool.yaml --set duration=40h --to "$folder/trace.csv" 2> /dev/null
for name in trace.csv trace.jsonl; do
  gzip -k "$folder/$name"
  zstd -q -k "$folder/$name"
done
for name in trace.csv trace.csv.gz trace.csv.zst trace.jsonl trace.jsonl.gz trace.jsonl.zst; do
  text=${name%.gz}
  text=$(stat -c %s "$folder/${text%.zst}")
  measured "$program" trace stats "$folder/$name"
  own=$seconds
  case $name in
    *.gz) measured gzip -dc "$folder/$name"; alone="gzip $seconds s" ;;
    *.zst) measured zstd -q -dc "$folder/$name"; alone="zstd $seconds s" ;;
    *) alone=- ;;
  esac
  echo "| $name | $(stat -c %s "$folder/$name") | $own s | $(awk "BEGIN { printf \"%.0f\", $text / $own / 1e6 }") | $alone |"
done
