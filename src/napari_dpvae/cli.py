"""The command line: the door for machines without a screen."""

from __future__ import annotations

import argparse
import dataclasses
import logging
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, get_args, get_origin, get_type_hints

from napari_dpvae import __version__
from napari_dpvae.errors import DataError
from napari_dpvae.settings import PlacementSettings, TrainingSettings

if TYPE_CHECKING:
    import anndata as ad
    from napari import Viewer

    from napari_dpvae.dpvae import DPVAE

MEASURES = (
    "procrustes",
    "stress1",
    "distance_spearman",
    "knn_overlap",
    "median_error_percent",
    "aligned_median_error_percent",
)
"""Those that are printed; the report holds all."""


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
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    def command(name: str, run: Callable[[Any], None], help: str) -> argparse.ArgumentParser:
        found = commands.add_parser(
            name, help=help, formatter_class=argparse.ArgumentDefaultsHelpFormatter
        )
        found.set_defaults(run=run)
        return found

    train = command("train", _train, "train a model on a reference")
    train.add_argument("reference", help=".h5ad file or Space Ranger folder")
    train.add_argument("-o", "--output", required=True, help="model file (.safetensors)")
    _add_reading(train, sections=True)
    _add_settings(train, TrainingSettings)

    place = command("place", _place, "place a query's cells with a trained model")
    place.add_argument("model", help="model file (.safetensors)")
    place.add_argument("query", help=".h5ad file, 10x .h5 file, or 10x folder")
    place.add_argument("-o", "--output", required=True, help="placed cells (.h5ad or .csv)")
    _add_reading(place, sections=False)
    place.add_argument("--known-key", help="obsm entry with known places, for the mode impute")
    _add_settings(place, PlacementSettings)

    evaluate = command("evaluate", _evaluate, "measure against the truth, beside a vanilla VAE")
    evaluate.add_argument("reference", help=".h5ad file or Space Ranger folder")
    evaluate.add_argument("--query", help="another section, with its true coordinates")
    evaluate.add_argument(
        "--split", choices=("random", "block"), default="random", help="what to hold out"
    )
    evaluate.add_argument("--seeds", type=int, default=1, help="so many runs")
    evaluate.add_argument("-o", "--output", help="report (.csv)")
    _add_settings(evaluate, TrainingSettings)
    _add_settings(evaluate, PlacementSettings)

    view = command("view", _view, "show placed cells in napari")
    view.add_argument("placed", help="placed cells (.h5ad)")
    view.add_argument("--reference", help=".h5ad file or Space Ranger folder")
    view.add_argument("--gene", help="colours spots and cells")
    _add_screenshot(view)

    demo = command("demo", _demo, "train, place and show on the phantom that comes with it")
    _add_screenshot(demo)
    return parser


def _add_reading(parser: argparse.ArgumentParser, *, sections: bool) -> None:
    parser.add_argument("--layer", help="layer with the raw counts (X if not given)")
    if sections:
        parser.add_argument("--section-key", help="obs column with the section of each spot")


def _add_screenshot(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--screenshot", metavar="FILE.png", help="write a picture of the window and close it"
    )


def _add_settings(
    parser: argparse.ArgumentParser, settings: type[TrainingSettings] | type[PlacementSettings]
) -> None:
    """An option for each field, with its default and help."""
    hints = get_type_hints(settings)
    group = parser.add_argument_group(settings.__name__)
    for spec in dataclasses.fields(settings):
        hint = hints[spec.name]
        kind: dict[str, Any] = {"type": hint}
        if get_origin(hint) is Literal:
            kind = {"choices": get_args(hint)}
        elif hint is bool:
            kind = {"action": argparse.BooleanOptionalAction}
        group.add_argument(
            f"--{spec.name.replace('_', '-')}",
            default=spec.default,
            help=spec.metadata["help"].replace("%", "%%"),
            **kind,
        )


def _settings(options: Any, settings: type[Any]) -> Any:
    return settings(
        **{spec.name: getattr(options, spec.name) for spec in dataclasses.fields(settings)}
    )


def _train(options: Any) -> None:
    from napari_dpvae.data.read import read_reference

    _check_folder(options.output)
    settings = _settings(options, TrainingSettings)
    reference = read_reference(
        options.reference, layer=options.layer, section_key=options.section_key
    )
    print(f"Reference {options.reference}: {reference.n_obs} spots, {reference.n_vars} genes.")
    model = _fit(settings, reference, options.section_key)
    model.save(options.output)
    error = model.card["held_out_error"]
    print(
        f"Trained on {len(model.genes)} genes; held-out spots are placed with a mean error of "
        f"{error:.4g} coordinate units. Wrote {options.output}."
    )


