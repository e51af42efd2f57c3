import json
import subprocess
import sys
from pathlib import Path

import benchmarks.peers
import numpy as np
import pytest
from benchmarks.cases import Task
from benchmarks.peers import environments
from benchmarks.peers.catalogue import PEERS
from benchmarks.peers.methods.plan import read_plan
from benchmarks.peers.run import run
from benchmarks.peers.table import read_table, with_rows, write_table

RIDGE = next(peer for peer in PEERS if peer.key == "ridge")


@pytest.fixture
def task(phantom) -> Task:
    query = phantom.query.copy()
    query.obsm.clear()
    return Task(phantom.reference, query, phantom.truth.loc[query.obs_names, ["x", "y"]].to_numpy())


def test_a_peer_is_run_and_measured(task):
    (row,) = run(RIDGE, task, seed=0, limit=60)
    assert row["method"] == "PCA + ridge" and not row["reason"]
    assert 0 <= row["procrustes"] < 0.9
    assert row["peak_mb"] > 0 and row["seconds"] > 0


def test_a_peer_that_takes_too_long_is_recorded(task):
    (row,) = run(RIDGE, task, seed=0, limit=0.01)
    assert row["reason"].startswith("not done in") and "procrustes" not in row


@pytest.mark.slow
def test_a_peer_that_fails_is_recorded_with_its_reason(task):
    (row,) = run(RIDGE._replace(entry="regression:absent"), task, seed=0, limit=60)
    assert "absent" in row["reason"] and "procrustes" not in row


def test_an_environment_that_cannot_be_made_is_recorded(task, monkeypatch):
    def fail(name):
        raise environments.NotInstallable("not installable: no such version")

    monkeypatch.setattr("benchmarks.peers.run.interpreter", fail)
    (row,) = run(RIDGE, task, seed=0, limit=60)
    assert row == {"method": "PCA + ridge", "reason": "not installable: no such version"}


def test_memory_of_the_command_alone_is_counted(tmp_path):
    usage = Path(benchmarks.peers.__file__).with_name("usage.py")
    report = tmp_path / "report.json"
    command = [sys.executable, usage, report, "60", sys.executable, "-c", "x = b'x' * 2**27"]
    subprocess.run(command, check=True)
    used = json.loads(report.read_text())
    assert used["code"] == 0 and 128 < used["peak_mb"] < 256


def test_a_plan_gives_the_likeliest_spot_and_the_expectation():
    plan = np.array([[1.0, 3.0], [0.5, 0.5]])
    places = read_plan(plan, np.array([[0.0, 0.0], [4.0, 8.0]]))
    np.testing.assert_allclose(places["argmax"], [[4, 8], [0, 0]])
    np.testing.assert_allclose(places["expectation"], [[3, 6], [2, 4]])


def test_a_plan_that_leaves_a_cell_out_is_refused():
    with pytest.raises(ValueError, match="without a place"):
        read_plan(np.array([[1.0, 0.0], [0.0, 0.0]]), np.zeros((2, 2)))


def test_a_new_row_takes_the_place_of_the_old(tmp_path):
    path = tmp_path / "peers.csv"
    row = {"method": "m", "case": "c", "seed": 0, "version": "1", "seconds": 1.0}
    done = row | {"cpu_seconds": 1.0, "peak_mb": 1.0, "procrustes": 0.5, "knn_overlap_chance": 0.1}
    failed = {"method": "n", "case": "c", "seed": 0, "reason": "broken"}
    table = with_rows(read_table(path), [row | {"reason": "broken"}, failed])
    table = with_rows(table, [done])
    write_table(table, path)
    assert len(read_table(path)) == 2
    text = path.with_suffix(".md").read_text()
    assert "**0.500**" in text and "| n | broken | c |" in text
