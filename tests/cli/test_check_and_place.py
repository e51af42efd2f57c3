"""The command line: checking first, every output, and a sentence whatever goes wrong."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import anndata as ad
import numpy as np
import pytest
from PIL import Image

from napari_dpvae import DPVAE, read_placed
from napari_dpvae.analysis.outcome import outcome
from napari_dpvae.cli import commands, main

HASTY = ["--epochs", "2", "--regularisation", "light", "--genes", "40", "--hidden", "16"]
HASTY += ["--wide-genes", "0", "--members", "2", "--checks", "0", "--blocks", "0"]


@pytest.fixture
def files(phantom: Any, model: DPVAE, tmp_path: Path) -> Path:
    phantom.reference.write_h5ad(tmp_path / "reference.h5ad")
    phantom.query.write_h5ad(tmp_path / "query.h5ad")
    model.save(tmp_path / "model.safetensors")
    return tmp_path


def test_check_tells_and_exits_by_what_it_found(
    files: Path, phantom: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    reference, query = str(files / "reference.h5ad"), str(files / "query.h5ad")
    assert main(["check", reference, query]) == 0
    said = capsys.readouterr().out
    assert "321" in said and "Nothing to look at twice." in said
    assert "Certainty\n  Spots lie 100 units apart" in said and "300 genes that are shared" in said
    shallow = phantom.reference.copy()
    del shallow.uns["spatial"]
    shallow.write_h5ad(reference)
    assert main(["check", "--json", reference, query]) == 1
    found = json.loads(capsys.readouterr().out)
    assert found["verdict"] == "look twice" and "no image" in found["warnings"][0]
    assert "found again by their expression" in found["certainty"][1]
    assert main(["check", query]) == 2
    assert "Cannot be used" in capsys.readouterr().out


@pytest.mark.parametrize("suffix", [".h5ad", ".zarr", ".csv", ".geojson"])
def test_place_writes_by_the_suffix(
    files: Path, capsys: pytest.CaptureFixture[str], suffix: str
) -> None:
    out = files / f"placed{suffix}"
    arguments = ["place", str(files / "model.safetensors"), str(files / "query.h5ad")]
    assert main([*arguments, "-o", str(out)]) == 0
    assert capsys.readouterr().out.strip().endswith(f"Wrote {out}.")
    assert out.exists()
    if suffix == ".zarr":
        assert read_placed(out).n_obs == 120


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ("train FILES/reference.h5ad -o FILES/model.h5ad", "suffix .safetensors"),
        ("train FILES/reference.h5ad -o FILES/query.h5ad/m.safetensors", "does not exist"),
        ("place FILES/model.safetensors FILES/query.h5ad -o FILES/placed.parquet", "suffix .h5ad"),
        ("place FILES/model.safetensors FILES/query.h5ad -o FILES/placed.csv.gz", "suffix .h5ad"),
        ("place FILES/model.safetensors FILES/query.h5ad -o FILES/placed", "suffix .h5ad"),
        ("evaluate FILES/reference.h5ad -o FILES/report.xlsx", "suffix .csv"),
        ("view FILES/query.h5ad --screenshot FILES/figure.svg", "suffix .png"),
        ("demo --screenshot FILES/figure.jpg", "suffix .png"),
    ],
)
def test_outputs_are_refused_before_the_work(
    files: Path, capsys: pytest.CaptureFixture[str], monkeypatch: Any, arguments: str, said: str
) -> None:
    def worked(*args: object, **kwargs: object) -> None:
        raise AssertionError("the work was begun")

    for name in ("fit", "fit_epochs", "place", "place_chunks"):
        monkeypatch.setattr(DPVAE, name, worked)
    assert main(arguments.replace("FILES", str(files)).split()) == 1
    assert said in capsys.readouterr().err


def test_a_layer_holds_for_the_query_of_fine_tuning(
    files: Path, phantom: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, cells in (("reference", phantom.reference), ("query", phantom.query)):
        cells = cells.copy()
        cells.layers["umi"] = cells.X.copy()
        cells.X = cells.X * 2
        cells.write_h5ad(files / f"{name}.h5ad")
    seen = {}

    def spy(self: DPVAE, reference: ad.AnnData, query: ad.AnnData, **kwargs: object) -> DPVAE:
        seen.update(reference=reference.X.max(), query=query.X.max())
        return self

    monkeypatch.setattr(DPVAE, "fine_tune", spy)
    arguments = ["train", str(files / "reference.h5ad"), "-o", str(files / "m.safetensors")]
    arguments += ["--fine-tune", str(files / "query.h5ad"), "--layer", "umi", *HASTY]
    assert main(arguments) == 0
    assert seen == {"reference": phantom.reference.X.max(), "query": phantom.query.X.max()}


def test_genes_by_a_table(files: Path, phantom: Any, capsys: pytest.CaptureFixture[str]) -> None:
    query = phantom.query.copy()
    (files / "genes.tsv").write_text(
        "query\treference\n" + "".join(f"fly{i}\t{g}\n" for i, g in enumerate(query.var_names))
    )
    query.var_names = [f"fly{i}" for i in range(query.n_vars)]
    query.write_h5ad(files / "query.h5ad")
    arguments = ["place", str(files / "model.safetensors"), str(files / "query.h5ad")]
    arguments += ["-o", str(files / "placed.csv")]
    assert main(arguments) == 1
    capsys.readouterr()
    assert main([*arguments, "--gene-table", str(files / "genes.tsv")]) == 0


def test_train_shows_what_to_look_at_twice(
    files: Path, phantom: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    twice = ad.concat(
        {"a": phantom.reference, "b": phantom.reference}, label="library_id", index_unique="-"
    )
    twice.write_h5ad(files / "reference.h5ad")
    arguments = ["train", str(files / "reference.h5ad"), "-o", str(files / "m.safetensors")]
    assert main([*arguments, *HASTY]) == 0
    assert "Look twice: 642 of 642 spots have the same coordinates" in capsys.readouterr().err


def uncertain(placed: ad.AnnData, **about: object) -> str:
    cells = placed.copy()
    cells.obs["dpvae_status"] = cells.obs["dpvae_status"].where(np.arange(120) > 90, "uncertain")
    cells.uns["dpvae"] = {**cells.uns["dpvae"], **about}
    return " ".join(outcome(cells))


def test_why_cells_are_uncertain(placed: ad.AnnData) -> None:
    cells = placed.copy()
    cells.obs["dpvae_status"] = cells.obs["dpvae_status"].where(np.zeros(120, bool), "placed")
    assert list(outcome(cells)) == ["120 cells: 120 placed."]
    assert "wider than half of the reference" in uncertain(placed)
    assert "lacks 60 of the model's" in uncertain(placed, genes_missing=60)
    assert "differ in platform or unit" in uncertain(placed, standardised_by="query")
    cells.obs["dpvae_radius"] = np.nan
    assert "not calibrated" in uncertain(cells)
    cells.obs["dpvae_status"] = cells.obs["dpvae_status"].where(np.arange(120) > 50, "outside")
    assert "of another tissue" in " ".join(outcome(cells))


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (MemoryError(), "not enough memory"),
        (RecursionError(), "nested too deep"),
        (TypeError("odd\nthing"), "TypeError: odd thing"),
        (ZeroDivisionError("division by zero"), "ZeroDivisionError"),
        (KeyError("x"), "KeyError: 'x'"),
        (OSError(28, "No space left on device"), "No space left"),
        (ValueError(), "ValueError"),
    ],
)
def test_no_error_ends_in_a_traceback(
    capsys: pytest.CaptureFixture[str], monkeypatch: Any, error: Exception, said: str
) -> None:
    def fails(options: Any) -> None:
        raise error

    monkeypatch.setattr(commands, "check", fails)
    assert main(["check", "x"]) == 1
    (line,) = capsys.readouterr().err.strip().splitlines()
    assert line.startswith("napari-dpvae: ") and said in line


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such paths and signals")
class TestPrograms:
    """Run as a program of its own."""

    @pytest.mark.parametrize("encoding", ["ascii", pytest.param("utf-8", marks=pytest.mark.slow)])
    def test_a_path_that_is_no_text(self, encoding: str) -> None:
        done = subprocess.run(
            [sys.executable, "-m", "napari_dpvae.cli", "check", os.fsdecode(b"/\xff/\xc3\xa9")],
            capture_output=True,
            env={**os.environ, "PYTHONIOENCODING": encoding},
            timeout=120,
            check=False,
        )
        assert done.returncode == 2
        assert b"There is no file or folder" in done.stdout
        assert b"Traceback" not in done.stderr

    def test_sigterm_leaves_no_scratch(self, tmp_path: Path) -> None:
        code = (
            "import sys, time; from napari_dpvae.cli import commands, main\n"
            "from napari_dpvae.data.replacing import replacing\n"
            "def work(options):\n"
            f"  with replacing(r'{tmp_path}/out.csv'):\n"
            "    print('at work', flush=True); time.sleep(60)\n"
            "commands.check = work; sys.exit(main(['check', 'x']))"
        )
        work = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
        assert work.stdout is not None and work.stdout.readline() == "at work\n"
        work.send_signal(signal.SIGTERM)
        assert work.wait(60) == 143
        assert not list(tmp_path.iterdir())


def test_a_reference_of_several_files_and_an_image_of_its_own(
    phantom: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    paths = [str(tmp_path / f"{name}.h5ad") for name in ("one", "two")]
    for path in paths:
        phantom.reference.write_h5ad(path)
    output = ["-o", str(tmp_path / "m.safetensors")]
    assert main(["train", paths[0], "--also", paths[1], *output, *HASTY]) == 0
    assert f"{2 * phantom.reference.n_obs} spots" in capsys.readouterr().out
    assert DPVAE.load(tmp_path / "m.safetensors").trained.frame == "one"
    main(["check", paths[0], "--also", paths[1], "--json"])
    sections = json.loads(capsys.readouterr().out)["reference"]["sections"]
    assert sections == dict.fromkeys(("one", "two"), phantom.reference.n_obs)
    Image.new("RGB", (300, 200), "white").save(tmp_path / "i.png")
    main(["check", paths[0], "--image", str(tmp_path / "i.png"), "--image-affine", "8"])
    assert "300 x 200 pixels of 8 units" in capsys.readouterr().out
