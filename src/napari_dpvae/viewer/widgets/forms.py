"""A form for a settings dataclass: each field's default, range and help come from the field."""

from __future__ import annotations

import dataclasses
from typing import Any, get_type_hints

from magicgui.widgets import Container, create_widget

from napari_dpvae.settings import PlacementSettings, TrainingSettings


def settings_form(settings: type[TrainingSettings] | type[PlacementSettings]) -> Container[Any]:
    """A magicgui container with one widget a field; read it with :func:`form_settings`."""
    hints = get_type_hints(settings)
    rows = []
    for spec in dataclasses.fields(settings):
        options: dict[str, Any] = {"tooltip": spec.metadata["help"]}
        for ours, theirs in (("low", "min"), ("high", "max"), ("step", "step")):
            if spec.metadata[ours] is not None:
                options[theirs] = spec.metadata[ours]
        rows.append(
            create_widget(
                spec.default,
                annotation=hints[spec.name],
                name=spec.name,
                label=spec.name.replace("_", " "),
                options=options,
            )
        )
    return Container(widgets=rows, labels=True)


def form_settings(
    form: Container[Any], settings: type[TrainingSettings] | type[PlacementSettings]
) -> Any:
    """The settings that a form shows; raises ValueError when they do not fit together."""
    return settings(**form.asdict())
