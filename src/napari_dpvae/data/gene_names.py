"""Genes that two files name differently, matched by what both say of them."""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import anndata as ad
import numpy as np
import pandas as pd

from napari_dpvae.data.formats.bounds import existing, opened
from napari_dpvae.data.formats.delimited import decoding, first_line
from napari_dpvae.errors import DataError

logger = logging.getLogger(__name__)

NAMES = "var_names"
COLUMNS = (
    "gene_ids",
    "gene_id",
    "ensembl_id",
    "ensembl_ids",
    "ensembl",
    "ensg",
    "ensgid",
    "gene_name",
    "gene_names",
    "feature_name",
    "feature_names",
    "features",
    "feature_id",
    "gene_symbol",
    "gene_symbols",
    "symbol",
    "symbols",
    "hgnc_symbol",
    "mgi_symbol",
    "gene_short_name",
    "genename",
    "geneid",
    "gene",
    "genes",
    "name",
    "accession",
    "original_gene_symbols",
    "_index",
    "index",
)
"""Columns of ``var`` with other names of genes, in lower case with ``_`` for blanks and dots."""
UNLIKE = 0.5
"""Share of a text column's values that differ, where it may name genes whatever it is called."""
BY_TABLE = "napari-dpvae place --gene-table"
"""The command, whole: scripts and the window tell of it, too."""
FEWEST = 10
"""A match of fewer genes is none: it may be by accident."""
AS_GOOD = 0.95
"""Names that fit as they are are kept if they match this share of what the best rule matches."""
VERSION = re.compile(r"^(ENS[A-Z]*\d{6,}|[NX][MR]_\d+)\.\d+(_PAR_Y)?$", re.I)
GENOME = re.compile(
    r"^(GRC[A-Za-z]+\d*|hg\d+|mm\d+|rn\d+|dm\d+|T2T|human|mouse|premrna|refdata)"
    r"(-\d{4}-[A-Z])?[_-]+",
    re.I,
)
JOINED = re.compile(
    r"[_|:. -]+ENS[A-Z]*\d{6,}(\.\d+)?$|^ENS[A-Z]*\d{6,}(\.\d+)?[_|:. -]+(?=\D)", re.I
)
"""An Ensembl identifier after a symbol, or before it."""
SIGNS = re.compile(r"[-_. ]+")
"""Programs of R put one of these for another."""

Change = Callable[[str], str]


@dataclass(frozen=True)
class GeneMatch:
    """How a query's genes were matched to a reference's.

    Attributes
    ----------
    rule
        In words: where the names were found and what was ignored of them.
    matched
        Genes of the reference that the query has.
    wanted
        Genes of the reference.
    there
        Genes of the query.
    renamed
        Genes of the query that were renamed.
    ambiguous
        Genes of the query that match a gene which another one matches first: left as they are.
    counts
        Matched genes by each rule that matches any, the best first.
    """

    rule: str
    matched: int
    wanted: int
    there: int
    renamed: int
    ambiguous: int
    counts: dict[str, int]

    @property
    def sentence(self) -> str:
        """What a person reads."""
        said = f"{self.matched:,} of {self.wanted:,} genes are matched by {self.rule}"
        if self.ambiguous:
            said += f"; {self.ambiguous:,} more match one of them too and are left out"
        return f"{said}."


