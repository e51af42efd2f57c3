"""What each command does; heavy libraries are imported when it runs."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from napari_dpvae.cli.options import read_settings
from napari_dpvae.cli.saying import say
from napari_dpvae.errors import DataError
from napari_dpvae.settings import PlacementSettings, TrainingSettings

if TYPE_CHECKING:
    import anndata as ad
    import pandas as pd
    from napari import Viewer

    from napari_dpvae.data.unfinished import Unfinished
    from napari_dpvae.dpvae import DPVAE
    from napari_dpvae.training.report import EpochReport

MEASURES = (
    "procrustes",
    "stress1",
    "distance_spearman",
    "knn_overlap",
    "median_error_percent",
    "aligned_median_error_percent",
    "coverage",
    "wide_coverage",
    "distortion",
)
"""Those that are printed; the report holds all."""
SELDOM = 8.0
"""Seconds between two words of how far it is, where there is no terminal."""


def check(options: Any) -> int:
    """Say what is in a reference and a query, and whether they can be used; 0, 1 or 2."""
    from napari_dpvae.data.report import examine

    report = examine(_paths(options), options.query, **_reading(options))
    if report.spots is not None and not report.refused:
        from napari_dpvae.analysis.prospect import prospect

        report.certainty += prospect(report.spots, report.cells, section_key=report.section_key)
    say(json.dumps(report.as_json(), indent=1) if options.json else report.text())
    return report.code


def train(options: Any) -> None:
    """Train a model on a reference, and write it."""
    from napari_dpvae.data.replacing import check_output
    from napari_dpvae.data.unfinished import Unfinished

    check_output(options.output, (".safetensors",))
    settings = read_settings(options, TrainingSettings)
    reference = _read_reference(options)
    query = _read_tuning_query(options, reference)
    named = ", ".join([options.reference, *options.also])
    say(f"Reference {named}: {reference.n_obs} spots, {reference.n_vars} genes.")
    _show_concerns(reference, _section_key(options))
    unfinished = Unfinished(options.output, resume=options.resume)
    model = _fit(settings, reference, _section_key(options), unfinished)
    if query is not None:
        model = _fine_tune(model, reference, query, options)
    model.save(options.output)
    unfinished.remove()
    error, devices = model.card["held_out_error"], ", ".join(model.card["devices"])
    say(
        f"Trained on {len(model.genes)} genes by {devices}; held-out spots are placed with a mean "
        f"error of {error:.4g} coordinate units. Wrote {options.output}."
    )


def _read_reference(options: Any) -> ad.AnnData:
    from napari_dpvae.data.read import read_reference

    return read_reference(_paths(options), **_reading(options))


def _given_reference(options: Any) -> ad.AnnData | None:
    """The reference of placed cells, if one is named; of several files, if they were several."""
    from napari_dpvae.data.read import read_reference

    paths = options.reference
    return read_reference(paths[0] if len(paths) == 1 else paths) if paths else None


def _paths(options: Any) -> str | list[str]:
    """The file or files of the reference."""
    return [options.reference, *options.also] if options.also else options.reference


def _reading(options: Any) -> dict[str, Any]:
    """How the reference is read, as arguments."""
    names = ("layer", "section_key", "coordinates", "image", "image_affine")
    return {name: getattr(options, name) for name in names}


def _section_key(options: Any) -> str | None:
    """The column that names sections, of a file that has one or of several files."""
    from napari_dpvae.data.keys import SECTION

    return SECTION if options.also else options.section_key


def _show_concerns(reference: ad.AnnData, section_key: str | None) -> None:
    """What the Data step of the dock shows."""
    from napari_dpvae.data.concerns import concerns

    for concern in concerns(reference, section_key=section_key):
        say(f"Look twice: {concern}", sys.stderr)


def _fit(
    settings: TrainingSettings,
    reference: ad.AnnData,
    section_key: str | None,
    unfinished: Unfinished | None = None,
) -> DPVAE:
    """Train behind a progress bar."""
    from napari_dpvae.dpvae import DPVAE

    model = DPVAE(settings)
    with _bar() as show:
        model.fit(reference, section_key=section_key, progress=show, unfinished=unfinished)
    return model


def _read_tuning_query(options: Any, reference: ad.AnnData) -> ad.AnnData | None:
    """The query that training goes on with, if one is named: refused before anything is trained."""
    from napari_dpvae.data.coordinates import known_coordinates
    from napari_dpvae.data.keys import SPATIAL
    from napari_dpvae.data.read import read_query

    if options.fine_tune is None:
        if options.known_key is not None:
            raise DataError("--known-key is of the cells of --fine-tune: give both, or neither.")
        return None
    query = read_query(options.fine_tune, layer=options.layer)
    known_coordinates(query, options.known_key, reference.obsm[SPATIAL].shape[1])
    return query


def _fine_tune(model: DPVAE, reference: ad.AnnData, query: ad.AnnData, options: Any) -> DPVAE:
    """Go on training with a query, behind a progress bar."""
    with _bar() as show:
        return model.fine_tune(
            reference,
            query,
            known_key=options.known_key,
            section_key=_section_key(options),
            progress=show,
        )


def _tqdm(**options: Any) -> Any:
    """A bar on a terminal; elsewhere, as in a log, a line now and then of what takes long."""
    from tqdm import tqdm

    seldom = {} if sys.stderr.isatty() else {"delay": SELDOM, "mininterval": SELDOM}
    return tqdm(leave=False, **seldom, **options)


@contextmanager
def _bar() -> Iterator[Callable[[EpochReport], None]]:
    """A progress bar, as what shows it a report."""
    with _tqdm(unit="epoch") as bar:

        def show(report: EpochReport) -> None:
            bar.total = report.epochs
            bar.set_description(report.stage, refresh=False)
            bar.update(report.epoch - bar.n)

        yield show


@contextmanager
def _share_bar() -> Iterator[Callable[[float], None]]:
    """A progress bar, as what shows it the share of cells done."""
    form = "{desc}{percentage:3.0f}%|{bar}| {elapsed}<{remaining}"
    with _tqdm(total=1.0, desc="placing ", bar_format=form) as bar:
        yield lambda share: bar.update(share - bar.n) and None


def place(options: Any) -> None:
    """Place a query's cells, write them, and say what is uncertain and why."""
    from napari_dpvae.analysis.outcome import outcome
    from napari_dpvae.data.gene_names import read_gene_table
    from napari_dpvae.data.replacing import check_output
    from napari_dpvae.data.write import SUFFIXES
    from napari_dpvae.dpvae import DPVAE
    from napari_dpvae.placement.engine import cluster
    from napari_dpvae.placement.stream import place_file

    check_output(options.output, SUFFIXES)
    settings = read_settings(options, PlacementSettings)
    with _share_bar() as show, cluster(options.dask) as client:
        placed = place_file(
            DPVAE.load(options.model),
            options.query,
            options.output,
            settings,
            matrix=not options.no_matrix,
            layer=options.layer,
            known_key=options.known_key,
            gene_table=read_gene_table(options.gene_table) if options.gene_table else None,
            tell=lambda sentence: say(f"Look twice: {sentence}", sys.stderr),
            progress=show,
            client=client,
            resume=options.resume,
        )
    for line in outcome(placed):
        say(line)
    say(f"Wrote {options.output}.")


