"""Noise and grain, taken out by what the neighbouring frames show of the same thing, and nowhere else."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from dataclasses import dataclass, replace
from typing import Generic, Literal, TypeVar

import cv2
import numpy as np
from numpy.typing import NDArray

from retint.images import Pixels
from retint.motion import Gray
from retint.restoration.film_frames import LumaFrame, Moment, around, levels, motion, moved, shrunk

FrameT = TypeVar("FrameT", bound=LumaFrame)
Plane = NDArray[np.float32]

_WINDOW = 2  # frames on either side
REACH = _WINDOW
_SIDE = 320  # px: at which motion is read
_NONE, _SURE = 1.0, 2.0  # levels of noise: below nothing is done, above all
_WIDE = 7  # px a side, of the means that tell whether two frames show the same
_UNLIKE = 1.0  # of the noise: how much more than it a difference may be, on the mean, to count 1/e
_LEAST = 0.5  # levels: noise that is taken into account in any case


@dataclass(frozen=True, eq=False)
class _Seen(Generic[FrameT]):
    moment: Moment[FrameT]
    small: Gray


def reduce_noise(
    moments: Iterator[Moment[FrameT]], depth: int, strength: float | Literal["auto"]
) -> Generator[Moment[FrameT]]:
    """Take the mean along the motion, as far as frames show the same.

    strength: how much the neighbours count; "auto": as much as the frame itself where there is noise
    """
    seen = (_Seen(moment, shrunk(levels(moment.luma, depth), _SIDE)) for moment in moments)
    for near, place in around(seen, _WINDOW, lambda one: one.moment.begins):
        moment = near[place].moment
        if len(near) > 1:
            moment = replace(moment, luma=_steadied(near, place, depth, strength))
        yield moment


def _steadied(near: list[_Seen[FrameT]], place: int, depth: int, strength: float | Literal["auto"]) -> Pixels:
    now = near[place]
    luma, unit = now.moment.luma, np.float32(1 << depth - 8)
    own = luma.astype(np.float32)
    noise, total, mean = None, np.ones_like(own), own.copy()
    # the nearest first: it says how much noise there is
    for number in sorted(range(len(near)), key=lambda number: abs(number - place))[1:]:
        other = near[number]
        there = motion(now.small, other.small, (luma.shape[0], luma.shape[1]))
        seen = moved(other.moment.luma, there).astype(np.float32)
        change = seen - own
        if noise is None:
            noise = _noise(change) / float(unit)
            share = float(np.clip((noise - _NONE) / (_SURE - _NONE), 0, 1)) if strength == "auto" else strength
            if not share:
                return luma
        weight = _alike(change, max(noise, _LEAST) * float(unit)) * np.float32(share)  # pyright: ignore[reportPossiblyUnboundVariable] - set with `noise`
        total += weight
        seen *= weight
        mean += seen
    mean /= total
    return np.clip(np.rint(mean, out=mean), 0, (1 << depth) - 1).astype(luma.dtype)


def _noise(change: Plane) -> float:
    """Deviation of the noise in a frame, from the change between two, in the units of luma."""
    # without what is smooth: light, and motion that the flow missed
    fine = change - cv2.blur(change, (_WIDE, _WIDE), borderType=cv2.BORDER_REFLECT)
    return float(np.median(np.abs(fine[::2, ::2]))) / (0.6745 * 2**0.5)


def _alike(change: Plane, noise: float) -> Plane:
    """How far two frames show the same, around each pixel: 0 to 1."""
    power = np.asarray(cv2.blur(change * change, (_WIDE, _WIDE), borderType=cv2.BORDER_REFLECT), np.float32)
    shift = np.asarray(cv2.blur(change, (_WIDE, _WIDE), borderType=cv2.BORDER_REFLECT), np.float32)
    power -= np.float32(2 * noise**2)  # what noise alone makes
    np.maximum(power, 0, out=power)
    power += shift * shift
    power *= np.float32(-1 / (2 * (_UNLIKE * noise) ** 2))
    return np.exp(power, out=power)
