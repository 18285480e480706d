#!/usr/bin/env bash
# Posts the summary on the pull request, or replaces the one that was posted before.
# Reads NUMBER, SUMMARY, GH_TOKEN. A fork's token may not write: that is a warning, not a failure.
set -euo pipefail

if [ -z "${NUMBER:-}" ]; then
  echo "this is no pull request: the summary stands in the job's summary only"
  exit 0
fi
if ! gh pr comment "$NUMBER" --edit-last --create-if-none --body-file "$SUMMARY"; then
  echo "::warning::the summary could not be posted (a pull request from a fork may not write)"
fi
