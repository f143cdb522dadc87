"""Dust, dirt and hairs that are seen in one frame alone: found against both neighbours, and filled from them.

The frames before and after are moved along the flow to where things are now. A pixel that is brighter than all that
both show around it, or darker than all of it, is suspected: the rank-ordered difference (Nadenau and Mitra 1997, Blotch
and scratch detection in image sequences based on rank ordered differences). A suspected spot counts as dust only where
both neighbours agree on what should be there, and agree with the frame around the spot: where the flow is wrong, they
do not.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator
from dataclasses import dataclass, replace
from typing import Generic, Literal, TypeVar

import cv2
import numpy as np
from numpy.typing import NDArray

from retint.images import Pixels
from retint.motion import Flow, Gray
from retint.restoration.film_frames import LumaFrame, Moment, around, levels, motion, moved, shrunk

FrameT = TypeVar("FrameT", bound=LumaFrame)
Mask = NDArray[np.uint8]  # (H, W), 255 where it is

REACH = 2
_SIDE = 320  # px: at which motion is read
_SEED, _EDGE = 18.0, 6.0  # levels beyond what the neighbours show: of a spot's core, and of what belongs to it
_LARGEST = 0.01  # of the picture: what is larger is no dust
_AGREE = 0.3  # of a spot's contrast: how far the neighbours may differ there, and the frame from them around it
_GRAIN = 3.5  # levels of the same, however faint the spot
_AROUND = 4  # px of the ring around a spot
_ONE_SIDE = 1.4  # times the thresholds, where both neighbours lie on one side: what leaves may look like dust
_FAST = 0.04  # of the longer side: motion from frame to frame that is not trusted

_CROSS = np.ones((3, 3), np.uint8)


@dataclass(frozen=True, eq=False)
class _Seen(Generic[FrameT]):
    moment: Moment[FrameT]
    gray: Gray  # (H, W), levels
    small: Gray


@dataclass(frozen=True, eq=False)
class Spots:
    """What was found in a frame."""

    mask: Mask  # (H, W), 255 on dust
    labels: NDArray[np.int32]  # (H, W): the number of each pixel's spot, and around it; 0: none
    offsets: NDArray[np.float32]  # (n, 2): what each neighbour is to be made brighter by, for each spot, levels
    nearer: NDArray[np.bool_]  # (n,): the frame after is the better one to fill from


def remove_dust(
    moments: Iterator[Moment[FrameT]], depth: int, strength: float | Literal["auto"]
) -> Generator[Moment[FrameT]]:
    """Remove spots that live for one frame. A shot's first and last frame are held against two on one side.

    strength: how faint a spot may be; "auto" is 0.5
    """
    how = 0.5 if strength == "auto" else strength
    for near, place in around(_seen(moments, depth), REACH, lambda one: one.moment.begins):
        moment = near[place].moment
        if len(near) >= 3:
            others, scale = (place - 1, place + 1), 2 ** (1 - 2 * how)
            if place == 0 or place == len(near) - 1:
                others = (place + 1, place + 2) if place == 0 else (place - 2, place - 1)
                scale *= _ONE_SIDE
            before, after = (near[other] for other in others)
            moment = replace(moment, luma=_cleaned(before, near[place], after, depth, scale))
        yield moment


def _seen(moments: Iterator[Moment[FrameT]], depth: int) -> Generator[_Seen[FrameT]]:
    for moment in moments:
        gray = levels(moment.luma, depth)
        # small dust is gone from the median, and does not mislead the flow
        yield _Seen(moment, gray, np.asarray(cv2.medianBlur(shrunk(gray, _SIDE), 3), np.uint8))


def _cleaned(before: _Seen[FrameT], now: _Seen[FrameT], after: _Seen[FrameT], depth: int, scale: float) -> Pixels:
    shape = now.gray.shape
    places = [motion(now.small, other.small, (shape[0], shape[1])) for other in (before, after)]
    grays = [moved(other.gray, there) for other, there in zip((before, after), places, strict=True)]
    spots = find_spots(now.gray, grays[0], grays[1], places, scale)
    if spots is None:
        return now.moment.luma
    neighbours: list[Pixels] = [*grays]
    if now.moment.luma.dtype != np.uint8:
        neighbours = [moved(one.moment.luma, there) for one, there in zip((before, after), places, strict=True)]
    return _filled(now.moment.luma, neighbours[0], neighbours[1], spots, depth)


def find_spots(gray: Gray, before: Gray, after: Gray, places: list[Flow], scale: float = 1.0) -> Spots | None:
    """Find what is seen in `gray` alone; None where there is nothing.

    gray, before, after: (H, W) uint8, the neighbours moved to where things are in `gray`
    places: where in the neighbours they were found
    scale: of the thresholds
    """
    before, after = (_as_bright(gray, other) for other in (before, after))
    high = cv2.dilate(cv2.max(before, after), _CROSS)
    low = cv2.erode(cv2.min(before, after), _CROSS)
    core = cv2.max(cv2.subtract(gray, high), cv2.subtract(low, gray))
    seeds = core > _SEED * scale
    seeds &= _slow(places[0], gray.shape) & _slow(places[1], gray.shape)
    if not seeds.any():
        return None
    beyond = cv2.max(cv2.subtract(gray, cv2.max(before, after)), cv2.subtract(cv2.min(before, after), gray))
    weak = (beyond > _EDGE * scale).astype(np.uint8)
    count, labels, stats, _ = cv2.connectedComponentsWithStats(weak, connectivity=8, ltype=cv2.CV_32S)
    labels = np.asarray(labels, np.int32)
    seeded = np.zeros(count, bool)
    seeded[labels[seeds]] = True
    good = seeded & (stats[:, cv2.CC_STAT_AREA] <= _LARGEST * gray.size)
    good[0] = False
    if not good.any():
        return None
    # Numbers in the order of the good ones, and a ring around each
    numbers = np.zeros(count, np.float32)
    numbers[good] = np.arange(1, good.sum() + 1)
    own = numbers[labels]
    wide = cv2.dilate(own, np.ones((2 * _AROUND + 1, 2 * _AROUND + 1), np.uint8)).astype(np.int32)
    return _judged(gray, before, after, own.astype(np.int32), wide, weak, scale)


def _judged(
    gray: Gray, before: Gray, after: Gray, own: NDArray[np.int32], wide: NDArray[np.int32], weak: Mask, scale: float
) -> Spots | None:
    """Of the suspected spots those that are dust.

    own, wide: (H, W), the number of each pixel's spot, without and with what is around it
    """
    at = np.flatnonzero(wide)
    number, ring = wide.ravel()[at], weak.ravel()[at] == 0
    inner = own.ravel()[at]
    a, b, c = (picture.ravel()[at].astype(np.float32) for picture in (before, gray, after))
    spots = int(number.max()) + 1

    def mean(values: NDArray[np.float32], of: NDArray[np.bool_], numbers: NDArray[np.int32]) -> NDArray[np.float32]:
        many = np.bincount(numbers[of], minlength=spots)
        sums = np.bincount(numbers[of], weights=values[of], minlength=spots)
        return (sums / np.maximum(many, 1)).astype(np.float32)

    inside = inner > 0
    contrast = mean(np.abs(b - (a + c) / 2), inside, inner)
    allowed = np.maximum(_GRAIN * scale, _AGREE * contrast)
    agree = mean(np.abs(a - c), inside, inner) <= allowed
    fits = np.stack([mean(np.abs(b - other), ring, number) for other in (a, c)])
    agree &= (fits <= allowed).all(axis=0)
    agree[0] = False
    if not agree.any():
        return None
    offsets = np.stack([mean(b - other, ring, number) for other in (a, c)], axis=1)
    mask = np.where(agree[own], np.uint8(255), np.uint8(0))
    return Spots(mask, wide, offsets, fits[1] < fits[0])


def _as_bright(gray: Gray, other: Gray) -> Gray:
    """`other`, as bright on the whole as `gray`."""
    step = max(1, min(gray.shape) // 100)
    change = gray[::step, ::step].astype(np.int16) - other[::step, ::step]
    offset = float(np.median(change))
    return np.asarray(cv2.add(other, offset) if offset > 0 else cv2.subtract(other, -offset), np.uint8)  # pyright: ignore[reportArgumentType, reportCallIssue]


def _slow(places: Flow, shape: tuple[int, ...]) -> NDArray[np.bool_]:
    """(H, W): where things move slowly enough for the flow to be believed. Taken at every 8th pixel."""
    coarse = places[::8, ::8]
    x, y = coarse[..., 0] - np.arange(0, shape[1], 8), coarse[..., 1] - np.arange(0, shape[0], 8)[:, None]
    slow = (x * x + y * y < (_FAST * max(shape)) ** 2).astype(np.uint8)
    return cv2.resize(slow, (shape[1], shape[0]), interpolation=cv2.INTER_NEAREST).astype(bool)


def _filled(luma: Pixels, before: Pixels, after: Pixels, spots: Spots, depth: int) -> Pixels:
    """The frame with its spots taken from the neighbour that fits better around each: one, as a mean has less grain."""
    cover = cv2.blur(cv2.dilate(spots.mask, _CROSS), (3, 3))
    at = np.flatnonzero(np.asarray(cover))
    number = spots.labels.ravel()[at]
    known = number > 0
    at, number = at[known], number[known]
    later = spots.nearer[number]
    fill = np.where(later, after.ravel()[at], before.ravel()[at]).astype(np.float32)
    fill += np.where(later, spots.offsets[number, 1], spots.offsets[number, 0]) * (1 << depth - 8)
    share = np.asarray(cover).ravel()[at].astype(np.float32) / 255
    out = luma.copy()
    mixed = out.ravel()[at] * (1 - share) + fill * share
    out.ravel()[at] = np.clip(np.rint(mixed), 0, (1 << depth) - 1).astype(luma.dtype)
    return out
