"""The package as a whole: quick to import, layered as designed, complete when built."""

import ast
import dataclasses
import inspect
import json
import re
import subprocess
import sys
import tarfile
import tomllib
import zipfile
from collections.abc import Callable
from inspect import isfunction, ismethod
from pathlib import Path
from typing import Any

import pytest
from tests.conftest import Refuses

import napari_dpvae

SOURCE = Path(napari_dpvae.__file__).parent
ROOT = Path(__file__).parents[1]
MODULES = sorted(path for path in SOURCE.rglob("*.py"))


def name_of(path: Path) -> str:
    return path.relative_to(SOURCE).as_posix()


def parsed(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


IMPORTS = (
    "import napari_dpvae",
    "napari_dpvae.DPVAE(epochs=5)",
    "import napari_dpvae.cli; napari_dpvae.TrainingSettings",
    "import napari_dpvae.training.fitting, napari_dpvae.placement.place",
    "d = napari_dpvae; d.DPVAE, d.evaluate, d.read_query, d.write_placed",
)


@pytest.fixture(scope="module")
def loaded() -> list[set[str]]:
    """Modules that one process has after each of these, one after the other."""
    told = "; print(json.dumps(sorted(sys.modules)))"
    code = "\n".join(["import sys, json", *(line + told for line in IMPORTS)])
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=120
    )
    return [set(json.loads(line)) for line in done.stdout.splitlines()]


HEAVY = {"torch", "napari", "anndata", "scanpy", "squidpy", "qtpy", "pandas", "numpy", "scipy"}


def test_the_package_imports_nothing_heavy(loaded: list[set[str]]) -> None:
    assert "napari_dpvae" in loaded[0]
    assert not loaded[0] & HEAVY
    assert not loaded[1] & HEAVY
    assert "torch" in loaded[3]
    unused = {"napari", "qtpy", "squidpy", "scanpy", "sklearn", "matplotlib"}
    assert not loaded[3] & unused


def test_help_and_settings_import_nothing_heavy(loaded: list[set[str]]) -> None:
    assert "napari_dpvae.cli" in loaded[2]
    assert not loaded[2] & HEAVY


def test_placing_without_a_window_never_imports_one(loaded: list[set[str]]) -> None:
    assert "napari_dpvae.evaluation.experiments" in loaded[4]
    assert not loaded[4] & {"napari", "qtpy"}


IMPORTED_AS = {
    "pillow": "PIL",
    "scikit-image": "skimage",
    "scikit-learn": "sklearn",
    "spatialdata-io": "spatialdata_io",
}
CONDA = {"matplotlib-base": "matplotlib", "pytorch": "torch", "dask-core": "dask"}


def test_what_is_imported_is_declared_and_told_of() -> None:
    declared = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    extras = declared["optional-dependencies"]
    named = [re.split(r"[>=]", each)[0] for each in declared["dependencies"]]
    optional = [re.split(r"[>=]", each)[0] for each in extras["dask"] + extras["platforms"]]
    found = set()
    for path in MODULES:
        for node in ast.walk(parsed(path)):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            if isinstance(node, ast.ImportFrom):
                names = [node.module or ""]
            found |= {name.split(".")[0] for name in names}
    others = found - sys.stdlib_module_names - {"napari_dpvae"}
    assert others == {IMPORTED_AS.get(name, name) for name in (*named, *optional)}
    recipe = (ROOT / "packaging" / "conda-forge" / "recipe.yaml").read_text(encoding="utf-8")
    run = re.findall(r"^    - ([\w-]+) (>=[\d.]+)$", recipe, re.M)
    assert [(CONDA.get(name, name), bound) for name, bound in run] == [
        (name, each.removeprefix(name))
        for name, each in zip(named, declared["dependencies"], strict=True)
    ]
    told = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    table = re.findall(r"^\| ([\w-]+) \| ", told.split("## Dependencies")[1], re.M)
    assert table[1:] == sorted(named)


def test_the_pythons_that_are_promised_are_those_that_are_tested() -> None:
    workflow = ROOT / ".github" / "workflows" / "tests.yml"
    if not workflow.is_file():
        pytest.skip("only a checkout has the workflows")
    promised = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    pythons = re.findall(r"Python :: (3\.\d+)", " ".join(promised["classifiers"]))
    (tested,) = re.findall(r"python: \[(.+)\]", workflow.read_text(encoding="utf-8"))
    assert re.findall(r"[\d.]+", tested) == pythons
    assert promised["requires-python"] == f">={pythons[0]}"


@pytest.mark.parametrize("name", napari_dpvae.__all__)
def test_every_public_name_is_there_and_listed(name: str) -> None:
    assert getattr(napari_dpvae, name) is not None
    assert name in dir(napari_dpvae)


def callables(thing: Any) -> list[Any]:
    """A function; or a class, how it is made and what it can do."""
    if not inspect.isclass(thing):
        return [thing]
    does = inspect.getmembers(thing, lambda each: isfunction(each) or ismethod(each))
    return [thing, *(each for name, each in does if not name.startswith("_"))]


