"""Kinds that are made one by one: files, cells and results as people have them."""

from __future__ import annotations

import gzip
import pickle
import shutil
import struct
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path

import anndata as ad
import h5py
import numpy as np
import pandas as pd
from scipy import sparse
from tests.wrong_inputs.kinds import FILES, Wrong, model, phantom, tissue
from tests.wrong_inputs.kinds import wrong as wrong_in

from napari_dpvae import (
    DPVAE,
    TrainingSettings,
    read_placed,
    read_query,
    read_reference,
    write_placed,
)
from napari_dpvae.data.beside import as_matrix
from napari_dpvae.data.checks import check_reference
from napari_dpvae.data.coordinates import known_coordinates
from napari_dpvae.data.gene_names import match_genes, read_gene_table
from napari_dpvae.data.layout import Layout
from napari_dpvae.viewer.state.session_file import SavedSession


def wrong(words: str) -> Callable[[Wrong], Wrong]:
    """Files and what is in them."""
    return wrong_in(FILES, words)


def changed(change: Callable[[ad.AnnData], object]) -> Wrong:
    """A reference file that differs in one thing."""

    def make(folder: Path) -> object:
        cells = tissue()
        change(cells)
        cells.write_h5ad(folder / "cells.h5ad")
        return read_reference(folder / "cells.h5ad")

    return make


def file(name: str, content: bytes) -> Wrong:
    """A file with some bytes in it."""

    def make(folder: Path) -> object:
        (folder / name).write_bytes(content)
        return read_query(folder / name)

    return make


def hdf5(fill: Callable[[h5py.File], object], name: str = "cells.h5") -> Wrong:
    """An HDF5 file."""

    def make(folder: Path) -> object:
        with h5py.File(folder / name, "w") as opened:
            fill(opened)
        return read_query(folder / name)

    return make


def edited(edit: Callable[[h5py.File], object]) -> Wrong:
    """A whole ``.h5ad`` that something was done to afterwards."""

    def make(folder: Path) -> object:
        tissue().write_h5ad(folder / "cells.h5ad")
        with h5py.File(folder / "cells.h5ad", "r+") as opened:
            edit(opened)
        return read_query(folder / "cells.h5ad")

    return make


def edited_phantom(edit: Callable[[h5py.File], object]) -> Wrong:
    """A whole ``.h5ad`` of the phantom's cells that something was done to afterwards."""

    def make(folder: Path) -> object:
        phantom().query.write_h5ad(folder / "cells.h5ad")
        with h5py.File(folder / "cells.h5ad", "r+") as opened:
            edit(opened)
        return read_query(folder / "cells.h5ad")

    return make


def fitting_phantom(
    change: Callable[[ad.AnnData], ad.AnnData], section_key: str | None = None, **settings: str
) -> Wrong:
    """The phantom's reference, changed, that is given to be trained on."""

    def make(folder: Path) -> object:
        reference = change(phantom().reference.copy())
        return DPVAE(TrainingSettings(epochs=1), **settings).fit(reference, section_key=section_key)

    return make


def zstd(matrix: h5py.Group) -> None:
    """Values that say they are packed with zstd, which nothing here unpacks."""
    properties = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
    properties.set_chunk((100,))
    properties.set_filter(32015, h5py.h5z.FLAG_OPTIONAL, ())
    values, space = matrix["data"], h5py.h5s.create_simple(matrix["data"].shape)
    del matrix["data"]
    h5py.h5d.create(matrix.id, b"data", values.id.get_type(), space, properties)


def placing(change: Callable[[ad.AnnData], ad.AnnData | None]) -> Wrong:
    """A query in memory that is given to a model."""

    def make(folder: Path) -> object:
        query = tissue()
        made = change(query)
        return model().place(query if made is None else made)

    return make


def fitting(change: Callable[[ad.AnnData], object], **options: str) -> Wrong:
    """A reference in memory that is given to be trained on."""

    def make(folder: Path) -> object:
        reference = tissue()
        change(reference)
        return DPVAE(TrainingSettings(epochs=1)).fit(reference, **options)

    return make


