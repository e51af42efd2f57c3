"""A fly embryo in three dimensions, and its dissociated cells."""

from __future__ import annotations

from benchmarks.tour.stage import Stage

EPOCHS = 40
"""Few: the expression of an embryo follows its axes closely."""


def play(stage: Stage) -> None:
    """Place real dissociated cells in a volume, and look at two genes."""
    dock = stage.dock
    stage.open_pair("drosophila_embryo_BDTNP3D", "drosophila_embryo_scRNA_Karaiskos")
    stage.show_only(dock.data)
    stage.shoot("data")
    dock.model.form["epochs"].value = EPOCHS
    dock.model.form["regularisation"].value = "medium"
    dock.model.train.click()
    stage.wait(dock.model)
    dock.place.place.click()
    stage.wait(dock.place)
    stage.show_only(dock.place)
    stage.shoot("placed")
    stage.show_only(dock.explore)
    genes = [gene for gene in ("ftz", "twi", "sna") if gene in dock.session.genes]
    for gene in (genes or stage.panel)[:2]:
        dock.session.gene = gene
        stage.shoot(gene)
