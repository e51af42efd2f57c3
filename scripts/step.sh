#!/bin/sh
# Run a command that takes long and says little: `scripts/step.sh WHAT COMMAND...`.
# Every eight seconds it is said how far it is; where it fails, all that it said.
set -u
what=$1
shift
echo "$what"
kept=$(mktemp -d)
log=$kept/log
trap 'rm -rf "$kept"' EXIT
"$@" >"$log" 2>&1 &
job=$!
trap 'kill "$job" 2>/dev/null; exit 130' INT TERM
venv=${1%/bin/*}
tell() {
    new=$(find "$venv/lib" -maxdepth 3 -name "*.dist-info" -newer "$kept" 2>/dev/null | wc -l)
    said=$(tr '\r' '\n' <"$log" | awk -v installed="$((new))" -f "${0%/*}/progress.awk")
    echo "  $1${said:+: $said}"
}
seconds=0
while kill -0 "$job" 2>/dev/null; do
    sleep 1
    seconds=$((seconds + 1))
    [ $((seconds % 8)) -ne 0 ] || tell "$seconds s"
done
if wait "$job"; then
    tell "done after $seconds s"
else
    code=$?
    cat "$log" >&2
    exit "$code"
fi
