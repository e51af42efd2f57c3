"""A picture of the viewer's window as a file."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from qtpy.QtCore import QEventLoop, QTimer

from napari_dpvae.data.replacing import replacing
from napari_dpvae.errors import DataError

if TYPE_CHECKING:
    from napari import Viewer

SETTLE_MS = 800
"""A new window lays itself out and draws over several turns of the event loop."""


def write_picture(viewer: Viewer, path: str | Path, *, canvas_only: bool = False) -> None:
    """Write a PNG of the window, or of the canvas alone, once it has settled.

    Raises
    ------
    DataError
        When it is named as no PNG, or cannot be written.
    """
    if Path(path).suffix.lower() != ".png":
        raise DataError(
            f"A picture of the window is a .png: {path} cannot be one (write_figure draws .svg and "
            ".pdf)."
        )
    _settle()
    # The canvas has its size only now: show all of the tissue in it.
    viewer.reset_view(reset_camera_angle=False)
    _settle()
    with replacing(path) as scratch:
        viewer.screenshot(str(scratch), canvas_only=canvas_only, flash=False)


def _settle() -> None:
    loop = QEventLoop()
    QTimer.singleShot(SETTLE_MS, loop.quit)
    loop.exec_()
