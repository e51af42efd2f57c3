"""Paths as they are given: with the same answers on every Python."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from napari_dpvae.data.formats.bounds import existing
from napari_dpvae.data.paths import as_path, found_at, is_there
from napari_dpvae.data.replacing import check_output


def test_a_home_is_meant_by_its_sign(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("HOME", "USERPROFILE"):
        monkeypatch.setenv(name, str(tmp_path))
    (tmp_path / "cells.csv").touch()
    assert as_path("~/cells.csv") == tmp_path / "cells.csv"
    assert found_at("~/cells.csv") == existing("~/cells.csv") == tmp_path / "cells.csv"


def test_what_cannot_be_looked_at_is_told_apart_from_what_is_not_there(tmp_path: Path) -> None:
    assert not is_there(tmp_path / "nothing")
    (tmp_path / "file").touch()
    assert is_there(tmp_path / "file")
    assert not is_there(tmp_path / "file" / "in it")
    with pytest.raises(OSError):
        is_there(tmp_path / ("a" * 5000))


@pytest.mark.parametrize("given", [None, 3, b"x.csv", ["x.csv"], "a\0.csv", "a" * 5000])
def test_what_is_no_path_is_refused_in_words(
    given: Any, refuses: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    with refuses("no path of a file"):
        existing(given)
    with refuses("Cannot write"):
        check_output(given)
    assert os.listdir() == []


@pytest.mark.parametrize(
    "text", ["1 0 0 0 1 0", "0.123456789 " * 99, "a\0b", "~nobody-of-that-name"]
)
def test_a_text_that_names_nothing_is_left_to_mean_something_else(text: str) -> None:
    assert found_at(text) is None
