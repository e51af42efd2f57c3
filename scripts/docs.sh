#!/bin/sh
# Make the pages of the documentation: warnings are errors. Run by `make docs`, after the set-up.
set -eu
cd "$(dirname "$0")/.."

# What makes pages is not needed to place cells: an environment on top of .venv, which stays as it is.
if ! [ -e .docs-venv/.complete ]; then
    packages='import sysconfig; print(sysconfig.get_path("purelib"))'
    .venv/bin/python -m venv .docs-venv
    .venv/bin/python -c "$packages" >"$(.docs-venv/bin/python -c "$packages")/below.pth"
    scripts/step.sh "docs: sphinx and its theme" \
        .docs-venv/bin/python -m pip install --progress-bar off -c constraints.txt -e ".[docs]"
    touch .docs-venv/.complete
fi
OMP_NUM_THREADS=1 .docs-venv/bin/python -m sphinx -W --keep-going -b html docs docs/_build/html
echo "docs: open docs/_build/html/index.html"
