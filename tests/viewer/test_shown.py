"""Commands that open the window, and leave a picture of it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from napari_dpvae import TrainingSettings
from napari_dpvae.cli import commands, main


def test_the_demo_trains_places_measures_and_shows(
    hasty: TrainingSettings,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    qtbot: Any,
) -> None:
    monkeypatch.setattr(commands, "TrainingSettings", lambda: hasty)
    assert main(["demo", "--screenshot", str(tmp_path / "demo.png")]) == 0
    said = capsys.readouterr().out
    assert "321 spots" in said and "median_error_percent" in said
    with Image.open(tmp_path / "demo.png") as picture:
        assert min(picture.size) > 500
        shown = np.unique(np.asarray(picture.convert("RGB")).reshape(-1, 3), axis=0)
    assert len(shown) > 1000