def table(counts: str, places: str | None = None) -> Wrong:
    """Counts as CSV, and maybe coordinates beside them."""

    def make(folder: Path) -> object:
        (folder / "counts.csv").write_text(counts)
        if places is not None:
            (folder / "coordinates.csv").write_text(places)
        return read_reference(folder / "counts.csv")

    return make


def matrix(barcodes: str | None, features: str | None, values: str) -> Wrong:
    """A ``matrix.mtx`` with what is beside it."""

    def make(folder: Path) -> object:
        (folder / "matrix.mtx").write_text(values)
        for name, content in (("barcodes.tsv", barcodes), ("features.tsv", features)):
            if content is not None:
                (folder / name).write_text(content)
        return read_query(folder)

    return make


def put(cells: ad.AnnData, x: object) -> None:
    cells.X = x


def one_value(value: float) -> Callable[[ad.AnnData], None]:
    def change(cells: ad.AnnData) -> None:
        x = cells.X.toarray()
        x[3, 4] = value
        cells.X = x

    return change


MTX = "%%MatrixMarket matrix coordinate integer general\n"

# Files that are none, or of no format that is read.
wrong("no file of that name")(lambda folder: read_query(folder / "cells.h5ad"))
wrong("an empty file")(file("cells.h5ad", b""))
wrong("an empty folder")(lambda folder: read_query(folder))
wrong("a folder of something else")(
    lambda folder: ((folder / "notes.md").write_text("x"), read_query(folder))
)
wrong("a web page in place of the file")(file("cells.h5ad", b"<!DOCTYPE html><html>404</html>"))
wrong("a file of R")(file("cells.rds", b"\x1f\x8b\x08\x00x"))
wrong("an h5Seurat file")(file("cells.h5seurat", b"x"))
wrong("a workbook")(file("cells.xlsx", b"PK\x03\x04x"))
wrong("a zip archive")(file("cells.zip", b"PK\x03\x04x"))
wrong("a packed h5ad")(file("cells.h5ad.gz", gzip.compress(b"\x89HDF\r\n\x1a\n" + b"x" * 99)))
wrong("a packed file that ends too early")(file("cells.h5ad.gz", gzip.compress(b"x" * 999)[:20]))
wrong("a picture")(file("cells.png", b"\x89PNG\r\n\x1a\nx"))
wrong("an HDF5 file of another program")(hdf5(lambda f: f.create_dataset("energy", data=[1.0])))
wrong("molecules of Cell Ranger in place of its matrix")(
    hdf5(lambda f: [f.create_dataset(k, data=[1]) for k in ("barcode_idx", "count", "umi")])
)


