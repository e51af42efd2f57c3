"""``python -m tests.wrong_inputs``: writes the page."""

from __future__ import annotations

import logging
import tempfile
import warnings
from pathlib import Path

from napari import Viewer
from qtpy.QtCore import QSettings
from tests.wrong_inputs.page import PAGE, page
from tests.wrong_inputs.window import WINDOW, said

from napari_dpvae.viewer.commands import open_dock

if __name__ == "__main__":
    logging.disable()
    warnings.filterwarnings("ignore")
    remembered = tempfile.mkdtemp()
    QSettings.setPath(QSettings.Format.IniFormat, QSettings.Scope.UserScope, remembered)
    viewer = Viewer(show=False)
    dock = open_dock(viewer)
    windows = {}
    for words in WINDOW:
        with tempfile.TemporaryDirectory() as folder:
            windows[words] = said(viewer, dock, words, Path(folder))
    PAGE.write_text(page(windows), encoding="utf-8")
    viewer.close()
