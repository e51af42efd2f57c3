"""A window of the size of a small laptop's, its dock, and a camera."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import anndata as ad
import napari
from qtpy.QtCore import QEventLoop, QTimer

from napari_dpvae.data.phantom import sample_folder
from napari_dpvae.viewer.commands import open_dock

SIZE = 1366, 768
SETTLE_MS = 900
"""The window lays itself out and draws over several turns of the event loop."""


class Stage:
    """Where a scene is played.

    Parameters
    ----------
    scene
        Begins the pictures' names.
    folder
        Where they go.
    data
        The folder of the real data sets; without it scenes are played with the phantom.
    """

    def __init__(self, scene: str, folder: Path, data: Path | None) -> None:
        self._scene, self.folder, self._data = scene, folder, data
        self._taken = 0
        self.viewer = napari.Viewer(title="napari-dpvae", show=True)
        self.viewer.window.resize(*SIZE)
        self.dock = open_dock(self.viewer)
        self.settle()

    def find(self, name: str, phantom: str) -> Path:
        """The file of a real data set; the phantom's where it is absent."""
        path = self._data / f"{name}.h5ad" if self._data is not None else None
        return path if path is not None and path.is_file() else sample_folder() / phantom

    def read(self, name: str, phantom: str) -> ad.AnnData:
        """What is in that file."""
        return ad.read_h5ad(self.find(name, phantom))

    def open_pair(self, reference: str, query: str) -> None:
        """Open both in the Data step."""
        data = self.dock.data
        data.reference.open(str(self.find(reference, "phantom_reference.h5ad")))
        self.wait(data.reference)
        data.query.open(str(self.find(query, "phantom_query.h5ad")))
        self.wait(data.query)

    @property
    def panel(self) -> list[str]:
        """The model's genes, the most spatial one first."""
        model = self.dock.session.model
        return [] if model is None else model.genes

    def show_only(self, *steps: Any) -> None:
        """Unfold these steps and fold the others."""
        dock = self.dock
        for step in (dock.data, dock.model, dock.place, dock.explore, dock.evaluate, dock.save):
            step.unfolded = step in steps

    def wait(self, step: Any) -> None:
        """Until the step's job has ended."""
        while step.progress.running:
            self.settle(50)

    def shoot(self, name: str) -> None:
        """Take a picture of the window."""
        self.settle()
        self._taken += 1
        path = self.folder / f"{self._scene}-{self._taken:02d}-{name}.png"
        self.viewer.screenshot(str(path), canvas_only=False, flash=False)
        print(path)

    def settle(self, milliseconds: int = SETTLE_MS) -> None:
        """Let the window live for a while."""
        loop = QEventLoop()
        QTimer.singleShot(milliseconds, loop.quit)
        loop.exec_()

    def close(self) -> None:
        """End the scene."""
        self.viewer.close()
        self.settle()
