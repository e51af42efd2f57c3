"""Read a command and run it."""

from __future__ import annotations

import argparse
import logging
import sys
from collections.abc import Callable, Sequence
from typing import Any

from napari_dpvae import __version__
from napari_dpvae.cli import commands
from napari_dpvae.cli.options import add_reading, add_screenshot, add_settings
from napari_dpvae.settings import PlacementSettings, TrainingSettings


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command; returns 0, or 1 after one sentence that says why it cannot."""
    options = _parser().parse_args(arguments)
    logging.basicConfig(format="%(message)s", level=logging.WARNING)
    if not sys.warnoptions:
        # Notes of libraries to programmers; `python -W default -m napari_dpvae.cli` shows them.
        logging.captureWarnings(True)
        logging.getLogger("py.warnings").setLevel(logging.ERROR)
    try:
        options.run(options)
    except (ValueError, RuntimeError, OSError) as error:
        print(f"napari-dpvae: {' '.join(str(error).split())}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("napari-dpvae: stopped.", file=sys.stderr)
        return 130
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="napari-dpvae", description="Put dissociated single cells back into tissue."
    )
    parser.add_argument("--version", action="version", version=f"napari-dpvae {__version__}")
    subparsers = parser.add_subparsers(required=True, metavar="COMMAND")

    def command(name: str, run: Callable[[Any], None], help: str) -> argparse.ArgumentParser:
        found = subparsers.add_parser(
            name, help=help, formatter_class=argparse.ArgumentDefaultsHelpFormatter
        )
        found.set_defaults(run=run)
        return found

    train = command("train", commands.train, "train a model on a reference")
    train.add_argument("reference", help=".h5ad file or Space Ranger folder")
    train.add_argument("-o", "--output", required=True, help="model file (.safetensors)")
    train.add_argument("--fine-tune", metavar="QUERY", help="go on training with these cells")
    train.add_argument("--known-key", help="obsm entry of QUERY with places that are known")
    add_reading(train, sections=True)
    add_settings(train, TrainingSettings)

    place = command("place", commands.place, "place a query's cells with a trained model")
    place.add_argument("model", help="model file (.safetensors)")
    place.add_argument("query", help=".h5ad file, 10x .h5 file, or 10x folder")
    place.add_argument("-o", "--output", required=True, help="placed cells (.h5ad or .csv)")
    add_reading(place, sections=False)
    place.add_argument("--known-key", help="obsm entry with known places, for the mode impute")
    add_settings(place, PlacementSettings)

    evaluate = command(
        "evaluate", commands.evaluate, "measure against the truth, beside a vanilla VAE"
    )
    evaluate.add_argument("reference", help=".h5ad file or Space Ranger folder")
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

    view = command("view", commands.view, "show placed cells in napari")
    view.add_argument("placed", help="placed cells (.h5ad)")
    view.add_argument("--reference", help=".h5ad file or Space Ranger folder")
    view.add_argument("--gene", help="colours spots and cells")
    add_screenshot(view)

    demo = command("demo", commands.demo, "train, place and show on the phantom that comes with it")
    add_screenshot(demo)
    return parser
