"""The examples of the documentation do what they say."""

from __future__ import annotations

import doctest
import inspect
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import napari_dpvae as dpv
from napari_dpvae.data.phantom import sample_folder


def documented() -> Iterator[tuple[str, Any]]:
    """Every public name and method with an example."""
    for name in dpv.__all__:
        thing = getattr(dpv, name)
        yield name, thing
        if inspect.isclass(thing):
            for method, function in vars(thing).items():
                if not method.startswith("_"):
                    yield f"{name}.{method}", function


EXAMPLES = {
    name: test
    for name, thing in documented()
    if (test := doctest.DocTestParser().get_doctest(inspect.getdoc(thing) or "", {}, name, None, 0))
    and test.examples
}
WINDOWS = {"session", "view"}
"""What needs a window has its examples in the tests of the viewer."""
NO_CALLS = {"__version__", "DataError", "EpochReport", "read_phantom"}


@pytest.mark.usefixtures("few_dots")
@pytest.mark.parametrize("name", EXAMPLES)
def test_an_example_gives_what_it_says(
    name: str,
    phantom: Any,
    model: dpv.DPVAE,
    placed: Any,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    names = {"dpv": dpv, "sample": sample_folder(), "model": model, "placed": placed.copy()}
    names |= {"reference": phantom.reference, "query": phantom.query}
    example = EXAMPLES[name]
    example.globs.update(names)
    said: list[str] = []
    failed = doctest.DocTestRunner(verbose=False).run(example, out=said.append).failed
    assert failed == 0, "".join(said)


def test_every_public_function_has_an_example() -> None:
    shown = {name.split(".")[0] for name in EXAMPLES}
    assert set(dpv.__all__) - WINDOWS - NO_CALLS <= shown
