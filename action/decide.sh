#!/usr/bin/env bash
# Turns the status of compare into the result of the job. Reads STATUS.
set -euo pipefail

case "${STATUS:-}" in
  0) echo "passed" ;;
  1) echo "::error::a gate failed" ;;
  2) echo "::error::the input is bad: see the step Compare" ;;
  3) echo "::error::this many replications cannot decide the gates: give more with args: --replications 50" ;;
  4) echo "::error::the change alters no decision in this scenario" ;;
  *) echo "::error::compare did not run"; exit 2 ;;
esac
exit "$STATUS"