def told_parameters(thing: Any, owner: Any) -> set[str]:
    """Those that a docstring names, or that of the method which it speaks of in their place."""
    text = inspect.getdoc(thing) or ""
    section = re.search(r"^(?:Parameters|Attributes)\n-+\n(.*?)(?=^\w+\n-+$|\Z)", text, re.M | re.S)
    if section is not None:
        lines = re.findall(r"^[*\w].*$", section[1], re.M)
        return {name.strip(" *") for line in lines for name in line.split(",")}
    other = re.match(r":meth:`(\w+)`|.*\nParameters .* of :meth:`(\w+)`", text, re.S)
    return told_parameters(getattr(owner, other[1] or other[2]), owner) if other else set()


@pytest.mark.parametrize("name", sorted(set(napari_dpvae.__all__) - {"__version__", "DataError"}))
def test_every_parameter_of_a_public_name_is_told(name: str) -> None:
    public = getattr(napari_dpvae, name)
    for thing in callables(public):
        parameters = set(inspect.signature(thing).parameters)
        if dataclasses.is_dataclass(thing):
            parameters -= {each.name for each in dataclasses.fields(thing) if each.metadata}
        assert parameters - told_parameters(thing, public) - {"self"} == set(), thing


def test_an_unknown_name_is_refused_as_usual() -> None:
    with pytest.raises(AttributeError, match="no attribute 'teleport'"):
        napari_dpvae.teleport  # noqa: B018


@pytest.fixture(scope="module")
def dist(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a freshly built wheel and sdist."""
    pytest.importorskip("hatchling")
    if not (ROOT / "pyproject.toml").is_file():
        pytest.skip("only a checkout can be built")
    folder = tmp_path_factory.mktemp("dist")
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-d", str(folder)],
        cwd=ROOT,
        check=True,
        capture_output=True,
        timeout=120,
    )
    return folder


@pytest.fixture(scope="module")
def built(dist: Path) -> zipfile.ZipFile:
    """The wheel."""
    (path,) = dist.glob("*.whl")
    return zipfile.ZipFile(path)


@pytest.fixture(scope="module")
def wheel(built: zipfile.ZipFile) -> set[str]:
    """Names of the files in it."""
    return set(built.namelist())


def test_the_wheel_holds_every_module_and_what_they_need(wheel: set[str]) -> None:
    ours = {f"napari_dpvae/{name_of(path)}" for path in MODULES}
    sample = {"phantom_reference.h5ad", "phantom_query.h5ad", "phantom_truth.csv"}
    extra = {
        "napari.yaml",
        "py.typed",
        "report/page.html",
        *(f"sample_data/{name}" for name in sample),
    }
    assert ours | {f"napari_dpvae/{name}" for name in extra} <= wheel


def test_the_links_of_the_readme_lead_somewhere_from_outside_the_repository(
    built: zipfile.ZipFile, wheel: set[str]
) -> None:
    (name,) = {name for name in wheel if name.endswith("METADATA")}
    links = re.findall(r"\]\(([^)]+)\)", built.read(name).decode())
    assert len(links) > 5
    assert not [link for link in links if not link.startswith("https://")]
    pictures = [link for link in links if link.endswith(".png")]
    assert pictures and all("raw.githubusercontent.com" in link for link in pictures)


def test_the_wheel_holds_nothing_else(wheel: set[str]) -> None:
    assert {name.split("/")[0].split("-")[0] for name in wheel} == {"napari_dpvae"}
    assert not {name for name in wheel if "/tests/" in name or name.endswith(".pyc")}


@pytest.mark.slow
def test_the_sdist_holds_what_its_own_tests_read(dist: Path) -> None:
    (path,) = dist.glob("*.tar.gz")
    with tarfile.open(path) as sdist:
        names = {name.split("/", 1)[1] for name in sdist.getnames()}
    assert {"README.md", "CONTRIBUTING.md", "packaging/conda-forge/recipe.yaml"} <= names


def test_the_manifest_names_things_that_are_there() -> None:
    manifest = (SOURCE / "napari.yaml").read_text(encoding="utf-8")
    targets = [line.split()[-1] for line in manifest.splitlines() if "python_name:" in line]
    assert targets
    for target in targets:
        module, attribute = target.split(":")
        path = SOURCE.parent / (module.replace(".", "/") + ".py")
        defined = {getattr(node, "name", None) for node in ast.walk(parsed(path))}
        assert attribute in defined, target


@pytest.mark.parametrize(
    "call",
    [
        lambda path: napari_dpvae.view(path),
        lambda path: napari_dpvae.draw_figure(path),
        lambda path: napari_dpvae.virtual_expression(path, ["A"], at=path),
        lambda path: napari_dpvae.write_placed(path, "placed.h5ad"),
        lambda path: napari_dpvae.write_spatialdata(path, "placed.zarr"),
        lambda path: napari_dpvae.DPVAE().fit(path),
        lambda path: napari_dpvae.evaluate(napari_dpvae.TrainingSettings(), path),
    ],
)
def test_a_path_in_place_of_cells_is_told_to_be_read_first(
    call: Callable[[str], object], refuses: Refuses
) -> None:
    with refuses("read a file with read_reference, read_query or read_placed"):
        call("cells.h5ad")
