"""What is remembered between runs: the settings last used and the folders of files."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import TypeVar

from qtpy.QtCore import QSettings

from napari_dpvae.settings import PlacementSettings, TrainingSettings

OPENED, SAVED = "folder", "folder of saved files"
OF_ONE_REFERENCE = {"frame", "pairs_key"}
"""Settings that name something in a reference: the next one has no such."""
Settings = TypeVar("Settings", TrainingSettings, PlacementSettings)


def remembered_settings(kind: type[Settings]) -> Settings:
    """The settings last used; the defaults when there are none or they do not fit any more."""
    try:
        return kind(**json.loads(_store().value(kind.__name__, "{}")))
    except (TypeError, ValueError):
        return kind()


def remember_settings(settings: TrainingSettings | PlacementSettings) -> None:
    """Keep them for the next run, but for those that are of one reference."""
    # The mask "given" goes with its pairs_key.
    kept = {
        name: value
        for name, value in dataclasses.asdict(settings).items()
        if name not in OF_ONE_REFERENCE and value != "given"
    }
    _store().setValue(type(settings).__name__, json.dumps(kept))


def remembered_folder(which: str = OPENED) -> str:
    """The folder of the file last opened or saved, of either if not; empty if it is gone."""
    for name in dict.fromkeys((which, OPENED, SAVED)):
        folder = str(_store().value(name, ""))
        if folder and Path(folder).is_dir():
            return folder
    return ""


def remember_folder(path: str | Path, which: str = OPENED) -> None:
    """Keep the folder of a file that was opened or saved."""
    _store().setValue(which, str(Path(path).expanduser().absolute().parent))


def interrupted() -> Path:
    """Beside what is kept of trainings that were interrupted: a file that is never written."""
    return Path(_store().fileName()).with_name("training")


def _store() -> QSettings:
    # A file of our own on every system: it can be read, mailed and thrown away.
    return QSettings(
        QSettings.Format.IniFormat, QSettings.Scope.UserScope, "napari-dpvae", "napari-dpvae"
    )
