"""The dock's looks: a visible focus, tones of text and the main button, in napari's theme."""

from __future__ import annotations

from napari.utils.theme import get_theme
from qtpy.QtWidgets import QWidget

LABEL_WIDTH = 72
"""Of the labels that stand before a row, in pixels."""

SHEET = """
QLabel[tone="muted"] {{ color: {muted}; }}
QLabel[tone="error"] {{ color: {error}; }}
QLabel[tone="warning"] {{ color: {warning}; }}
QPushButton[main="true"]:enabled {{ background-color: {main}; color: white; }}
QPushButton[main="true"]:enabled:hover {{ background-color: {hover}; }}
QTableView, QHeaderView::section {{ font-size: 8pt; padding: 1px; }}
QPushButton, QToolButton, QLineEdit, QComboBox, QAbstractSpinBox, QCheckBox, QTableView {{
    border: 1px solid transparent;
}}
QPushButton:focus, QToolButton:focus, QLineEdit:focus, QComboBox:focus, QAbstractSpinBox:focus,
QCheckBox:focus, QTableView:focus {{ border: 1px solid {focus}; }}
"""


def style_sheet(theme: str) -> str:
    """A Qt style sheet on top of napari's for a theme of napari's, by its name."""
    colours = get_theme(theme)
    light = colours.type == "light"
    return SHEET.format(
        muted="#5c6270" if light else "#9aa3b2",
        # napari's own tones are made for icons: as text they are too pale or too dark.
        error="#b3261e" if light else "#ff8a75",
        warning="#8a5a00" if light else "#f2b84b",
        main="#2f56c6" if light else colours.current.as_hex(),
        hover="#2446a8" if light else "#5a78e0",
        focus="#1f6feb" if light else "#7fb2ff",
    )


def set_tone(label: QWidget, tone: str) -> None:
    """Give a text its tone: plain, muted, warning or error."""
    label.setProperty("tone", tone)
    label.style().unpolish(label)
    label.style().polish(label)
