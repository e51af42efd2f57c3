"""Pictures of the window are as wide as the page, and a click shows them whole."""

from __future__ import annotations

from typing import Any

from docutils import nodes
from sphinx.application import Sphinx


def setup(app: Sphinx) -> dict[str, Any]:
    """Give pictures a width: Sphinx links those that have one to their file."""
    app.connect("doctree-read", lambda app, doctree: widen(doctree))
    return {"parallel_read_safe": True}


def widen(page: nodes.document) -> None:
    """Set the width of the project's own pictures, not of those that a notebook draws."""
    for picture in page.findall(nodes.image):
        if "images/" in picture["uri"]:
            picture["width"] = "100%"
