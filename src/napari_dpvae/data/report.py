"""What is in a reference and a query, and whether they can be used: the report of ``check``."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import anndata as ad
import numpy as np

from napari_dpvae.data.concerns import concerns
from napari_dpvae.data.coordinates import has_places
from napari_dpvae.data.formats.modalities import MODALITIES
from napari_dpvae.data.formats.registry import recognise
from napari_dpvae.data.gene_names import BY_TABLE, FEWEST, match_genes
from napari_dpvae.data.images import best_image, libraries
from napari_dpvae.data.keys import SECTION, SPATIAL
from napari_dpvae.data.paths import as_path
from napari_dpvae.data.read import read_query, read_reference
from napari_dpvae.data.sections import section_columns
from napari_dpvae.data.values import COUNTS, WORDS, depths, expression_kind
from napari_dpvae.errors import DataError

FINE, LOOK_TWICE, UNUSABLE = 0, 1, 2
"""Exit codes of ``check``."""


@dataclass
class Report:
    """What was found.

    Attributes
    ----------
    found
        Of the reference, the query and their genes: names and values, in the order they are told.
    warnings
        What reading took or left out, and what to look at twice.
    refused
        Why the data cannot be used; empty if they can.
    certainty
        How sure places can be expected to be, in sentences.
    spots, cells, section_key
        What was read, and where its sections are named.
    """

    found: dict[str, dict[str, Any]] = field(default_factory=dict)
    warnings: list[str] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)
    certainty: list[str] = field(default_factory=list)
    spots: ad.AnnData | None = None
    cells: ad.AnnData | None = None
    section_key: str | None = None

    @property
    def code(self) -> int:
        """0 for nothing to look at, 1 for something, 2 for data that cannot be used."""
        return UNUSABLE if self.refused else LOOK_TWICE if self.warnings else FINE

    def as_json(self) -> dict[str, Any]:
        """As a program reads it."""
        verdict = ("fine", "look twice", "cannot be used")[self.code]
        return {
            "verdict": verdict,
            **self.found,
            "certainty": self.certainty,
            "warnings": self.warnings,
            "refused": self.refused,
        }

    def text(self) -> str:
        """As a person reads it."""
        return "\n".join(self._lines())

    def _lines(self) -> Iterator[str]:
        for what, facts in self.found.items():
            yield what.capitalize()
            yield from (f"  {name}: {_words(value)}" for name, value in facts.items())
        for title, sentences in (
            ("Certainty", self.certainty),
            ("Look twice", self.warnings),
            ("Cannot be used", self.refused),
        ):
            if sentences:
                yield title
                yield from (f"  {sentence}" for sentence in sentences)
        if self.code == FINE:
            yield "Nothing to look at twice."


def examine(
    reference: str | Path | Sequence[str | Path],
    query: str | Path | None = None,
    *,
    section_key: str | None = None,
    layer: str | None = None,
    **reading: Any,
) -> Report:
    """Read a reference and maybe a query, and report on them.

    Parameters
    ----------
    reference, query
        Files or folders; several of the reference are its sections.
    section_key, layer, **reading
        As for :func:`napari_dpvae.read_reference`.
    """
    report = Report()
    paths = [reference] if isinstance(reference, str | Path) else list(reference)
    report.section_key = section_key if len(paths) == 1 else SECTION
    with _heard(report.warnings):
        try:
            spots = read_reference(reference, layer=layer, section_key=section_key, **reading)
            report.found["reference"] = _about_reference(spots, paths, report.section_key)
            report.spots = spots
        except DataError as error:
            report.refused.append(str(error))
            if query is None and len(paths) == 1:
                _tell_of_query(report, paths[0], layer)
        if query is not None:
            try:
                cells = read_query(query, layer=layer)
                report.found["query"] = _about(cells, [query], "cells")
                report.cells = cells
            except DataError as error:
                report.refused.append(str(error))
    _compare(report)
    return report


def _tell_of_query(report: Report, path: str | Path, layer: str | None) -> None:
    """What is there, if it is no reference but could be a query."""
    with suppress(DataError):
        cells = read_query(path, layer=layer)
        if not has_places(cells):
            report.found["cells without coordinates"] = _about(cells, [path], "cells")


def _compare(report: Report) -> None:
    """What is to be said once both are read."""
    spots, cells = report.spots, report.cells
    if spots is not None:
        report.warnings += concerns(spots, cells, section_key=report.section_key)
        if cells is not None:
            _report_genes(report, spots, cells)
    elif cells is not None and has_places(cells):
        report.warnings.append(
            "The query has coordinates, and what is given as the reference cannot be used: are the "
            "two swapped? The reference comes first."
        )


def _report_genes(report: Report, spots: ad.AnnData, cells: ad.AnnData) -> None:
    _, match = match_genes(spots.var_names, cells, reference_var=spots.var)
    report.found["genes"] = {
        "shared": match.matched,
        "of the reference's": match.wanted,
        "of the query's": match.there,
        "matched by": match.rule,
        "other rules": {rule: n for rule, n in match.counts.items() if rule != match.rule},
    }
    if match.matched < min(FEWEST, match.wanted):
        report.refused.append(
            f"Only {match.matched} genes are shared by any rule (reference: "
            f"{', '.join(spots.var_names[:3])}; query: {', '.join(cells.var_names[:3])}): give "
            f"{BY_TABLE} a table of names, or check that both are of the same species."
        )


def _about_reference(
    spots: ad.AnnData, paths: Sequence[str | Path], section_key: str | None
) -> dict[str, Any]:
    places = np.asarray(spots.obsm[SPATIAL], float)
    facts = _about(spots, paths, "spots")
    facts["coordinates"] = f"{places.shape[1]}-D"
    facts["extent"] = [round(float(side), 4) for side in np.ptp(places, axis=0)]
    images = {name: best_image(entry) for name, entry in libraries(spots).items()}
    facts["images"] = {
        name: f"{image[0].shape[1]} x {image[0].shape[0]} pixels of {image[1]:.4g} units"
        for name, image in images.items()
        if image is not None
    }
    if section_key is not None:
        sizes = spots.obs[section_key].value_counts()
        facts["sections"] = {str(name): int(n) for name, n in sizes.items()}
    else:
        facts["columns that may name sections"] = section_columns(spots)
    return facts


def _about(cells: ad.AnnData, paths: Sequence[str | Path], what: str) -> dict[str, Any]:
    kind = expression_kind(cells.X)
    facts: dict[str, Any] = {
        "path": ", ".join(map(str, paths)),
        "format": ", ".join(dict.fromkeys(recognise(as_path(p)).name for p in paths)),
        what: cells.n_obs,
        "genes": cells.n_vars,
        "expression": WORDS[kind],
    }
    if kind in COUNTS:
        facts[f"counts in the median of {what}"] = round(float(np.median(depths(cells.X))), 1)
    if MODALITIES in cells.uns:
        facts["beside the genes"] = {
            name: len(names) for name, names in cells.uns[MODALITIES].items()
        }
    return facts


@contextmanager
def _heard(sentences: list[str]) -> Iterator[None]:
    """What readers warn of, once, in place of the terminal."""

    class Listener(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            if record.getMessage() not in sentences:
                sentences.append(record.getMessage())

    logger = logging.getLogger("napari_dpvae.data")
    listener, passed_on = Listener(logging.WARNING), logger.propagate
    logger.addHandler(listener)
    logger.propagate = False
    try:
        yield
    finally:
        logger.removeHandler(listener)
        logger.propagate = passed_on


def _words(value: Any) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{name} {_words(inner)}" for name, inner in value.items()) or "none"
    if isinstance(value, list):
        return ", ".join(map(_words, value)) or "none"
    return f"{value:,}" if isinstance(value, int | float) else str(value)
