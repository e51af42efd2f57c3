"""Background jobs end exactly once: done, failed or stopped."""

from __future__ import annotations

import gc
import threading
import weakref
from typing import Any

import pytest
from napari import Viewer
from pytestqt.qtbot import QtBot
from qtpy.QtCore import QThreadPool
from qtpy.QtOpenGLWidgets import QOpenGLWidget
from qtpy.QtWidgets import QWidget
from tests.viewer.conftest import gone

from napari_dpvae.viewer.dock.job import Job, Steps
from napari_dpvae.viewer.dock.job_row import JobRow


@pytest.fixture
def parent(qtbot: QtBot) -> QWidget:
    widget = QWidget()
    qtbot.addWidget(widget)
    return widget


def watched(job: Job) -> list[Any]:
    ends: list[Any] = []
    job.done.connect(lambda result: ends.append(("done", result)))
    job.failed.connect(lambda text: ends.append(("failed", text)))
    job.stopped.connect(lambda: ends.append(("stopped",)))
    return ends


def test_progress_and_result_arrive_in_the_windows_thread(qtbot: QtBot, parent: QWidget) -> None:
    def steps() -> Steps:
        yield threading.current_thread() is threading.main_thread()
        return 42

    job = Job(steps, parent)
    ends, reports = watched(job), []
    job.progressed.connect(
        lambda in_main: reports.append(
            (in_main, threading.current_thread() is threading.main_thread())
        )
    )
    job.start()
    qtbot.waitUntil(lambda: bool(ends))
    assert ends == [("done", 42)]
    assert reports == [(False, True)]


@pytest.mark.parametrize("error", [RuntimeError("broken"), KeyError("gone"), ValueError("bad")])
def test_every_kind_of_error_is_told(qtbot: QtBot, parent: QWidget, error: Exception) -> None:
    def steps() -> Steps:
        yield 1
        raise error

    job = Job(steps, parent)
    ends = watched(job)
    job.start()
    qtbot.waitUntil(lambda: bool(ends))
    ((kind, text),) = ends
    assert kind == "failed"
    assert str(error.args[0]) in text


def test_pause_holds_and_stop_ends_even_while_paused(qtbot: QtBot, parent: QWidget) -> None:
    def steps() -> Steps:
        yield from range(1_000_000)

    job = Job(steps, parent)
    ends, reports = watched(job), []
    job.progressed.connect(reports.append)
    job.start()
    qtbot.waitUntil(lambda: len(reports) > 3)
    job.paused = True
    qtbot.wait(200)
    held = len(reports)
    qtbot.wait(200)
    assert len(reports) == held
    job.paused = False
    qtbot.waitUntil(lambda: len(reports) > held)
    job.paused = True
    job.stop()
    qtbot.waitUntil(lambda: bool(ends))
    assert ends == [("stopped",)]


def test_time_left_counts_from_the_first_share_on(
    qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    row, now = JobRow(), [0.0]
    qtbot.addWidget(row)
    monkeypatch.setattr("napari_dpvae.viewer.dock.job_row.time.monotonic", lambda: now[0])
    held = threading.Event()

    def steps() -> Steps:
        yield 1
        held.wait(30)

    row.run(steps, "choosing genes")
    assert (row.bar.minimum(), row.bar.maximum()) == (0, 0)
    # Genes are chosen for half an hour, which tells nothing of the epochs.
    now[0] = 1800.0
    row.show_busy("choosing genes")
    assert row.bar.maximum() == 0
    row.show_share(0.1, "epoch 1")
    assert row.text.text() == "epoch 1"
    now[0] += 10
    row.show_share(0.2, "epoch 2")
    assert row.text.text() == "epoch 2 · 80 s left" and row.bar.value() == 200
    row.show_busy("choosing genes again")
    assert row.bar.maximum() == 0
    held.set()
    qtbot.waitUntil(lambda: not row.running)


def held_up(qtbot: QtBot, parent: QWidget) -> tuple[Job, threading.Event]:
    """A job that has reported, and waits until it may go on."""
    slow, reports = threading.Event(), []

    def steps() -> Steps:
        yield 1
        slow.wait(30)
        return 42

    job = Job(steps, parent)
    job.progressed.connect(reports.append)
    job.start()
    qtbot.waitUntil(lambda: bool(reports))
    return job, slow


def test_what_is_abandoned_ends_at_once_and_is_not_heard_of_again(
    qtbot: QtBot, parent: QWidget
) -> None:
    job, slow = held_up(qtbot, parent)
    ends = watched(job)
    job.abandon()
    assert ends == [("stopped",)] and not job.running
    with qtbot.waitSignal(job.destroyed):
        slow.set()
    assert ends == [("stopped",)]


def test_work_that_outlives_the_window_ends_unheard(qtbot: QtBot, parent: QWidget) -> None:
    """An error in a thread of Qt's would be shown, by pytest-qt too."""
    job, slow = held_up(qtbot, parent)
    # As Qt does at the end.
    gone(job._worker.signals)
    slow.set()
    assert QThreadPool.globalInstance().waitForDone(30_000)


class Held:
    """Stands for data: large, and of use to the job alone."""


@pytest.mark.parametrize("ending", ["done", "failed", "stopped"])
def test_what_a_job_had_is_let_go_when_it_has_ended(
    viewer: Viewer, qtbot: QtBot, parent: QWidget, ending: str
) -> None:
    """The viewer keeps its workers for as long as it is there."""
    made: list[weakref.ref[Held]] = []

    def work(given: Held) -> Steps:
        own = Held()
        made.append(weakref.ref(own))
        yield 1
        while ending == "stopped":
            yield 2
        if ending == "failed":
            raise ValueError("bad")
        return own

    def start() -> list[str]:
        given = Held()
        made.append(weakref.ref(given))
        job, ends = Job(lambda: work(given), parent), []
        job.done.connect(lambda result: ends.append("done"))
        job.failed.connect(lambda text: ends.append("failed"))
        job.stopped.connect(lambda: ends.append("stopped"))
        if ending == "stopped":
            job.progressed.connect(job.stop)
        job.start()
        return ends

    ends = start()
    qtbot.waitUntil(lambda: bool(ends))
    assert ends == [ending]
    gc.collect()
    assert len(made) == 2 and [held() for held in made] == [None, None]


@pytest.mark.drawn
def test_what_a_job_brings_is_drawn_in_a_turn_of_its_own(viewer: Viewer, qtbot: QtBot) -> None:
    def steps() -> Steps:
        yield 1

    row = JobRow()
    viewer.window.add_dock_widget(row)
    canvas = row.window().findChild(QOpenGLWidget)
    drawn: list[bool] = []
    row.run(steps, "working").done.connect(lambda: drawn.append(canvas.updatesEnabled()))
    qtbot.waitUntil(lambda: bool(drawn))
    assert drawn == [False]
    qtbot.waitUntil(canvas.updatesEnabled)
