"""Space Ranger's folders of every version, whole and with parts that lack."""

from __future__ import annotations

import gzip
import json
import shutil
from pathlib import Path
from typing import Any

import anndata as ad
import h5py
import numpy as np
import pandas as pd
import pytest
from PIL import Image
from scipy import sparse

from napari_dpvae import read_reference
from napari_dpvae.data.images import best_image
from napari_dpvae.data.phantom import LIBRARY

COLUMNS = "barcode in_tissue array_row array_col pxl_row_in_fullres pxl_col_in_fullres".split()


@pytest.fixture
def spots(phantom: Any) -> ad.AnnData:
    return phantom.reference.copy()


def write(
    spots: ad.AnnData,
    folder: Path,
    positions: str = "tissue_positions.csv",
    *,
    counts: str = "filtered_feature_bc_matrix.h5",
    header: bool = True,
    images: tuple[str, ...] = ("hires", "lowres"),
    prefix: str = "",
    in_tissue: np.ndarray | None = None,
) -> Path:
    """A folder by the published layout."""
    (folder / "spatial").mkdir(parents=True)
    x = sparse.csr_matrix(spots.X)
    with h5py.File(folder / f"{prefix}{counts}", "w") as file:
        file.attrs["library_ids"] = np.array([LIBRARY.encode()])
        matrix = file.create_group("matrix")
        matrix["barcodes"] = np.array(spots.obs_names, "S")
        matrix["data"], matrix["indptr"] = x.data.astype(np.int32), x.indptr
        matrix["indices"] = x.indices
        matrix["shape"] = np.array(spots.shape[::-1], np.int32)
        features = matrix.create_group("features")
        for key in ("id", "name"):
            features[key] = np.array(spots.var_names, "S")
        features["feature_type"] = np.array(["Gene Expression"] * spots.n_vars, "S")
    xy = np.asarray(spots.obsm["spatial"])
    inside = np.ones(spots.n_obs, int) if in_tissue is None else in_tissue.astype(int)
    table = pd.DataFrame(
        dict(zip(COLUMNS, (spots.obs_names, inside, 0, 0, xy[:, 1], xy[:, 0]), strict=True))
    )
    path = folder / "spatial" / f"{prefix}{positions}"
    if positions.endswith("parquet"):
        table.to_parquet(path)
    else:
        table.to_csv(path, index=False, header=header)
    picture = Image.fromarray(spots.uns["spatial"][LIBRARY]["images"]["hires"])
    for name, by in (("hires", 1), ("lowres", 4)):
        if name in images:
            picture.reduce(by).save(folder / "spatial" / f"{prefix}tissue_{name}_image.png")
    factors = {"tissue_hires_scalef": 0.2, "tissue_lowres_scalef": 0.05}
    factors["spot_diameter_fullres"] = 55.0
    (folder / "spatial" / f"{prefix}scalefactors_json.json").write_text(json.dumps(factors))
    return folder


@pytest.mark.parametrize(
    ("positions", "header"),
    [
        ("tissue_positions_list.csv", False),
        ("tissue_positions.csv", True),
        ("tissue_positions_list.csv.gz", False),
        ("tissue_positions.csv.gz", True),
        ("tissue_positions.parquet", True),
    ],
)
@pytest.mark.parametrize("prefix", ["", "CytAssist_Brain_"])
def test_places_of_every_version(
    spots: ad.AnnData, tmp_path: Path, positions: str, header: bool, prefix: str
) -> None:
    found = read_reference(write(spots, tmp_path / "run", positions, header=header, prefix=prefix))
    np.testing.assert_allclose(found.obsm["spatial"], spots.obsm["spatial"])
    np.testing.assert_array_equal(found.X.toarray(), spots.X.toarray())
    image, size = best_image(found.uns["spatial"][LIBRARY])
    assert image.shape == (380, 480, 3) and size == pytest.approx(5)


