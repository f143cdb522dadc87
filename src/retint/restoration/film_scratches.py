"""Upright scratches that stay: thin lines of the film's own, which stand where they are whatever the picture does.

A picture is averaged over bands of rows, which leaves upright lines and little else, and a line stands out from both of
its sides. What most bands show at the same column in most of the frames around is a scratch. It is taken off, not
painted over: what the line adds is measured along it and subtracted, and the picture under it is kept.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator
from dataclasses import dataclass, replace
from typing import Literal, TypeVar

import cv2
import numpy as np
from numpy.typing import NDArray

from retint.images import Pixels
from retint.restoration.film_frames import Looked, LumaFrame, Moment, around, begins_shot, levels

FrameT = TypeVar("FrameT", bound=LumaFrame)
Bands = NDArray[np.float32]  # (bands, W)

_WINDOW = 6  # frames on either side
REACH = _WINDOW
_BANDS = 24
_HALF = 0.004  # of the width: half of the widest line, 5 px of 1280; 1 px at least
_FAINT = 1.5  # levels: what counts in a band, at strength 0.5
_STEP = 25.0  # levels between the two sides: more is an edge in the picture
_MARGIN = 0.02  # of the width, on either side: there the gate has its edges
_MOST_BANDS = 0.7  # of them must show it,
_MOST_FRAMES = 0.6  # in so many of the frames
_FEWEST = 5  # frames of a shot, to say that something stays
_MOST_COLUMNS = 0.05  # of the picture: more lines are its texture


@dataclass
class _Lined(Looked[FrameT]):
    """How far each column of each band stands out from both sides, in levels: brighter, or darker (negative)."""

    lines: Bands


def remove_scratches(
    moments: Iterator[Moment[FrameT]], depth: int, strength: float | Literal["auto"]
) -> Generator[Moment[FrameT]]:
    """Take off lines that run over most of the height and stay for most of a second.

    strength: how faint a line may be; "auto" is 0.5
    """
    faint = _FAINT * 2 ** (1 - 2 * (0.5 if strength == "auto" else strength))
    looked = (
        _Lined(moment, moment.begins, stand_out(_bands(moment.luma, depth), _half(moment.luma))) for moment in moments
    )
    for near, place in around(looked, _WINDOW, begins_shot):
        moment = near[place].take()
        if len(near) >= _FEWEST:
            columns = staying([one.lines for one in near], place, faint)
            if columns.any():
                moment = replace(moment, luma=_taken_off(moment.luma, columns, depth))
        yield moment


def _half(luma: Pixels) -> int:
    return max(1, round(_HALF * luma.shape[1]))


def _bands(luma: Pixels, depth: int) -> Bands:
    """(bands, W): means of `_BANDS` bands of rows, in levels."""
    rows = luma.shape[0] // _BANDS * _BANDS
    if not rows:
        return np.asarray(luma * np.float32(1 / (1 << depth - 8)), np.float32)
    whole = luma[:rows] if luma.dtype == np.uint8 else levels(luma[:rows], depth)
    means = whole.reshape(_BANDS, rows // _BANDS, -1).mean(axis=1, dtype=np.float32)
    return np.asarray(means, np.float32)


def stand_out(bands: Bands, half: int) -> Bands:
    """How far each column is above the higher, or below the lower of its two sides; 0 where these are far apart, as at
    an edge, and at the edges of the gate."""
    wide = 2 * half + 1
    side = cv2.blur(bands, (half, 1), borderType=cv2.BORDER_REPLICATE)
    padded = np.pad(side, ((0, 0), (wide, wide)), mode="edge")
    width = bands.shape[1]
    shift = half + half // 2 + 1  # from the column to the middle of a side, which begins beyond the line
    left, right = padded[:, wide - shift : wide - shift + width], padded[:, wide + shift : wide + shift + width]
    above = bands - np.maximum(left, right)
    below = bands - np.minimum(left, right)
    out = np.where(above > 0, above, np.where(below < 0, below, 0))
    out[np.abs(left - right) > _STEP] = 0
    margin = round(_MARGIN * width)
    out[:, :margin] = out[:, width - margin :] = 0
    return out.astype(np.float32)


def staying(lines: list[Bands], place: int, faint: float) -> NDArray[np.bool_]:
    """(W,): the columns of the frame at `place` that a scratch runs through."""
    found = np.zeros(lines[place].shape[1], bool)
    for sign in (1, -1):
        shown = np.stack([(sign * one > faint).mean(axis=0) for one in lines])  # (frames, W): share of the bands
        beside = np.maximum(shown, np.maximum(np.roll(shown, 1, axis=1), np.roll(shown, -1, axis=1)))
        stays = (beside >= _MOST_BANDS).mean(axis=0) >= _MOST_FRAMES
        found |= stays & (shown[place] >= _MOST_BANDS / 2)
    return found if found.mean() <= _MOST_COLUMNS else np.zeros_like(found)


def _taken_off(luma: Pixels, columns: NDArray[np.bool_], depth: int) -> Pixels:
    height, width = luma.shape
    out = luma.copy()
    length = max(9, height // 40 * 2 + 1)
    edges = np.flatnonzero(np.diff(np.pad(columns.astype(np.int8), 1)))
    for first, last in zip(edges[::2], edges[1::2], strict=True):
        left, right = int(first) - 2, int(last) + 1  # the nearest clean columns: a line's own edge is soft
        if left < 1 or right > width - 2 or last - first > 4 * _half(luma):
            continue
        part = luma[:, left : right + 1].astype(np.float32)
        start = luma[:, left - 1 : left + 1].mean(axis=1, dtype=np.float32)
        end = luma[:, right : right + 2].mean(axis=1, dtype=np.float32)
        share = np.linspace(0, 1, part.shape[1], dtype=np.float32)
        added = part - (start[:, None] * (1 - share) + end[:, None] * share)
        added = _along(added, length)
        added[:, [0, -1]] = 0
        mended = np.clip(np.rint(part - added), 0, (1 << depth) - 1)
        out[:, left : right + 1] = mended.astype(luma.dtype)
    return out


def _along(added: NDArray[np.float32], length: int) -> NDArray[np.float32]:
    """What a line adds, smoothed along it; without what the picture's own edges make of it."""
    bound = 2.5 * np.median(np.abs(added - np.median(added, axis=0)), axis=0) + 1
    middle = np.median(added, axis=0)
    calm = np.clip(added, middle - bound, middle + bound).astype(np.float32)
    return np.asarray(cv2.blur(calm, (1, length), borderType=cv2.BORDER_REFLECT), np.float32)
