"""Each wrong input gets the sentence that the page says it gets."""

from __future__ import annotations

import pytest
from tests.wrong_inputs import PAGE, WRONG, page, sentence


@pytest.mark.parametrize("words", WRONG)
def test_it_is_refused_in_one_sentence(words: str) -> None:
    said = sentence(words)
    assert "\n" not in said
    assert 20 < len(said) < 500
    assert said.endswith(".")


def test_the_page_is_up_to_date() -> None:
    assert len(WRONG) >= 60
    text = PAGE.read_text(encoding="utf-8")
    assert text == page(), "write it again: python -m tests.wrong_inputs"
