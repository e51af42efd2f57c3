"""``python -m napari_dpvae.cli``: the command line without its script."""

import sys

from napari_dpvae.cli import main

sys.exit(main())
