"""Casts: pictures in one tone, sepia or yellowed, told from coloured ones, and made neutral.

In a toned or yellowed monochrome picture the colour hangs on the luma alone: there is one curve of chroma over luma,
and no pixel is far from it. In a coloured photograph pixels of one luma have all sorts of chroma.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from retint.color import chroma_of
from retint.images.photograph import Pixels
from retint.restoration.planes import STRIP, strips

_SIDE = 192  # px of the longer side that is looked at: chroma noise of single pixels is averaged out
_LEVELS = 24  # pieces of the curve


@dataclass(frozen=True)
class CastGate:
    """What counts as a monochrome picture with a cast. Chroma in units of full scale.

    Of 27 scans of old prints all that have a tone pass, of 500 coloured photographs none.
    """

    least: float = 0.004  # mean distance from grey, below which there is nothing to do: one level of 255
    most: float = 0.12  # and above which it is a sunset and no tone: strong sepia has 0.10
    most_spread: float = 0.028  # 97th percentile of distances from the curve,
    spread_share: float = 0.45  # or this share of the cast itself, which strong tones need


@dataclass(frozen=True)
class Cast:
    """The colour of a picture, taken as a tone."""

    strength: float  # mean distance from grey, full scale 1
    spread: float  # 97th percentile of distances from the curve of chroma over luma

    def is_toned(self, gate: CastGate) -> bool:
        """Whether this is a monochrome picture that is not neutral."""
        near = self.spread <= max(gate.most_spread, gate.spread_share * self.strength)
        return near and gate.least <= self.strength <= gate.most


NEUTRAL = Cast(0.0, 0.0)


def cast_of(pixels: Pixels) -> Cast:
    """Measure (H, W) or (H, W, 3) of 8 or 16 bit."""
    if pixels.ndim == 2:
        return NEUTRAL
    scale = min(1.0, _SIDE / max(pixels.shape[:2]))
    size = (max(1, round(pixels.shape[1] * scale)), max(1, round(pixels.shape[0] * scale)))
    small = np.asarray(cv2.resize(pixels, size, interpolation=cv2.INTER_AREA))
    if small.dtype == np.uint16:
        small = (small.astype(np.uint32) + 128) // 257
    rgb: NDArray[np.uint8] = small.astype(np.uint8)
    chroma = chroma_of(rgb).reshape(-1, 2)
    levels = rgb.reshape(-1, 3).astype(np.float32) @ np.array([0.299, 0.587, 0.114], np.float32)
    order = np.argsort(levels, kind="stable")
    away = np.concatenate(
        [
            np.hypot(*(chroma[piece] - np.median(chroma[piece], axis=0)).T)
            for piece in np.array_split(order, _LEVELS)
            if len(piece)
        ]
    )
    return Cast(float(np.hypot(*chroma.T).mean()), float(np.quantile(away, 0.97)))


def neutralised(pixels: Pixels, strength: float) -> Pixels:
    """(H, W, 3) with its chroma taken away, `strength` of it; luma stays, rounded."""
    out = np.empty_like(pixels)
    weights = np.array([0.299, 0.587, 0.114], np.float32)
    for rows in strips(len(pixels), STRIP):
        part = pixels[rows].astype(np.float32)
        gray = (part @ weights)[..., None]
        out[rows] = np.rint(gray + (1 - np.float32(strength)) * (part - gray))
    return out
