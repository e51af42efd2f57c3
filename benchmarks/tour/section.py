"""A tumour section with histology, and the cells of the section beside it."""

from __future__ import annotations

from benchmarks.tour.stage import Stage


def play(stage: Stage) -> None:
    """Every step once, from opening the files to saving."""
    dock = stage.dock
    stage.shoot("empty")
    stage.open_pair("breast_her2st_C2", "breast_her2st_C3")
    stage.show_only(dock.data, dock.model)
    stage.shoot("data")
    train(stage)
    dock.place.place.click()
    stage.wait(dock.place)
    explore(stage)
    evaluate(stage)
    stage.show_only(dock.save)
    stage.shoot("save")


def train(stage: Stage) -> None:
    """Stop half-way, then train to the end, and read the card."""
    dock = stage.dock
    dock.model.train.click()
    stage.settle(4000)
    dock.model.progress.stop.click()
    stage.wait(dock.model)
    stage.show_only(dock.model)
    dock.model.train.click()
    stage.settle(9000)
    stage.shoot("training")
    stage.wait(dock.model)
    dock.model.card.unfolded = True
    stage.shoot("model-card")
    dock.model.card.unfolded = False
    stage.show_only(dock.place)


def explore(stage: Stage) -> None:
    """Two genes one after the other, then side by side."""
    dock = stage.dock
    genes = [gene for gene in ("ERBB2", "CD74") if gene in dock.session.genes]
    for gene in genes or stage.panel[:2]:
        dock.session.gene = gene
        stage.shoot(gene)
    dock.session.look.arrangement = "side by side"
    stage.shoot("side-by-side")
    dock.session.look.arrangement = "overlaid"
    dock.explore.folds["latent space"].unfolded = True
    dock.session.selection.cells = range(40)
    stage.shoot("latent")
    dock.explore.folds["latent space"].unfolded = False
    dock.session.selection.cells = ()


def evaluate(stage: Stage) -> None:
    """Hold spots out; the errors alone on the tissue."""
    dock = stage.dock
    stage.show_only(dock.evaluate)
    dock.evaluate.choice.setCurrentText("random spots")
    dock.evaluate.evaluate.click()
    stage.wait(dock.evaluate)
    gene, dock.session.gene = dock.session.gene, None
    stage.viewer.layers["placed cells"].visible = False
    stage.shoot("evaluate")
    dock.evaluate.arrows.setCurrentText("none")
    stage.viewer.layers["placed cells"].visible = True
    dock.session.gene = gene
