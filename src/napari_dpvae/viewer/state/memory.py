"""What is remembered between runs: the settings last used and the folders last opened."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import TypeVar

from qtpy.QtCore import QSettings

from napari_dpvae.settings import PlacementSettings, TrainingSettings

Settings = TypeVar("Settings", TrainingSettings, PlacementSettings)


def remembered_settings(kind: type[Settings]) -> Settings:
    """The settings last used; the defaults when there are none or they do not fit any more."""
    try:
        return kind(**json.loads(_store().value(kind.__name__, "{}")))
    except (TypeError, ValueError):
        return kind()


def remember_settings(settings: TrainingSettings | PlacementSettings) -> None:
    """Keep them for the next run."""
    _store().setValue(type(settings).__name__, json.dumps(dataclasses.asdict(settings)))


def remembered_folder() -> str:
    """The folder that a file was last opened from or saved to; empty if it is gone."""
    folder = str(_store().value("folder", ""))
    return folder if folder and Path(folder).is_dir() else ""


def remember_folder(path: str | Path) -> None:
    """Keep the folder of a file that was opened or saved."""
    _store().setValue("folder", str(Path(path).expanduser().absolute().parent))


def _store() -> QSettings:
    # A file of our own on every system: it can be read, mailed and thrown away.
    return QSettings(
        QSettings.Format.IniFormat, QSettings.Scope.UserScope, "napari-dpvae", "napari-dpvae"
    )
