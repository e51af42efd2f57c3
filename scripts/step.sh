#!/bin/sh
# Run a command that takes long and says little: `scripts/step.sh WHAT COMMAND...`.
# Every eight seconds its last line is shown; where it fails, all that it said.
set -u
what=$1
shift
echo "$what"
log=$(mktemp)
trap 'rm -f "$log"' EXIT
"$@" >"$log" 2>&1 &
job=$!
trap 'kill "$job" 2>/dev/null; exit 130' INT TERM
last() { tr '\r' '\n' <"$log" | tail -n 1 | cut -c -100; }
seconds=0
while kill -0 "$job" 2>/dev/null; do
    sleep 1
    seconds=$((seconds + 1))
    [ $((seconds % 8)) -ne 0 ] || echo "  $seconds s: $(last)"
done
if wait "$job"; then
    echo "  done after $seconds s: $(last)"
else
    code=$?
    cat "$log" >&2
    exit "$code"
fi
