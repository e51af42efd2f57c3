"""Work in threads gives way to the window sooner while there is a dock, and no longer."""

import sys
from collections.abc import Iterator

import pytest
from qtpy.QtCore import QObject
from qtpy.QtWidgets import QApplication
from tests.viewer.conftest import gone

from napari_dpvae.viewer.dock.turns import SECONDS, give_way_sooner


@pytest.fixture(autouse=True)
def usual() -> Iterator[float]:
    before = sys.getswitchinterval()
    sys.setswitchinterval(0.005)
    yield sys.getswitchinterval()
    sys.setswitchinterval(before)


def test_threads_give_way_sooner_as_long_as_there_is_a_dock(
    qapp: QApplication, usual: float
) -> None:
    dock = QObject()
    give_way_sooner(dock)
    assert sys.getswitchinterval() == pytest.approx(SECONDS)
    gone(dock)
    assert sys.getswitchinterval() == usual


def test_a_second_dock_leaves_nothing_behind(qapp: QApplication, usual: float) -> None:
    first, second = QObject(), QObject()
    give_way_sooner(first)
    give_way_sooner(second)
    gone(first)
    gone(second)
    assert sys.getswitchinterval() == usual
