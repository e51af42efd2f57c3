"""What a person sees when a file is refused, a training fails, and a placing fails."""

from __future__ import annotations

from pathlib import Path

from benchmarks.tour.stage import Stage
from napari_dpvae import make_phantom

SIZES = {"laptop": (1366, 768), "monitor": (1920, 1080)}
HASTY = {"epochs": 20, "regularisation": "light"}


def play(stage: Stage) -> None:
    """Each step fails once, and is seen at the size of a laptop and of a monitor."""
    dock, phantom = stage.dock, make_phantom(n_cells=120)
    dock.data.reference.open(str(Path(__file__)))
    stage.wait(dock.data.reference)
    shoot(stage, "refused-file")
    reference = phantom.reference
    dock.session.reference, dock.session.query = reference, phantom.query
    for name, value in HASTY.items():
        dock.model.form[name].value = value
    stage.show_only(dock.data, dock.model)
    # The reference says nothing of pairs.
    mask, dock.model.form["mask"].value = dock.model.form["mask"].value, "given"
    dock.model.train.click()
    stage.wait(dock.model)
    shoot(stage, "failed-training")
    dock.model.form["mask"].value = mask
    strangers = phantom.query.copy()
    strangers.var_names = [f"Other{i}" for i in range(strangers.n_vars)]
    dock.session.query = strangers
    dock.model.train.click()
    stage.wait(dock.model)
    stage.show_only(dock.model, dock.place)
    dock.place.place.click()
    stage.wait(dock.place)
    shoot(stage, "failed-placing")


def shoot(stage: Stage, name: str) -> None:
    """At both sizes."""
    for screen, size in SIZES.items():
        stage.viewer.window.resize(*size)
        stage.shoot(f"{name}-{screen}")