def evaluate(options: Any) -> None:
    """Measure against the truth, and print and write the measures."""
    import pandas as pd

    from napari_dpvae.data.read import read_reference
    from napari_dpvae.data.replacing import check_output, replacing
    from napari_dpvae.evaluation.experiments import evaluate
    from napari_dpvae.evaluation.signal import BY_CHANCE, spatial_signal

    if options.output:
        check_output(options.output, (".csv",))
    training = read_settings(options, TrainingSettings)
    reference = _read_reference(options)
    query = read_reference(options.query, layer=options.layer) if options.query else None
    table = evaluate(
        training,
        reference,
        query,
        split=options.split,
        section_key=_section_key(options),
        section=options.section,
        seeds=options.seeds,
        placement=read_settings(options, PlacementSettings),
        fine_tune=options.fine_tune,
    )
    chance = pd.DataFrame([table.attrs[BY_CHANCE] | {"method": "by chance", "seed": ""}])
    told = pd.concat([table, chance])[["method", "seed", *MEASURES]]
    with pd.option_context("display.width", 160, "display.max_columns", None):
        say(told.to_string(index=False, float_format="%.4f", na_rep=""))
    say(f"Held out: {table['held_out'].iloc[0]}. {spatial_signal(table)}")
    if options.output:
        with replacing(options.output) as scratch:
            table.to_csv(scratch, index=False)
        say(f"Wrote {options.output}.")


def report(options: Any) -> None:
    """Write one page about placed cells, with what is known of their model."""
    from napari_dpvae.data.read import read_placed
    from napari_dpvae.data.replacing import check_output
    from napari_dpvae.dpvae import DPVAE
    from napari_dpvae.report.report import write_report

    check_output(options.output, (".html",))
    write_report(
        read_placed(options.placed),
        options.output,
        reference=_given_reference(options),
        model=DPVAE.load(options.model) if options.model else None,
        evaluation=_read_evaluation(options.evaluation) if options.evaluation else None,
    )
    say(f"Wrote {options.output}.")


def _read_evaluation(path: str) -> pd.DataFrame:
    """What evaluate wrote."""
    from napari_dpvae.data.formats.bounds import existing
    from napari_dpvae.data.formats.delimited import read_delimited
    from napari_dpvae.data.read import reading

    with reading(path):
        return read_delimited(existing(path), named=False)


def view(options: Any) -> None:
    """Show placed cells in napari."""
    from napari_dpvae.data.read import read_placed

    _check_screenshot(options.screenshot)
    placed = read_placed(options.placed)
    reference = _given_reference(options)
    _check_display()
    from napari_dpvae.viewer.open import view

    _show(view(placed, reference, gene=options.gene), options.screenshot)


def demo(options: Any) -> None:
    """Train, place and show the phantom."""
    from napari_dpvae.data.phantom import read_phantom
    from napari_dpvae.evaluation.metrics import measure

    _check_screenshot(options.screenshot)
    phantom = read_phantom()
    say(
        f"Phantom: {phantom.reference.n_obs} spots, {phantom.reference.n_vars} genes, "
        f"{phantom.query.n_obs} dissociated cells."
    )
    model = _fit(TrainingSettings(), phantom.reference, None)
    placed = model.place(phantom.query)
    true = phantom.truth.loc[placed.obs_names, ["x", "y"]].to_numpy()
    say("Placed cells against the known truth:")
    for name, value in measure(true, placed.obsm["spatial"]).items():
        say(f"  {name:30s} {value:10.4f}")
    _check_display()
    from napari_dpvae.viewer.dock.dock import DpvaeDock
    from napari_dpvae.viewer.open import view

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
    from napari_dpvae.viewer.canvas.picture import write_picture

    viewer.window.resize(1500, 900)
    write_picture(viewer, screenshot)
    viewer.close()
    say(f"Wrote {screenshot}.")


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


def _check_screenshot(path: str | None) -> None:
    """Before a window is opened: can its picture be written."""
    from napari_dpvae.data.replacing import check_output

    if path is not None:
        check_output(path, (".png",))
