#!/bin/sh
# Install what the project needs: system packages, then a virtual environment in .venv.
# Run by `make`; safe to run again. Takes uv where it is there, else pip.
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
        { scripts/step.sh "setup 1/4: system packages$missing" sh -c "$as_root apt-get update -q &&
            $as_root apt-get install -q -y --no-install-recommends $missing"; } ||
            { echo "setup: these system packages are missing and could not be installed:$missing" >&2; exit 1; }
    fi
fi

cpu=https://download.pytorch.org/whl/cpu
if command -v uv >/dev/null; then
    make_venv="uv venv --quiet --seed --python $python .venv"
    # uv does not read where pip finds wheels.
    install="uv pip install --python .venv/bin/python ${PIP_FIND_LINKS:+--find-links $PIP_FIND_LINKS}"
    from_cpu="--torch-backend cpu"
else
    make_venv="$python -m venv .venv"
    install=".venv/bin/python -m pip install --progress-bar off"
    from_cpu="--extra-index-url $cpu"
fi
[ -x .venv/bin/python ] || scripts/step.sh "setup 2/4: the environment .venv" $make_venv

# torch first and by itself: a later range must not pull another build of it. On Linux PyPI's brings
# CUDA, several GB: without a graphics card the CPU build is taken, where its index can be reached.
torch=torch
if [ "$(uname)" = Linux ] && ! command -v nvidia-smi >/dev/null && ! [ -e /proc/driver/nvidia ]; then
    if "$python" -c "import urllib.request as u; u.urlopen('$cpu/torch/', timeout=5)" 2>/dev/null; then
        torch="$from_cpu torch"
    else
        echo "setup: the index of torch's CPU build cannot be reached; the default build is taken."
    fi
fi
scripts/step.sh "setup 3/4: torch (up to some minutes: the largest part)" $install -c constraints.txt $torch
scripts/step.sh "setup 4/4: everything else (some minutes)" $install -c constraints.txt -e ".[dev]"
