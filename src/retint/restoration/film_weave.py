"""Gate weave: a picture that wanders by parts of a percent from frame to frame, held where it is on the mean."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from dataclasses import dataclass, replace
from typing import Any, Literal, TypeVar, cast

import cv2
import numpy as np
from numpy.typing import NDArray

from retint.motion import Gray
from retint.restoration.film_frames import Looked, LumaFrame, Moment, around, begins_shot, levels, shrunk

Array = TypeVar("Array", bound=NDArray[Any])
FrameT = TypeVar("FrameT", bound=LumaFrame)
_WINDOW = 12  # frames on either side
REACH = _WINDOW + 1
_SIDE = 480  # px: at which the picture's place is compared
_NEAR = 6.0  # frames: how fast frames count less
_LARGEST = 0.01  # of the longer side: what wanders further is a camera's motion, and stays
_POINTS, _APART = 300, 8  # that are followed, and px between them
_FEWEST_POINTS = 12
_TOGETHER = 0.5  # px: points that move alike
_SURE_SHARE = 0.4  # of the points must move alike; else the pictures do not say where they are
_NONE, _SURE = 0.0002, 0.0005  # of the longer side, weave: below nothing is done, above all
_FEWEST = 5


@dataclass
class _Placed(Looked[FrameT]):
    """How far a frame lies from the one before, px to the right and down; None: it cannot be said."""

    step: NDArray[np.float64] | None


def hold_in_gate(
    moments: Iterator[Moment[FrameT]], depth: int, strength: float | Literal["auto"]
) -> Generator[Moment[FrameT]]:
    """Move frames to where they would be without weave. Pans go on; the edge that comes free repeats the last pixels.

    strength: how much of the weave; "auto": all, where there is some
    """
    for near, place in around(_placed(moments, depth), _WINDOW, begins_shot):
        moment = near[place].take()
        shift = _wanted([one.step for one in near], place, max(moment.luma.shape), strength)
        if shift is not None:
            moment = replace(moment, luma=shifted(moment.luma, shift), shift=shift)
        yield moment


def shifted(plane: Array, shift: tuple[float, float]) -> Array:
    """A plane moved by parts of a pixel, to the right and down."""
    matrix = np.array([[1, 0, shift[0]], [0, 1, shift[1]]], np.float32)
    size = (plane.shape[1], plane.shape[0])
    out = cv2.warpAffine(plane, matrix, size, flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)
    return cast("Array", out)


def _placed(moments: Iterator[Moment[FrameT]], depth: int) -> Generator[_Placed[FrameT]]:
    before: Gray | None = None
    for moment in moments:
        gray = levels(moment.luma, depth)
        small = shrunk(gray, _SIDE)
        scale = np.array([gray.shape[1] / small.shape[1], gray.shape[0] / small.shape[0]])
        step: NDArray[np.float64] | None = np.zeros(2)
        if before is not None and not moment.begins:
            found = _step(before, small)
            step = None if found is None else found * scale
        before = small
        yield _Placed(moment, moment.begins, step)


def _step(before: Gray, now: Gray) -> NDArray[np.float64] | None:
    """How far the larger part of the picture has moved, px to the right and down; None where no part is large."""
    # typed as though there were always some
    points = cast("NDArray[np.float32] | None", cv2.goodFeaturesToTrack(before, _POINTS, 0.01, _APART))
    if points is None or len(points) < _FEWEST_POINTS:
        return None
    there, held, _ = cv2.calcOpticalFlowPyrLK(before, now, points, None)  # pyright: ignore[reportCallIssue, reportArgumentType]
    steps = (there - points).reshape(-1, 2)[held.ravel() == 1].astype(np.float64)
    if not len(steps):
        return None
    # The place where most of them are: from the one with the most others near it
    close = (np.abs(steps[:, None] - steps[None]).max(axis=2) < _TOGETHER).sum(axis=1)
    together = np.abs(steps - steps[int(close.argmax())]).max(axis=1) < _TOGETHER
    return steps[together].mean(axis=0) if together.mean() >= _SURE_SHARE else None


def _wanted(
    steps: list[NDArray[np.float64] | None], place: int, side: int, strength: float | Literal["auto"]
) -> tuple[float, float] | None:
    """What moves the frame at `place` to where its neighbourhood has it."""
    first = place  # only as far as the way is known
    while first > 0 and steps[first] is not None:
        first -= 1
    last = place
    while last + 1 < len(steps) and steps[last + 1] is not None:
        last += 1
    if last - first + 1 < _FEWEST:
        return None
    known = [step for step in steps[first + 1 : last + 1] if step is not None]
    way = np.concatenate([np.zeros((1, 2)), np.cumsum(known, axis=0)])
    at = place - first
    trembling = float(np.median(np.abs(np.diff(way, 2, axis=0)), axis=0).max()) / (0.6745 * 6**0.5)
    share = strength
    if share == "auto":
        share = float(np.clip((trembling / side - _NONE) / (_SURE - _NONE), 0, 1))
    if not share:
        return None
    time = np.arange(len(way), dtype=np.float64) - at
    weight = np.exp(-0.5 * np.square(time / _NEAR))
    total = weight.sum()
    middle_t, middle = (weight @ time) / total, (weight @ way) / total
    slope = (weight * (time - middle_t)) @ (way - middle) / (weight @ np.square(time - middle_t))
    shift = middle - slope * middle_t - way[at]
    if np.abs(shift).max() > _LARGEST * side:
        return None
    right, down = (float(value) for value in share * shift)
    return right, down
