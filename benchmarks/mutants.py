"""Whether the tests notice: modules with one thing changed at a time, and how often a test fails.

The changes are those of cosmic-ray to one operator, comparison, number, truth value or statement.
Left out are those of annotations, which never run, and operators on bits, which floats refuse
whatever is tested. Mutants are tested in forks of a process that has imported the libraries.
"""

from __future__ import annotations

import argparse
import ast
import csv
import gc
import importlib
import math
import os
import resource
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from importlib.abc import InspectLoader, MetaPathFinder
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import CodeType, ModuleType

import pytest
from cosmic_ray.ast import ast_nodes, get_ast
from cosmic_ray.mutating import mutate_code
from cosmic_ray.plugins import get_operator, operator_names

HERE = Path(__file__).parent
SOURCE = HERE.parent / "src" / "napari_dpvae"
SURVIVORS = HERE.parent / "out" / "mutants"
TESTS = {
    "network/objective": ["network/test_objective.py"],
    "network/pairs": ["network/test_pairs.py"],
    "geometry/anchors": ["geometry/test_anchors.py"],
    "geometry/free": ["geometry/test_anchors.py"],
    "geometry/regression": ["geometry/test_regression.py"],
    "uncertainty/conformal": ["uncertainty/test_conformal.py"],
    "uncertainty/status": ["uncertainty/test_conformal.py"],
    "placement/calibrate": ["placement/test_calibrate.py"],
    "placement/solve": ["placement/test_solve.py"],
    "evaluation/metrics": ["evaluation/test_metrics.py"],
}
# The first failure tells, and nobody reads why. tests/conftest.py groups tests for xdist.
OPTIONS = "-x -q --tb=no --assert=plain -p no:cacheprovider -p xdist.plugin".split()
ON_BITS = ("_BitOr", "_BitAnd", "_BitXor", "_RShift", "_LShift")
OURS = {"napari_dpvae", "tests", "benchmarks", "__main__"}
LISTED = "import pytest, sys; done = pytest.main(sys.argv[1:]); print(*sys.modules); sys.exit(done)"


class _Mutant(MetaPathFinder, InspectLoader):
    """Gives one module another source."""

    def __init__(self, name: str, source: str) -> None:
        self.name, self.source = name, source

    def find_spec(
        self, fullname: str, path: object, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        return ModuleSpec(fullname, self) if fullname == self.name else None

    def get_source(self, fullname: str) -> str:
        return self.source

    def get_code(self, fullname: str) -> CodeType:
        return self.source_to_code(self.source, fullname)


def mutants(source: str) -> Iterator[str]:
    """The source with one thing changed, in all ways that can run and differ."""
    tree, original = get_ast(source), _behaviour(source)
    for name in operator_names():
        operator = get_operator(name)
        if operator.arguments() or name.endswith(ON_BITS):
            continue
        positions = sum(1 for node in ast_nodes(tree) for _ in operator().mutation_positions(node))
        for occurrence in range(positions):
            mutant = mutate_code(source, operator(), occurrence)
            # Signs that are no operators, as a lone * among parameters, give no Python.
            with suppress(SyntaxError):
                if _behaviour(mutant) != original:
                    yield mutant


def _behaviour(source: str) -> str:
    """What runs of a module: without annotations, and imports for them."""
    tree = ast.parse(source)
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef):
            node.returns = None
        elif isinstance(node, ast.arg):
            node.annotation = None
        elif isinstance(node, ast.AnnAssign):
            node.annotation = ast.Constant(None)
        elif isinstance(node, ast.If) and ast.unparse(node.test).endswith("TYPE_CHECKING"):
            node.test, node.body = ast.Constant(None), [ast.Pass()]
    return ast.dump(tree)


def import_libraries(tests: list[str]) -> None:
    """Import what the tests import, but for the project itself."""
    command = [sys.executable, "-c", LISTED, *OPTIONS, *tests]
    listed = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    for name in listed.splitlines()[-1].split():
        if name.split(".")[0] not in OURS:
            with suppress(Exception):
                importlib.import_module(name)
    # Forks then share the memory of what is imported.
    gc.freeze()


def is_killed(name: str, source: str, tests: list[str], seconds: int) -> bool:
    """Whether a test fails with this source of the module, or they take so long on a core."""
    child = os.fork()
    if child == 0:
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, 1)
        os.dup2(nowhere, 2)
        resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds))
        sys.meta_path.insert(0, _Mutant(name, source))
        os._exit(int(pytest.main([*OPTIONS, *tests])))
    return os.waitpid(child, 0)[1] != 0


def seconds_of(name: str, source: str, tests: list[str]) -> int:
    """What a mutant is given: some times what the tests take without one."""
    used = [sum(resource.getrusage(resource.RUSAGE_CHILDREN)[:2])]
    if is_killed(name, source, tests, 600):
        raise SystemExit(f"mutants: the tests of {name} fail without any change.")
    used.append(sum(resource.getrusage(resource.RUSAGE_CHILDREN)[:2]))
    return 5 + math.ceil(3 * (used[1] - used[0]))


def changed_line(before: str, after: str) -> str:
    """Where two sources differ, in one line."""
    lines = zip(before.splitlines(), after.splitlines(), strict=False)
    for number, (old, new) in enumerate(lines, 1):
        if old != new:
            return f"{number}: {old.strip()}  ->  {new.strip()}"
    return "at the end"


def run(module: str) -> tuple[int, int]:
    """Mutants of a module, and how many were killed; survivors are written and said."""
    source = (SOURCE / f"{module}.py").read_text()
    name = f"napari_dpvae.{module.replace('/', '.')}"
    tests = [str(HERE.parent / "tests" / test) for test in TESTS[module]]
    import_libraries(tests)
    seconds = seconds_of(name, source, tests)
    every = list(mutants(source))
    survivors = [
        changed_line(source, mutant)
        for mutant in every
        if not is_killed(name, mutant, tests, seconds)
    ]
    SURVIVORS.mkdir(parents=True, exist_ok=True)
    (SURVIVORS / f"{module.replace('/', '_')}.txt").write_text("\n".join(survivors) + "\n")
    return len(every), len(every) - len(survivors)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("modules", nargs="*", default=list(TESTS), help="all where none is named")
    modules = parser.parse_args().modules
    os.environ["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"
    rows = []
    for module in modules:
        n, killed = run(module)
        rows.append((module, n, killed))
        print(f"{module}: {killed} of {n} mutants killed, {killed / n:.0%}", flush=True)
    if len(rows) == len(TESTS):
        with (HERE / "results" / "mutants.csv").open("w", newline="") as file:
            csv.writer(file, lineterminator="\n").writerows(
                [("module", "mutants", "killed"), *rows]
            )


if __name__ == "__main__":
    main()
