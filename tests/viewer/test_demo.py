"""What the command of the demo shows: in the window of the tests, and without starting Python."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from napari import Viewer
from PIL import Image

from napari_dpvae import TrainingSettings
from napari_dpvae.cli import commands, main


@pytest.mark.drawn
def test_the_demo_trains_places_measures_and_shows(
    viewer: Viewer,
    hasty: TrainingSettings,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    picture, size = tmp_path / "demo.png", viewer.window._qt_window.size()
    monkeypatch.setattr(commands, "TrainingSettings", lambda: hasty)
    monkeypatch.setattr("napari.Viewer", lambda **_: viewer)
    monkeypatch.setattr(Viewer, "close", lambda self: self.window._qt_window.resize(size))
    assert main(["demo", "--screenshot", str(picture)]) == 0
    told = capsys.readouterr().out
    assert "321 spots" in told and "median_error_percent" in told
    assert {"reference spots", "placed cells"} <= {layer.name for layer in viewer.layers}
    with Image.open(picture) as found:
        assert min(found.size) > 500
        shown = np.unique(np.asarray(found.convert("RGB")).reshape(-1, 3), axis=0)
    assert len(shown) > 1000
