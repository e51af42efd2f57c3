"""The package as a whole: quick to import, layered as designed, complete when built."""

import ast
import json
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

import napari_dpvae

SOURCE = Path(napari_dpvae.__file__).parent
ROOT = Path(__file__).parents[1]
MODULES = sorted(path for path in SOURCE.rglob("*.py"))
SCREEN = {"napari", "qtpy", "magicgui", "superqt", "pyqtgraph", "PyQt6", "PySide6"}


def imported(node: ast.AST) -> Iterator[str]:
    """Full names of the modules that a node imports."""
    if isinstance(node, ast.Import):
        yield from (alias.name for alias in node.names)
    elif isinstance(node, ast.ImportFrom):
        assert node.level == 0, "imports are absolute"
        yield node.module or ""


def at_import(tree: ast.Module) -> Iterator[str]:
    """What importing a module imports: not what is within functions or for type checkers."""
    todo: list[ast.AST] = [tree]
    while todo:
        node = todo.pop()
        yield from imported(node)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            continue
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
            continue
        todo += ast.iter_child_nodes(node)


def everywhere(tree: ast.Module) -> set[str]:
    return {name for node in ast.walk(tree) for name in imported(node)}


def name_of(path: Path) -> str:
    return path.relative_to(SOURCE).as_posix()


def parsed(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_only_the_viewer_knows_qt_and_napari(path: Path) -> None:
    if name_of(path).startswith("viewer/"):
        return
    tree = parsed(path)
    # The command line opens the window, but only when asked to.
    cli = name_of(path).startswith("cli/")
    names = set(at_import(tree)) if cli else everywhere(tree)
    assert not {name.split(".")[0] for name in names} & SCREEN
    if not cli:
        assert not {name for name in names if name.startswith("napari_dpvae.viewer")}


FLOORS = {
    "model/": ("data", "expression", "fitting", "trained", "dpvae", "placement", "evaluation"),
    "placement/": ("data", "expression", "fitting", "trained", "dpvae", "model", "evaluation"),
    "data/": ("expression", "fitting", "trained", "dpvae", "placement", "model", "evaluation"),
    "expression.py": ("fitting", "trained", "dpvae", "placement", "evaluation"),
    "trained.py": ("fitting", "dpvae", "evaluation"),
    "fitting.py": ("dpvae", "evaluation"),
    "evaluation/metrics.py": ("dpvae", "data", "model", "trained", "fitting"),
}
ALLOWED = {("model/checkpoint.py", "napari_dpvae.data.write")}
"""A model file is written as whole as any other."""


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_a_room_imports_only_from_floors_below_it(path: Path) -> None:
    name = name_of(path)
    above = [room for start, rooms in FLOORS.items() if name.startswith(start) for room in rooms]
    used = {module for module in everywhere(parsed(path)) if (name, module) not in ALLOWED}
    bad = {
        module
        for module in used
        for room in above
        if f"{module}.".startswith(f"napari_dpvae.{room}.")
    }
    assert not bad


@pytest.mark.parametrize("room", ["model", "placement"])
def test_tensors_and_arrays_do_not_know_anndata(room: str) -> None:
    for path in (SOURCE / room).rglob("*.py"):
        roots = {name.split(".")[0] for name in everywhere(parsed(path))}
        assert not roots & {"anndata", "scanpy", "squidpy", "pandas"}, path.name


def loaded_after(statement: str) -> set[str]:
    code = f"import sys, json; {statement}; print(json.dumps(sorted(sys.modules)))"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=120
    )
    return set(json.loads(done.stdout.splitlines()[-1]))


HEAVY = {"torch", "napari", "anndata", "scanpy", "squidpy", "qtpy", "pandas", "numpy", "scipy"}


def test_the_package_imports_nothing_heavy() -> None:
    assert not loaded_after("import napari_dpvae") & HEAVY
    assert "numpy" in loaded_after("import napari_dpvae; napari_dpvae.DPVAE")


def test_help_and_settings_import_nothing_heavy() -> None:
    assert not loaded_after("import napari_dpvae.cli; napari_dpvae.TrainingSettings") & HEAVY


def test_placing_without_a_window_never_imports_one() -> None:
    loaded = loaded_after(
        "import napari_dpvae as d; d.DPVAE, d.evaluate, d.read_query, d.write_placed"
    )
    assert "torch" in loaded
    assert not loaded & {"napari", "qtpy"}


@pytest.mark.parametrize("name", napari_dpvae.__all__)
def test_every_public_name_is_there_and_listed(name: str) -> None:
    assert getattr(napari_dpvae, name) is not None
    assert name in dir(napari_dpvae)


def test_an_unknown_name_is_refused_as_usual() -> None:
    with pytest.raises(AttributeError, match="no attribute 'teleport'"):
        napari_dpvae.teleport  # noqa: B018


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> set[str]:
    """Names of the files in a freshly built wheel."""
    pytest.importorskip("hatchling")
    if not (ROOT / "pyproject.toml").is_file():
        pytest.skip("only a checkout can be built")
    folder = tmp_path_factory.mktemp("wheel")
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)],
        cwd=ROOT,
        check=True,
        capture_output=True,
        timeout=120,
    )
    (path,) = folder.glob("*.whl")
    return set(zipfile.ZipFile(path).namelist())


def test_the_wheel_holds_every_module_and_what_they_need(wheel: set[str]) -> None:
    ours = {f"napari_dpvae/{name_of(path)}" for path in MODULES}
    sample = {"phantom_reference.h5ad", "phantom_query.h5ad", "phantom_truth.csv"}
    extra = {"napari.yaml", "py.typed", *(f"sample_data/{name}" for name in sample)}
    assert ours | {f"napari_dpvae/{name}" for name in extra} <= wheel


def test_the_wheel_holds_nothing_else(wheel: set[str]) -> None:
    assert {name.split("/")[0].split("-")[0] for name in wheel} == {"napari_dpvae"}
    assert not {name for name in wheel if "/tests/" in name or name.endswith(".pyc")}


def test_the_manifest_names_things_that_are_there() -> None:
    manifest = (SOURCE / "napari.yaml").read_text(encoding="utf-8")
    targets = [line.split()[-1] for line in manifest.splitlines() if "python_name:" in line]
    assert targets
    for target in targets:
        module, attribute = target.split(":")
        path = SOURCE.parent / (module.replace(".", "/") + ".py")
        defined = {getattr(node, "name", None) for node in parsed(path).body}
        assert attribute in defined, target
