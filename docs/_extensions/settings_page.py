"""Writes docs/settings.md from the dataclasses: each setting is told once, in settings.py."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal, get_args, get_origin, get_type_hints

from sphinx.application import Sphinx

from napari_dpvae.settings import PlacementSettings, TrainingSettings

HEAD = """# Settings

The defaults are meant to be good. In the dock the few that matter stand first and the others are
folded by theme; on the command line each is an option (`--latent-dim 10`), in a script an argument
(`dpv.DPVAE(latent_dim=10)`, `model.place(query, anchors=32)`).
"""
TITLES = {TrainingSettings: "Training", PlacementSettings: "Placement"}


def setup(app: Sphinx) -> dict[str, Any]:
    """Write the page before Sphinx looks for pages."""
    app.connect("builder-inited", lambda app: write(Path(app.srcdir) / "settings.md"))
    return {"parallel_read_safe": True}


def write(path: Path) -> None:
    """Write the page."""
    text = HEAD + "".join(f"\n## {title}\n\n{_table(kind)}" for kind, title in TITLES.items())
    if not path.is_file() or path.read_text(encoding="utf-8") != text:
        path.write_text(text, encoding="utf-8")


def _table(kind: type[Any]) -> str:
    return "".join(f"{line}\n" for line in _lines(kind))


def _lines(kind: type[Any]) -> Iterator[str]:
    hints = get_type_hints(kind)
    yield "| setting | default | range | when to change it |"
    yield "|---|---|---|---|"
    for spec in dataclasses.fields(kind):
        help = spec.metadata["help"].replace("|", "\\|")
        default = f"`{spec.default}`" if spec.default != "" else "none"
        yield f"| `{spec.name}` | {default} | {_range(spec, hints[spec.name])} | {help} |"


def _range(spec: dataclasses.Field[Any], hint: Any) -> str:
    if get_origin(hint) is Literal:
        return ", ".join(f"`{choice}`" for choice in get_args(hint))
    low, high = spec.metadata["low"], spec.metadata["high"]
    if low is None and high is None:
        return "yes or no" if hint is bool else "text"
    return f"{_number(low)} – {_number(high)}"


def _number(value: float | None) -> str:
    if value is None:
        return ""
    return f"{value:,.0f}" if value >= 1000 else f"{value:g}"
