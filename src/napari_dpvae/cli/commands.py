"""What each command does; heavy libraries are imported when it runs."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_dpvae.cli.options import read_settings
from napari_dpvae.errors import DataError
from napari_dpvae.settings import PlacementSettings, TrainingSettings

if TYPE_CHECKING:
    import anndata as ad
    from napari import Viewer

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
)
"""Those that are printed; the report holds all."""


def train(options: Any) -> None:
    """Train a model on a reference, and write it."""
    from napari_dpvae.data.read import read_reference

    _check_folder(options.output)
    settings = read_settings(options, TrainingSettings)
    reference = read_reference(
        options.reference, layer=options.layer, section_key=options.section_key
    )
    print(f"Reference {options.reference}: {reference.n_obs} spots, {reference.n_vars} genes.")
    model = _fit(settings, reference, options.section_key)
    if options.fine_tune:
        model = _fine_tune(model, reference, options)
    model.save(options.output)
    error = model.card["held_out_error"]
    print(
        f"Trained on {len(model.genes)} genes; held-out spots are placed with a mean error of "
        f"{error:.4g} coordinate units. Wrote {options.output}."
    )


def _fit(settings: TrainingSettings, reference: ad.AnnData, section_key: str | None) -> DPVAE:
    """Train behind a progress bar."""
    from napari_dpvae.dpvae import DPVAE

    model = DPVAE(settings)
    with _bar() as show:
        model.fit(reference, section_key=section_key, progress=show)
    return model


def _fine_tune(model: DPVAE, reference: ad.AnnData, options: Any) -> DPVAE:
    """Go on training with a query, behind a progress bar."""
    from napari_dpvae.data.read import read_query

    query = read_query(options.fine_tune)
    with _bar() as show:
        return model.fine_tune(
            reference,
            query,
            known_key=options.known_key,
            section_key=options.section_key,
            progress=show,
        )


@contextmanager
def _bar() -> Iterator[Callable[[EpochReport], None]]:
    """A progress bar, as what shows it a report."""
    from tqdm import tqdm

    with tqdm(unit="epoch", disable=None, leave=False) as bar:

        def show(report: EpochReport) -> None:
            bar.total = report.epochs
            bar.set_description(report.stage)
            bar.update(report.epoch - bar.n)

        yield show


def place(options: Any) -> None:
    """Place a query's cells, and write them."""
    from napari_dpvae.data.read import read_query
    from napari_dpvae.data.write import write_placed
    from napari_dpvae.dpvae import DPVAE

    _check_folder(options.output)
    settings = read_settings(options, PlacementSettings)
    model = DPVAE.load(options.model)
    query = read_query(options.query, layer=options.layer)
    placed = model.place(query, settings, known_key=options.known_key)
    write_placed(placed, options.output)
    counts = placed.obs["dpvae_status"].value_counts()
    said = ", ".join(f"{n} {status}" for status, n in counts.items() if n)
    print(f"{placed.n_obs} cells: {said}. Wrote {options.output}.")


def evaluate(options: Any) -> None:
    """Measure against the truth, and print and write the measures."""
    import pandas as pd

    from napari_dpvae.data.read import read_reference
    from napari_dpvae.data.write import replacing
    from napari_dpvae.evaluation.experiments import evaluate

    if options.output:
        _check_folder(options.output)
    training = read_settings(options, TrainingSettings)
    reference = read_reference(
        options.reference, layer=options.layer, section_key=options.section_key
    )
    query = read_reference(options.query, layer=options.layer) if options.query else None
    table = evaluate(
        training,
        reference,
        query,
        split=options.split,
        section_key=options.section_key,
        section=options.section,
        seeds=options.seeds,
        placement=read_settings(options, PlacementSettings),
        fine_tune=options.fine_tune,
    )
    with pd.option_context("display.width", 160, "display.max_columns", None):
        print(table[["method", "seed", *MEASURES]].to_string(index=False, float_format="%.4f"))
    if options.output:
        with replacing(options.output) as scratch:
            table.to_csv(scratch, index=False)
        print(f"Wrote {options.output}.")


def view(options: Any) -> None:
    """Show placed cells in napari."""
    from napari_dpvae.data.read import read_placed, read_reference

    placed = read_placed(options.placed)
    reference = read_reference(options.reference) if options.reference else None
    _check_display()
    from napari_dpvae.viewer.open import view

    _show(view(placed, reference, gene=options.gene), options.screenshot)


def demo(options: Any) -> None:
    """Train, place and show the phantom."""
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
