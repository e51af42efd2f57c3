"""A picture of the window as a file."""

from __future__ import annotations

from pathlib import Path

import pytest
from napari import Viewer

import napari_dpvae as dpv
from napari_dpvae.viewer.canvas.picture import write_picture


@pytest.mark.parametrize("name", ["window.svg", "window.jpg", "window"])
def test_a_picture_is_a_png_and_nothing_else_is_written_under_another_name(
    viewer: Viewer, tmp_path: Path, name: str
) -> None:
    with pytest.raises(dpv.DataError, match=r"is a \.png"):
        write_picture(viewer, tmp_path / name)
    assert not (tmp_path / name).exists()


@pytest.mark.drawn
def test_a_picture_is_written_whatever_the_case_of_its_ending(
    viewer: Viewer, tmp_path: Path
) -> None:
    write_picture(viewer, tmp_path / "window.PNG")
    assert (tmp_path / "window.PNG").read_bytes()[1:4] == b"PNG"