@pytest.mark.parametrize("positions", ["tissue_positions.csv", "tissue_positions.parquet"])
def test_positions_with_columns_in_another_order(
    spots: ad.AnnData, tmp_path: Path, positions: str
) -> None:
    path = write(spots, tmp_path / "run", positions) / "spatial" / positions
    if positions.endswith("parquet"):
        table = pd.read_parquet(path)
        table[table.columns[::-1]].set_index("barcode").to_parquet(path)
    else:
        table = pd.read_csv(path)
        table[table.columns[::-1]].to_csv(path, index=False, encoding="utf-8-sig")
    found = read_reference(tmp_path / "run")
    np.testing.assert_allclose(found.obsm["spatial"], spots.obsm["spatial"])


def test_bins_of_visium_hd(
    spots: ad.AnnData, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    for name, part in (("square_008um", spots), ("square_016um", spots[:50].copy())):
        write(part, tmp_path / "outs" / "binned_outputs" / name, "tissue_positions.parquet")
    assert read_reference(tmp_path / "outs").n_obs == spots.n_obs
    assert "square_008um is read" in caplog.text
    assert read_reference(tmp_path / "outs" / "binned_outputs" / "square_016um").n_obs == 50


def test_cells_that_space_ranger_outlined(spots: ad.AnnData, tmp_path: Path) -> None:
    spots.obs_names = [f"cellid_{i:09d}-1" for i in range(spots.n_obs)]
    folder = write(spots, tmp_path / "segmented_outputs", counts="filtered_feature_cell_matrix.h5")
    (folder / "spatial" / "tissue_positions.csv").unlink()
    outlines = []
    for i, (x, y) in enumerate(spots.obsm["spatial"]):
        ring = [[x - 5, y - 5], [x + 5, y - 5], [x + 5, y + 5], [x - 5, y + 5], [x - 5, y - 5]]
        geometry = {"type": "Polygon", "coordinates": [ring]}
        outlines.append({"type": "Feature", "geometry": geometry, "properties": {"cell_id": i}})
    text = json.dumps({"type": "FeatureCollection", "features": outlines})
    (folder / "cell_segmentations.geojson").write_text(text)
    found = read_reference(tmp_path)
    np.testing.assert_allclose(found.obsm["spatial"], spots.obsm["spatial"])


@pytest.mark.parametrize("there", [("lowres",), ("hires",), ()])
def test_an_image_that_lacks(spots: ad.AnnData, tmp_path: Path, there: tuple[str, ...]) -> None:
    found = read_reference(write(spots, tmp_path / "run", images=there))
    assert set(found.uns["spatial"][LIBRARY]["images"]) == set(there)
    assert (best_image(found.uns["spatial"][LIBRARY]) is not None) == bool(there)


def test_no_scale_factors(
    spots: ad.AnnData, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    folder = write(spots, tmp_path / "run")
    (folder / "spatial" / "scalefactors_json.json").unlink()
    assert read_reference(folder).n_obs == spots.n_obs
    assert "scalefactors_json.json" in caplog.text


def test_raw_counts_are_of_the_tissue_alone(spots: ad.AnnData, tmp_path: Path) -> None:
    inside = np.arange(spots.n_obs) % 3 > 0
    folder = write(spots, tmp_path / "run", counts="raw_feature_bc_matrix.h5", in_tissue=inside)
    assert read_reference(folder).obs_names.tolist() == spots.obs_names[inside].tolist()


def test_spots_without_a_place_are_left_out(
    spots: ad.AnnData, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    folder = write(spots, tmp_path / "run")
    path = folder / "spatial" / "tissue_positions.csv"
    lines = path.read_text().splitlines(True)
    path.write_text("".join(lines[:1] + lines[3:]))
    assert read_reference(folder).n_obs == spots.n_obs - 2
    assert "no place for 2 spots" in caplog.text


def test_barcodes_that_lost_their_well(spots: ad.AnnData, tmp_path: Path) -> None:
    spots.obs_names = [f"{name}-1" for name in spots.obs_names]
    folder = write(spots, tmp_path / "run")
    path = folder / "spatial" / "tissue_positions.csv"
    path.write_text(path.read_text().replace("-1,", ","))
    np.testing.assert_allclose(read_reference(folder).obsm["spatial"], spots.obsm["spatial"])


def test_files_as_they_are_deposited(spots: ad.AnnData, tmp_path: Path) -> None:
    """Packed one by one, with the sample's name, all in one folder."""
    folder = write(spots, tmp_path / "run", prefix="GSM1_")
    for path in list((folder / "spatial").iterdir()):
        packed = folder / path.name
        if path.suffix in (".csv", ".json", ".png"):
            packed = packed.with_name(f"{path.name}.gz")
            packed.write_bytes(gzip.compress(path.read_bytes()))
        else:
            shutil.copy(path, packed)
    shutil.rmtree(folder / "spatial")
    found = read_reference(folder)
    np.testing.assert_allclose(found.obsm["spatial"], spots.obsm["spatial"])
    assert best_image(found.uns["spatial"][LIBRARY]) is not None


def test_what_cannot_be_told_is_refused(spots: ad.AnnData, tmp_path: Path, refuses: Any) -> None:
    folder = write(spots, tmp_path / "run", prefix="A_")
    shutil.copy(
        folder / "A_filtered_feature_bc_matrix.h5", folder / "B_filtered_feature_bc_matrix.h5"
    )
    with refuses("counts of several samples"):
        read_reference(folder)
    bare = tmp_path / "bare"
    shutil.copytree(folder / "spatial", bare / "spatial")
    with refuses("places of spots but no counts"):
        read_reference(bare)
    other = write(spots, tmp_path / "other")
    path = other / "spatial" / "tissue_positions.csv"
    path.write_text("barcode,x,y\na,1,2\n")
    with refuses("lacks the columns"):
        read_reference(other)
    path.write_text(f"{','.join(COLUMNS)}\nother,1,0,0,3,4\n")
    with refuses("none of its spots has a place"):
        read_reference(other)


@pytest.mark.parametrize("mode", ["P", "RGBA", "L", "LA", "I;16", "1", "CMYK"])
def test_pictures_of_every_mode(spots: ad.AnnData, tmp_path: Path, mode: str) -> None:
    folder = write(spots, tmp_path / "run", images=())
    colour = np.zeros((40, 60, 3), np.uint8)
    colour[:20, :30] = [200, 40, 90]
    picture = Image.fromarray(colour)
    if mode == "I;16":
        picture = Image.fromarray(colour[..., 0].astype(np.uint16) * 257)
    elif mode == "P":
        picture = picture.convert("P", palette=Image.Palette.ADAPTIVE)
    else:
        picture = picture.convert(mode)
    end = "tiff" if mode == "CMYK" else "png"
    picture.save(folder / "spatial" / f"tissue_hires_image.{end}")
    image, _ = best_image(read_reference(folder).uns["spatial"][LIBRARY])
    assert image.shape[:2] == (40, 60)
    if mode in ("P", "RGBA", "CMYK"):
        np.testing.assert_allclose(image[5, 5, :3], [200, 40, 90], atol=12)
    assert np.mean(image[5, 5]) > np.mean(image[30, 50]) or mode == "RGBA"


@pytest.mark.parametrize("content", [b"{", b"[1]", b"\xff\xfe", b"[" * 100_000])
def test_damaged_scale_factors_are_named(
    spots: ad.AnnData, tmp_path: Path, refuses: Any, content: bytes
) -> None:
    folder = write(spots, tmp_path / "run")
    (folder / "spatial" / "scalefactors_json.json").write_bytes(content)
    with refuses("scalefactors_json.json: it"):
        read_reference(folder)


def test_a_damaged_picture_is_named(spots: ad.AnnData, tmp_path: Path, refuses: Any) -> None:
    folder = write(spots, tmp_path / "run")
    path = folder / "spatial" / "tissue_hires_image.png"
    path.write_bytes(path.read_bytes()[:300])
    with refuses("tissue_hires_image.png: it is no whole image"):
        read_reference(folder)


@pytest.mark.parametrize("part", ["filtered_feature_bc_matrix.h5", "spatial"])
def test_a_part_of_the_folder_finds_the_others(
    spots: ad.AnnData, tmp_path: Path, part: str
) -> None:
    folder = write(spots, tmp_path / "outs")
    found = read_reference(folder / part)
    np.testing.assert_allclose(found.obsm["spatial"], np.asarray(spots.obsm["spatial"]))
    assert best_image(found.uns["spatial"][LIBRARY]) is not None
