"""BT.601 luma and chroma, and the luma of one picture with the chroma of another.

Two arithmetics, on purpose:

* 8-bit integers exactly as OpenCV's RGB2YUV and YUV2RGB (14-bit fixed point, saturating), because DeOldify's pictures
  were made with them: `merge_render`.
* floating point that keeps the luma of every pixel: chroma that leaves the gamut is scaled towards grey instead of
  clipped, and rounding is absorbed by green: `merge_chroma`. Used for 16 bit, and for networks that give chroma alone.

Arrays: pixels `(H, W)` grey or `(H, W, 3)` RGB, uint8 or uint16; chroma `(H, W, 2)` float32, U and V around 0 in units
of full scale.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from retint.images.photograph import Pixels

Chroma = NDArray[np.float32]

# ITU-R BT.601-7, 2.5.1
RED, GREEN, BLUE = 0.299, 0.587, 0.114
# U = 0.492 (B - Y), V = 0.877 (R - Y): the classic scaling, OpenCV's RGB2YUV
U_SCALE, V_SCALE = 0.492, 0.877

_SHIFT, _HALF = 14, 1 << 13  # OpenCV's fixed point
STRIP = 256  # rows at a time: temporaries stay in the cache, and a 100-megapixel scan fits


def _strips(height: int) -> Iterator[slice]:
    for top in range(0, height, STRIP):
        yield slice(top, min(top + STRIP, height))


def luma(pixels: Pixels) -> Pixels:
    """BT.601 luma `(H, W)` of `(H, W)` or `(H, W, 3)`, same dtype. Grey is returned as it is."""
    if pixels.ndim == 2:
        return pixels
    out = np.empty(pixels.shape[:2], dtype=pixels.dtype)
    for rows in _strips(pixels.shape[0]):
        part = pixels[rows]
        if pixels.dtype == np.uint8:
            red, green, blue = (part[..., channel].astype(np.int32) for channel in range(3))
            out[rows] = (4899 * red + 9617 * green + 1868 * blue + _HALF) >> _SHIFT
        else:
            red, green, blue = (part[..., channel].astype(np.float32) for channel in range(3))
            out[rows] = np.rint(RED * red + GREEN * green + BLUE * blue)
    return out


def chroma_of(rgb: NDArray[np.uint8]) -> Chroma:
    """U and V of 8-bit RGB, as float32 `(H, W, 2)`."""
    red, green, blue = (rgb[..., channel].astype(np.float32) / 255 for channel in range(3))
    y = RED * red + GREEN * green + BLUE * blue
    return np.stack([(blue - y) * U_SCALE, (red - y) * V_SCALE], axis=-1).astype(np.float32)


def merge_render(original: NDArray[np.uint8], render: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Luma from the photograph, chroma from the render, in OpenCV's 8-bit integers.

    original: (H, W) or (H, W, 3) uint8
    render:   (H, W, 3) uint8, already resized

    Returns (H, W, 3) uint8. Same pixels as DeOldify's post-processing with OpenCV 5.0.  # DeOldify filters.py:87
    """
    out = np.empty(render.shape, dtype=np.uint8)
    y_full = luma(original)
    for rows in _strips(render.shape[0]):
        part = render[rows]
        red, blue = part[..., 0].astype(np.int32), part[..., 2].astype(np.int32)
        own = luma(part).astype(np.int32)
        u = _saturate(((blue - own) * 8061 + (128 << _SHIFT) + _HALF) >> _SHIFT) - 128
        v = _saturate(((red - own) * 14369 + (128 << _SHIFT) + _HALF) >> _SHIFT) - 128
        y = y_full[rows].astype(np.int32)
        out[rows, :, 0] = _saturate(y + ((18678 * v + _HALF) >> _SHIFT))
        out[rows, :, 1] = _saturate(y + ((-6472 * u - 9519 * v + _HALF) >> _SHIFT))
        out[rows, :, 2] = _saturate(y + ((33292 * u + _HALF) >> _SHIFT))
    return out


def _saturate(values: NDArray[np.int32]) -> NDArray[np.int32]:
    return np.clip(values, 0, 255)


