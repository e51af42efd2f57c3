"""A form for a settings dataclass: each field's default, range and help come from the field."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable
from typing import Any, Generic, TypeVar, get_type_hints

from magicgui.widgets import create_widget
from qtpy.QtCore import Qt, Signal
from qtpy.QtWidgets import QGridLayout, QLabel, QToolButton, QWidget

from napari_dpvae.settings import PlacementSettings, TrainingSettings
from napari_dpvae.viewer.dock.fold import Fold
from napari_dpvae.viewer.dock.style import column
from napari_dpvae.viewer.state.memory import remember_settings, remembered_settings

Settings = TypeVar("Settings", TrainingSettings, PlacementSettings)
THEMES = {
    "genes": ("wide_genes", "gene_choice"),
    "network": ("latent_dim", "hidden", "alpha1", "beta", "fixed_lambda"),
    "pairs and sections": ("mask", "neighbours", "radius", "pairs_key", "frame"),
    "ensemble": ("checks", "blocks", "regression"),
    "optimiser": ("learning_rate", "batch_size", "seed", "device"),
}
"""Settings that are seldom changed, by what they are about; all others stand first."""
AUTO = ("latent_dim", "epochs", "fixed_lambda")
"""Settings of which 0 is no number, but leaves the choice to the training."""


class SettingsForm(QWidget, Generic[Settings]):
    """One row a field: its name, its value, and a button that brings back its default.

    Those that matter most stand first, the others are folded by theme. It begins with the settings
    last used. ``form["epochs"].value`` is a field's value.

    Parameters
    ----------
    kind
        The dataclass.
    """

    changed = Signal()

    def __init__(self, kind: type[Settings]) -> None:
        super().__init__()
        self._kind: type[Settings] = kind
        self._defaults = {spec.name: spec.default for spec in dataclasses.fields(kind)}
        self._widgets: dict[str, Any] = {}
        self._hints = get_type_hints(kind)
        self._last: Settings = remembered_settings(kind)
        specs = {spec.name: spec for spec in dataclasses.fields(kind)}
        later = {name: title for title, names in THEMES.items() for name in names}
        parts: list[QWidget] = [self._rows(spec for n, spec in specs.items() if n not in later)]
        for title, names in THEMES.items():
            there = [specs[name] for name in names if name in specs]
            if there:
                parts.append(Fold(title, self._rows(there), unfolded=False))
        self.setLayout(column(*parts, margins=(8, 0, 0, 0), spacing=2))

    def __getitem__(self, name: str) -> Any:
        """The magicgui widget of a field."""
        return self._widgets[name]

    @property
    def settings(self) -> Settings:
        """What the form shows.

        Raises
        ------
        ValueError
            When the values do not fit together.
        """
        return self._kind(**{name: widget.value for name, widget in self._widgets.items()})

    def take(self) -> Settings:
        """What the form shows, to be used now: the next run begins with it."""
        settings = self.settings
        remember_settings(settings)
        return settings

    @property
    def n_changed(self) -> int:
        """How many fields differ from their default."""
        return sum(self._widgets[name].value != value for name, value in self._defaults.items())

    def restore(self) -> None:
        """Bring back every default."""
        for name, default in self._defaults.items():
            self._widgets[name].value = default

    def _rows(self, specs: Iterable[dataclasses.Field[Any]]) -> QWidget:
        """A row for each field."""
        rows, grid = QWidget(), QGridLayout()
        grid.setContentsMargins(0, 0, 0, 0)
        grid.setVerticalSpacing(2)
        grid.setColumnStretch(1, 1)
        rows.setLayout(grid)
        for spec in specs:
            self._add_row(spec, grid)
        return rows

    def _add_row(self, spec: dataclasses.Field[Any], grid: QGridLayout) -> None:
        value, hint = getattr(self._last, spec.name), self._hints[spec.name]
        widget = create_widget(value, annotation=hint, name=spec.name, options=_options(spec))
        if isinstance(value, bool):
            # Its label stands before it.
            widget.text = ""
        self._widgets[spec.name] = widget
        name = spec.name.replace("_", " ")
        label = QLabel()
        label.setToolTip(spec.metadata["help"])
        label.setBuddy(widget.native)
        reset = QToolButton()
        reset.setText("↺")
        reset.setToolTip(f"Back to the default, {spec.default}.")
        reset.setAccessibleName(f"default {name}")
        reset.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        policy = reset.sizePolicy()
        policy.setRetainSizeWhenHidden(True)
        reset.setSizePolicy(policy)

        def show(now: Any) -> None:
            reset.setVisible(now != spec.default)
            label.setText(f"{name} (auto)" if spec.name in AUTO and now == 0 else name)
            self.changed.emit()

        def restore() -> None:
            widget.value = spec.default

        widget.changed.connect(show)
        reset.clicked.connect(restore)
        show(value)
        row = grid.rowCount()
        for place, part in enumerate((label, widget.native, reset)):
            grid.addWidget(part, row, place)


class FoldedForm(Fold):
    """A form under a title that says how many settings are not at their default."""

    def __init__(self, form: SettingsForm[Any]) -> None:
        super().__init__("settings", form, unfolded=False)
        self.restore = QToolButton()
        self.restore.setText("Restore all")
        self.restore.setToolTip("Bring back the default of every setting.")
        self.restore.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.restore.clicked.connect(form.restore)
        self.header.addStretch(1)
        self.header.addWidget(self.restore)
        self._form = form
        form.changed.connect(self._count)
        self._count()

    def _count(self) -> None:
        n = self._form.n_changed
        self.title.setText(f"settings · {n} changed" if n else "settings")
        self.restore.setVisible(n > 0)


def _options(spec: dataclasses.Field[Any]) -> dict[str, Any]:
    """What magicgui wants to know of a field."""
    options: dict[str, Any] = {"tooltip": spec.metadata["help"]}
    for ours, theirs in (("low", "min"), ("high", "max"), ("step", "step")):
        if spec.metadata[ours] is not None:
            options[theirs] = spec.metadata[ours]
    return options
