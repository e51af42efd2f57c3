"""Genes that are named differently on the two sides."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import anndata as ad
import numpy as np
import pandas as pd
import pytest

from napari_dpvae.data.gene_names import match_genes, read_gene_table

N = 300


@pytest.fixture
def query(phantom: Any) -> ad.AnnData:
    return phantom.query.copy()


def identifiers(n: int = N) -> list[str]:
    return [f"ENSG{i:011d}" for i in range(n)]


def test_names_that_are_alike_stay(query: ad.AnnData) -> None:
    found, match = match_genes(query.var_names, query)
    assert found is query
    assert (match.matched, match.renamed, match.rule) == (N, 0, "their names")


@pytest.mark.parametrize("column", ["feature_name", "gene_symbols", "Symbol", "gene_name"])
def test_symbols_in_a_column(query: ad.AnnData, column: str) -> None:
    names = query.var_names.copy()
    query.var[column] = pd.Categorical(names)
    query.var_names = identifiers()
    found, match = match_genes(names, query)
    assert found.var_names.tolist() == names.tolist()
    assert found.var["query_gene"].tolist() == identifiers()
    assert column in match.rule and match.matched == N
    assert f"300 of 300 genes are matched by var['{column}']" in match.sentence


@pytest.mark.parametrize(
    ("spell", "said"),
    [
        (lambda name: f"{name}.12", "version"),
        (str.lower, "case"),
        (lambda name: f"GRCh38_{name}", "genome"),
        (lambda name: f"GRCh38______{name}.3", "genome"),
        (lambda name: f"hg19-{name}".lower(), "case"),
        (lambda name: f" {name} ", "blanks"),
        (lambda name: f"Abc-1_{name}.2", "identifier joined"),
        (lambda name: f"{name}|Abc", "identifier joined"),
    ],
)
def test_spellings_of_identifiers(query: ad.AnnData, spell: Any, said: str) -> None:
    query.var_names = [spell(name) for name in identifiers()]
    found, match = match_genes(identifiers(), query)
    assert found.var_names.tolist() == identifiers()
    assert said in match.rule
    other = query.copy()
    other.var_names = identifiers()
    found, match = match_genes([spell(name) for name in identifiers()], other)
    assert match.matched == N, "the same where the reference is spelled so"


def test_what_the_reference_says_of_its_genes_counts_too(query: ad.AnnData) -> None:
    reference = pd.DataFrame({"gene_ids": identifiers()}, index=query.var_names)
    query.var_names = identifiers()
    found, match = match_genes(reference.index, query, reference_var=reference)
    assert found.var_names.tolist() == reference.index.tolist()
    assert "var['gene_ids'] of the reference" in match.rule


def test_a_few_that_match_by_accident_do_not_decide(query: ad.AnnData) -> None:
    names = query.var_names.copy()
    query.var["feature_name"] = names
    query.var_names = [*names[:12][::-1], *identifiers()[12:]]
    found, match = match_genes(names, query)
    assert match.matched == N and "feature_name" in match.rule
    assert found.var_names.tolist() == names.tolist()


def test_two_genomes_are_told_apart(query: ad.AnnData) -> None:
    names = query.var_names.str.upper()
    human, mouse = names[:150], names[:150].str.title()
    query.var_names = [*("GRCh38_" + human), *("mm10_" + mouse)]
    found, match = match_genes(names[:150], query)
    assert found.var_names[:150].tolist() == names[:150].tolist()
    assert found.var_names.is_unique and match.matched == 150


def test_a_gene_that_is_there_twice_is_taken_once(query: ad.AnnData) -> None:
    names = query.var_names.copy()
    query.var_names = [f"{name}" for name in identifiers()]
    query.var["feature_name"] = [*names[:290], *names[:10]]
    found, match = match_genes(names, query)
    assert match.matched == 290 and match.ambiguous == 0
    assert found.var_names.is_unique
    np.testing.assert_array_equal(found[:, names[0]].X.toarray(), query.X[:, [0]].toarray())


def test_a_name_that_another_gene_takes_is_marked(query: ad.AnnData) -> None:
    names = query.var_names.copy()
    query.var["feature_name"] = names
    query.var_names = [*identifiers()[:299], str(names[0])]
    found, match = match_genes(names, query)
    assert found.var_names.is_unique
    assert match.matched == N


def test_a_table_of_the_users_goes_first(query: ad.AnnData, tmp_path: Path, refuses: Any) -> None:
    names = query.var_names.copy()
    (tmp_path / "table.csv").write_text(
        "query,reference\n" + "".join(f"mouse{i},{name}\n" for i, name in enumerate(names))
    )
    table = read_gene_table(tmp_path / "table.csv")
    query.var_names = [f"mouse{i}" for i in range(N)]
    found, match = match_genes(names, query, table=table)
    assert found.var_names.tolist() == names.tolist() and match.rule == "the gene table"
    with refuses("None of the gene table's pairs"):
        match_genes(names, query, table={"a": "b"})
    (tmp_path / "one.csv").write_text("query\nA\n")
    for name in ("one.csv", "nowhere.csv"):
        with refuses("gene table|no file or folder"):
            read_gene_table(tmp_path / name)


def test_nothing_in_common_is_left_as_it_is(query: ad.AnnData) -> None:
    found, match = match_genes([f"other{i}" for i in range(50)], query)
    assert found is query and match.matched == 0


def test_a_model_places_cells_whatever_their_genes_are_called(
    query: ad.AnnData, model: Any, caplog: pytest.LogCaptureFixture
) -> None:
    expected = model.place(query).obsm["spatial"]
    query.var["gene_name"] = query.var_names
    query.var_names = identifiers()
    np.testing.assert_allclose(model.place(query).obsm["spatial"], expected, atol=1e-3)
    assert "var['gene_name']" in caplog.text


def test_signs_that_programs_of_r_change(query: ad.AnnData) -> None:
    names = [f"HLA-A{i}" for i in range(N)]
    for other in (".", "_"):
        query.var_names = [name.replace("-", other) for name in names]
        found, match = match_genes(names, query)
        assert found.var_names.tolist() == names and "- _ ." in match.rule


def test_symbols_joined_to_identifiers(query: ad.AnnData) -> None:
    names = query.var_names.copy()
    for joined in ("{name}_{id}", "{id}_{name}", "{id}.3|{name}"):
        query.var_names = [
            joined.format(name=name, id=i) for name, i in zip(names, identifiers(), strict=True)
        ]
        found, match = match_genes(names, query)
        assert found.var_names.tolist() == names.tolist()
        assert "without the identifier" in match.rule


def test_a_column_of_any_name(query: ad.AnnData) -> None:
    names = query.var_names.copy()
    query.var["what we call it"] = names
    query.var["chromosome"] = "chr1"
    query.var_names = identifiers()
    _, match = match_genes(names, query)
    assert match.matched == N and "what we call it" in match.rule
