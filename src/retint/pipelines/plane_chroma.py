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

_BOX = (2 * GUIDE_RADIUS + 1, 2 * GUIDE_RADIUS + 1)


def plane_chroma(gray: NDArray[np.uint8], size: tuple[int, int], chroma: Chroma, guide: NDArray[np.uint8]) -> Chroma:
    """Chroma at `size`, along the edges of the frame.

    gray: (H, W) uint8, the frame's luma, full range
    size: (width, height) of the chroma planes
    chroma: (h, w, 2) float32, U and V in units of full scale, of a render of any size
    guide: (h, w) uint8, the grey picture that was rendered

    Returns (height, width, 2) float32: U and V in units of full scale, within the gamut at that luma.
    """
    y = cv2.resize(gray, size, interpolation=cv2.INTER_AREA).astype(np.float32)
    y *= np.float32(1 / 255)
    coarse: Plane = guide.astype(np.float32) * np.float32(1 / 255)
    detail = y - _resized(coarse, size)
    mean_y = _mean(coarse)
    spread = _mean(coarse * coarse) - mean_y * mean_y + np.float32(GUIDE_SOFTNESS)
    out = np.empty((size[1], size[0], 2), np.float32)
    for channel in range(2):
        plane = np.ascontiguousarray(chroma[..., channel])
        slope = _mean((_mean(coarse * plane) - mean_y * _mean(plane)) / spread)
        out[..., channel] = _resized(plane, size) + _resized(slope, size) * detail
    out *= _fit(y, out)[..., None]
    return out


def _resized(plane: Plane, size: tuple[int, int]) -> Plane:
    return cv2.resize(plane, size, interpolation=cv2.INTER_LINEAR).astype(np.float32, copy=False)


def _mean(plane: NDArray[np.floating]) -> Plane:
    return cv2.blur(plane, _BOX, borderType=cv2.BORDER_REPLICATE).astype(np.float32, copy=False)


def _fit(y: Plane, chroma: Chroma) -> Plane:
    """How much of the chroma keeps every channel between 0 and 1 at luma `y`: (h, w), 0 to 1."""
    red = chroma[..., 1] * np.float32(1 / V_SCALE)
    blue = chroma[..., 0] * np.float32(1 / U_SCALE)
    green = (red * np.float32(RED) + blue * np.float32(BLUE)) * np.float32(-1 / GREEN)
    tiny = np.float32(1e-6)  # instead of zero: no chroma fits anywhere
    up = np.maximum(np.maximum(np.maximum(red, green), blue), tiny)
    down = np.maximum(-np.minimum(np.minimum(red, green), blue), tiny)
    return np.minimum(np.minimum((1 - y) / up, y / down), np.float32(1))
