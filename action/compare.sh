#!/usr/bin/env bash
# Compares the gateway's config of the base commit (A) with the one that is checked out (B).
# Reads CONFIG, SCENARIO, FAIL_IF (one gate a line), ARGS, BASE, RUNNER_TEMP, GITHUB_STEP_SUMMARY, GITHUB_OUTPUT.
# Always ends with 0: the step "Decide" turns the status into the result of the job, after the summary was posted.
set -euo pipefail

output() { echo "$1=$2" >> "$GITHUB_OUTPUT"; }

# without anything to compare: the status, and no files
over() {
  output status "$1"
  output summary ""
  output junit ""
  exit 0
}

nothing() {
  echo "$1" | tee -a "$GITHUB_STEP_SUMMARY"
  over 0
}

bad() {
  echo "::error::$1"
  over 2
}

if [ ! -f "$CONFIG" ]; then
  bad "there is no file $CONFIG in this checkout"
fi
if ! git cat-file -e "$BASE^{commit}" 2>/dev/null && ! git fetch --quiet --depth 1 origin "$BASE"; then
  bad "the base commit '$BASE' is not here and cannot be fetched; check out with fetch-depth: 0"
fi
if ! git show "$BASE:$CONFIG" > "$RUNNER_TEMP/base.yaml" 2>/dev/null; then
  nothing "$CONFIG is new here: there is nothing to compare it with."
fi
if cmp -s "$RUNNER_TEMP/base.yaml" "$CONFIG"; then
  nothing "$CONFIG is the same as on the base branch: there is nothing to compare."
fi

gates=()
while IFS= read -r gate; do
  if [ -n "${gate//[[:space:]]/}" ]; then gates+=(--fail-if "$gate"); fi
done <<< "$FAIL_IF"
read -r -a more <<< "$ARGS" || true

# an empty array is unset to the bash of macOS, hence `+`
summary=$RUNNER_TEMP/stickysim-summary.md
junit=$RUNNER_TEMP/stickysim.xml
status=0
stickysim compare "$SCENARIO" \
  --a "gateway_config=$RUNNER_TEMP/base.yaml" --b "gateway_config=$PWD/$CONFIG" \
  ${gates[@]+"${gates[@]}"} ${more[@]+"${more[@]}"} \
  --junit "$junit" --output markdown --to "$summary" || status=$?
if [ ! -s "$summary" ]; then over "$status"; fi
cat "$summary" >> "$GITHUB_STEP_SUMMARY"
output status "$status"
output summary "$summary"
output junit "$junit"
