"""How soon work in other threads gives way to the window."""

from __future__ import annotations

import sys

from qtpy.QtCore import QObject

SECONDS = 0.0005
"""In place of Python's 0.005. A window that draws lets go of the interpreter dozens of times: each
time it would wait so long for a thread that computes."""


def give_way_sooner(parent: QObject) -> None:
    """For as long as a dock is there."""
    before = sys.getswitchinterval()
    if before <= SECONDS:
        return
    sys.setswitchinterval(SECONDS)
    parent.destroyed.connect(lambda: sys.setswitchinterval(before))
