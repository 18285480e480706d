#!/usr/bin/env bash
# Compares the gateway's config of the base commit (A) with the one that is checked out (B).
# Reads CONFIG, SCENARIO, FAIL_IF (one gate a line), ARGS, BASE, RUNNER_TEMP, GITHUB_STEP_SUMMARY, GITHUB_OUTPUT.
# Always ends with 0: the step "Decide" turns the status into the result of the job, after the summary was posted.
set -euo pipefail

output() { echo "$1=$2" >> "$GITHUB_OUTPUT"; }

nothing() {
  echo "$1" | tee -a "$GITHUB_STEP_SUMMARY"
  output status 0
  output summary ""
  exit 0
}

if [ ! -f "$CONFIG" ]; then
  echo "::error::there is no file $CONFIG in this checkout"
  output status 2
  output summary ""
  exit 0
fi
if ! git cat-file -e "$BASE^{commit}" 2>/dev/null && ! git fetch --quiet --depth 1 origin "$BASE"; then
  echo "::error::the base commit '$BASE' is not here and cannot be fetched; check out with fetch-depth: 0"
  output status 2
  output summary ""
  exit 0
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

summary=$RUNNER_TEMP/stickysim-summary.md
status=0
stickysim compare "$SCENARIO" \
  --a "gateway_config=$RUNNER_TEMP/base.yaml" --b "gateway_config=$PWD/$CONFIG" \
  "${gates[@]}" "${more[@]}" \
  --junit "$RUNNER_TEMP/stickysim.xml" --output markdown --to "$summary" || status=$?
output status "$status"
if [ -s "$summary" ]; then
  cat "$summary" >> "$GITHUB_STEP_SUMMARY"
  output summary "$summary"
else
  output summary ""
fi
