"""What the stages over films share: frames with their shot, the frames around a frame, and moving pictures along flow.

A level is 1/255 of what 8 bits hold: thresholds are in levels whatever the film's depth.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Generic, Protocol, TypeVar, cast

import cv2
import numpy as np
from numpy.typing import NDArray

from retint.images import Pixels
from retint.motion import SMALLEST_SIDE, Flow, Gray, flow_between

CUT_REACH = 3  # frames on either side, that tell whether there is a cut
_SIDE = 112  # px: at which frames are compared
_CELLS, _AROUND = 14, 7  # a picture's structure: means of 14x14 cells, less the mean of 7x7 of them
_ALIKE = 0.5  # correlation of two structures: neighbours within a shot 0.5 to 1, different shots under 0.4
_LEAST_CHANGE = 4.0  # levels, mean difference: below it there is no cut, however little structure there is


class LumaFrame(Protocol):
    """What stages ask of a frame."""

    @property
    def luma(self) -> Pixels:
        """(H, W) uint8 or uint16"""
        ...


FrameT = TypeVar("FrameT", bound=LumaFrame)
T = TypeVar("T")
Array = TypeVar("Array", bound=NDArray[Any])


@dataclass(frozen=True, eq=False)
class Moment(Generic[FrameT]):
    """A frame on its way through the stages. A stage that changes it makes another."""

    frame: FrameT  # as it came
    luma: Pixels  # (H, W), as it is by now
    begins: bool  # the first frame of a shot
    shift: tuple[float, float] = (0.0, 0.0)  # px to the right and down, that the picture was moved by


@dataclass
class Looked(Generic[FrameT]):
    """What a stage knows of a frame, longer than it needs the frame itself."""

    moment: Moment[FrameT] | None  # None: it is done
    begins: bool  # a shot

    def take(self) -> Moment[FrameT]:
        """The frame, which is not held any longer."""
        moment, self.moment = self.moment, None
        assert moment is not None  # taken once
        return moment


def begins_shot(one: Looked[FrameT]) -> bool:
    """For `around`."""
    return one.begins


def levels(luma: Pixels, depth: int) -> Gray:
    """Luma of any depth in levels: (H, W) uint8."""
    return cast("Gray", luma if luma.dtype == np.uint8 else np.right_shift(luma, depth - 8).astype(np.uint8))


def shrunk(gray: Gray, side: int) -> Gray:
    """`gray`, of `side` px at most a side."""
    share = side / max(gray.shape)
    if share >= 1:
        return gray
    height, width = (max(SMALLEST_SIDE, round(length * share)) for length in gray.shape)
    return np.asarray(cv2.resize(gray, (width, height), interpolation=cv2.INTER_AREA), np.uint8)


def around(items: Iterable[T], reach: int, begins: Callable[[T], bool]) -> Generator[tuple[list[T], int]]:
    """Yield for each item those of its shot at most `reach` before and behind it, and its place among them."""
    held: deque[T] = deque()
    place = 0  # of the next to be given, in `held`

    def given() -> tuple[list[T], int]:
        nonlocal place
        shot = list(held)
        first, last = place, place + 1
        while first > max(0, place - reach) and not begins(shot[first]):
            first -= 1
        while last < min(len(shot), place + reach + 1) and not begins(shot[last]):
            last += 1
        found = shot[first:last], place - first
        place += 1
        if place > reach:
            held.popleft()
            place -= 1
        return found

    for item in items:
        held.append(item)
        if len(held) - place > reach:
            yield given()
    while place < len(held):
        yield given()


@dataclass(frozen=True, eq=False)
class _Seen(Generic[FrameT]):
    frame: FrameT
    small: Gray  # (112, 112)
    structure: NDArray[np.float32]  # (14, 14), of length 1


def moments_of(frames: Iterable[FrameT], depth: int) -> Iterator[Moment[FrameT]]:
    """Frames with where shots begin.

    A cut lies where the picture changes, and nothing of what the three frames before it show is seen in the three
    behind it: neither a flash nor a torn frame is one. What is said of a frame depends on these six alone.
    """
    seen = (_look(frame, depth) for frame in frames)
    for near, place in around(seen, CUT_REACH, lambda _: False):
        before, after = near[max(0, place - CUT_REACH) : place], near[place : place + CUT_REACH]
        frame = near[place].frame
        yield Moment(frame, frame.luma, not before or _cut(before, after))


def _look(frame: FrameT, depth: int) -> _Seen[FrameT]:
    gray = levels(frame.luma, depth)
    small = np.asarray(cv2.resize(gray, (_SIDE, _SIDE), interpolation=cv2.INTER_AREA), np.uint8)
    cells = cv2.resize(small, (_CELLS, _CELLS), interpolation=cv2.INTER_AREA).astype(np.float32)
    cells -= cv2.blur(cells, (_AROUND, _AROUND), borderType=cv2.BORDER_REFLECT)
    return _Seen(frame, small, cells / max(float(np.linalg.norm(cells)), 1.0))


def _cut(before: list[_Seen[FrameT]], after: list[_Seen[FrameT]]) -> bool:
    change = float(cv2.absdiff(before[-1].small, after[0].small).mean(dtype=np.float64))
    alike = max(float((a.structure * b.structure).sum()) for a in before for b in after)
    return change >= _LEAST_CHANGE and alike < _ALIKE


def motion(small: Gray, other: Gray, shape: tuple[int, int]) -> Flow:
    """Places in `other`'s full picture that the pixels of `small`'s are found at: (H, W, 2) float32, x first.

    small, other: of one size
    shape: (H, W) of the full pictures
    """
    flow = flow_between(small, other, "fast")
    height, width = shape
    scale = np.array([width / small.shape[1], height / small.shape[0]], np.float32)
    full = cv2.resize(flow * scale, (width, height), interpolation=cv2.INTER_LINEAR)
    full[..., 0] += np.arange(width, dtype=np.float32)
    full[..., 1] += np.arange(height, dtype=np.float32)[:, None]
    return np.asarray(full, np.float32)


def moved(luma: Array, places: Flow) -> Array:
    """A picture sampled at these places, of the same dtype; beyond its edge the edge is repeated."""
    out = cv2.remap(  # pyright: ignore[reportCallIssue] - a map of places is one, not two
        luma,
        places,
        None,  # pyright: ignore[reportArgumentType]
        cv2.INTER_LINEAR,
        borderMode=cv2.BORDER_REPLICATE,
    )
    return cast("Array", out)