def merge_chroma(original: Pixels, chroma: Chroma, guide: NDArray[np.uint8] | None = None) -> Pixels:
    """Luma from the photograph, chroma from a render of any size; every pixel keeps its luma.

    original: (H, W) or (H, W, 3), uint8 or uint16
    chroma:   (h, w, 2) float32
    guide:    (h, w) uint8, the grey picture at the render's size. With it the chroma is brought to (H, W) along the
              photograph's own edges (`guide_slopes`); without it bilinearly

    Returns (H, W, 3) of original's dtype, whose BT.601 luma, rounded, is the original's. Eyes resolve luma finer than
    chroma, so a small render is enough.
    """
    y_full = luma(original)
    height, width = y_full.shape
    full = np.iinfo(original.dtype).max
    out = np.empty((height, width, 3), dtype=original.dtype)
    stacked = chroma if guide is None else np.concatenate([chroma, guide_slopes(chroma, guide)], axis=-1)
    planes = [Image.fromarray(np.ascontiguousarray(plane)) for plane in np.moveaxis(stacked, -1, 0)]
    if guide is not None:
        planes.append(Image.fromarray(guide.astype(np.float32) / 255))
    for rows in _strips(height):
        scale = chroma.shape[0] / height
        box = (0.0, rows.start * scale, float(chroma.shape[1]), min(rows.stop * scale, chroma.shape[0]))
        size = (width, rows.stop - rows.start)
        y = y_full[rows].astype(np.float32)
        resized = [np.asarray(plane.resize(size, Image.Resampling.BILINEAR, box=box)) for plane in planes]
        u, v, *guides = (np.multiply(plane, full, dtype=np.float32) for plane in resized)
        if guides:
            slope_u, slope_v, coarse = guides
            detail = np.divide(y - coarse, full, dtype=np.float32)
            u, v = np.add(u, slope_u * detail), np.add(v, slope_v * detail)
        out[rows] = _with_chroma(y, u, v, full)
    return out


def merge_luma(pixels: Pixels, luma: NDArray[np.float32]) -> Pixels:
    """The picture's own chroma with another luma.

    pixels: (H, W, 3), uint8 or uint16; luma: (H, W) float32 in the units of `pixels`. Returns (H, W, 3) of that dtype,
    chroma scaled towards grey where it would leave the gamut.
    """
    out = np.empty_like(pixels)
    full = int(np.iinfo(pixels.dtype).max)
    for rows in _strips(len(pixels)):
        red, green, blue = (pixels[rows, :, channel].astype(np.float32) for channel in range(3))
        own = RED * red + GREEN * green + BLUE * blue
        u, v = np.multiply(blue - own, U_SCALE, dtype=np.float32), np.multiply(red - own, V_SCALE, dtype=np.float32)
        out[rows] = _with_chroma(luma[rows], u, v, full)
    return out


GUIDE_RADIUS = 4  # px of the render  # docs/decisions/004
GUIDE_SOFTNESS = 4e-3  # variance of luma (in 0..1) under which an edge counts as texture


def guide_slopes(chroma: Chroma, guide: NDArray[np.uint8]) -> Chroma:
    """How much chroma changes with luma around each pixel: the slopes of the fast guided filter, arXiv 1505.00996.

    chroma: (h, w, 2) float32; guide: (h, w) uint8. Returns (h, w, 2) float32, chroma per luma in 0..1. Times the detail
    that the render's size lost, luma minus its own resized render, they give chroma the photograph's edges. Unlike the
    guided filter itself this leaves the render's own chroma as it is, where the filter would smooth it.
    """
    y = guide[..., None].astype(np.float64) / 255
    mean_y, mean_c = _box_mean(y), _box_mean(chroma.astype(np.float64))
    slope = (_box_mean(y * chroma) - mean_y * mean_c) / (_box_mean(y * y) - mean_y**2 + GUIDE_SOFTNESS)
    return _box_mean(slope).astype(np.float32)


def _box_mean(planes: NDArray[np.float64]) -> NDArray[np.float64]:
    """Mean over (2 r + 1) squared px of `(h, w, n)`, edges repeated."""
    for axis in (0, 1):
        pad = [(0, 0)] * 3
        pad[axis] = (GUIDE_RADIUS + 1, GUIDE_RADIUS)
        sums = np.cumsum(np.pad(planes, pad, mode="edge"), axis=axis)
        width = 2 * GUIDE_RADIUS + 1
        upper, lower = [slice(None)] * 3, [slice(None)] * 3
        upper[axis], lower[axis] = slice(width, None), slice(None, -width)
        planes = (sums[tuple(upper)] - sums[tuple(lower)]) / width
    return planes


def _with_chroma(y: Chroma, u: Chroma, v: Chroma, full: int) -> NDArray[np.float32]:
    """RGB of luma and chroma, all in 0..full; chroma shrunk, hue kept, where a channel would leave the gamut."""
    red, blue = v / V_SCALE, u / U_SCALE
    green = -(RED * red + BLUE * blue) / GREEN
    up = np.maximum(np.maximum(red, green), blue)
    down = -np.minimum(np.minimum(red, green), blue)
    tiny = np.float32(1e-6)  # instead of zero: no chroma fits anywhere
    fit = np.minimum(np.minimum((full - y) / np.maximum(up, tiny), y / np.maximum(down, tiny)), 1.0)
    red = np.rint(y + red * fit)
    blue = np.rint(y + blue * fit)
    green = np.rint((y - RED * red - BLUE * blue) / GREEN)  # from the rounded two: the luma comes out exact
    return np.clip(np.stack([red, green, blue], axis=-1), 0, full)
