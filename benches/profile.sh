#!/bin/sh
# Counts the instructions of whole runs by room, with valgrind: `make profile`. Counts repeat to a few instructions in a
# million, whatever else the machine does, so they show changes that a clock does not. The start of the program is taken
# out: of each pool a run of one hour and one of half an hour are counted, and the difference is divided by the
# difference of their requests.
#
# The rooms are those of the source file that an instruction comes from, with what was inlined from there. `standard
# library` is slices, vectors and heaps inlined into all rooms, `libm` and `rand` are the draws' logarithms and bits.
set -eu
cd "$(dirname "$0")/.."
program=${PROGRAM:-target/profiling/stickysim}
[ -x "$program" ] || { echo "no $program: cargo build --profile profiling" >&2; exit 2; }
command -v valgrind > /dev/null || { echo "valgrind is missing: apt-get install valgrind" >&2; exit 2; }
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT

# counted NAME DURATION ACCOUNTS SHARE: the instructions by room, and the requests, of one run
counted() {
  valgrind --tool=callgrind --callgrind-out-file="$folder/$1.out" "$program" run benches/pool.yaml --threads 1 \
    --set duration="$2" --set "accounts=[{count: $3}]" --set workload.synth.sessions_per_hour=$(($3 * 90)) \
    --set workload.synth.sessionless_share="$4" --output json > "$folder/$1.json" 2> "$folder/$1.err"
  callgrind_annotate --auto=no --threshold=100 --show-percs=no "$folder/$1.out" | awk '
    /^ *[0-9,]+ +[^ ]+:/ {
      count = $1; gsub(",", "", count); file = $2; room = "other"
      if (match(file, /^src\/[a-z_]+/)) room = substr(file, 5, RLENGTH - 4)
      else if (file ~ /\/libm-/) room = "libm"
      else if (file ~ /\/rand/) room = "rand"
      else if (file ~ /^\/rustc\//) room = "standard library"
      sum[room] += count
    }
    END { for (room in sum) printf "%s\t%.0f\n", room, sum[room] }' > "$folder/$1.rooms"
  jq -r '"requests\t\(.requests.total)"' "$folder/$1.json" >> "$folder/$1.rooms"
}

for accounts in 8 20 100; do
  for share in 0 1; do
    counted "long-$accounts-$share" 1h "$accounts" "$share"
    counted "short-$accounts-$share" 30m "$accounts" "$share"
  done
done
awk -F '\t' '
  FNR == 1 { n = split(FILENAME, path, "/"); name = path[n]; sub(/\.rooms$/, "", name); split(name, part, "-")
             column = part[2] "-" part[3]; sign = part[1] == "long" ? 1 : -1 }
  $1 == "requests" { requests[column] += sign * $2; next }
  { count[$1, column] += sign * $2; rooms[$1] = 1; total[column] += sign * $2 }
  function row(name, of,   text, i) {
    text = "| " name " |"
    for (i = 1; i <= 6; i++) text = text sprintf(" %.0f |", of[i])
    print text
  }
  END {
    split("8-0 8-1 20-0 20-1 100-0 100-1", columns, " ")
    print "| room | 8 sticky | 8 balanced | 20 sticky | 20 balanced | 100 sticky | 100 balanced |"
    print "| --- | ---: | ---: | ---: | ---: | ---: | ---: |"
    m = split("engine workload gateway scheduler upstream measure simulation units ids", order, " ")
    order[++m] = "standard library"; order[++m] = "libm"; order[++m] = "rand"
    for (i = 1; i <= m; i++) {
      for (c = 1; c <= 6; c++) { value[c] = count[order[i], columns[c]] / requests[columns[c]]; known[c] += value[c] }
      row(order[i], value)
    }
    for (c = 1; c <= 6; c++) { all[c] = total[columns[c]] / requests[columns[c]]; rest[c] = all[c] - known[c] }
    row("other", rest)
    row("**together**", all)
  }' "$folder"/*.rooms
