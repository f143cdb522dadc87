"""A small render's chroma, brought to the chroma planes of a film's frames.

The same arithmetic as `retint.color.merge_chroma` (slopes of the fast guided filter, arXiv 1505.00996; chroma shrunk
towards grey where a channel would leave the gamut), but for planes that are smaller than the luma, and in OpenCV: a
film has a hundred thousand frames.
"""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from retint.color import BLUE, GREEN, GUIDE_RADIUS, GUIDE_SOFTNESS, RED, U_SCALE, V_SCALE, Chroma

Plane = NDArray[np.float32]

_TINY = np.float32(1e-6)
_STRIP = 12_000  # px at a time: what is between stays in the processor's cache, and its memory is used again
_BOX = (2 * GUIDE_RADIUS + 1, 2 * GUIDE_RADIUS + 1)


class PlaneChroma:
    """Brings chroma to planes of one size. Its memory is used again for each frame: new memory takes as long as all
    the arithmetic."""

    def __init__(self, size: tuple[int, int]) -> None:
        """size: (width, height) of the chroma planes"""
        width, height = self._size = size
        self._step = max(1, _STRIP // width)
        self._luma = np.empty((height, width), np.uint8)
        self._planes = np.empty((4, height, width), np.float32)
        self._scratch = np.empty((5, self._step, width), np.float32)

    def __call__(self, gray: NDArray[np.uint8], chroma: Chroma, guide: NDArray[np.uint8]) -> Chroma:
        """Chroma along the edges of the frame.

        gray: (H, W) uint8, the frame's luma, full range, of any size not below that of the planes
        chroma: (h, w, 2) float32, U and V in units of full scale, of a render of any size
        guide: (h, w) uint8, the grey picture that was rendered

        Returns (height, width, 2) float32: U and V in units of full scale, within the gamut at that luma. It is good
        until the next call.
        """
        coarse: Plane = guide.astype(np.float32) * np.float32(1 / 255)
        mean_y = _mean(coarse)
        spread = _mean(coarse * coarse) - mean_y * mean_y + np.float32(GUIDE_SOFTNESS)
        all_u, all_v, slope_u, slope_v = self._planes
        for channel, (out, slopes) in enumerate(((all_u, slope_u), (all_v, slope_v))):
            plane = np.ascontiguousarray(chroma[..., channel])
            slope = _mean((_mean(coarse * plane) - mean_y * _mean(plane)) / spread)
            at_black = np.subtract(plane, slope * coarse, dtype=np.float32)
            self._resize(at_black, out)
            self._resize(slope, slopes)
        if gray.shape[::-1] != self._size:
            cv2.resize(gray, self._size, self._luma, interpolation=cv2.INTER_AREA)
            gray = self._luma
        for top in range(0, self._size[1], self._step):
            rows = slice(top, min(top + self._step, self._size[1]))
            y, *spare = self._scratch[:, : rows.stop - rows.start]
            np.multiply(gray[rows], np.float32(1 / 255), out=y)
            u, v = all_u[rows], all_v[rows]
            u += np.multiply(slope_u[rows], y, out=spare[0])
            v += np.multiply(slope_v[rows], y, out=spare[0])
            share = _fit(y, u, v, spare)
            u *= share
            v *= share
        return np.moveaxis(self._planes[:2], 0, -1)

    def _resize(self, plane: Plane, out: Plane) -> None:
        cv2.resize(plane, self._size, out, interpolation=cv2.INTER_LINEAR)


def _mean(plane: NDArray[np.floating]) -> Plane:
    return cv2.blur(plane, _BOX, borderType=cv2.BORDER_REPLICATE).astype(np.float32, copy=False)


def _fit(y: Plane, u: Plane, v: Plane, scratch: Sequence[Plane]) -> Plane:
    """How much of the chroma keeps every channel between 0 and 1 at luma `y`: (h, w), 0 to 1.

    scratch: four planes to work in; one of them is returned
    """
    red, blue, up, down = scratch
    np.multiply(v, np.float32(1 / V_SCALE), out=red)
    np.multiply(u, np.float32(1 / U_SCALE), out=blue)
    cv2.addWeighted(red, -RED / GREEN, blue, -BLUE / GREEN, 0, down)  # green
    # Luma weighs the three to 0: one is 0 or more, one 0 or less. A little more of each, for no chroma fits anywhere
    np.maximum(np.maximum(red, down, out=up), blue, out=up)
    np.minimum(np.minimum(red, down, out=down), blue, out=down)
    up += _TINY
    np.subtract(_TINY, down, out=down)
    np.divide(np.subtract(1, y, out=red), up, out=up)
    np.divide(y, down, out=down)
    return np.minimum(np.minimum(up, down, out=up), np.float32(1), out=up)
