"""A small render's chroma, brought to the chroma planes of a film's frames.

The same arithmetic as `retint.color.merge_chroma` (slopes of the fast guided filter, arXiv 1505.00996; chroma shrunk
towards grey where a channel would leave the gamut), but for planes that are smaller than the luma, and in OpenCV: a
film has a hundred thousand frames.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from retint.color import BLUE, GREEN, GUIDE_RADIUS, GUIDE_SOFTNESS, RED, U_SCALE, V_SCALE, Chroma

Plane = NDArray[np.float32]

_STRIP = 32  # rows at a time: what is between stays in the processor's cache
_BOX = (2 * GUIDE_RADIUS + 1, 2 * GUIDE_RADIUS + 1)


def plane_chroma(gray: NDArray[np.uint8], size: tuple[int, int], chroma: Chroma, guide: NDArray[np.uint8]) -> Chroma:
    """Chroma at `size`, along the edges of the frame.

    gray: (H, W) uint8, the frame's luma, full range
    size: (width, height) of the chroma planes
    chroma: (h, w, 2) float32, U and V in units of full scale, of a render of any size
    guide: (h, w) uint8, the grey picture that was rendered

    Returns (height, width, 2) float32: U and V in units of full scale, within the gamut at that luma.
    """
    coarse: Plane = guide.astype(np.float32) * np.float32(1 / 255)
    mean_y = _mean(coarse)
    spread = _mean(coarse * coarse) - mean_y * mean_y + np.float32(GUIDE_SOFTNESS)
    luma = cv2.resize(gray, size, interpolation=cv2.INTER_AREA)
    shrunk = _resized(coarse, size)
    channels, slopes = [], []
    for channel in range(2):
        plane = np.ascontiguousarray(chroma[..., channel])
        slope = _mean((_mean(coarse * plane) - mean_y * _mean(plane)) / spread)
        channels.append(_resized(plane, size))
        slopes.append(_resized(slope, size))
    for top in range(0, size[1], _STRIP):
        rows = slice(top, top + _STRIP)
        y = luma[rows].astype(np.float32)
        y *= np.float32(1 / 255)
        detail = y - shrunk[rows]
        u, v = (plane[rows] for plane in channels)
        u += slopes[0][rows] * detail
        v += slopes[1][rows] * detail
        share = _fit(y, u, v)
        u *= share
        v *= share
    return np.moveaxis(np.stack(channels), 0, -1)


def _resized(plane: Plane, size: tuple[int, int]) -> Plane:
    return cv2.resize(plane, size, interpolation=cv2.INTER_LINEAR).astype(np.float32, copy=False)


def _mean(plane: NDArray[np.floating]) -> Plane:
    return cv2.blur(plane, _BOX, borderType=cv2.BORDER_REPLICATE).astype(np.float32, copy=False)


def _fit(y: Plane, u: Plane, v: Plane) -> Plane:
    """How much of the chroma keeps every channel between 0 and 1 at luma `y`: (h, w), 0 to 1."""
    red = v * np.float32(1 / V_SCALE)
    blue = u * np.float32(1 / U_SCALE)
    green = (red * np.float32(RED) + blue * np.float32(BLUE)) * np.float32(-1 / GREEN)
    tiny = np.float32(1e-6)  # instead of zero: no chroma fits anywhere
    up = np.maximum(np.maximum(np.maximum(red, green), blue), tiny)
    down = np.maximum(-np.minimum(np.minimum(red, green), blue), tiny)
    return np.minimum(np.minimum((1 - y) / up, y / down), np.float32(1))