def _fit(settings: TrainingSettings, reference: ad.AnnData, section_key: str | None) -> DPVAE:
    """Train behind a progress bar."""
    from tqdm import tqdm

    from napari_dpvae.dpvae import DPVAE

    model = DPVAE(settings)
    with tqdm(unit="epoch", disable=None, leave=False) as bar:
        for report in model.fit_epochs(reference, section_key=section_key):
            bar.total = report.epochs
            bar.set_description(report.stage)
            bar.update(report.epoch - bar.n)
    return model


def _place(options: Any) -> None:
    from napari_dpvae.data.read import read_query
    from napari_dpvae.data.write import write_placed
    from napari_dpvae.dpvae import DPVAE

    _check_folder(options.output)
    settings = _settings(options, PlacementSettings)
    model = DPVAE.load(options.model)
    query = read_query(options.query, layer=options.layer)
    placed = model.place(query, settings, known_key=options.known_key)
    write_placed(placed, options.output)
    counts = placed.obs["dpvae_status"].value_counts()
    said = ", ".join(f"{n} {status}" for status, n in counts.items() if n)
    print(f"{placed.n_obs} cells: {said}. Wrote {options.output}.")


def _evaluate(options: Any) -> None:
    import pandas as pd

    from napari_dpvae.data.read import read_reference
    from napari_dpvae.data.write import replacing
    from napari_dpvae.evaluation.experiments import evaluate

    if options.output:
        _check_folder(options.output)
    training = _settings(options, TrainingSettings)
    reference = read_reference(options.reference)
    query = read_reference(options.query) if options.query else None
    table = evaluate(
        training,
        reference,
        query,
        split=options.split,
        seeds=options.seeds,
        placement=_settings(options, PlacementSettings),
    )
    with pd.option_context("display.width", 160, "display.max_columns", None):
        print(table[["method", "seed", *MEASURES]].to_string(index=False, float_format="%.4f"))
    if options.output:
        with replacing(options.output) as scratch:
            table.to_csv(scratch, index=False)
        print(f"Wrote {options.output}.")


def _view(options: Any) -> None:
    from napari_dpvae.data.read import read_placed, read_reference

    placed = read_placed(options.placed)
    reference = read_reference(options.reference) if options.reference else None
    _check_display()
    from napari_dpvae.viewer.view import view

    _show(view(placed, reference, gene=options.gene), options.screenshot)


def _demo(options: Any) -> None:
    from napari_dpvae.data.phantom import read_phantom
    from napari_dpvae.evaluation.metrics import measure

    phantom = read_phantom()
    print(
        f"Phantom: {phantom.reference.n_obs} spots, {phantom.reference.n_vars} genes, "
        f"{phantom.query.n_obs} dissociated cells."
    )
    model = _fit(TrainingSettings(), phantom.reference, None)
    placed = model.place(phantom.query)
    true = phantom.truth.loc[placed.obs_names, ["x", "y"]].to_numpy()
    print("Placed cells against the known truth:")
    for name, value in measure(true, placed.obsm["spatial"]).items():
        print(f"  {name:30s} {value:10.4f}")
    _check_display()
    from napari_dpvae.viewer.view import view
    from napari_dpvae.viewer.widgets.dock import DpvaeDock

    viewer = view(placed, phantom.reference, gene=model.genes[0])
    dock = DpvaeDock(viewer)
    viewer.window.add_dock_widget(dock, name="Place dissociated cells", area="right")
    dock.session.query = phantom.query
    dock.session.model = model
    _show(viewer, options.screenshot)


def _show(viewer: Viewer, screenshot: str | None) -> None:
    """Run the window; or write its picture and close it."""
    import napari

    if screenshot is None:
        napari.run()
        return
    from napari_dpvae.viewer.picture import write_picture

    viewer.window.resize(1500, 900)
    write_picture(viewer, screenshot)
    viewer.close()
    print(f"Wrote {screenshot}.")


def _check_display() -> None:
    """Qt ends the whole program where there is no screen: say so before it does.

    Raises
    ------
    RuntimeError
        With what to do instead.
    """
    screens = ("DISPLAY", "WAYLAND_DISPLAY", "QT_QPA_PLATFORM")
    if sys.platform == "linux" and not any(os.environ.get(name) for name in screens):
        raise RuntimeError(
            "There is no display: run this command under xvfb-run -a with --screenshot FILE.png."
        )


def _check_folder(output: str) -> None:
    """Before minutes of work: is there a place to write the result."""
    folder = Path(output).parent
    if not folder.is_dir():
        raise DataError(f"Cannot write {output}: the folder {folder} does not exist.")
    if Path(output).is_dir():
        raise DataError(f"Cannot write {output}: it is a folder; name a file in it.")


if __name__ == "__main__":
    sys.exit(main())
