"""Play every scene: ``python -m benchmarks.tour [SCENE ...]``, with pictures in ``out/tour``."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from qtpy.QtCore import QSettings

from benchmarks.tour import cortex, embryo, section, states
from benchmarks.tour.stage import Stage

SCENES = {
    "section": section.play,
    "embryo": embryo.play,
    "cortex": cortex.play,
    "states": states.play,
}
OUT = Path("out/tour")


def main(names: list[str]) -> None:
    """Play the scenes of these names, or all."""
    OUT.mkdir(parents=True, exist_ok=True)
    data = os.environ.get("DPVAE_DATA")
    for name in names or SCENES:
        with TemporaryDirectory() as folder:
            # What a person's own docks remember is neither read nor changed.
            QSettings.setPath(QSettings.Format.IniFormat, QSettings.Scope.UserScope, folder)
            stage = Stage(name, OUT, Path(data) if data else None)
            SCENES[name](stage)
            stage.close()


if __name__ == "__main__":
    main(sys.argv[1:])