@wrong("an h5ad that was not copied completely")
def _(folder: Path) -> object:
    tissue().write_h5ad(folder / "cells.h5ad")
    content = (folder / "cells.h5ad").read_bytes()
    (folder / "cells.h5ad").write_bytes(content[: len(content) // 2])
    return read_query(folder / "cells.h5ad")


# Damaged or forged files.
wrong("a link to another file in an h5ad")(
    edited(lambda f: f.__setitem__("extra", h5py.ExternalLink("other.h5", "/x")))
)
wrong("indices of genes that are not there")(edited(lambda f: f["X/indices"].__setitem__(0, 4000)))
wrong("row pointers that fall")(edited(lambda f: f["X/indptr"].__setitem__(5, 1)))
wrong("a matrix that claims more than it holds")(
    edited(lambda f: f.create_dataset("layers/huge", (10**6, 10**6), "f4", chunks=(100, 100)))
)

wrong("a matrix packed in a way that HDF5 has to be taught")(edited(lambda f: zstd(f["X"])))
wrong("an array whose name has a /, of an older anndata")(
    edited(lambda f: f.create_dataset("obsm/X_umap/res_1", data=np.zeros((60, 2))))
)

# Expression.
wrong("values that are not finite")(changed(one_value(np.nan)))
wrong("a negative count")(changed(one_value(-3.0)))
wrong("a count beyond what a cell can have")(changed(one_value(1e12)))
wrong("only zeros")(changed(lambda c: put(c, sparse.csr_matrix(c.shape, dtype=np.float32))))
wrong("true and false in place of counts")(changed(lambda c: put(c, c.X.toarray() > 0)))
wrong("no X, and no layer with counts")(changed(lambda c: put(c, None)))
wrong("complex numbers")(changed(lambda c: put(c, c.X.toarray().astype(np.complex64))))
wrong("a layer that is not there")(
    lambda folder: (
        tissue().write_h5ad(folder / "c.h5ad"),
        read_query(folder / "c.h5ad", layer="umis"),
    )
)
wrong("no cells")(placing(lambda c: c[:0].copy()))
wrong("no genes")(placing(lambda c: c[:, :0].copy()))
wrong("a query that is still in its file")(
    lambda folder: (
        tissue().write_h5ad(folder / "c.h5ad"),
        model().place(ad.read_h5ad(folder / "c.h5ad", backed="r")),
    )
)
wrong("a data frame in place of an AnnData")(placing(lambda c: c.to_df()))  # type: ignore[arg-type]

# Genes.
wrong("numbers for gene names")(
    changed(lambda c: setattr(c, "var_names", [str(i) for i in range(c.n_vars)]))
)
wrong("most genes of one name")(
    changed(lambda c: setattr(c, "var_names", ["Gene"] * 30 + list(c.var_names[30:])))
)
wrong("two genes of one name, in memory")(
    placing(lambda c: setattr(c, "var_names", ["Gene1", "Gene1", *c.var_names[2:]]))
)
wrong("a query of another species or naming")(
    placing(lambda c: setattr(c, "var_names", [f"FBgn{i:07d}" for i in range(c.n_vars)]))
)
wrong("a query that is transposed")(
    placing(lambda c: ad.AnnData(c.X.T.tocsr(), obs=c.var.copy(), var=c.obs.copy()))
)
wrong("a gene table that matches nothing")(
    lambda folder: match_genes(tissue().var_names, tissue(), table={"a": "b"})
)
wrong("a gene table of one column")(
    lambda folder: (
        (folder / "genes.csv").write_text("query\nA\n"),
        read_gene_table(folder / "genes.csv"),
    )
)
wrong("features of other kinds alone")(
    changed(lambda c: c.var.__setitem__("feature_types", "Antibody Capture"))
)

# Coordinates and sections.
wrong("a reference without coordinates")(changed(lambda c: c.obsm.pop("spatial")))
wrong("coordinates that may be in several columns")(
    changed(
        lambda c: (
            [
                c.obs.__setitem__(name, values)
                for side in ("left", "right")
                for name, values in zip(
                    (f"{side}_x", f"{side}_y"), c.obsm["spatial"].T, strict=True
                )
            ]
            and c.obsm.pop("spatial")
        )
    )
)
wrong("a reference that is transposed")(
    lambda folder: check_reference(
        ad.AnnData(np.ones((40, 60)), varm={"spatial": tissue().obsm["spatial"]})
    )
)
wrong("coordinates that are text")(
    changed(lambda c: c.obsm.__setitem__("spatial", np.full((60, 2), "here")))
)
wrong("coordinates of four columns")(
    changed(lambda c: c.obsm.__setitem__("spatial", np.ones((60, 4))))
)
wrong("no coordinate that is known")(
    changed(lambda c: c.obsm.__setitem__("spatial", np.full((60, 2), np.nan)))
)
wrong("all spots at one place")(changed(lambda c: c.obsm.__setitem__("spatial", np.ones((60, 2)))))
wrong("coordinates beyond all bounds")(
    changed(lambda c: c.obsm.__setitem__("spatial", c.obsm["spatial"] * 1e100))
)
wrong("three spots")(lambda folder: check_reference(tissue()[:3].copy()))
wrong("a section key that is no column")(fitting(lambda c: None, section_key="slide"))
wrong("a section key with a value for each spot")(
    fitting(lambda c: c.obs.__setitem__("slide", c.obs_names), section_key="slide")
)
wrong("spots without a section")(
    fitting(lambda c: c.obs.__setitem__("slide", ["a", "b", None] * 20), section_key="slide")
)
wrong("sections that are all too small")(
    fitting(
        lambda c: c.obs.__setitem__("slide", [f"s{i // 6}" for i in range(60)]),
        section_key="slide",
    )
)
wrong("a frame that is no section")(
    lambda folder: Layout.read(
        ad.AnnData(tissue().X, obs=pd.DataFrame({"slide": ["a", "b"] * 30}, tissue().obs_names)),
        "slide",
        "c",
    )
)
wrong("pairs that are not there")(lambda folder: Layout.read(tissue(), pairs_key="pairs"))
wrong("known places that are not there")(lambda folder: known_coordinates(tissue(), "known", 2))
wrong("known places in three dimensions for a slice")(
    lambda folder: known_coordinates(tissue(), "spatial", 3)
)
wrong("a section key for several files")(
    lambda folder: read_reference(["a.h5ad", "b.h5ad"], section_key="slide")
)
wrong("an image that is none")(
    lambda folder: (
        tissue().write_h5ad(folder / "r.h5ad"),
        read_reference(folder / "r.h5ad", image=folder / "r.h5ad"),
    )
)
wrong("a TIFF that ends too early")(
    lambda folder: (
        tissue().write_h5ad(folder / "r.h5ad"),
        (folder / "i.tif").write_bytes(b"II*\x00"),
        read_reference(folder / "r.h5ad", image=folder / "i.tif"),
    )
)
wrong("an affine of two numbers")(lambda folder: as_matrix([2, 3]))

# Tables and matrices as text.
wrong("counts as CSV without coordinates")(table("cell,A,B\nc1,1,2\nc2,3,4\n"))
wrong("text among counts")(table("cell,A,B\nc1,1,2\nc2,3,few\nc3,5,6\n"))
wrong("holes in a table of counts")(file("counts.csv", b"cell,A,B\nc1,1,2\nc2,,4\n"))
wrong("coordinates of other cells")(
    table("cell,A,B\nc1,1,2\nc2,3,4\n", "cell,x,y\nd1,1,2\nd2,3,4\n")
)
wrong("coordinates without x and y")(
    table("cell,A,B\nc1,1,2\nc2,3,4\n", "cell,a,b,c,d\nc1,1,2,3,4\nc2,5,6,7,8\n")
)
wrong("a CSV of one column")(file("counts.csv", b"only\na\nb\n"))
wrong("text that is not UTF-8")(file("counts.csv", "name,Gène\na,1\n".encode("latin-1")))
wrong("a matrix.mtx without barcodes")(matrix(None, "g\tG\n", f"{MTX}1 1 1\n1 1 5\n"))
wrong("a matrix.mtx without features")(matrix("c\n", None, f"{MTX}1 1 1\n1 1 5\n"))
wrong("barcodes of another matrix")(matrix("c\nd\ne\n", "g\tG\n", f"{MTX}1 2 1\n1 1 5\n"))
wrong("a matrix.mtx without its size")(matrix("c\n", "g\tG\n", f"{MTX}% nothing\n"))
wrong("two matrices in one folder")(
    lambda folder: (
        [(folder / f"{s}_matrix.mtx").write_text(MTX) for s in "ab"],
        read_query(folder),
    )
)


@wrong("places of spots without counts")
def _(folder: Path) -> object:
    (folder / "spatial").mkdir()
    (folder / "spatial" / "tissue_positions.csv").write_text("barcode,in_tissue\na,1\n")
    return read_reference(folder)


@wrong("an OME-Zarr image in place of cells")
def _(folder: Path) -> object:
    (folder / "i.zarr").mkdir()
    (folder / "i.zarr" / ".zgroup").write_text('{"zarr_format": 2}')
    (folder / "i.zarr" / ".zattrs").write_text('{"multiscales": []}')
    return read_reference(folder / "i.zarr")


# Results.
wrong("cells that were not placed, to be shown")(
    lambda folder: (
        tissue().write_h5ad(folder / "cells.h5ad"),
        read_placed(folder / "cells.h5ad"),
    )
)
wrong("a suffix that is not written")(lambda folder: write_placed(tissue(), folder / "p.xlsx"))
wrong("a folder that is not there")(lambda folder: write_placed(tissue(), folder / "no" / "p.csv"))
wrong("a folder in place of a file to write")(
    lambda folder: ((folder / "p.csv").mkdir(), write_placed(tissue(), folder / "p.csv"))
)
wrong("a file that is no model")(
    lambda folder: (
        (folder / "m.safetensors").write_bytes(b"x" * 99),
        DPVAE.load(folder / "m.safetensors"),
    )
)


# Crafted to reach farther than a file should, or to take the machine down.
wrong("an archive of numpy in place of cells")(
    lambda folder: (
        np.savez(folder / "cells.npz", x=np.ones(3)),
        read_query(folder / "cells.npz"),
    )
)


@wrong("a folder that links to itself")
def _(folder: Path) -> object:
    (folder / "spatial").symlink_to(folder)
    return read_reference(folder)


@wrong("a store that links out of itself")
def _(folder: Path) -> object:
    tissue().write_zarr(folder / "cells.zarr")
    shutil.rmtree(folder / "cells.zarr" / "obs")
    (folder / "cells.zarr" / "obs").symlink_to("/")
    return read_query(folder / "cells.zarr")


def elsewhere(file: h5py.File) -> None:
    """Names whose bytes are those of another file."""
    attributes = dict(file["obs/_index"].attrs)
    del file["obs/_index"]
    external = [(__file__, 0, 960)]
    names = file["obs"].create_dataset("_index", shape=(60,), dtype="S16", external=external)
    names.attrs.update(attributes)


def virtual(file: h5py.File) -> None:
    """Values that are a view into another file."""
    n = len(file["X/data"])
    layout = h5py.VirtualLayout((n,), "f4")
    layout[:] = h5py.VirtualSource("other.h5ad", "X/data", (n,))
    del file["X/data"]
    file["X"].create_virtual_dataset("data", layout)


def circular(file: h5py.File) -> None:
    """Categories that are the column that has them."""
    ad.io.write_elem(file["obs"], "kind", pd.Categorical(["a", "b"] * 30))
    del file["obs/kind/categories"]
    file["obs/kind/categories"] = file["obs/kind"]


wrong("names that are stored in another file")(edited(elsewhere))
wrong("values that are a view into another file")(edited(virtual))
wrong("categories that hold themselves")(edited(circular))
wrong("a matrix.mtx that claims a million million values")(
    matrix("c\n", "g\tG\n", f"{MTX}1 1 999999999999\n1 1 5\n")
)
wrong("a matrix.mtx with a gene before the first")(matrix("c\n", "g\tG\n", f"{MTX}1 1 1\n-1 1 5\n"))


@wrong("a picture that unpacks to gigabytes")
def _(folder: Path) -> object:
    def part(kind: bytes, data: bytes) -> bytes:
        check = zlib.crc32(kind + data)
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", check)

    head = struct.pack(">IIBBBBB", 300_000, 300_000, 8, 2, 0, 0, 0)
    content = part(b"IHDR", head) + part(b"IDAT", zlib.compress(bytes(999))) + part(b"IEND", b"")
    (folder / "bomb.png").write_bytes(b"\x89PNG\r\n\x1a\n" + content)
    tissue().write_h5ad(folder / "r.h5ad")
    return read_reference(folder / "r.h5ad", image=folder / "bomb.png")


def model_file(name: str, content: bytes) -> Wrong:
    """A file that is loaded as a model."""
    return lambda folder: ((folder / name).write_bytes(content), DPVAE.load(folder / name))


wrong("a pickle in place of a model")(model_file("m.safetensors", pickle.dumps({"x": 1})))
wrong("a model whose header claims terabytes")(
    model_file("m.safetensors", (10**15).to_bytes(8, "little") + b"{}")
)
wrong("a model whose header is nested deep")(
    model_file("m.safetensors", (10**5).to_bytes(8, "little") + b"[" * 10**5)
)


def session(shown: str, name: str = "shown.json") -> Wrong:
    """A session with one part."""

    def make(folder: Path) -> object:
        with zipfile.ZipFile(folder / "s.dpvae", "w") as archive:
            archive.writestr(name, shown)
        return SavedSession(folder / "s.dpvae")

    return make


wrong("a session that is nested deep")(session("[" * 100_000))
wrong("a session that is a list")(session("[1]"))
wrong("a session that says nothing")(session("{}"))
wrong("a session with a part above its folder")(session("{}", "../../shown.json"))
