"""What a person should know of their data before training: no errors, but reasons to look twice."""

from __future__ import annotations

from collections.abc import Iterator

import anndata as ad
import numpy as np
import pandas as pd

from napari_dpvae.data.counts import counts_elsewhere
from napari_dpvae.data.gene_names import AS_THEY_ARE, BY_TABLE, GeneMatch, match_genes
from napari_dpvae.data.image_fit import about_image
from napari_dpvae.data.images import best_image, image_of, libraries
from napari_dpvae.data.keys import DPVAE, SPATIAL
from napari_dpvae.data.sections import section_columns
from napari_dpvae.data.values import COUNTS, WORDS, Held, what_is_held

FEW_SPOTS = 100
IN_TISSUE = "in_tissue"
FEW_GENES = 50
SMALL_SHARE = 0.1
SHALLOW = 0.1
MOST_MEASURED = 5000
"""Cells whose depth is looked at."""
MOST_AT_ONE_PLACE = 20
"""Sections that lie on one another, or bins that were rounded, share places; so many do not."""
SAME_PLACE = 0.2
"""Share of spots that have the place of another, in slides that lie on one another."""
OVERLAP = 0.5
"""Share of spots within the box of another section, where sections lie over each other."""
FAR = 20.0
"""Spots are far that lie so many interquartile ranges from the others."""


def concerns(
    reference: ad.AnnData, query: ad.AnnData | None = None, *, section_key: str | None = None
) -> list[str]:
    """One sentence for each thing about the data that may make the placement worse.

    Parameters
    ----------
    reference, query
        Checked: see :mod:`napari_dpvae.data.checks`.
    section_key
        Column of ``obs`` with the section of each spot, where it was named.
    """
    found = [
        *_about_spots(reference),
        *_about_sections(reference, section_key),
        *about_image(reference),
        *_about_values(reference, query),
    ]
    return found if query is None else [*found, *_about_genes(reference, query)]


def concerns_of_query(query: ad.AnnData) -> list[str]:
    """The same of a query alone, where only a model of its reference is at hand."""
    held = what_is_held(query.X)
    if held.kind in COUNTS:
        return list(_about_counts(held, "The query"))
    return [f"The query holds no counts but {WORDS[held.kind]}.{_elsewhere(query)}"]


def _about_spots(reference: ad.AnnData) -> Iterator[str]:
    if DPVAE in reference.uns:
        yield (
            "The reference holds cells that a model has placed: their places are estimates, which "
            "another model would learn as if they had been measured."
        )
    if reference.n_obs < FEW_SPOTS:
        yield f"Only {reference.n_obs} spots: expect coarse places."
    if reference.n_vars < FEW_GENES:
        yield f"Only {reference.n_vars} genes: they tell fewer places apart; expect wider regions."
    yield from _about_tissue(reference)
    places = np.asarray(reference.obsm[SPATIAL], float)
    flat = places.shape[1] == 2
    if not flat and np.ptp(places[:, 2]) == 0:
        yield "All spots lie in one plane: leave out z, so that the slice can be drawn as one."
    if flat:
        yield from _about_lack_of_image(reference)
    same = pd.DataFrame(places).value_counts()
    if same.iloc[0] > MOST_AT_ONE_PLACE:
        where = ", ".join(f"{axis:.6g}" for axis in same.index[0])
        yield (
            f"{same.iloc[0]} spots have the same place ({where}): if it stands for a place that "
            "is not known, make it NaN or drop them."
        )
    middle, spread = (
        np.median(places, axis=0),
        np.subtract(*np.quantile(places, [0.75, 0.25], axis=0)),
    )
    far = (np.abs(places - middle) > FAR * np.maximum(spread, 1e-9)).any(axis=1).sum()
    if far:
        yield f"{far} spots lie far from all others: check their coordinates."


def _about_tissue(reference: ad.AnnData) -> Iterator[str]:
    """Space Ranger marks spots that lie beside the tissue."""
    if IN_TISSUE in reference.obs:
        marked = reference.obs[IN_TISSUE].astype(str).str.lower().isin(("0", "0.0", "false"))
        if marked.any():
            yield (
                f"{int(marked.sum())} of {reference.n_obs} spots lie beside the tissue by the obs "
                f"column '{IN_TISSUE}': leave them out."
            )


def _about_lack_of_image(reference: ad.AnnData) -> Iterator[str]:
    entries = libraries(reference).values()
    if any(best_image(entry) for entry in entries):
        return
    if any(image_of(entry) is not None for entry in entries):
        yield (
            "The reference has an image but no scale factor that says how large its pixels are "
            f"(uns['{SPATIAL}'] … scalefactors, tissue_hires_scalef): it is not shown."
        )
    else:
        yield "The reference has no image: cells are shown on its spots alone."


