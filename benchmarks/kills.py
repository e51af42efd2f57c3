"""``python -m benchmarks.kills``: commands that are killed (SIGKILL) at random moments.

With ``--signal INT`` they are stopped by Ctrl-C instead, with ``TERM`` asked to end: then they must
also say so by their exit code. Each command is run in a forked process over an output of before, or
over none, and killed once in its time; half of the kills fall into the last quarter, where it
writes. Counts outputs that are lost or half-written, and files that are left over. With
``--resumed TIMES``, so many trainings and placings are killed and gone on with (``--resume``), and
their results are compared with those that were never killed. Exits 1 if there is anything wrong.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

# Forks of a process with threads of its own would wait for them.
os.environ.setdefault("OMP_NUM_THREADS", "1")

import anndata as ad
import numpy as np
import pandas as pd

import napari_dpvae as dpv
from benchmarks.fuzz.corpus import HASTY
from napari_dpvae.cli import main as command
from napari_dpvae.cli.main import ENDED, STOPPED
from napari_dpvae.data.keys import RADIUS, SPATIAL
from napari_dpvae.expression import aligned

Check = Callable[[Path], object]
CHECKS: dict[str, Check] = {
    ".h5ad": dpv.read_placed,
    ".zarr": dpv.read_placed,
    ".csv": lambda path: pd.read_csv(path, index_col=0).loc["cell0059"],
    ".geojson": lambda path: json.loads(path.read_text(encoding="utf-8")),
    ".safetensors": dpv.DPVAE.load,
}
RESULTS: dict[str, Callable[[Path], bytes | str]] = {
    ".safetensors": lambda path: dpv.DPVAE.load(path).trained.model_hash(),
    ".h5ad": lambda path: places(dpv.read_placed(path)),
}
"""What must be the same to the bit."""
CODES = {"KILL": -signal.SIGKILL, "INT": STOPPED, "TERM": ENDED}
"""What a command ends with by a signal, if it had not ended before."""
CLEARED_WITHIN = 5.0
"""Seconds after a kill until nothing may be left over."""
LATE = 0.75
"""Share of a command's time after which it writes."""


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.kills")
    parser.add_argument("--times", type=int, default=200, help="so many kills in all")
    parser.add_argument("--signal", choices=CODES, default="KILL")
    parser.add_argument("--resumed", type=int, default=10, help="so many of each")
    options = parser.parse_args()
    rng = np.random.default_rng(0)
    with tempfile.TemporaryDirectory() as folder:
        commands = prepared(Path(folder))
        found = counted(commands, Path(folder), options, rng)
        resumed = gone_on(commands, Path(folder), options.resumed, rng)
    for what, n in (*found.most_common(), *resumed.most_common()):
        print(f"{n} {what}")
    return int(any(not what.startswith("fine") for what in (*found, *resumed)))


def counted(
    commands: dict[str, list[str]],
    folder: Path,
    options: argparse.Namespace,
    rng: np.random.Generator,
) -> Counter[str]:
    """What became of outputs of commands that were killed."""
    found: Counter[str] = Counter()
    seconds = {suffix: completed(words) for suffix, words in commands.items()}
    whole = {suffix: folder / f"out{suffix}" for suffix in commands}
    kept = {suffix: path.rename(path.with_stem("old")) for suffix, path in whole.items()}
    for i in range(options.times):
        suffix = list(commands)[i % len(commands)]
        start = LATE if rng.random() < 0.5 else 0.0
        delay = rng.uniform(start, 1.0) * seconds[suffix]
        output = whole[suffix]
        before = bool(rng.random() < 0.5)
        if before:
            put(kept[suffix], output)
        code = killed(commands[suffix], delay, options.signal)
        # Without a code of its own before it has begun.
        told = code in (0, CODES[options.signal], -signal.Signals[f"SIG{options.signal}"])
        found[outcome(output, CHECKS[suffix], before) if told else f"ended with {code}"] += 1
        clear(output)
    return found


def gone_on(
    commands: dict[str, list[str]], folder: Path, times: int, rng: np.random.Generator
) -> Counter[str]:
    """Whether results are the same that were killed once, and gone on with."""
    found: Counter[str] = Counter()
    for suffix, result in RESULTS.items():
        output, words = folder / f"out{suffix}", [*commands[suffix], "--resume"]
        seconds, expected = completed(words), result(folder / f"out{suffix}")
        for _ in range(times):
            clear(output)
            killed(words, rng.uniform(0.0, 1.0) * seconds)
            finished(words)
            same = result(output) == expected
            found[f"fine, {suffix} resumed" if same else f"other {suffix} than unbroken"] += 1
    return found


def prepared(folder: Path) -> dict[str, list[str]]:
    """The words of a command for each kind of output."""
    phantom = dpv.make_phantom(n_cells=60)
    aligned.CHUNK = 16  # Placed in several.
    phantom.reference.write_h5ad(folder / "reference.h5ad")
    phantom.query.write_h5ad(folder / "query.h5ad")
    model = folder / "model.safetensors"
    dpv.DPVAE(**HASTY).fit(phantom.reference).save(model)
    settings = [word for name, value in HASTY.items() for word in (option(name), str(value))]
    train = ["train", str(folder / "reference.h5ad"), *settings, "-o"]
    place = ["place", str(model), str(folder / "query.h5ad"), "-o"]
    return {
        suffix: [*(train if suffix == ".safetensors" else place), str(folder / f"out{suffix}")]
        for suffix in CHECKS
    }


def places(placed: ad.AnnData) -> bytes:
    """Of placed cells, with how sure they are."""
    return bytes(placed.obsm[SPATIAL].tobytes() + placed.obs[RADIUS].to_numpy().tobytes())


def option(name: str) -> str:
    return f"--{name.replace('_', '-')}"


def begun(words: list[str]) -> int:
    """A command in a forked process: its number."""
    child = os.fork()
    if child == 0:
        nothing = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nothing, 1)
        os.dup2(nothing, 2)
        try:
            code = command(words)
        except SystemExit as end:
            code = int(end.code or 0)
        os._exit(code)
    return child


def completed(words: list[str]) -> float:
    """Seconds that a command takes once everything is imported."""
    for _ in range(2):
        start = time.monotonic()
        finished(words)
    return time.monotonic() - start


def finished(words: list[str]) -> None:
    if os.waitpid(begun(words), 0)[1] != 0:
        raise RuntimeError(f"{' '.join(words)} failed")


def killed(words: list[str], delay: float, how: str = "KILL") -> int:
    """The exit code of a command that gets a signal after so many seconds."""
    child = begun(words)
    time.sleep(delay)
    os.kill(child, signal.Signals[f"SIG{how}"])
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def outcome(output: Path, check: Check, before: bool) -> str:
    """What became of the output and its folder."""
    end = time.monotonic() + CLEARED_WITHIN
    while left := [entry.name for entry in output.parent.iterdir() if entry.name.startswith(".")]:
        if time.monotonic() > end:
            return f"left over ({', '.join(left)})"
        time.sleep(0.01)
    if not output.exists():
        return "lost" if before else "fine, nothing written"
    try:
        check(output)
    except Exception as error:  # noqa: BLE001 - whatever is raised, it is not whole
        return f"half-written ({output.suffix}: {error})"
    return "fine, whole"


def put(source: Path, target: Path) -> None:
    if source.is_dir():
        shutil.copytree(source, target)
    else:
        shutil.copyfile(source, target)


def clear(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


if __name__ == "__main__":
    sys.exit(main())
