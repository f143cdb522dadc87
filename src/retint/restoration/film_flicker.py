"""Brightness that goes up and down from frame to frame, taken out; what goes up or down for good stays.

From frame to frame the change of light is a gain and an offset, fitted to the same things in both pictures (moved along
their flow), so that what moves through the picture does not count as light. Chained, they say how bright a thing of
this frame is in the frames around it: a curve over time. A straight line through its neighbourhood is where the frame
should be: a line, so that a fade goes on.
"""

from __future__ import annotations

from collections.abc import Generator, Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Literal, TypeVar

import cv2
import numpy as np
from numpy.typing import NDArray

from retint.images import Pixels
from retint.motion import Gray, flow_between, warp
from retint.restoration.film_frames import Looked, LumaFrame, Moment, around, begins_shot, levels, shrunk

FrameT = TypeVar("FrameT", bound=LumaFrame)
Curve = NDArray[np.float64]  # a value for each frame of a window

_WINDOW = 16  # frames on either side
REACH = _WINDOW + 1
_SIDE = 96  # px: at which light is compared
_NEAR = 9.0  # frames: how fast frames count less
_OUTLIER = 4.0  # times the flicker: a flash is left as it is, and does not pull its neighbours
_FEWEST = 5  # frames of a shot, to say anything
_NONE, _SURE = 0.3, 0.7  # levels of flicker: below nothing is done, above all
_SPREAD = (0.1, 0.9)  # quantiles of the picture at which the change is taken


@dataclass
class _Lit(Looked[FrameT]):
    """How a frame's light came from that of the frame before: light = gain * before + offset, in levels."""

    small: Gray
    gain: float
    offset: float


def steady_light(
    moments: Iterator[Moment[FrameT]], depth: int, strength: float | Literal["auto"]
) -> Generator[Moment[FrameT]]:
    """Take flicker out.

    strength: how much of it; "auto": all, where there is some
    """
    for near, place in around(_lit(moments, depth), _WINDOW, begins_shot):
        moment = near[place].take()
        if len(near) >= _FEWEST:
            low, high = np.quantile(near[place].small, _SPREAD)
            high = max(high, low + 8)
            to_low, to_high = (_wanted(_curve(near, place, value), place, strength) for value in (low, high))
            if to_low or to_high:
                gain = 1 + (to_high - to_low) / (high - low)
                moment = replace(moment, luma=_relit(moment.luma, gain, to_low + low * (1 - gain), depth))
        yield moment


def _lit(moments: Iterable[Moment[FrameT]], depth: int) -> Generator[_Lit[FrameT]]:
    before: Gray | None = None
    for moment in moments:
        small = shrunk(levels(moment.luma, depth), _SIDE)
        gain, offset = (1.0, 0.0) if before is None or moment.begins else _change(before, small)
        before = small
        yield _Lit(moment, moment.begins, small, gain, offset)


def _change(before: Gray, now: Gray) -> tuple[float, float]:
    """Gain and offset from one picture's levels to another's, by weights that fall with how unusual a change is."""
    seen = warp(before, flow_between(now, before, "fast"))
    x, y = seen.astype(np.float64).ravel(), now.astype(np.float64).ravel()
    usual = (x > 1) & (x < 254) & (y > 1) & (y < 254)  # what is black or white tells nothing
    if usual.sum() < x.size / 20:
        return 1.0, float(np.median(y - x))
    x, y = x[usual], y[usual]
    gain, offset = 1.0, float(np.median(y - x))
    for _ in range(4):
        astray = y - gain * x - offset
        width = 1.5 * float(np.median(np.abs(astray))) + 0.25
        weight = 1 / (1 + np.square(astray / width))
        total = weight.sum()
        middle_x, middle_y = (weight @ x) / total, (weight @ y) / total
        dx = x - middle_x
        steady = total  # as much as a spread of one level: a flat picture says nothing of a gain
        gain = float(np.clip((weight @ (dx * (y - middle_y)) + steady) / (weight @ (dx * dx) + steady), 0.5, 2))
        offset = float(middle_y - gain * middle_x)
    return gain, offset


def _curve(near: list[_Lit[FrameT]], place: int, value: float) -> Curve:
    """How bright what has this level in the frame at `place` is in each frame around."""
    curve = np.empty(len(near))
    curve[place] = value
    for number in range(place + 1, len(near)):
        curve[number] = near[number].gain * curve[number - 1] + near[number].offset
    for number in range(place, 0, -1):
        curve[number - 1] = (curve[number] - near[number].offset) / near[number].gain
    return curve


def _wanted(curve: Curve, place: int, strength: float | Literal["auto"]) -> float:
    """What is to be added at `place`, in levels."""
    flicker = _flicker(curve)
    share = float(np.clip((flicker - _NONE) / (_SURE - _NONE), 0, 1)) if strength == "auto" else strength
    if not share:
        return 0.0
    time = np.arange(len(curve), dtype=np.float64) - place
    usual = max(flicker, _NONE)
    weight = np.exp(-0.5 * np.square(time / _NEAR))
    # Where a fade begins, the frames that are far up or down it count less
    weight *= np.exp(-0.5 * np.square((curve - curve[place]) / (_OUTLIER * usual)))
    there = _line(time, curve, weight)
    for _ in range(2):
        astray = np.abs(curve - there[0] - there[1] * time)
        there = _line(time, curve, weight / (1 + np.square(astray / (2 * usual))))
    add = there[0] - curve[place]
    return float(share * add) if abs(add) <= _OUTLIER * usual else 0.0


def _line(time: Curve, curve: Curve, weight: Curve) -> tuple[float, float]:
    total = weight.sum()
    middle_t, middle = (weight @ time) / total, (weight @ curve) / total
    spread = weight @ np.square(time - middle_t)
    slope = (weight @ ((time - middle_t) * (curve - middle))) / spread if spread > 1e-9 else 0.0
    return float(middle - slope * middle_t), float(slope)


def _flicker(curve: Curve) -> float:
    """How much a curve trembles: the deviation that would make such second differences. A median: a fade that begins,
    or a flash, is none."""
    return float(np.median(np.abs(np.diff(curve, 2))) / (0.6745 * np.sqrt(6)))


def _relit(luma: Pixels, gain: float, offset: float, depth: int) -> Pixels:
    """gain * luma + offset, offset in levels."""
    top = (1 << depth) - 1
    codes = np.arange(top + 1, dtype=np.float64) * gain + offset * (1 << depth - 8)
    table = np.clip(np.rint(codes), 0, top).astype(luma.dtype)
    return np.asarray(cv2.LUT(luma, table), luma.dtype) if depth == 8 else table[luma]
