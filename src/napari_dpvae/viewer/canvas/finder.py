"""Find the cell under the pointer among very many."""

from __future__ import annotations

from concurrent.futures import Future, ThreadPoolExecutor

import numpy as np
from scipy.spatial import cKDTree

_BACKGROUND = ThreadPoolExecutor(1, thread_name_prefix="dpvae-finder")


class Finder:
    """The nearest of many places to a point, or to a line of sight.

    Parameters
    ----------
    places
        (n, 2) or (n, 3).
    """

    def __init__(self, places: np.ndarray) -> None:
        self._places = np.asarray(places)
        # A million places take a second to sort: until then nothing is found.
        self._tree: Future[cKDTree] | None = None
        if len(places) and self._places.shape[1] == 2:
            self._tree = _BACKGROUND.submit(cKDTree, self._places)

    def nearest(
        self, point: np.ndarray, direction: np.ndarray | None, within: float, shown: np.ndarray
    ) -> int | None:
        """The number of the cell that is nearest, None when all are farther than ``within``.

        Parameters
        ----------
        point
            (d,) of the pointer.
        direction
            (d,) of the line of sight through it in a volume, where the cell that is first along
            it is taken.
        within
            Half the size of a cell.
        shown
            (n,) bool: cells that are drawn.
        """
        if self._tree is not None:
            if not self._tree.done():
                return None
            near = self._tree.result().query_ball_point(point, within)
            near = [cell for cell in near if shown[cell]]
            away = np.linalg.norm(self._places[near] - point, axis=1)
            return near[int(away.argmin())] if near else None
        if direction is None or not len(self._places):
            return None
        relative = self._places - point
        along = relative @ direction
        aside = np.linalg.norm(relative - along[:, None] * direction, axis=1)
        along = np.where((aside <= within) & shown, along, np.inf)
        first = int(along.argmin())
        return first if np.isfinite(along[first]) else None
