#!/bin/sh
# Draws the charts of docs/guide/gallery.md, and the README's first picture, into this folder, from the shipped scenarios,
# with the program itself: the same files on any machine. `make gallery` calls it. STICKYSIM names another program than
# the release build's. With `runs`, `sweeps`, `compares` or `calibrations` it draws these alone.
set -eu
cd "$(dirname "$0")/../.."
stickysim=${STICKYSIM:-target/release/stickysim}
out=$(mktemp -d)
trap 'rm -rf "$out"' EXIT

keep() { # keep FROM TO: one chart out of a folder
    cp "$out/$1.png" "docs/gallery/$2.png"
}

runs() {
    for scenario in scenarios/*.yaml; do
        name=$(basename "$scenario" .yaml)
        "$stickysim" run "$scenario" --plot "$out/$name" >/dev/null
        keep "$name/incident" "$name-incident"
    done
    for name in slow-account brownout full-account; do
        keep "$name/who-suffered" "$name-who-suffered"
    done
    keep slow-account/journey slow-account-journey
    keep slow-account/timeline slow-account-timeline
    keep healthy/distribution healthy-distribution
    keep flapping/detection flapping-detection
    keep brownout/detection brownout-detection
}

sweeps() {
    for name in slow-account healthy; do
        "$stickysim" sweep "scenarios/$name.yaml" --vary sticky_escape_ttft_ms=2000:60000:log:9 --replications 8 \
            --plot "$out/sweep-$name" >/dev/null
        keep "sweep-$name/sweep" "$name-sweep"
    done
    keep sweep-slow-account/detection slow-account-missed
    "$stickysim" sweep scenarios/slow-account.yaml --vary sticky_escape_ttft_ms=4000:30000:log:5 --vary lb_top_k=1,3,7 \
        --replications 6 --plot "$out/heat" >/dev/null
    keep heat/heat-map slow-account-heat
}

compares() {
    for name in slow-account all-slow; do
        "$stickysim" compare "scenarios/$name.yaml" --replications 10 --plot "$out/compare-$name" >/dev/null
        keep "compare-$name/comparison" "$name-compare"
    done
}

calibrations() {
    log=tests/real-runs/slow-off
    "$stickysim" calibrate "$log/export.jsonl.gz" --accounts "$log/accounts.jsonl.gz" --escape-log "$log/escapes.log.gz" \
        --set sticky_escape_enabled=false --out "$out/calibrated" --plot "$out/calibration" >/dev/null 2>&1
    keep calibration/calibration-tail calibration-tail
    keep calibration/calibration-accounts calibration-accounts
}

for part in ${1:-runs sweeps compares calibrations}; do
    "$part"
done
