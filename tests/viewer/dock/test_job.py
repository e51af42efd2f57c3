"""Background jobs end exactly once: done, failed or stopped."""

from __future__ import annotations

import threading
from typing import Any

import pytest
from pytestqt.qtbot import QtBot
from qtpy.QtWidgets import QWidget

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


def test_what_is_abandoned_ends_at_once_and_is_not_heard_of_again(
    qtbot: QtBot, parent: QWidget
) -> None:
    slow = threading.Event()

    def steps() -> Steps:
        yield 1
        slow.wait(30)
        return 42

    job = Job(steps, parent)
    ends, reports = watched(job), []
    job.progressed.connect(reports.append)
    job.start()
    qtbot.waitUntil(lambda: bool(reports))
    job.abandon()
    assert ends == [("stopped",)] and not job.running
    with qtbot.waitSignal(job.destroyed):
        slow.set()
    assert ends == [("stopped",)]