def match_genes(
    reference: Iterable[str],
    query: ad.AnnData,
    *,
    reference_var: pd.DataFrame | None = None,
    table: Mapping[str, str] | None = None,
) -> tuple[ad.AnnData, GeneMatch]:
    """Give a query's genes the reference's names, where both name them differently.

    Names are compared as they are; by columns of ``var`` (symbols, Ensembl identifiers); without
    the version of an identifier; without the genome before a name; without regard to signs that
    programs of R change; by or without an identifier that is joined to a symbol; and without
    regard to case.
    The rule that matches most genes is taken; as they are, if that is about as good.

    Parameters
    ----------
    reference
        Names of the reference's genes.
    query
        Cells by genes.
    reference_var
        What the reference says of its genes, indexed by those names: its columns are tried too.
    table
        Of the user's: the reference's name by the query's, as for orthologs. Tried before all.

    Returns
    -------
    query, match
        The query itself where its names are kept; else a copy with other ``var_names``, whose old
        ones are in ``var["query_gene"]``.

    Raises
    ------
    DataError
        When a table of the user's matches nothing.
    """
    wanted = pd.Index(list(reference)).astype(str)
    best: tuple[int, str, np.ndarray] = (-1, "", np.empty(0, int))
    counts: dict[str, int] = {}
    for rule, rows in _rules(wanted, query, reference_var, table):
        matched = int((rows >= 0).sum())
        if matched:
            counts[rule] = matched
        if matched and rule == USERS:
            best = (matched, rule, rows)
            break
        enough = best[0] < AS_GOOD * matched if best[1] == AS_THEY_ARE else best[0] < matched
        if enough or best[0] < 0:
            best = (matched, rule, rows)
        most = min(len(wanted), query.n_vars)
        if best[0] == most or best[1] == AS_THEY_ARE and best[0] >= AS_GOOD * most:
            break
    if table is not None and USERS not in counts:
        raise DataError(
            "None of the gene table's pairs is of a gene of the query and one of the reference: "
            "its first column must name the query's genes and its second the reference's."
        )
    matched, rule, rows = best
    names, ambiguous = _renamed(query.var_names, wanted, rows)
    renamed = int((names != query.var_names.to_numpy(str)).sum())
    match = GeneMatch(
        rule=rule,
        matched=matched,
        wanted=len(wanted),
        there=query.n_vars,
        renamed=renamed,
        ambiguous=ambiguous,
        counts=dict(sorted(counts.items(), key=lambda item: -item[1])),
    )
    if matched < min(FEWEST, len(wanted)) or not renamed:
        return query, match
    found = query.copy()
    found.var["query_gene"] = query.var_names.to_numpy(str)
    found.var_names = names
    found.var.index.name = None
    return found, match


def report_match(match: GeneMatch) -> None:
    """Say by which rule genes were matched, where they are not named alike."""
    if match.renamed and match.matched >= min(FEWEST, match.wanted):
        logger.warning("%s", match.sentence)


def read_gene_table(path: str | Path) -> dict[str, str]:
    """A user's table of two columns: the query's name of a gene, and the reference's.

    Raises
    ------
    DataError
        When there is no such file, or it has not two columns.
    """
    found = existing(path)
    separator = "\t" if "\t" in first_line(found) else ","
    try:
        with decoding(found), opened(found) as file:
            table = pd.read_csv(file, sep=separator, dtype=str, keep_default_na=False)
    except (pd.errors.EmptyDataError, pd.errors.ParserError) as error:
        raise DataError(f"Cannot read the gene table {path}: {error}.") from error
    if table.shape[1] < 2:
        raise DataError(
            f"The gene table {path} needs two columns: the query's and the reference's."
        )
    pairs = zip(table.iloc[:, 0], table.iloc[:, 1], strict=True)
    return {first.strip(): second.strip() for first, second in pairs if first and second}


def other_names(var: pd.DataFrame) -> dict[str, list[str]]:
    """What a file calls its genes beside their names, by column; empty text where it says nothing.

    Parameters
    ----------
    var
        What the file says of its genes.
    """
    return {column: _texts(var[column]).tolist() for column in _named_columns(var)}


def name_column(var: pd.DataFrame) -> str | None:
    """The column of ``var`` that names genes best: by symbols, else by identifiers.

    Parameters
    ----------
    var
        What a file says of its genes.
    """
    text = [name for name in _named_columns(var) if _plain(name) in COLUMNS]
    symbols = [name for name in text if re.search("name|symbol|feature", name, re.I)]
    return next(iter([*symbols, *text]), None)


AS_THEY_ARE = "their names"
USERS = "the gene table"


def _rules(
    wanted: pd.Index,
    query: ad.AnnData,
    reference_var: pd.DataFrame | None,
    table: Mapping[str, str] | None,
) -> Iterator[tuple[str, np.ndarray]]:
    """Each rule in words, with (n_wanted,) the query's gene of each gene wanted, or -1."""
    own = query.var_names.to_numpy(str)
    if table is not None:
        yield USERS, _lookup(wanted, [table.get(name, "") for name in own])
    yield AS_THEY_ARE, _lookup(wanted, own)
    sides = [(words, names) for words, names in _name_columns(query.var, own)]
    others = [(AS_THEY_ARE, wanted.to_numpy(str))]
    if reference_var is not None:
        known = reference_var.reindex(wanted)
        others = [(words, names) for words, names in _name_columns(known, wanted.to_numpy(str))]
    targets = {words: _changed(names) for words, names in others}
    for words, names in sides:
        changed = _changed(names)
        for other_words, target in targets.items():
            for ignored in changed:
                rows = _lookup(pd.Index(target[ignored]), changed[ignored])
                yield _words(words, other_words, ignored), rows


