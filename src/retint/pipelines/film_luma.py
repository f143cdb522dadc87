"""The luma of a decoded frame, in the numbers that the film holds.

Most formats have a plane that is luma and nothing else, which is copied. The others are unpacked by FFmpeg first, in
the same numbers. RGB, palettes and the like have no luma: it is computed, BT.601 in full range, where grey keeps its
numbers.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import cast

import av
import cv2
import numpy as np
from av.codec.codec import find_best_pix_fmt_of_list
from av.video.frame import VideoFrame
from av.video.plane import VideoPlane
from numpy.typing import NDArray

from retint.color import luma
from retint.images import Pixels

_PLANAR = [f"yuv{chroma}p" for chroma in (420, 422, 444, 440, 411, 410)] + [
    f"yuv{chroma}p{depth}le" for depth in (10, 12, 14, 16) for chroma in (420, 422, 444)
]


@dataclass(frozen=True)
class LumaSource:
    """How the luma of a pixel format is had."""

    depth: int  # bits that count, of the luma that comes out
    shift: int = 0  # bits to the right of them
    unpacked: str | None = None  # the format whose first plane is that luma, where the format itself has no such plane
    rgb: bool = False  # then `unpacked` is rgb24 or rgb48le


@lru_cache
def luma_source(pixel_format: str) -> LumaSource:
    """Tell how the luma of one of FFmpeg's pixel formats is had."""
    format = av.VideoFormat(pixel_format)
    first, *rest = format.components
    no_luma = format.is_rgb or format.is_bayer or format.has_palette or pixel_format.startswith(("mono", "xyz"))
    if no_luma:
        deep = max(component.bits for component in format.components) > 8
        return LumaSource(16 if deep else 8, unpacked="rgb48le" if deep else "rgb24", rgb=True)
    if first.bits > 16 or "f16" in pixel_format:
        return LumaSource(16, unpacked="gray16le")
    if format.is_big_endian:
        return LumaSource(first.bits, unpacked=_little_endian(pixel_format))
    if any(component.plane == 0 for component in rest):
        return LumaSource(first.bits, unpacked=_planar(pixel_format))
    # the bits that count stand high in Microsoft's formats for 10 and 12 bit, and in those with `msb` in the name
    high = "msb" in pixel_format or pixel_format.startswith(("p01", "p21", "p41"))
    return LumaSource(first.bits, shift=16 - first.bits if high else 0)


def _little_endian(pixel_format: str) -> str:
    name = pixel_format.replace("be", "le")
    source = luma_source(name)
    return source.unpacked or name if source.shift == 0 else _planar(name)


def _planar(pixel_format: str) -> str:
    if pixel_format.startswith("ya"):
        return "gray" if pixel_format == "ya8" else "gray16le"
    best, _ = find_best_pix_fmt_of_list(_PLANAR, pixel_format)
    return best.name if best is not None else "yuv444p16le"


def read_luma(frame: VideoFrame) -> Pixels:
    """Return the luma of a frame, a copy: (H, W) uint8, or uint16 where it has more than 8 bits, as coded."""
    source = luma_source(frame.format.name)
    if source.rgb:
        return luma(cast("Pixels", frame.to_ndarray(format=source.unpacked, threads=1)))
    if source.unpacked is not None:
        frame = frame.reformat(format=source.unpacked, threads=1)
    plane = plane_view(frame.planes[0], source.depth)
    return np.right_shift(plane, source.shift, dtype=plane.dtype) if source.shift else plane.copy()


def plane_view(plane: VideoPlane, depth: int) -> Pixels:
    """Return a plane of one component as an array (H, W) that reads and writes the frame itself."""
    rows = np.frombuffer(cast("bytearray", plane), np.uint8).reshape(plane.height, abs(plane.line_size))
    if plane.line_size < 0:  # stored from the bottom row up
        rows = rows[::-1]
    if depth <= 8:
        return rows[:, : plane.width]
    return rows[:, : 2 * plane.width].view(np.uint16)


def gray_of(coded: Pixels, *, depth: int, full_range: bool) -> NDArray[np.uint8]:
    """Return luma (H, W) of any depth and range as uint8 in full range: 0 is black, 255 white."""
    if full_range and depth == 8:
        return np.asarray(coded, np.uint8)
    table = _to_gray8(depth, full_range)
    return np.asarray(cv2.LUT(coded, table), np.uint8) if depth == 8 else table[coded]


@lru_cache
def _to_gray8(depth: int, full_range: bool) -> NDArray[np.uint8]:
    """Return the grey of every luma code, (2 ** depth,) uint8."""
    codes = np.arange(1 << depth, dtype=np.float64)
    # H.273 (07/2024), equations 26 and 41: limited luma is 16..235 at 8 bit, and so many times that at more
    low, span = (0.0, (1 << depth) - 1.0) if full_range else (16.0 * (1 << depth - 8), 219.0 * (1 << depth - 8))
    return np.rint(np.clip((codes - low) / span, 0, 1) * 255).astype(np.uint8)
