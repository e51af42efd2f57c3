"""Keeps Python from looking through all of its objects while a person waits.

With torch, scanpy and napari loaded that takes 0.3 s, in which nothing else runs, whichever thread
it falls to.
"""

from __future__ import annotations

import gc

from qtpy.QtCore import QTimer

AFTERWARDS_MS = 3000
"""The result is drawn in this time."""
_working = 0
_frozen = False


def set_aside() -> None:
    """A job begins: what there is now is not looked at until all jobs have ended."""
    global _working
    _working += 1
    # Whoever froze it before knows why: then it is not ours to thaw.
    if not gc.get_freeze_count():
        _freeze()


def take_back() -> None:
    """A job has ended."""
    if _frozen:
        # With what was loaded meanwhile, as its result is drawn next.
        _freeze()
    QTimer.singleShot(AFTERWARDS_MS, _end)


def _freeze() -> None:
    global _frozen
    gc.freeze()
    _frozen = True


def _end() -> None:
    global _working, _frozen
    _working -= 1
    if not _working and _frozen:
        gc.unfreeze()
        _frozen = False