def _changed(names: np.ndarray) -> dict[str, list[str]]:
    """Names after each of the :data:`CHANGES`, by what it ignores; those that are empty stay so."""
    return {
        ignored: [change(name) if name else "" for name in names] for ignored, change in CHANGES
    }


def _words(query: str, reference: str, ignored: str) -> str:
    said = query if query == reference else f"{query} of the query"
    if query != reference and reference != AS_THEY_ARE:
        said += f" and {reference} of the reference"
    return f"{said}, {ignored}" if ignored else said


def _name_columns(var: pd.DataFrame, names: np.ndarray) -> Iterator[tuple[str, np.ndarray]]:
    """Where genes are named, and how."""
    yield AS_THEY_ARE, names
    for column in _named_columns(var):
        yield f"var['{column}']", _texts(var[column])


def _named_columns(var: pd.DataFrame) -> list[str]:
    """Columns with text that name genes, or may: those that are called so first."""
    text = [name for name in var if not pd.api.types.is_numeric_dtype(var[name])]
    known = [name for name in text if _plain(name) in COLUMNS]
    others = [
        name
        for name in text
        if name not in known
        and isinstance(name, str)
        and var[name].astype(str).nunique() > UNLIKE * len(var)
    ]
    return [*known, *others]


def _plain(column: object) -> str:
    return re.sub(r"[\W_]+", "_", str(column).strip().lower())


def _texts(column: pd.Series) -> np.ndarray:
    """A column as text, empty where it says nothing."""
    values = column.astype(object)
    return values.where(values.notna(), "").astype(str).to_numpy(str)


def _without_version(name: str) -> str:
    return VERSION.sub(r"\1", name)


def _without_genome(name: str) -> str:
    return _without_version(GENOME.sub("", name))


def _without_identifier(name: str) -> str:
    return JOINED.sub("", name) if JOINED.search(name) else name


def _identifier_alone(name: str) -> str:
    found = JOINED.search(name)
    return _without_version(found[0].strip("_|:-. ")) if found else _without_version(name)


def _without_signs(name: str) -> str:
    return SIGNS.sub("-", _without_genome(name.strip(" '\"")))


CHANGES: tuple[tuple[str, Change], ...] = (
    ("", str),
    ("without the version of identifiers", _without_version),
    ("without the genome before them", _without_genome),
    ("without regard to - _ . and blanks", _without_signs),
    ("by the identifier joined to them", _identifier_alone),
    ("without the identifier joined to them", _without_identifier),
    ("without regard to upper and lower case", lambda name: _without_signs(name).upper()),
)
"""What is ignored of names, the least first."""


def _lookup(wanted: pd.Index, names: Sequence[str] | np.ndarray) -> np.ndarray:
    """(n_wanted,) index of the first name that equals each; -1 where none does."""
    there = pd.Index(names)
    first = ~there.duplicated() & (there != "")
    where = np.flatnonzero(first)
    found = there[first].get_indexer(wanted)
    # A gene of the query is one gene of the reference, the first that it matches.
    found = np.where((found >= 0) & (wanted != ""), found, -1)
    taken = pd.Series(found).where(~pd.Series(found).duplicated(), -1).to_numpy()
    result: np.ndarray = np.where(taken >= 0, where[taken], -1) if len(where) else taken
    return result


def _renamed(names: pd.Index, wanted: pd.Index, rows: np.ndarray) -> tuple[np.ndarray, int]:
    """The query's names with those matched replaced; others that would clash are numbered."""
    new = names.to_numpy(str).astype(object)
    matched = rows >= 0
    new[rows[matched]] = wanted[matched]
    rest = np.ones(len(new), bool)
    rest[rows[matched]] = False
    clash = rest & pd.Index(new).isin(wanted[matched])
    new[clash] = [f"{name} (not matched)" for name in new[clash]]
    return new.astype(str), int(clash.sum())
