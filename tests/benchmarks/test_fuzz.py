"""Mutants: the same seed makes the same, and what is found is told from what is fine."""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path

import pytest
from benchmarks.fuzz.corpus import Target, targets
from benchmarks.fuzz.mutants import changed, mutate

import napari_dpvae as dpv

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="Windows cannot fork")


def test_a_seed_makes_one_mutant(tmp_path: Path) -> None:
    whole = tmp_path / "whole.csv"
    whole.write_text("a,b\n1,2\n" * 30)
    for i, seed in enumerate((7, 7, 8)):
        mutate(whole, tmp_path / f"{i}.csv", seed)
    made = [(tmp_path / f"{i}.csv").read_bytes() for i in range(3)]
    assert made[0] == made[1] != made[2] and made[0] != whole.read_bytes()


def test_what_becomes_of_a_mutant_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from benchmarks.fuzz import __main__ as fuzz

    monkeypatch.setattr(fuzz, "PATIENCE", 1.0)

    def refuse(path: Path) -> None:
        raise dpv.DataError("no")

    def crash(path: Path) -> None:
        os.abort()

    found = []
    for use in (refuse, crash, lambda path: time.sleep(60), lambda path: {}["x"], lambda path: 1):
        target = Target("a", lambda path: path.write_text("abc"), use, exact=True)
        whole = tmp_path / "a"
        target.write(whole)
        found += [
            outcome for outcome, _ in fuzz.batch(target, whole, 1, range(1), time.monotonic())
        ]
    assert found == ["refused", "crash", "hang", "KeyError", "alike"]


@pytest.mark.parametrize("name", ["h5ad", "h5ad, in parts", "10x h5", "mtx", "csv", "model"])
@pytest.mark.filterwarnings("ignore")
def test_mutants_are_refused_or_read(corpus: dict[str, Target], tmp_path: Path, name: str) -> None:
    target = corpus[name]
    whole = tmp_path / target.file
    target.write(whole)
    expected = target.open(whole)
    for seed in range(12):
        mutant = (tmp_path / f"mutant{seed}").with_suffix(whole.suffix)
        mutate(whole, mutant, seed)
        try:
            result = target.open(mutant)
        except dpv.DataError:
            continue
        assert not target.exact or result == expected


@pytest.fixture(scope="module")
def corpus() -> dict[str, Target]:
    return targets()


def test_a_mutant_differs() -> None:
    import numpy as np

    data = bytes(range(200))
    assert all(changed(data, np.random.default_rng(i)) != data for i in range(50))
    assert changed(b"", np.random.default_rng(0)) == b""
