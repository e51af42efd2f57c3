"""Read a command and run it."""

from __future__ import annotations

import argparse
import logging
import signal
import sys
import threading
from collections.abc import Callable, Sequence
from types import FrameType
from typing import Any

from napari_dpvae import __version__
from napari_dpvae.cli import commands
from napari_dpvae.cli.options import add_reading, add_screenshot, add_settings, word
from napari_dpvae.cli.saying import say
from napari_dpvae.settings import PlacementSettings, TrainingSettings

REFERENCE = "file or folder with spots: .h5ad, .zarr, Space Ranger, Xenium, CSV and others"
AGAIN = f"{REFERENCE}; may be given again, for each section"
QUERY = "file or folder with cells: .h5ad, .zarr, 10x, loom, .h5mu, CSV and others"
OUTPUTS = ".h5ad, .zarr, .csv, .loupe.csv, .xenium.csv or .geojson, by its suffix"
STOPPED, ENDED = 130, 143
"""Exit codes after Ctrl-C and after SIGTERM, as shells have them."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command.

    Returns
    -------
    int
        0; or 1 after one sentence that says why it cannot; 2 where the command is misspelt, or
        ``check`` finds what cannot be used; 130 and 143 when it is stopped.
    """
    options = _parser().parse_args(arguments)
    logging.basicConfig(format="%(message)s", level=logging.WARNING)
    if not sys.warnoptions:
        # Notes of libraries to programmers; `python -W default -m napari_dpvae.cli` shows them.
        logging.captureWarnings(True)
        logging.getLogger("py.warnings").setLevel(logging.ERROR)
    _end_in_order()
    try:
        return options.run(options) or 0
    except KeyboardInterrupt:
        go_on = " The same command with --resume goes on." if hasattr(options, "resume") else ""
        say(f"napari-dpvae: stopped.{go_on}", sys.stderr)
        return STOPPED
    except MemoryError:
        say("napari-dpvae: there is not enough memory: give fewer cells or genes.", sys.stderr)
    except RecursionError:
        say("napari-dpvae: the file is nested too deep: check where it came from.", sys.stderr)
    except (ValueError, RuntimeError, OSError) as error:
        say(f"napari-dpvae: {_sentence(error)}", sys.stderr)
    except Exception as error:
        logging.getLogger(__name__).debug("unexpected", exc_info=True)
        say(f"napari-dpvae: {type(error).__name__}: {_sentence(error)}", sys.stderr)
    return 1


def _sentence(error: Exception) -> str:
    return " ".join(str(error).split()) or type(error).__name__


def _end_in_order() -> None:
    """SIGTERM ends the command as Ctrl-C does: scratch files are removed."""

    def end(signal_number: int, frame: FrameType | None) -> None:
        raise SystemExit(ENDED)

    # Python allows it in the main thread alone.
    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGTERM, end)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="napari-dpvae", description="Put dissociated single cells back into tissue."
    )
    parser.add_argument("--version", action="version", version=f"napari-dpvae {__version__}")
    subparsers = parser.add_subparsers(required=True, metavar="COMMAND")

    def command(name: str, run: Callable[[Any], int | None], help: str) -> argparse.ArgumentParser:
        found = subparsers.add_parser(
            name, help=help, formatter_class=argparse.ArgumentDefaultsHelpFormatter
        )
        found.set_defaults(run=run)
        found.register("type", None, word)
        return found

    check = command("check", commands.check, "say what is in the data, and whether it can be used")
    check.add_argument("reference", help=REFERENCE)
    check.add_argument("query", nargs="?", help=QUERY)
    check.add_argument("--json", action="store_true", help="print the report as JSON")
    add_reading(check, sections=True)

    train = command("train", commands.train, "train a model on a reference")
    train.add_argument("reference", help=REFERENCE)
    train.add_argument("-o", "--output", required=True, help="model file (.safetensors)")
    train.add_argument("--fine-tune", metavar="QUERY", help="go on training with these cells")
    train.add_argument("--known-key", help="obsm entry of QUERY with places that are known")
    train.add_argument(
        "--resume", action="store_true", help="go on where the same training was interrupted"
    )
    add_reading(train, sections=True)
    add_settings(train, TrainingSettings)

    place = command("place", commands.place, "place a query's cells with a trained model")
    place.add_argument("model", help="model file (.safetensors)")
    place.add_argument("query", help=QUERY)
    place.add_argument("-o", "--output", required=True, help=f"placed cells ({OUTPUTS})")
    add_reading(place, sections=False)
    place.add_argument(
        "--gene-table", metavar="TABLE", help="two columns: the query's gene names, the reference's"
    )
    place.add_argument("--known-key", help="obsm entry with known places, for the mode impute")
    place.add_argument(
        "--no-matrix",
        action="store_true",
        help="write coordinates and obs alone, without expression",
    )
    place.add_argument(
        "--resume", action="store_true", help="go on where the same placing was interrupted"
    )
    place.add_argument(
        "--dask", metavar="ADDRESS", help="scheduler of a Dask cluster, whose workers place"
    )
    add_settings(place, PlacementSettings)

    evaluate = command(
        "evaluate", commands.evaluate, "measure against the truth, beside a vanilla VAE"
    )
    evaluate.add_argument("reference", help=REFERENCE)
    evaluate.add_argument("--query", help="another section, with its true coordinates")
    evaluate.add_argument(
        "--split",
        choices=("random", "block", "section", "none"),
        default="random",
        help="what to hold out; none measures in-sample",
    )
    evaluate.add_argument("--section", help="which one to hold out (the smallest if not given)")
    evaluate.add_argument(
        "--fine-tune", action="store_true", help="also fine-tune on what is held out"
    )
    add_reading(evaluate, sections=True)
    evaluate.add_argument("--seeds", type=int, default=1, help="so many runs")
    evaluate.add_argument("-o", "--output", help="report (.csv)")
    add_settings(evaluate, TrainingSettings)
    add_settings(evaluate, PlacementSettings)

    report = command("report", commands.report, "write one page about placed cells")
    report.add_argument("placed", help="placed cells (.h5ad or .zarr)")
    report.add_argument("-o", "--output", required=True, help="page (.html)")
    report.add_argument("--reference", action="append", help=AGAIN)
    report.add_argument("--model", help="model file that placed them (.safetensors)")
    report.add_argument("--evaluation", metavar="CSV", help="report that evaluate wrote")

    view = command("view", commands.view, "show placed cells in napari")
    view.add_argument("placed", help="placed cells (.h5ad or .zarr)")
    view.add_argument("--reference", action="append", help=AGAIN)
    view.add_argument("--gene", help="colours spots and cells")
    add_screenshot(view)

    demo = command("demo", commands.demo, "train, place and show on the phantom that comes with it")
    add_screenshot(demo)
    return parser
