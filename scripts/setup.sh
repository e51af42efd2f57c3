#!/bin/sh
# Install what the project needs: system packages, then a virtual environment in .venv.
# Run by `make`; safe to run again.
set -eu
cd "$(dirname "$0")/.."

python=${PYTHON:-python3}
command -v "$python" >/dev/null || { echo "setup: $python is not there: install Python 3.11 or newer." >&2; exit 1; }
"$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' ||
    { echo "setup: $("$python" --version) is too old: Python 3.11 or newer is needed." >&2; exit 1; }

# Qt's libraries, and a virtual screen for machines without one (Debian's and Ubuntu's names).
if command -v dpkg-query >/dev/null; then
    wanted="xvfb xauth libegl1 libgl1 libglib2.0-0 libfontconfig1 libdbus-1-3 libxkbcommon-x11-0
        libxcb-cursor0 libxcb-icccm4 libxcb-keysyms1 libxcb-shape0 fonts-dejavu-core"
    "$python" -c 'import ensurepip' 2>/dev/null || wanted="$wanted python3-venv"
    missing=""
    for package in $wanted; do
        dpkg-query -W -f='${Status}' "$package" 2>/dev/null | grep -q "ok installed" ||
            missing="$missing $package"
    done
    if [ -n "$missing" ]; then
        as_root=""
        [ "$(id -u)" -eq 0 ] || as_root="sudo -n"
        export DEBIAN_FRONTEND=noninteractive
        { $as_root apt-get update -q && $as_root apt-get install -q -y --no-install-recommends $missing; } ||
            { echo "setup: these system packages are missing and could not be installed:$missing" >&2; exit 1; }
    fi
fi

echo "setup: installing into .venv; this takes some minutes."
[ -x .venv/bin/python ] || "$python" -m venv .venv
# torch first and by itself: a later range must not pull another build of it.
.venv/bin/python -m pip install -q -c constraints.txt torch
.venv/bin/python -m pip install -q -c constraints.txt -e ".[dev]"
