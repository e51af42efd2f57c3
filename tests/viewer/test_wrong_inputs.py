"""Each wrong input in the window gets the sentence that the page says it gets."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from napari import Viewer
from tests.wrong_inputs.page import PAGE, table
from tests.wrong_inputs.window import WINDOW, said

from napari_dpvae import DataError, view
from napari_dpvae.viewer.dock.dock import DpvaeDock


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="Windows has no such files")
def test_it_is_refused_in_one_sentence(viewer: Viewer, dock: DpvaeDock, tmp_path: Path) -> None:
    """In one window, one after the other: what was refused before does no harm."""
    windows = {}
    for i, words in enumerate(WINDOW):
        folder = tmp_path / str(i)
        folder.mkdir()
        windows[words] = text = said(viewer, dock, words, folder)
        assert "\n" not in text and 20 < len(text) < 500 and text.endswith("."), text
        # An option by itself is of no window.
        assert "--" not in text or "napari-dpvae" in text, text
    written = PAGE.read_text(encoding="utf-8")
    missing = [row for row in table("The window", windows).splitlines() if row not in written]
    assert not missing, "write it again: python -m tests.wrong_inputs"


def test_a_gene_that_is_nowhere_opens_no_window(placed: object) -> None:
    with pytest.raises(DataError, match="have the gene 'moon'"):
        view(placed, gene="moon")
