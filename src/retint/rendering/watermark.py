"""The visible mark of a machine-coloured picture: a wheel, half grey, half coloured. Only on request."""

from __future__ import annotations

from importlib import resources

import numpy as np
from PIL import Image

from retint.color import Pixels

SHARE = 0.05  # of the picture's height  # DeOldify visualize.py get_watermarked
MARGIN = 10  # px from the left and the bottom edge  # the same
OPACITY = 0.5


def add_watermark(pixels: Pixels) -> Pixels:
    """A copy of `(H, W, 3)` pixels with the mark in the lower left corner.

    Place and size are DeOldify's: a square of 5 % of the height, 10 px from the edges. It is blended half and half
    through its own transparency, so that it shows on white too (the original adds to what is there, and does not).
    Pictures too small for it carry a mark of at least 8 px, with as much margin as there is.
    """
    height, width = pixels.shape[:2]
    side = min(max(int(SHARE * height), 8), height, width)
    bottom = height - min(MARGIN, height - side)
    left = min(MARGIN, width - side)
    with resources.files("retint.rendering").joinpath("watermark.png").open("rb") as handle:
        mark = np.asarray(
            Image.open(handle).convert("RGBA").resize((side, side), Image.Resampling.BOX), dtype=np.float32
        )
    full = np.iinfo(pixels.dtype).max
    opacity = mark[..., 3:] / 255 * OPACITY
    out = pixels.copy()
    place = out[bottom - side : bottom, left : left + side]
    place[:] = np.rint(place * (1 - opacity) + mark[..., :3] / 255 * full * opacity)
    return out