def _about_sections(reference: ad.AnnData, section_key: str | None) -> Iterator[str]:
    """Slides that lie on one another are told by places that are taken more than once."""
    if section_key is not None:
        return
    images = [name for name, entry in libraries(reference).items() if best_image(entry)]
    if len(images) > 1 and not section_columns(reference):
        yield (
            f"It has images of {len(images)} sections ({', '.join(images[:3])}) that lie on one "
            "another, and no obs column that says which spots are of which: add one, or keep one "
            "image."
        )
    places = pd.DataFrame(np.asarray(reference.obsm[SPATIAL], float))
    twice = int(places.duplicated(keep=False).sum())
    columns = [*section_columns(reference)]
    columns += [str(name) for name in reference.obs if str(name).lower() in ("fov", "fov_id")]
    named = " or ".join(f"'{name}'" for name in columns[:3])
    if twice > SAME_PLACE * reference.n_obs:
        advice = (
            f"name the obs column that says which section each is of as the section key (it may "
            f"be {named})"
            if columns
            else "are they of several sections, or in coordinates of each field of view"
        )
        yield f"{twice} of {reference.n_obs} spots have the same coordinates as another: {advice}."
    elif columns and _overlap(places, reference.obs[columns[0]]):
        yield (
            f"The obs column {named} may name sections, and those lie over one another: name it "
            "as the section key if so."
        )


def _overlap(places: pd.DataFrame, column: pd.Series) -> bool:
    """Whether most spots of the groups of a column lie among those of another group."""
    names = column.astype(str).to_numpy()
    groups = [places[names == name].to_numpy() for name in pd.unique(names)]
    inside = 0
    for i, group in enumerate(groups):
        others = [other for j, other in enumerate(groups) if j != i]
        within = [
            ((group >= other.min(axis=0)) & (group <= other.max(axis=0))).all(axis=1)
            for other in others
        ]
        inside += int(np.any(within, axis=0).sum()) if within else 0
    return inside > OVERLAP * len(places)


def _about_genes(reference: ad.AnnData, query: ad.AnnData) -> Iterator[str]:
    _, match = _named(reference, query)
    shared = len(reference.var_names.intersection(query.var_names))
    if match.renamed:
        yield f"Genes are named differently: {match.sentence}"
        if "case" in match.rule:
            yield (
                "Gene names differ by upper and lower case: if the two are of different species, "
                f"a table of orthologs is safer ({BY_TABLE})."
            )
        shared = match.matched
    n = min(reference.n_vars, query.n_vars)
    if shared >= max(FEW_GENES, SMALL_SHARE * n) or shared == n:
        return
    yield (
        f"Only {shared:,} genes are shared: are both named alike (symbols or Ensembl "
        f"identifiers), and of the same species? Best were {match.rule or AS_THEY_ARE}; "
        f"{BY_TABLE} takes a table of names."
    )


def _about_values(reference: ad.AnnData, query: ad.AnnData | None) -> Iterator[str]:
    held = what_is_held(reference.X)
    own = None if query is None else what_is_held(query.X)
    counts = held.kind in COUNTS
    yield from _about_counts(held, "The reference")
    if not counts and (own is None or own.kind not in COUNTS):
        yield (
            f"The reference holds no counts but {WORDS[held.kind]}: its values are taken as "
            f"normalised already.{_elsewhere(reference)}"
        )
    if query is None or own is None:
        return
    if (own.kind in COUNTS) != counts:
        kinds = ("counts", "normalised values")
        has, other = kinds if counts else kinds[::-1]
        yield (
            f"The reference holds {has} and the query {other}: counts are taken back from them "
            "where that can be; else both are compared by the genes' own spread. Raw counts of "
            "both would be better."
        )
        return
    yield from _about_counts(own, "The query")
    if not counts and own.kind != held.kind:
        yield (
            f"The reference holds {WORDS[held.kind]} and the query {WORDS[own.kind]}: bring both "
            "to counts, or to the same unit."
        )
    elif counts:
        yield from _about_depth(reference, query)


def _about_counts(held: Held, what: str) -> Iterator[str]:
    if held.kind == "counts with fractions":
        yield f"{what} holds counts with fractions, which are taken as counts."
    elif held == ("counts", 1.0):
        yield (
            f"{what} holds only zeros and ones, which say what genes were seen and not how often: "
            "give the counts, if there are any."
        )


def _elsewhere(cells: ad.AnnData) -> str:
    where = counts_elsewhere(cells)
    return "" if where is None else f" Its counts are in '{where}': name that as the layer."


def _about_depth(reference: ad.AnnData, query: ad.AnnData) -> Iterator[str]:
    names, _ = _named(reference, query)
    genes = reference.var_names.intersection(names.var_names)
    if not len(genes):
        return
    own = _median_depth(reference, reference.var_names.get_indexer(genes))
    depth = _median_depth(query, names.var_names.get_indexer(genes))
    if depth < SHALLOW * own:
        yield (
            f"The query is shallow: {depth:,.0f} counts in its median cell where the "
            f"reference's median spot has {own:,.0f}; expect wider regions."
        )


def _named(reference: ad.AnnData, query: ad.AnnData) -> tuple[ad.AnnData, GeneMatch]:
    """The query's genes alone, by the reference's names."""
    names = ad.AnnData(var=query.var)
    return match_genes(reference.var_names, names, reference_var=reference.var)


def _median_depth(cells: ad.AnnData, columns: np.ndarray) -> float:
    """Counts of the median cell in some genes, of cells that are spread evenly over all."""
    some = cells.X[:: max(1, cells.n_obs // MOST_MEASURED)]
    return float(np.median(np.asarray(some[:, columns].sum(axis=1, dtype=np.float64))))
