"""Reading: every kind of file people have, and a clear word about every other."""

import csv
import gzip
import json
import shutil
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

import anndata as ad
import h5py
import numpy as np
import pytest
from PIL import Image
from scipy import io, sparse

from napari_dpvae import read_placed, read_query, read_reference
from napari_dpvae.data import published
from napari_dpvae.data.phantom import LIBRARY, Phantom

Refuses = Callable[[str], AbstractContextManager[None]]
Dataset = Callable[[str], Path]


def write_10x_h5(cells: ad.AnnData, path: Path) -> None:
    """The layout of Cell Ranger 3 and later."""
    counts = sparse.csr_matrix(cells.X)
    with h5py.File(path, "w") as file:
        file.attrs["library_ids"] = np.array([LIBRARY.encode()])
        file.attrs["chemistry_description"] = "Spatial 3' v1"
        matrix = file.create_group("matrix")
        matrix["barcodes"] = np.array(cells.obs_names, "S")
        matrix["data"] = counts.data.astype(np.int32)
        matrix["indices"] = counts.indices.astype(np.int64)
        matrix["indptr"] = counts.indptr.astype(np.int64)
        matrix["shape"] = np.array(cells.shape[::-1], np.int32)
        features = matrix.create_group("features")
        features["id"] = np.array([f"ENSG{i}" for i in range(cells.n_vars)], "S")
        features["name"] = np.array(cells.var_names, "S")
        features["feature_type"] = np.array(["Gene Expression"] * cells.n_vars, "S")
        features["genome"] = np.array(["phantom"] * cells.n_vars, "S")
        features["_all_tag_keys"] = np.array(["genome"], "S")


def write_10x_mtx(cells: ad.AnnData, folder: Path) -> None:
    """The gzipped layout of Cell Ranger 3 and later."""
    folder.mkdir()
    with gzip.open(folder / "matrix.mtx.gz", "wb") as file:
        io.mmwrite(file, sparse.coo_matrix(cells.X.T.astype(int)))
    with gzip.open(folder / "barcodes.tsv.gz", "wt") as file:
        file.writelines(f"{name}\n" for name in cells.obs_names)
    with gzip.open(folder / "features.tsv.gz", "wt") as file:
        file.writelines(f"ENSG{i}\t{g}\tGene Expression\n" for i, g in enumerate(cells.var_names))


