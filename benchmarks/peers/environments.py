"""A virtual environment for each peer, made when first needed, outside the project."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

REQUIREMENTS = Path(__file__).parent / "requirements"
CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "napari-dpvae-peers"
MINUTES = 6
"""How long an installation may take."""


class NotInstallable(Exception):
    """The environment cannot be made; says why."""


def interpreter(name: str | None) -> Path:
    """The Python that has the peer, installed anew when its requirements have changed.

    Parameters
    ----------
    name
        Requirements file without ``.txt``; the running Python if None.

    Raises
    ------
    NotInstallable
        With pip's last word.
    """
    if name is None:
        return Path(sys.executable)
    requirements = REQUIREMENTS / f"{name}.txt"
    folder = CACHE / name
    python, installed = folder / "bin" / "python", folder / "requirements.txt"
    if not installed.is_file() or installed.read_text() != requirements.read_text():
        _call([sys.executable, "-m", "venv", "--clear", str(folder)])
        _call([str(python), "-m", "pip", "install", "--quiet", "-r", str(requirements)])
        installed.write_text(requirements.read_text())
    return python


def version(python: Path, package: str) -> str:
    """Of a package in an environment."""
    code = f"from importlib.metadata import version; print(version({package!r}))"
    return subprocess.check_output([python, "-c", code], text=True).strip()


def _call(command: list[str]) -> None:
    try:
        subprocess.run(command, check=True, capture_output=True, text=True, timeout=60 * MINUTES)
    except subprocess.CalledProcessError as error:
        reason = (error.stderr.strip() or str(error)).splitlines()[-1]
        raise NotInstallable(f"not installable: {reason}") from error
    except subprocess.TimeoutExpired as error:
        raise NotInstallable(f"not installable within {MINUTES} minutes") from error
