"""The command that opens the window with all that it does, and leaves a picture of it."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from napari_dpvae import TrainingSettings

# In a process of its own: napari has its commands registered once.
PROCESS = """
import json, sys
from napari_dpvae.cli import commands, main
from napari_dpvae.settings import TrainingSettings
settings, picture = sys.argv[1:]
hasty = TrainingSettings(**json.loads(settings))
commands.TrainingSettings = lambda: hasty
sys.exit(main(["demo", "--screenshot", picture]))
"""


@pytest.mark.slow
def test_the_demo_trains_places_measures_and_shows(hasty: TrainingSettings, tmp_path: Path) -> None:
    picture = tmp_path / "demo.png"
    done = subprocess.run(
        [sys.executable, "-c", PROCESS, json.dumps(asdict(hasty)), str(picture)],
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "321 spots" in done.stdout and "median_error_percent" in done.stdout
    with Image.open(picture) as found:
        assert min(found.size) > 500
        shown = np.unique(np.asarray(found.convert("RGB")).reshape(-1, 3), axis=0)
    assert len(shown) > 1000
