"""The command line: the same names, exit codes, and one sentence when it cannot."""

import dataclasses
import subprocess
import sys
from pathlib import Path

import anndata as ad
import numpy as np
import pandas as pd
import pytest

from napari_dpvae import DPVAE, EpochReport, PlacementSettings, TrainingSettings, read_placed
from napari_dpvae.cli import commands, main
from napari_dpvae.data.phantom import Phantom

HASTY = ["--epochs", "2", "--regularisation", "light", "--genes", "40", "--hidden", "16"]
HASTY += ["--wide-genes", "0", "--members", "2", "--checks", "0", "--blocks", "0"]


@pytest.fixture(scope="module")
def files(
    phantom: Phantom, hasty: TrainingSettings, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """A folder with reference.h5ad, query.h5ad, section.h5ad and model.safetensors."""
    folder = tmp_path_factory.mktemp("files")
    phantom.reference.write_h5ad(folder / "reference.h5ad")
    phantom.query.write_h5ad(folder / "query.h5ad")
    section = phantom.query.copy()
    section.obsm["spatial"] = phantom.truth.to_numpy()
    section.write_h5ad(folder / "section.h5ad")
    DPVAE(hasty).fit(phantom.reference).save(folder / "model.safetensors")
    return folder


def assert_refused(
    arguments: list[str], said: str, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """It exits with 1 after one sentence on stderr, and leaves no file behind."""
    before = sorted(folder.iterdir())
    assert main(arguments) == 1
    lines = capsys.readouterr().err.strip().splitlines()
    assert lines[-1].startswith("napari-dpvae: ")
    assert said in lines[-1]
    assert not any("Traceback" in line for line in lines)
    assert sorted(folder.iterdir()) == before


def test_train_and_place_do_what_python_does(
    files: Path, phantom: Phantom, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    model, placed = str(tmp_path / "model.safetensors"), str(tmp_path / "placed.h5ad")
    assert main(["train", str(files / "reference.h5ad"), "-o", model, *HASTY]) == 0
    said = capsys.readouterr().out
    assert "321 spots, 300 genes" in said
    assert f"Wrote {model}" in said
    assert main(["place", model, str(files / "query.h5ad"), "-o", placed]) == 0
    assert capsys.readouterr().out.startswith("120 cells: ")
    expected = DPVAE.load(files / "model.safetensors").place(phantom.query)
    np.testing.assert_array_equal(read_placed(placed).obsm["spatial"], expected.obsm["spatial"])


def test_settings_reach_training_and_placement(files: Path, tmp_path: Path) -> None:
    model, placed = str(tmp_path / "model.safetensors"), str(tmp_path / "placed.h5ad")
    changed = ["--latent-dim", "5", "--alpha2", "3.5", "--mask", "knn", "--seed", "4"]
    assert main(["train", str(files / "reference.h5ad"), "-o", model, *HASTY, *changed]) == 0
    settings = DPVAE.load(model).settings
    assert (settings.latent_dim, settings.alpha2) == (5, 3.5)
    assert (settings.mask, settings.seed) == ("knn", 4)
    options = ["--anchors", "7", "--domain", "convex", "--mode", "free"]
    assert main(["place", model, str(files / "query.h5ad"), "-o", placed, *options]) == 0
    about = ad.read_h5ad(placed).uns["dpvae"]["placement"]
    assert (about["anchors"], about["domain"], about["mode"]) == (7, "convex", "free")


def test_place_writes_a_table_too(files: Path, tmp_path: Path) -> None:
    out = tmp_path / "placed.csv"
    arguments = ["place", str(files / "model.safetensors"), str(files / "query.h5ad")]
    assert main([*arguments, "-o", str(out)]) == 0
    assert len(pd.read_csv(out)) == 120


def test_train_reads_a_layer_and_sections(phantom: Phantom, tmp_path: Path) -> None:
    reference = phantom.reference.copy()
    reference.layers["counts"] = reference.X.copy()
    reference.X = reference.X.log1p()
    reference.obs["slice"] = pd.Categorical(["a", "b", "a"] * (reference.n_obs // 3))
    reference.write_h5ad(tmp_path / "reference.h5ad")
    out = tmp_path / "model.safetensors"
    options = ["--layer", "counts", "--section-key", "slice", *HASTY]
    assert main(["train", str(tmp_path / "reference.h5ad"), "-o", str(out), *options]) == 0
    trained = DPVAE.load(out).trained
    assert trained.panel.counts
    assert len(trained.coordinates) == (reference.obs["slice"] == "a").sum()


def test_evaluate_prints_and_writes_the_measures(
    files: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "report.csv"
    reference = str(files / "reference.h5ad")
    assert main(["evaluate", reference, "--split", "block", "-o", str(out), *HASTY]) == 0
    said = capsys.readouterr().out
    assert "dp-VAE" in said
    assert "vanilla VAE" in said
    assert "procrustes" in said
    table = pd.read_csv(out)
    assert table["method"].tolist() == ["dp-VAE", "vanilla VAE"]
    assert np.isfinite(table["procrustes"]).all()


def test_evaluate_takes_another_section(files: Path, capsys: pytest.CaptureFixture[str]) -> None:
    section = ["--query", str(files / "section.h5ad"), "--alpha2", "0"]
    assert main(["evaluate", str(files / "reference.h5ad"), *section, *HASTY]) == 0
    assert "vanilla VAE" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ("train nowhere.h5ad -o OUT.safetensors", "no file or folder nowhere.h5ad"),
        ("train FILES/query.h5ad -o OUT.safetensors", "no coordinates"),
        ("train FILES/reference.h5ad -o nowhere/m.safetensors", "nowhere does not exist"),
        ("train FILES/reference.h5ad -o FILES", "suffix .safetensors"),
        ("train FILES/reference.h5ad -o OUT.safetensors --epochs -1", "epochs is -1"),
        ("train FILES/reference.h5ad -o OUT.safetensors --alpha2 nan", "alpha2 is nan"),
        ("train FILES/reference.h5ad -o OUT.safetensors --layer raw", "no layer 'raw'"),
        ("train FILES/reference.h5ad -o OUT.safetensors --section-key s", "no obs column 's'"),
        ("train FILES/model.safetensors -o OUT.safetensors", "none of the formats that are read"),
        ("place nowhere.safetensors FILES/query.h5ad -o OUT.h5ad", "no file or folder"),
        ("place FILES/query.h5ad FILES/query.h5ad -o OUT.h5ad", "not a napari-dpvae model"),
        ("place FILES/model.safetensors nowhere.h5ad -o OUT.h5ad", "no file or folder"),
        (
            "place FILES/model.safetensors FILES/query.h5ad -o OUT.xlsx",
            "suffix .h5ad or .zarr",
        ),
        ("place FILES/model.safetensors FILES/query.h5ad -o OUT.csv --anchors 0", "anchors is 0"),
        ("evaluate FILES/reference.h5ad --query FILES/query.h5ad -o OUT.csv", "no coordinates"),
        ("evaluate FILES/reference.h5ad --seeds 0 -o OUT.csv", "seeds"),
        ("evaluate FILES/reference.h5ad -o nowhere/report.csv", "nowhere does not exist"),
        ("view nowhere.h5ad", "no file or folder"),
        ("view FILES/query.h5ad", "no placed cells"),
    ],
)
def test_bad_input_ends_in_one_sentence_and_no_file(
    files: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], arguments: str, said: str
) -> None:
    filled = arguments.replace("FILES", str(files)).replace("OUT", str(tmp_path / "out"))
    assert_refused(filled.split(), said, tmp_path, capsys)


def test_without_a_display_a_window_is_refused_before_qt_ends_the_program(
    files: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    if sys.platform != "linux":
        pytest.skip("other systems always have a display")
    placed = tmp_path / "placed.h5ad"
    arguments = ["place", str(files / "model.safetensors"), str(files / "query.h5ad")]
    assert main([*arguments, "-o", str(placed)]) == 0
    for name in ("DISPLAY", "WAYLAND_DISPLAY", "QT_QPA_PLATFORM"):
        monkeypatch.delenv(name, raising=False)
    assert_refused(["view", str(placed)], "xvfb-run", tmp_path, capsys)


@pytest.mark.parametrize(
    "arguments", [[], ["fly"], ["train"], ["train", "x.h5ad", "-o", "y", "--mask", "some"]]
)
def test_a_wrong_call_shows_the_usage(
    arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as end:
        main(arguments)
    assert end.value.code == 2
    assert "usage: napari-dpvae" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("command", "kinds"),
    [
        ("train", [TrainingSettings]),
        ("place", [PlacementSettings]),
        ("evaluate", [TrainingSettings, PlacementSettings]),
    ],
)
def test_help_lists_every_setting_with_its_help(
    command: str, kinds: list[type], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as end:
        main([command, "--help"])
    assert end.value.code == 0
    said = " ".join(capsys.readouterr().out.split())
    for kind in kinds:
        for spec in dataclasses.fields(kind):
            assert f"--{spec.name.replace('_', '-')}" in said
            assert " ".join(spec.metadata["help"].split()[:4]) in said


def test_the_version_is_that_of_the_package(capsys: pytest.CaptureFixture[str]) -> None:
    import napari_dpvae

    with pytest.raises(SystemExit):
        main(["--version"])
    assert capsys.readouterr().out.strip() == f"napari-dpvae {napari_dpvae.__version__}"


def test_an_interruption_has_its_own_exit_code(
    files: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def interrupt(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("napari_dpvae.data.read.read_reference", interrupt)
    out = str(tmp_path / "model.safetensors")
    assert main(["train", str(files / "reference.h5ad"), "-o", out]) == 130
    assert "stopped" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


def test_the_module_runs_as_a_program(tmp_path: Path) -> None:
    done = subprocess.run(
        [
            sys.executable,
            "-m",
            "napari_dpvae.cli",
            "train",
            "nowhere.h5ad",
            "-o",
            "model.safetensors",
        ],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 1
    assert done.stderr.strip() == "napari-dpvae: There is no file or folder nowhere.h5ad."
    assert not done.stdout


def test_a_model_is_fine_tuned_with_a_query(files: Path, tmp_path: Path) -> None:
    tuned = str(tmp_path / "tuned.safetensors")
    train = ["train", str(files / "reference.h5ad"), *HASTY]
    assert main([*train, "-o", tuned, "--fine-tune", str(files / "query.h5ad")]) == 0
    plain = files / "model.safetensors"
    assert DPVAE.load(plain).trained.model_hash() != DPVAE.load(tuned).trained.model_hash()


def test_known_places_are_imputed_around(files: Path, tmp_path: Path, phantom: Phantom) -> None:
    query = phantom.query.copy()
    query.obsm["some"] = phantom.truth.loc[query.obs_names].to_numpy(copy=True)
    query.obsm["some"][3:] = np.nan
    query.write_h5ad(tmp_path / "query.h5ad")
    out = str(tmp_path / "placed.h5ad")
    arguments = ["place", str(files / "model.safetensors"), str(tmp_path / "query.h5ad")]
    assert main([*arguments, "-o", out, "--mode", "impute", "--known-key", "some"]) == 0
    found = read_placed(out).obsm["spatial"][:3]
    np.testing.assert_array_equal(found, query.obsm["some"][:3])


def test_what_takes_long_says_how_far_it_is_without_a_terminal(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def said() -> str:
        with commands._bar() as show:
            for epoch in range(1, 11):
                show(EpochReport("choosing genes", epoch, 10))
        return capsys.readouterr().err

    assert said() == ""
    monkeypatch.setattr(commands, "SELDOM", 0.0)
    assert "choosing genes" in said()
