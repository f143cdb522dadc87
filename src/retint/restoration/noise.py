"""Noise, blur and JPEG blocks: what a trained restorer takes away, as far as there is evidence of it.

The same network fills what a mask covers, in the same pass.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from retint.restoration.onnx_models import OnnxModel
from retint.restoration.options import Strength, ramp
from retint.restoration.planes import Floats, Luma, Mask, from_unit, strips
from retint.restoration.tiles import CORE, GRID, Tile, over_tiles, window

_BLOCK = 8  # px: of JPEG, and of the squares that noise is measured in
_GRAIN_REACH = 16  # px that the filter of grain looks around itself: eight of its deviations
_LOOK = 192  # px a side of the pieces of a picture that the restorer is asked about
_LOOKS = 4  # pieces each way, at most
_LOOK_MARGIN = 32  # px seen around them
_SQUARE = 16  # px a side, that a change is measured in
_LEAST_CHANGED = 0.25  # share of the squares whose change does not count: the upper edge of it is the evidence
_FLATTEST = 0.05  # share of the squares that noise is measured in
_OF_FLATTEST = 0.87  # of white noise's deviation, that it has in the flattest squares: 64 numbers each
_SPECK = 45  # levels of 255
_CONTENT = 3.5  # levels of 255 a px: root mean square of the gradient under which there is nothing to be sharp
_SHARP = 2.0
_EDGE = 16  # levels of 255: larger steps are edges of things, and count as this


@dataclass(frozen=True)
class Evidence:
    """What speaks for mending."""

    change: float  # what the restorer would change in all but the least changed quarter: see `change_of`
    specks: float  # share of single pixels that stand out, as salt and pepper do
    blocks: float  # how much steps at the borders of 8 x 8 px blocks exceed those within, levels of 255
    sharpness: float  # of its finest detail: see `sharpness`


@dataclass(frozen=True)
class NoiseGate:
    """How evidence becomes strength on `auto`: from 0 at the first of each pair to 1 at the second.

    The strongest evidence counts. What the pairs rest on: docs/decisions/018-networks-that-restore.md.
    """

    change: tuple[float, float] = (0.5, 1.0)
    specks: tuple[float, float] = (0.002, 0.004)
    blocks: tuple[float, float] = (1.2, 2.0)
    sharpness: tuple[float, float] = (1.4, 1.1)
    old: float = 0.5  # of `noisy`, from which a picture counts as an old print

    def strength(self, evidence: Evidence) -> float:
        """0..1."""
        soft, coded = ramp(evidence.sharpness, self.sharpness), ramp(evidence.blocks, self.blocks)
        return max(self.noisy(evidence), soft, coded)

    def noisy(self, evidence: Evidence) -> float:
        """0..1: what speaks for an old picture, as a small file and a soft lens do not."""
        return max(ramp(evidence.change, self.change), ramp(evidence.specks, self.specks))


def change_of(luma: Luma, mask: Mask, model: OnnxModel) -> float:
    """What the restorer would change, levels of 255: the lower quartile over squares of 16 px of its root mean square.

    What was copied badly is so all over, while grass and gravel look like noise in places: there the restorer leaves
    much alone. Large pictures are looked at in 16 pieces spread over them.

    mask: damage, (H, W), which does not count
    """
    seen, found = _blank(luma, mask), []
    for tile in _looks(*luma.shape):
        rows, columns = tile.within(*luma.shape)
        pair = np.stack([window(plane, tile, _LOOK_MARGIN) for plane in (seen, mask)])
        inner = (
            slice(_LOOK_MARGIN, _LOOK_MARGIN + rows.stop - rows.start),
            slice(_LOOK_MARGIN, _LOOK_MARGIN + columns.stop - columns.start),
        )
        sound = 1 - pair[1][inner]
        changes = np.square((model.work(pair) - pair[0])[inner]) * sound
        changes, sound = _sums_of_squares(changes), _sums_of_squares(sound)
        found.append(np.sqrt(changes[sound > 0] / sound[sound > 0]))
    values = np.concatenate(found)
    return 255 * float(np.quantile(values, _LEAST_CHANGED)) if values.size else 0.0


def _looks(height: int, width: int) -> list[Tile]:
    """Pieces spread evenly; all of a picture that is small enough."""

    def axis(length: int) -> tuple[int, list[int]]:
        count = min(_LOOKS, -(-length // _LOOK))
        size = min(_LOOK, -(-length // (count * GRID)) * GRID)
        last = max(0, length - size)
        return size, sorted({round(last * at / max(count - 1, 1)) for at in range(count)})

    (tall, tops), (wide, lefts) = axis(height), axis(width)
    return [Tile(top, left, tall, wide) for top in tops for left in lefts]


def _sums_of_squares(plane: Floats) -> Floats:
    """Sums over squares of 16 px; what is left over at the right and the lower edge counts as part of a square."""
    rows, columns = (range(0, length, _SQUARE) for length in plane.shape)
    return np.add.reduceat(np.add.reduceat(plane, rows, axis=0), columns, axis=1)


def noise_level(luma: Luma) -> float:
    """Deviation of the noise, levels of 255: of the diagonal differences of Haar's wavelet, in the flattest squares.

    The flattest twentieth of squares of 8 x 8 differences, so that texture does not count as noise. Squares that are
    black or white throughout have lost their noise and say nothing.
    """
    tall, wide = (side // (2 * _BLOCK) for side in luma.shape)
    if not tall or not wide:
        return 0.0
    found: list[NDArray[np.float32]] = []
    for rows in strips(tall, 16):
        part = luma[2 * _BLOCK * rows.start : 2 * _BLOCK * rows.stop, : 2 * _BLOCK * wide].astype(np.float32) / 257
        diagonal = (part[::2, ::2] - part[::2, 1::2] - part[1::2, ::2] + part[1::2, 1::2]) / 2
        squares = diagonal.reshape(-1, _BLOCK, wide, _BLOCK)
        levels = part.reshape(-1, 2 * _BLOCK, wide, 2 * _BLOCK).mean(axis=(1, 3))
        deviation = np.sqrt((squares**2).mean(axis=(1, 3)))
        found.append(deviation[(levels > 6) & (levels < 249)])
    values = np.concatenate(found)
    return float(np.quantile(values, _FLATTEST)) / _OF_FLATTEST if values.size else 0.0


def specks(luma: Luma, mask: Mask) -> float:
    """Share of the pixels that are lighter than all eight around them, or darker than all, by a good deal.

    mask: damage, (H, W), which does not count
    """
    if luma.size == 1:
        return 0.0
    around = np.ones((3, 3), np.uint8)
    around[1, 1] = 0
    count, least = 0, _SPECK * 257
    for rows in strips(len(luma)):
        top, bottom = max(0, rows.start - 1), min(len(luma), rows.stop + 1)
        part = luma[top:bottom]
        lightest, darkest = np.asarray(cv2.dilate(part, around)), np.asarray(cv2.erode(part, around))
        own = part.astype(np.int32)
        stands_out = (own - lightest > least) | (darkest.astype(np.int32) - own > least)
        inner = slice(rows.start - top, rows.stop - top)
        count += int((stands_out[inner] & ~mask[rows]).sum())
    return count / max(int(mask.size - mask.sum()), 1)


def blockiness(luma: Luma) -> float:
    """How much larger the steps at the borders of 8 x 8 px blocks are than the others, levels of 255; 0 at least.

    Of the eight ways to lay the grid each way the strongest, as cropping moves it, above the middle of all; of both
    ways the weaker, as a fence has steps in one.
    """
    return min(_grid_steps(luma), _grid_steps(luma.T))


def _grid_steps(luma: Luma) -> float:
    """Across."""
    width = luma.shape[1]
    if width < 4 * _BLOCK:
        return 0.0
    sums = np.zeros(width - 1)
    for rows in strips(len(luma)):
        steps = np.abs(np.diff(luma[rows].astype(np.float32) / 257, axis=1))
        sums += np.minimum(steps, _EDGE).sum(axis=0)
    means = np.array([sums[phase::_BLOCK].mean() for phase in range(_BLOCK)]) / len(luma)
    return float(means.max() - np.median(means))


def sharpness(luma: Luma) -> float:
    """Root mean square of the Laplacian over that of the gradient: about 2 of a sharp picture, under 1 of a soft one.

    Both grow alike with contrast. A picture of smooth shades alone counts as sharp: there is nothing to mend in it.
    """
    second = first = 0.0
    for rows in strips(len(luma)):
        top, bottom = max(rows.start - 1, 0), min(rows.stop + 1, len(luma))
        part = luma[top:bottom].astype(np.float32) / 257
        own = slice(rows.start - top, rows.stop - top)
        second += float((np.asarray(cv2.Laplacian(part, cv2.CV_32F))[own].astype(np.float64) ** 2).sum())
        for x, y in ((1, 0), (0, 1)):
            slope = np.asarray(cv2.Scharr(part, cv2.CV_32F, x, y, scale=1 / 32))[own]
            first += float((slope.astype(np.float64) ** 2).sum())
    if first / luma.size < _CONTENT**2:
        return _SHARP
    return float(np.sqrt(second / first))


def evidence_of(luma: Luma, mask: Mask, model: OnnxModel) -> Evidence:
    """Look at the picture. mask: damage, (H, W), which is no evidence of noise. model: the restorer."""
    return Evidence(change_of(luma, mask, model), specks(luma, mask), blockiness(luma), sharpness(luma))


def chosen_strength(evidence: Evidence, wanted: Strength, gate: NoiseGate) -> float:
    """How much to mend: what is asked for, or, on `auto`, what the evidence says."""
    return gate.strength(evidence) if wanted == "auto" else float(wanted)


def mended(
    luma: Luma,
    mask: Mask,
    model: OnnxModel,
    strength: float = 0.0,
    *,
    grain: Literal["clean", "keep"] = "clean",
    noise: float = 0.0,
    core: int = CORE,
) -> Luma:
    """The picture as the restorer would have it: where the mask is wholly so, elsewhere `strength` of the way.

    grain: keep leaves the grain in. noise: deviation of it, levels of 255
    """
    if strength <= 0 and not mask.any():
        return luma

    def work(window: Floats) -> Floats:
        seen, covered = window
        answer = model.work(window)
        change = answer - seen
        if grain == "keep" and strength > 0:
            change += _grain(-change, noise / 255)
        return np.where(covered > 0, answer, seen + np.float32(strength) * change).astype(np.float32)

    def touched(tile: Tile) -> bool:
        return strength > 0 or bool(mask[tile.within(luma.shape[0], luma.shape[1])].any())

    out = luma.copy()
    margin = max(model.margin, _GRAIN_REACH)
    for rows, columns, values in over_tiles((_blank(luma, mask), mask), work, margin, core=core, wanted=touched):
        if strength > 0:
            out[rows, columns] = from_unit(values)
        else:
            here = mask[rows, columns]
            out[rows, columns][here] = from_unit(values)[here]
    return out


def enlarged(luma: Luma, model: OnnxModel, *, core: int = CORE) -> Luma:
    """Twice as large each way: (2 H, 2 W)."""
    out = np.empty((2 * luma.shape[0], 2 * luma.shape[1]), np.uint16)
    for rows, columns, values in over_tiles((luma,), model.work, model.margin, scale=2, core=core):
        out[rows, columns] = from_unit(values)
    return out


def _blank(luma: Luma, mask: Mask) -> Luma:
    """What the restorer sees: 0 under the mask."""
    return np.where(mask, np.uint16(0), luma) if mask.any() else luma


def _grain(taken: Floats, deviation: float) -> Floats:
    """The grain in what the restorer takes away: its fine part, within what noise of that deviation reaches.

    Blocks and blur are coarser than two pixels, or they stand at edges and exceed the grain.
    """
    fine = taken - np.asarray(cv2.GaussianBlur(taken, (0, 0), _GRAIN_REACH / 8), np.float32)
    return np.clip(fine, -2.5 * deviation, 2.5 * deviation).astype(np.float32)