def write_space_ranger(reference: ad.AnnData, folder: Path) -> None:
    """The layout of Space Ranger 2 and later; the positions' rows in another order."""
    (folder / "spatial").mkdir(parents=True)
    write_10x_h5(reference, folder / "filtered_feature_bc_matrix.h5")
    with open(folder / "spatial" / "tissue_positions.csv", "w", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(
            "barcode in_tissue array_row array_col pxl_row_in_fullres pxl_col_in_fullres".split()
        )
        places = zip(reference.obs_names, reference.obsm["spatial"], strict=True)
        for i, (barcode, (x, y)) in enumerate(reversed(list(places))):
            rows.writerow([barcode, 1, i, i, y, x])
        rows.writerow(["off-tissue", 0, 0, 0, 0.0, 0.0])
    entry = reference.uns["spatial"][LIBRARY]
    factors = {**entry["scalefactors"], "tissue_lowres_scalef": 0.05}
    (folder / "spatial" / "scalefactors_json.json").write_text(json.dumps(factors))
    image = Image.fromarray(entry["images"]["hires"])
    image.save(folder / "spatial" / "tissue_hires_image.png")
    image.reduce(4).save(folder / "spatial" / "tissue_lowres_image.png")


def assert_same_cells(found: ad.AnnData, expected: ad.AnnData) -> None:
    assert found.obs_names.tolist() == expected.obs_names.tolist()
    assert found.var_names.tolist() == expected.var_names.tolist()
    np.testing.assert_array_equal(found.X.toarray(), expected.X.toarray())


def test_a_reference_from_h5ad(phantom: Phantom, tmp_path: Path) -> None:
    phantom.reference.write_h5ad(tmp_path / "reference.h5ad")
    found = read_reference(str(tmp_path / "reference.h5ad"))
    assert_same_cells(found, phantom.reference)
    np.testing.assert_array_equal(found.obsm["spatial"], phantom.reference.obsm["spatial"])


@pytest.mark.parametrize("inside", ["", "outs"])
def test_a_reference_from_a_space_ranger_folder(
    phantom: Phantom, tmp_path: Path, inside: str
) -> None:
    write_space_ranger(phantom.reference, tmp_path / "run" / inside)
    found = read_reference(tmp_path / "run")
    assert_same_cells(found, phantom.reference)
    np.testing.assert_allclose(found.obsm["spatial"], phantom.reference.obsm["spatial"])
    entry = found.uns["spatial"][LIBRARY]
    assert {"hires", "lowres"} == set(entry["images"])
    assert entry["scalefactors"]["tissue_hires_scalef"] == pytest.approx(0.2)
    assert entry["images"]["hires"].shape == (380, 480, 3)


def test_a_query_from_a_10x_h5_file(phantom: Phantom, tmp_path: Path) -> None:
    write_10x_h5(phantom.query, tmp_path / "cells.h5")
    assert_same_cells(read_query(tmp_path / "cells.h5"), phantom.query)


@pytest.mark.parametrize("given", ["", "matrix.mtx.gz"])
def test_a_query_from_a_10x_folder_or_the_matrix_in_it(
    phantom: Phantom, tmp_path: Path, given: str
) -> None:
    write_10x_mtx(phantom.query, tmp_path / "cells")
    assert_same_cells(read_query(tmp_path / "cells" / given), phantom.query)


def test_genes_that_share_a_name_in_10x_files_are_numbered(
    phantom: Phantom, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    cells = phantom.query.copy()
    cells.var_names = ["Twin", "Twin", *cells.var_names[2:]]
    write_10x_h5(cells, tmp_path / "cells.h5")
    assert read_query(tmp_path / "cells.h5").var_names[:2].tolist() == ["Twin", "Twin-1"]
    assert "1 genes share a name" in caplog.text


def test_a_named_layer_takes_the_place_of_x(
    phantom: Phantom, tmp_path: Path, refuses: Refuses
) -> None:
    cells = phantom.reference.copy()
    cells.layers["counts"] = cells.X.copy()
    cells.X = cells.X.log1p()
    cells.write_h5ad(tmp_path / "cells.h5ad")
    for read in (read_reference, read_query):
        assert_same_cells(read(tmp_path / "cells.h5ad", layer="counts"), phantom.reference)
        with refuses("no layer 'raw': the layers are counts"):
            read(tmp_path / "cells.h5ad", layer="raw")


def test_a_section_column_is_asked_for_on_reading(
    phantom: Phantom, tmp_path: Path, refuses: Refuses
) -> None:
    phantom.reference.write_h5ad(tmp_path / "cells.h5ad")
    with refuses("no obs column 'slice'"):
        read_reference(tmp_path / "cells.h5ad", section_key="slice")


@pytest.mark.parametrize("read", [read_reference, read_query, read_placed])
def test_a_missing_file_is_named(
    read: Callable[[Path], ad.AnnData], tmp_path: Path, refuses: Refuses
) -> None:
    with refuses("no file or folder .*nowhere.h5ad"):
        read(tmp_path / "nowhere.h5ad")


@pytest.mark.parametrize("read", [read_reference, read_query, read_placed])
def test_a_damaged_file_is_named(
    read: Callable[[Path], ad.AnnData], phantom: Phantom, tmp_path: Path, refuses: Refuses
) -> None:
    path = tmp_path / "cells.h5ad"
    phantom.reference.write_h5ad(path)
    whole = path.read_bytes()
    for content in (b"", b"not HDF5 at all", whole[: len(whole) // 2]):
        path.write_bytes(content)
        with refuses("Cannot read .*cells.h5ad: .{5}"):
            read(path)


def test_what_is_none_of_the_formats_is_refused(tmp_path: Path, refuses: Refuses) -> None:
    path = tmp_path / "cells.docx"
    path.write_text("barcode,x,y\n")
    for read in (read_reference, read_query, read_placed):
        with refuses("none of the formats that are read: give a .h5ad"):
            read(path)


def test_a_folder_of_something_else_is_refused(tmp_path: Path, refuses: Refuses) -> None:
    (tmp_path / "notes.txt").touch()
    with refuses("not a Space Ranger folder"):
        read_reference(tmp_path)
    with refuses("Cannot read"):
        read_query(tmp_path)


def test_a_space_ranger_folder_that_lacks_a_part_is_refused(
    phantom: Phantom, tmp_path: Path, refuses: Refuses
) -> None:
    write_space_ranger(phantom.reference, tmp_path / "run")
    shutil.rmtree(tmp_path / "run" / "spatial")
    with refuses("no coordinates"):
        read_reference(tmp_path / "run")


def test_an_h5_file_that_is_not_of_10x_is_refused(tmp_path: Path, refuses: Refuses) -> None:
    with h5py.File(tmp_path / "other.h5", "w") as file:
        file["numbers"] = np.arange(3)
    with refuses("Cannot read .*other.h5"):
        read_query(tmp_path / "other.h5")


def test_a_reference_is_checked_on_reading(
    phantom: Phantom, tmp_path: Path, refuses: Refuses
) -> None:
    phantom.query.write_h5ad(tmp_path / "cells.h5ad")
    with refuses("no coordinates"):
        read_reference(tmp_path / "cells.h5ad")


def test_cells_that_were_never_placed_are_refused(
    phantom: Phantom, tmp_path: Path, refuses: Refuses
) -> None:
    phantom.reference.write_h5ad(tmp_path / "cells.h5ad")
    with refuses("no placed cells"):
        read_placed(tmp_path / "cells.h5ad")


@pytest.mark.parametrize(
    ("name", "dims"),
    [("breast_her2st_C2", 2), ("brain_Visium_DG_mini", 2), ("drosophila_embryo_BDTNP3D", 3)],
)
def test_a_real_reference(dataset: Dataset, name: str, dims: int) -> None:
    assert read_reference(dataset(name)).obsm["spatial"].shape[1] == dims


def test_a_real_dissociated_query(dataset: Dataset) -> None:
    query = read_query(dataset("drosophila_embryo_scRNA_Karaiskos"))
    assert query.n_obs > 1000


def test_numbers_in_the_order_of_another_machine_are_read(phantom: Phantom, tmp_path: Path) -> None:
    query = phantom.query.copy()
    query.layers["big"] = query.X = query.X.toarray().astype(">f4")
    query.write_h5ad(tmp_path / "q.h5ad")
    for layer in (None, "big"):
        found = read_query(tmp_path / "q.h5ad", layer=layer)
        assert found.X.dtype.isnative
        np.testing.assert_array_equal(found.X, query.X)


def test_an_affine_without_an_image_is_refused(
    phantom: Phantom, tmp_path: Path, refuses: Refuses
) -> None:
    phantom.reference.write_h5ad(tmp_path / "r.h5ad")
    with refuses("An image's affine is given, and no image"):
        read_reference(tmp_path / "r.h5ad", image_affine=2 * np.eye(3))


def test_published_data_are_fetched_and_checked(
    phantom: Phantom, tmp_path: Path, refuses: Refuses, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where a download would put them, the phantom is."""
    monkeypatch.setattr("pooch.os_cache", lambda name: tmp_path / name)
    (section, folder), *_ = published.SECTIONS.items()
    monkeypatch.setattr(
        "squidpy.datasets.visium",
        lambda name, base_dir: write_space_ranger(phantom.reference, base_dir / name),
    )
    monkeypatch.setattr("squidpy.datasets.sc_mouse_cortex", phantom.query.write_h5ad)
    assert published.published(section).obsm["spatial"].shape == (321, 2)
    assert (tmp_path / "napari-dpvae" / folder).is_dir()
    assert published.published(published.CORTEX).n_obs == 120

    def offline(path: Path) -> None:
        raise OSError("Name or service not known")

    monkeypatch.setattr("squidpy.datasets.sc_mouse_cortex", offline)
    with refuses("cannot be fetched: is there a connection to the network"):
        published.published(published.CORTEX)
