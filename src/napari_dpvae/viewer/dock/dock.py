"""The one dock that holds the steps, from top to bottom."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import QEvent, QObject, QSize, Qt, QTimer
from qtpy.QtGui import QDragEnterEvent, QDropEvent, QShowEvent
from qtpy.QtWidgets import QScrollArea, QWidget

from napari_dpvae.viewer.dock.data.data import DataStep
from napari_dpvae.viewer.dock.evaluate.evaluate import EvaluateStep
from napari_dpvae.viewer.dock.explore.explore import ExploreStep
from napari_dpvae.viewer.dock.flow import Flow
from napari_dpvae.viewer.dock.job_row import JobRow
from napari_dpvae.viewer.dock.model.model import ModelStep
from napari_dpvae.viewer.dock.place.place import PlaceStep
from napari_dpvae.viewer.dock.save import SaveStep
from napari_dpvae.viewer.dock.style import column, style_sheet
from napari_dpvae.viewer.dock.turns import give_way_sooner
from napari_dpvae.viewer.dock.unsaved import Unsaved
from napari_dpvae.viewer.dock.warm_up import WarmUp
from napari_dpvae.viewer.open import session

if TYPE_CHECKING:
    from napari import Viewer


WIDTH = 350


class DpvaeDock(QScrollArea):
    """From Data to Save: the whole job in one column.

    Parameters
    ----------
    napari_viewer
        The viewer that it works in; napari hands it over by this name.
    """

    def __init__(self, napari_viewer: Viewer) -> None:
        super().__init__()
        self.session = session(napari_viewer)
        self.save = SaveStep(self.session)
        self.unsaved = Unsaved(self.session, self.save.cells)
        self.data = DataStep(self.session, napari_viewer, self.unsaved)
        self.model = ModelStep(self.session)
        self.place = PlaceStep(self.session, napari_viewer, self.unsaved)
        self.explore = ExploreStep(self.session)
        self.evaluate = EvaluateStep(self.session, self.model.form, self.place.form)
        steps = (self.data, self.model, self.place, self.explore, self.evaluate, self.save)
        content = QWidget()
        content.setLayout(column(*steps, margins=(4, 4, 4, 4), spacing=4))
        content.layout().addStretch(1)
        self.setWidget(content)
        self.setWidgetResizable(True)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.flow = Flow(steps, self)
        self._parted = QTimer(self)
        self._parted.setSingleShot(True)
        self._parted.timeout.connect(self._go)
        self._warm_up = WarmUp(napari_viewer, self)
        give_way_sooner(self)
        self.setAcceptDrops(True)
        self._follow_theme(napari_viewer)

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:
        """Take files and folders."""
        if event.mimeData().hasUrls():
            event.acceptProposedAction()

    def dropEvent(self, event: QDropEvent) -> None:
        """Open what is dropped anywhere on the dock."""
        event.acceptProposedAction()
        self.data.unfolded = True
        self.data.open_dropped([url.toLocalFile() for url in event.mimeData().urls()])

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """What unfolds is not cut off: the dock is as wide as that needs, and stays so."""
        if watched is self.widget() and event.type() == QEvent.Type.LayoutRequest:
            around = self.verticalScrollBar().sizeHint().width() + 2 * self.frameWidth()
            needed = self.widget().minimumSizeHint().width() + around
            self.setMinimumWidth(max(self.minimumWidth(), needed))
        return bool(super().eventFilter(watched, event))

    def changeEvent(self, event: QEvent) -> None:
        """Closed by its cross it is parted from the window: nothing goes on unseen."""
        super().changeEvent(event)
        if event.type() == QEvent.Type.ParentChange and self.parent() is None:
            for row in self.findChildren(JobRow):
                row.ended.connect(self._parted.start)
                row.stop.click()
            self._parted.start()

    def _go(self) -> None:
        """End with the last job, which may have had something to keep.

        napari lets go of a dock that it removes; what it listens to would hold it.
        """
        if self.parent() is None and not any(row.running for row in self.findChildren(JobRow)):
            self.deleteLater()

    def showEvent(self, event: QShowEvent) -> None:
        """From now on the window is not closed over unsaved cells without a question."""
        super().showEvent(event)
        self.window().installEventFilter(self.unsaved)
        # Once the window is there, and idle.
        self._warm_up.begin()

    def sizeHint(self) -> QSize:
        """Wide enough to read, on a small screen too."""
        return QSize(WIDTH, super().sizeHint().height())

    def _follow_theme(self, viewer: Viewer) -> None:
        def dress() -> None:
            self.setStyleSheet(style_sheet(viewer.theme))

        viewer.events.theme.connect(dress)
        self.destroyed.connect(lambda: viewer.events.theme.disconnect(dress))
        dress()
