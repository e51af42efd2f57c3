"""The pages of the documentation: all can be reached, and what they name is there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import napari_dpvae as dpv

DOCS = Path(__file__).parents[1] / "docs"
pytestmark = pytest.mark.skipif(not DOCS.is_dir(), reason="only a checkout has the pages")


def test_every_page_is_in_the_index() -> None:
    index = set((DOCS / "index.md").read_text(encoding="utf-8").split())
    pages = {page.stem for page in DOCS.glob("*.md")} - {"index"}
    assert pages <= index


def test_every_public_name_is_on_the_page_of_the_api() -> None:
    named = re.findall(r":: (\w+)", (DOCS / "api.md").read_text(encoding="utf-8"))
    assert set(dpv.__all__) - {"__version__"} <= set(named)


def test_every_picture_and_page_that_is_linked_is_there() -> None:
    missing = []
    for page in [*DOCS.rglob("*.md"), DOCS.parent / "README.md"]:
        if "_build" in page.parts or page.name in ("benchmarks.md", "settings.md"):
            continue
        for link in re.findall(r"\]\((?!https?:|#)([^)#\s]+)", page.read_text(encoding="utf-8")):
            # The page of the settings is made with the others.
            if not (page.parent / link).exists() and not link.endswith("settings.md"):
                missing.append((page.name, link))
    assert missing == []


def test_what_the_script_page_calls_is_there() -> None:
    text = "".join((DOCS / name).read_text(encoding="utf-8") for name in ("script.md", "window.md"))
    for name in set(re.findall(r"dpv\.(\w+)", text)):
        assert hasattr(dpv, name), name
