"""``python -m benchmarks.fuzz``: mutated files at every reader, for so many seconds.

Mutants are opened in child processes, so that a crash is a finding like any other. A finding is a
signal, a hang, an error that is no ``DataError``, or a changed model that is believed; its mutant
is kept in ``out/fuzz``, and ``--targets NAME --first SEED --mutants 1`` makes it again. Prints how
many mutants were refused and accepted, and of how many the package's own child died in the place of
the process that reads (spared); exits 1 with findings.
"""

from __future__ import annotations

import argparse
import logging
import math
import os
import resource
import select
import shutil
import signal
import sys
import tempfile
import time
import warnings
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

# Forks of a process with threads of its own would wait for them.
os.environ.setdefault("OMP_NUM_THREADS", "1")

import napari_dpvae as dpv
from benchmarks.fuzz.corpus import Target, targets
from benchmarks.fuzz.mutants import mutate
from benchmarks.fuzz.walker import Walker
from napari_dpvae.data.formats import hdf5_child

KEPT = Path("out/fuzz")
BATCH = 500
"""Mutants of one child, unless it dies: what they leave behind in it is not to add up."""
PATIENCE = 20.0
"""Seconds after which a mutant hangs."""
WALK = 5.0
"""Seconds after which the walk of a small file hangs."""
MEMORY = 12 << 30
"""Bytes that a child may address: a mutant must not take the machine down."""
FINE = ("refused", "spared", "accepted", "alike")
WALKED = "the HDF5 library"
"""What is said of a file that ended, or held up, the process that walks it first."""


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.fuzz")
    parser.add_argument("--seconds", type=float, default=60.0, help="for all targets together")
    parser.add_argument("--mutants", type=int, help="of each target, however long they take")
    parser.add_argument("--first", type=int, default=0, help="seed of the first mutant")
    found = targets()
    parser.add_argument("--targets", nargs="+", choices=found, default=list(found))
    options = parser.parse_args()
    warnings.filterwarnings("ignore")
    logging.disable(logging.CRITICAL)
    bad = 0
    with tempfile.TemporaryDirectory() as folder:
        for name in options.targets:
            began = time.monotonic()
            counts = fuzz(name, found[name], Path(folder), options)
            speed = counts.total() / (time.monotonic() - began)
            bad += sum(n for outcome, n in counts.items() if outcome not in FINE)
            told = ", ".join(f"{n:,} {outcome}" for outcome, n in counts.most_common())
            print(f"{name}: {counts.total():,} mutants, {speed:.0f}/s: {told}", flush=True)
    return int(bad > 0)


def fuzz(name: str, target: Target, folder: Path, options: argparse.Namespace) -> Counter[str]:
    """Open so many mutants of one kind, or as many as its share of the time allows."""
    whole = folder / target.file
    target.write(whole)
    expected = target.open(whole) if target.exact else None
    counts: Counter[str] = Counter()
    end = time.monotonic() + options.seconds / len(options.targets)
    seed, last = options.first, sys.maxsize
    if options.mutants is not None:
        end, last = math.inf, options.first + options.mutants
    while seed < last:
        for outcome, said in batch(
            target, whole, expected, range(seed, min(seed + BATCH, last)), end
        ):
            counts[outcome] += 1
            if outcome not in FINE:
                keep(whole, seed)
                print(f"{name}, seed {seed}: {outcome}: {said}", flush=True)
            seed += 1
        if time.monotonic() > end:
            break
    return counts


def batch(
    target: Target, whole: Path, expected: object, seeds: range, end: float
) -> Iterator[tuple[str, str]]:
    """What becomes of each of some mutants; a signal, a hang or the end of time ends the batch."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reading)
        serve(target, whole, expected, seeds, end, writing)
    os.close(writing)
    answers = b""
    while ready := select.select([reading], [], [], PATIENCE)[0]:
        part = os.read(reading, 1 << 16)
        if not part:
            break
        *lines, answers = (answers + part).split(b"\n")
        for line in lines:
            outcome, _, said = line.decode().partition(" ")
            yield outcome, said
    os.close(reading)
    if not ready:
        os.kill(child, signal.SIGKILL)
    status = os.waitpid(child, 0)[1]
    if status:
        yield "crash" if ready else "hang", f"status {status}"


def serve(
    target: Target, whole: Path, expected: object, seeds: range, end: float, answers: int
) -> None:
    """In the child: open one mutant after the other, and say what became of each."""
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    nothing = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nothing, 1)
    os.dup2(nothing, 2)
    hdf5_child.said_by_child = Walker(WALK).said_by_child
    for seed in seeds:
        with tempfile.TemporaryDirectory(dir=whole.parent) as folder:
            mutant = Path(folder, str(seed)).with_suffix(whole.suffix)
            mutate(whole, mutant, seed)
            outcome = opened(target, mutant, expected)
        os.write(answers, outcome.encode("utf-8", "replace")[:500].replace(b"\n", b" ") + b"\n")
        if time.monotonic() > end:
            break
    os._exit(0)


def opened(target: Target, mutant: Path, expected: object) -> str:
    """One word, and what was said."""
    try:
        result = target.open(mutant)
    except dpv.DataError as error:
        return f"{'spared' if WALKED in str(error) else 'refused'} {error}"
    except MemoryError:
        return "refused for want of memory"
    except BaseException as error:  # noqa: BLE001 - whatever else is raised is a finding
        return f"{type(error).__name__} {error}"
    if not target.exact:
        return "accepted"
    return "alike" if result == expected else "believed though it is changed"


def keep(whole: Path, seed: int) -> None:
    """The mutant, for a person to look at."""
    KEPT.mkdir(parents=True, exist_ok=True)
    place = KEPT / f"{whole.stem}-{seed}{whole.suffix}"
    shutil.rmtree(place, ignore_errors=True)
    place.unlink(missing_ok=True)
    mutate(whole, place, seed)


if __name__ == "__main__":
    sys.exit(main())
