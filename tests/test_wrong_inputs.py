"""Each wrong input gets the sentence that the page says it gets."""

from __future__ import annotations

import os
import re

import anndata
import pytest
from tests.wrong_inputs.kinds import COMMANDS, WRONG, sentence
from tests.wrong_inputs.page import PAGE, section

pytestmark = pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="Windows has no such files")
KINDS = [(name, words) for name in WRONG for words in WRONG[name]]


@pytest.mark.parametrize(("name", "words"), KINDS)
@pytest.mark.filterwarnings("ignore")
def test_it_is_refused_in_one_sentence(name: str, words: str) -> None:
    said = sentence(name, words)
    assert "\n" not in said
    assert 20 < len(said) < 500
    # Those of argparse end without a full stop.
    assert said.endswith(".") or name == COMMANDS


@pytest.mark.parametrize("name", WRONG)
@pytest.mark.filterwarnings("ignore")
def test_the_page_is_up_to_date(name: str) -> None:
    pinned = PAGE.parents[1].joinpath("constraints.txt").read_text(encoding="utf-8")
    if f"anndata=={anndata.__version__}\n" not in pinned:
        pytest.skip("another anndata writes other files, of which other things are wrong")
    written = PAGE.read_text(encoding="utf-8")
    assert section(name) in written, "write it again: python -m tests.wrong_inputs"


def test_the_page_counts_its_kinds() -> None:
    written = PAGE.read_text(encoding="utf-8")
    rows = sum(line.startswith("| ") for line in written.splitlines())
    counted = re.search(r"these (\d+) inputs", written)
    assert counted is not None
    # Without the headings of the tables.
    assert rows - written.count("| what is wrong |") == int(counted[1]) > 1000
