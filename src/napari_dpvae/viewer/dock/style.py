"""The dock's looks: a visible focus, tones of text and the main button, in napari's theme."""

from __future__ import annotations

from typing import Any

from napari.utils.theme import get_theme
from qtpy.QtCore import QEvent, QPoint, QTimer
from qtpy.QtWidgets import (
    QApplication,
    QComboBox,
    QFormLayout,
    QHBoxLayout,
    QLabel,
    QLayout,
    QScrollArea,
    QVBoxLayout,
    QWidget,
)

LABEL_WIDTH = 72
"""Of the labels that stand before a row, in pixels."""
MARGIN = 8
"""Pixels above and below what is brought into view."""

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


def note(tone: str = "plain") -> QLabel:
    """An empty text of a tone, which takes as many lines as it needs."""
    label = QLabel()
    label.setWordWrap(True)
    set_tone(label, tone)
    return label


def say(line: QLabel, text: str, tone: str) -> None:
    """Have a line say something in a tone; it is there while it has something to say."""
    set_tone(line, tone)
    line.setText(text)
    line.setVisible(bool(text))


def elastic(box: QComboBox) -> QComboBox:
    """A choice whose long names do not widen the dock."""
    box.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
    return box


def bring_into_view(widget: QWidget) -> None:
    """Scroll what a widget is in so that all of it is seen."""
    area = widget.parent()
    while area is not None and not isinstance(area, QScrollArea):
        area = area.parent()
    if area is not None and widget.isVisible():
        # What has grown asks for room level by level.
        QApplication.sendPostedEvents(None, QEvent.Type.LayoutRequest)
        # Qt's own ensureWidgetVisible is content with the upper corner of a plot.
        top = widget.mapTo(area.widget(), QPoint(0, 0)).y()
        for y in (top + widget.height(), top):
            area.ensureVisible(0, y, 0, MARGIN)


def when_laid_out(widget: QWidget) -> QTimer:
    """A timer, to be started, that brings a widget into view when all that it waits for is done."""
    timer = QTimer(widget)
    timer.setSingleShot(True)
    timer.timeout.connect(lambda: bring_into_view(widget))
    return timer


def column(*parts: QWidget | QLayout, **spaces: Any) -> QVBoxLayout:
    """Widgets and layouts below each other; ``margins`` (4 numbers) and ``spacing`` in pixels."""
    return _filled(QVBoxLayout(), parts, **spaces)


def row(*parts: QWidget | QLayout, wide: QWidget | None = None, **spaces: Any) -> QHBoxLayout:
    """Widgets and layouts beside each other, of which one may take what room is left."""
    layout = _filled(QHBoxLayout(), parts, **spaces)
    if wide is not None:
        layout.setStretchFactor(wide, 1)
    return layout


def form(**rows: QWidget) -> QFormLayout:
    """Widgets behind their labels; ``_`` in a name is a space."""
    layout = QFormLayout()
    layout.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
    for name, widget in rows.items():
        layout.addRow(name.replace("_", " "), widget)
    return layout


def _filled(
    layout: Any,
    parts: tuple[QWidget | QLayout, ...],
    margins: tuple[int, int, int, int] = (0, 0, 0, 0),
    spacing: int | None = None,
) -> Any:
    layout.setContentsMargins(*margins)
    if spacing is not None:
        layout.setSpacing(spacing)
    for part in parts:
        (layout.addWidget if isinstance(part, QWidget) else layout.addLayout)(part)
    return layout
