"""Chroma of several frames made into one: weighted means, what to put where none is trusted, and how vivid it stays."""

from __future__ import annotations

import cv2
import numpy as np

from retint.color import Chroma
from retint.motion import Gray, Plane

_NEAR, _FAR = 8, 32  # px: windows within which colours that can be trusted are looked for
_SOFTNESS = 4e-3  # variance of luma (in 0..1) under which an edge counts as texture, as color.GUIDE_SOFTNESS
_ENOUGH = 0.05  # mean trust in a window that is as good as none missing
_OF_MEAN = 0.3  # in how colourful a picture is
_TINY = np.float32(1e-6)


def weighted(parts: list[tuple[Plane, Chroma]]) -> tuple[Chroma, Plane]:
    """Mean of chroma (H, W, 2) under weights (H, W), and the sum of the weights. 0 where there is no weight."""
    total = np.zeros_like(parts[0][0])
    out = np.zeros_like(parts[0][1])
    for weight, chroma in parts:
        total += weight
        out += weight[..., None] * chroma
    out /= np.maximum(total, _TINY)[..., None]
    return out, total


def fill(chroma: Chroma, weight: Plane, gray: Gray) -> Chroma:
    """Chroma for pixels that nothing is known of, from the known ones nearby that are as bright.

    chroma: (H, W, 2); weight: (H, W), how well it is known; gray: (H, W) uint8

    In each window chroma is taken as a straight line over luma, fitted to the known pixels: a guided filter
    (He et al. 2013) with weights. A near window where it holds enough, a far one where it does not.
    """
    luma = gray.astype(np.float32)
    luma *= np.float32(1 / 255)
    near, known = _line(chroma, weight, luma, _NEAR)
    far, _ = _line(chroma, weight, luma, _FAR)
    share = (known / (known + np.float32(_ENOUGH)))[..., None]
    near -= far
    near *= share
    near += far
    return near


def _line(chroma: Chroma, weight: Plane, luma: Plane, radius: int) -> tuple[Chroma, Plane]:
    known = _mean(weight, radius) + _TINY
    by_luma = weight * luma
    mean_y = _mean(by_luma, radius) / known
    spread = _mean(by_luma * luma, radius) / known - mean_y * mean_y + np.float32(_SOFTNESS)
    out = np.empty_like(chroma)
    for channel in range(2):
        plane = chroma[..., channel]
        mean_c = _mean(weight * plane, radius) / known
        slope = (_mean(by_luma * plane, radius) / known - mean_y * mean_c) / spread
        out[..., channel] = mean_c + slope * (luma - mean_y)
    return out, known


def _mean(plane: Plane, radius: int) -> Plane:
    side = 2 * radius + 1
    return np.asarray(cv2.blur(plane, (side, side), borderType=cv2.BORDER_REFLECT), np.float32)


def vividness(chroma: Chroma) -> float:
    """How colourful chroma (H, W, 2) is: spread and 0.3 of the mean, as Hasler and Suesstrunk 2003 weigh them."""
    mean, spread = cv2.meanStdDev(chroma)
    return float(cv2.norm(spread) + _OF_MEAN * cv2.norm(mean))


def ratio(wanted: float, got: float, bound: float) -> float:
    """What brings vividness `got` to `wanted`, within 1 / bound to bound. 1 where there is nothing to bring."""
    return float(np.clip(wanted / got, 1 / bound, bound)) if got > _TINY else 1.0
