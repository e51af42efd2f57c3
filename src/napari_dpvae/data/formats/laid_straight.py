"""Images that are turned, moved or stretched against the spots, drawn anew to lie under them."""

from __future__ import annotations

import numpy as np

LEAST_LEFT, MOST_GROWN = 0.1, 8.0
"""Share of an image that must be left, and times that it may grow, to be worth drawing."""
EMPTY = 255
"""What is beyond the image, of 8 bits: glass is white."""


def laid_straight(pixels: np.ndarray, matrix: np.ndarray) -> tuple[np.ndarray, float] | None:
    """Pixels that begin at the origin, are square, and have their sides along the axes.

    Parameters
    ----------
    pixels
        (rows, columns[, channels]).
    matrix
        (3, 3) affine from (x, y) in pixels to coordinates.

    Returns
    -------
    pixels, size
        The same where they were so already; else drawn anew, and cut where coordinates are
        negative. None where hardly any of it would be left, or it would grow too large.
    """
    from scipy import ndimage

    size = float(np.sqrt(abs(np.linalg.det(matrix[:2, :2]))))
    if not np.isfinite(matrix).all() or size == 0:
        return None
    if np.allclose(matrix, np.diag([size, size, 1.0]), atol=1e-6 * size):
        return pixels, size
    height, width = pixels.shape[:2]
    corners = np.array([[0, 0, 1], [width, 0, 1], [0, height, 1], [width, height, 1]]) @ matrix.T
    columns, rows = np.ceil(corners[:, :2].max(axis=0) / size).astype(int)
    if min(rows, columns) < 2:
        return None
    share = rows * columns / (height * width)
    if not LEAST_LEFT < share < MOST_GROWN:
        return None
    # From the middle of a new pixel to that of an old one; numpy's axes are (row, column).
    centre = np.array([[1, 0, 0.5], [0, 1, 0.5], [0, 0, 1]])
    back = np.linalg.inv(matrix @ centre) @ np.diag([size, size, 1.0]) @ centre
    turned = np.array([[0, 1, 0], [1, 0, 0], [0, 0, 1]])
    back = turned @ back @ turned
    beyond = EMPTY if pixels.dtype == np.uint8 else pixels.max()
    planes = [
        ndimage.affine_transform(plane, back, output_shape=(rows, columns), order=1, cval=beyond)
        for plane in np.moveaxis(np.atleast_3d(pixels), 2, 0)
    ]
    return (np.stack(planes, axis=2) if pixels.ndim == 3 else planes[0]), size
