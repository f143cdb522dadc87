"""Luma of a photograph as the stages work on it, and back into the photograph.

Luma is (H, W) uint16, whatever the photograph's depth: 8 bit times 257. So there is one arithmetic, what no stage
touches comes back to the bit, and a scan of 24 megapixels is 48 MB and not 96.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from retint.color import BLUE, GREEN, RED, merge_luma
from retint.images.photograph import Pixels

Luma = NDArray[np.uint16]
Mask = NDArray[np.bool_]  # (H, W), True: damaged
Floats = NDArray[np.float32]

FULL = 65535
STRIP = 256  # rows at a time, so that temporaries stay small


def strips(height: int, step: int = STRIP) -> Iterator[slice]:
    """Rows in pieces of `step`."""
    for top in range(0, height, step):
        yield slice(top, min(top + step, height))


def luma_of(pixels: Pixels) -> Luma:
    """(H, W) or (H, W, 3) of 8 or 16 bit to BT.601 luma, (H, W) uint16; that of colours is finer than 8 bit."""
    scale = FULL // int(np.iinfo(pixels.dtype).max)
    if pixels.ndim == 2:
        return pixels.astype(np.uint16) * np.uint16(scale)
    out = np.empty(pixels.shape[:2], np.uint16)
    weights = np.array([RED, GREEN, BLUE], np.float32) * np.float32(scale)
    for rows in strips(len(pixels)):
        out[rows] = np.rint(pixels[rows].astype(np.float32) @ weights)
    return out


def with_luma(pixels: Pixels, before: Luma, after: Luma) -> Pixels:
    """The picture with another luma; its chroma stays, and so does every pixel whose luma does.

    pixels: (H, W) or (H, W, 3), 8 or 16 bit; before: `luma_of(pixels)`; after: (H, W) uint16. Returns a new array.
    """
    scale = FULL // int(np.iinfo(pixels.dtype).max)
    out = pixels.copy()
    for rows in strips(len(pixels)):
        changed = before[rows] != after[rows]
        if not changed.any():
            continue
        if pixels.ndim == 2:
            out[rows] = (after[rows].astype(np.uint32) + scale // 2) // scale
        else:
            merged = merge_luma(pixels[rows], np.divide(after[rows], scale, dtype=np.float32))
            out[rows] = np.where(changed[..., None], merged, pixels[rows])
    return out


def as_unit(luma: Luma) -> Floats:
    """uint16 to float32 in 0..1."""
    return np.multiply(luma, np.float32(1 / FULL), dtype=np.float32)


def from_unit(values: Floats) -> Luma:
    """float32, clipped to 0..1, to uint16."""
    return np.rint(np.clip(values, 0, 1) * np.float32(FULL)).astype(np.uint16)
