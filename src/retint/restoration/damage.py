"""Marks on the print: found by a detector as a mask, and filled from around."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from retint.color import BLUE, GREEN, RED
from retint.images.photograph import Pixels
from retint.restoration.degradation import USUAL_SIDE
from retint.restoration.noise import mended
from retint.restoration.onnx_models import OnnxModel
from retint.restoration.options import Strength
from retint.restoration.planes import FULL, Luma, Mask, from_unit, strips
from retint.restoration.tiles import CORE, over_tiles

_SURELY = 0.5  # probability of the pixels of patches that speak for damage
_MOST_DOUBT, _LEAST_DOUBT = 0.3, 0.02  # of such a patch; with more it says nothing, and beyond doubt is none
_SMALLEST = 32  # px: smaller pictures are not halved

Probability = NDArray[np.uint8]  # (H, W), of 255


@dataclass(frozen=True)
class DamageGate:
    """What counts as damage on `auto`: pixels of `low` and more in patches that reach `high` somewhere.

    A picture is believed to be damaged at all where many patches speak for it (`evidence_of`), or large ones of which
    the detector is sure all over: dust never comes alone, and what is alone and no crease is more often a wire, a line
    on a court or a letter. With `evidence` 0 nothing of this is asked for.
    """

    high: float = 0.6
    low: float = 0.3
    least_area: int = 3  # px of a patch, before it grows
    grow: int = 1  # px, by which the mask goes beyond what was found: paint is soft at its rims
    evidence: float = 6.0  # of all patches together, in a short side of 256 px; more in larger ones, as the side grows
    share: float = 0.008  # of the picture, that patches cover of which the detector is `sure`
    sure: float = 0.9  # mean probability over such a patch
    evidence_of_old: float = 3.0  # the same two where anything else speaks for an old print: one tone, noise
    sure_of_old: float = 0.7

    def at(self, strength: Strength) -> DamageGate:
        """The gate for a strength: `auto` is this one; a number asks for no evidence in the picture as a whole.

        0.5 has these probabilities, 1 the least suspicion, near 0 only what is certain.
        """
        if strength == "auto":
            return self
        scale = 2 * (1 - float(strength))
        high, low = (min(0.99, max(0.05, value * scale)) for value in (self.high, self.low))
        return replace(self, high=high, low=low, evidence=0.0)

    def for_old(self) -> DamageGate:
        """The gate for a picture in one tone, or a noisy one."""
        return replace(self, evidence=self.evidence_of_old, sure=self.sure_of_old)


@dataclass(frozen=True)
class Filling:
    """How damage is filled."""

    method: Literal["network", "telea"] = "network"  # telea: OpenCV's, after Telea 2004
    reach: int = 40  # px from sound pixels, up to which it is filled at full size; what is farther comes from half
    radius: int = 3  # px, of telea


def find_damage(luma: Luma, detector: OnnxModel, *, core: int = CORE, coarsest: int = 512) -> Probability:
    """The probability of damage of every pixel.

    Large scans are looked at at half size, too, and at half of that, until the short side is less than twice
    `coarsest` px: a scratch that is two pixels wide in a small picture is sixteen in a scan of the same print. The
    highest probability counts.
    """
    found = _probability(luma, detector, core)
    height, width = luma.shape
    level = luma
    while min(level.shape) >= 2 * coarsest:
        level = _half(level)
        coarse = cv2.resize(_probability(level, detector, core), (width, height), interpolation=cv2.INTER_LINEAR)
        np.maximum(found, np.asarray(coarse, np.uint8), out=found)
    return found


def mask_of(probability: Probability, gate: DamageGate) -> Mask:
    """The pixels to fill."""
    if not _believed(probability, gate):
        return np.zeros(probability.shape, np.bool_)
    count, labels, areas = _patches(probability, gate.low)
    certain = np.bincount(labels[probability >= round(255 * gate.high)], minlength=count) > 0
    keep: Mask = certain & (areas >= gate.least_area)
    keep[0] = False  # the background
    return grown(keep[labels], gate.grow)


def evidence_of(probability: Probability, gate: DamageGate) -> tuple[float, float]:
    """What speaks for damage in the picture as a whole: of all patches together, and the share of those that are sure.

    A patch of mean probability p speaks with the natural logarithm of 0.3 / (1 - p): how much less likely it is to be a
    false alarm than one of 0.7, which says nothing, as does one of less. Beyond 0.98 it says no more: letters and wires
    come with certainty, too. The share is that of the picture in patches of which the detector is sure.
    """
    count, labels, areas = _patches(probability, _SURELY)
    inside = labels > 0
    means = np.bincount(labels[inside], weights=probability[inside], minlength=count) / (255 * np.maximum(areas, 1))
    counts = areas >= gate.least_area
    counts[0] = False  # the background
    doubts = np.clip(1 - means[counts], _LEAST_DOUBT, _MOST_DOUBT)
    evidence = float(np.log(_MOST_DOUBT / doubts).sum())
    covered = int(areas[counts & (means >= gate.sure)].sum())
    return evidence, covered / probability.size


def _believed(probability: Probability, gate: DamageGate) -> bool:
    if not gate.evidence:
        return True
    evidence, share = evidence_of(probability, gate)
    return evidence >= gate.evidence * max(1.0, min(probability.shape) / USUAL_SIDE) or share >= gate.share


def _patches(probability: Probability, least: float) -> tuple[int, NDArray[np.intp], NDArray[np.int64]]:
    """Pixels of that probability and more, in connected patches: how many, the background with them; labels; areas."""
    where = (probability >= round(255 * least)).astype(np.uint8)
    count, labels, stats, _ = cv2.connectedComponentsWithStats(where, connectivity=8)
    return count, np.asarray(labels, np.intp), np.asarray(stats)[:, cv2.CC_STAT_AREA].astype(np.int64)


def grown(mask: Mask, by: int) -> Mask:
    """The mask and all within `by` px of it."""
    if by <= 0 or not mask.any():
        return mask
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * by + 1, 2 * by + 1))
    return np.asarray(cv2.dilate(mask.astype(np.uint8), kernel)) > 0


def patches(mask: Mask) -> int:
    """How many separate marks a mask has."""
    return cv2.connectedComponents(mask.astype(np.uint8), connectivity=8)[0] - 1


def deep_filled(
    luma: Luma, mask: Mask, filling: Filling, model: OnnxModel | None, *, core: int = CORE
) -> tuple[Luma, Mask]:
    """Fill what a network cannot fill at full size, and return the picture and what is still to be filled.

    model: the restorer, for method "network". What lies deep in a large hole is filled at half size first, as often as
    it takes: a network that looks around itself for some dozen pixels makes up nothing good beyond. Method "telea"
    fills everything.
    """
    if not mask.any():
        return luma, mask
    if filling.method == "telea" or model is None:
        return _telea(luma, mask, filling.radius), np.zeros_like(mask)
    deep = _distance(mask) > filling.reach
    if not deep.any() or mask.all():
        return luma, mask
    if min(luma.shape) < 2 * _SMALLEST:
        return np.where(deep, _telea(luma, mask, filling.radius), luma), mask & ~deep
    coarse, rest = deep_filled(_half_known(luma, mask), _half_mask(mask), filling, model, core=core)
    coarse = mended(coarse, rest, model, core=core)
    large = np.asarray(cv2.resize(coarse, (luma.shape[1], luma.shape[0]), interpolation=cv2.INTER_LINEAR), np.uint16)
    return np.where(deep, large, luma), mask & ~deep


def chroma_filled(pixels: Pixels, mask: Mask, radius: int = 3) -> Pixels:
    """A coloured picture with the chroma under the mask taken from around, and its luma kept, as nearly as it fits.

    The paint of a scratch has a colour of its own. (H, W, 3), 8 or 16 bit.
    """
    out = pixels.copy()
    full = int(np.iinfo(pixels.dtype).max)
    weights = np.array([RED, GREEN, BLUE], np.float32)
    for box, own, covered in _marks(mask, radius):
        part = pixels[box].astype(np.float32)
        gray = (part @ weights)[..., None]
        away = (part - gray) / (2 * full) + np.float32(0.5)  # each channel's distance from luma, in 0..1
        channels = [
            _inpainted(from_unit(away[..., channel].astype(np.float32)), covered, radius) for channel in range(3)
        ]
        chroma = (np.stack(channels, axis=-1).astype(np.float32) / FULL - np.float32(0.5)) * (2 * full)
        mended = gray + chroma - (chroma @ weights)[..., None]
        out[box][own] = np.clip(np.rint(mended), 0, full)[own]
    return out


def _probability(luma: Luma, detector: OnnxModel, core: int) -> Probability:
    out = np.empty(luma.shape, np.uint8)
    for rows, columns, values in over_tiles((luma,), detector.work, detector.margin, core=core):
        out[rows, columns] = np.rint(np.clip(values, 0, 1) * 255)
    return out


def _telea(luma: Luma, mask: Mask, radius: int) -> Luma:
    out = luma.copy()
    for box, own, covered in _marks(mask, radius):
        out[box][own] = _inpainted(luma[box], covered, radius)[own]
    return out


def _marks(mask: Mask, radius: int) -> Iterator[tuple[tuple[slice, slice], Mask, Mask]]:
    """Each mark by itself: a box around it with sound pixels at its rim, the mark in it, and all marks in it.

    All at once where boxes of long lines would overlap too much to be worth it.
    """
    count, labels, stats, _ = cv2.connectedComponentsWithStats(mask.astype(np.uint8), connectivity=8)
    edge = radius + 2
    sides = stats[1:, [cv2.CC_STAT_WIDTH, cv2.CC_STAT_HEIGHT]].astype(np.int64) + 2 * edge
    if sides.prod(axis=1).sum() > 4 * mask.size:
        yield (slice(0, mask.shape[0]), slice(0, mask.shape[1])), mask, mask
        return
    for index in range(1, count):
        left, top, width, height = (int(stats[index, at]) for at in range(4))
        box = (
            slice(max(0, top - edge), min(mask.shape[0], top + height + edge)),
            slice(max(0, left - edge), min(mask.shape[1], left + width + edge)),
        )
        yield box, labels[box] == index, mask[box]


def _inpainted(plane: Luma, mask: Mask, radius: int) -> Luma:
    return np.asarray(cv2.inpaint(plane, mask.astype(np.uint8), radius, cv2.INPAINT_TELEA), np.uint16)


def _half(luma: Luma) -> Luma:
    size = max(1, luma.shape[1] // 2), max(1, luma.shape[0] // 2)
    return np.asarray(cv2.resize(luma, size, interpolation=cv2.INTER_AREA), np.uint16)


def _half_known(luma: Luma, mask: Mask) -> Luma:
    """Half size, of the sound pixels alone: the paint of a mark does not run into its surroundings."""
    tall, wide = luma.shape[0] // 2, luma.shape[1] // 2
    out = np.empty((tall, wide), np.uint16)
    for rows in strips(tall):
        piece = slice(2 * rows.start, 2 * rows.stop), slice(0, 2 * wide)
        sound = ~mask[piece].reshape(-1, 2, wide, 2)
        values = luma[piece].reshape(-1, 2, wide, 2) * sound.astype(np.uint32)
        out[rows] = values.sum(axis=(1, 3)) // np.maximum(sound.sum(axis=(1, 3)), 1)
    return out


def _half_mask(mask: Mask) -> Mask:
    """Half size: where no sound pixel was."""
    tall, wide = mask.shape[0] // 2, mask.shape[1] // 2
    return np.asarray(mask[: 2 * tall, : 2 * wide].reshape(tall, 2, wide, 2).all(axis=(1, 3)), np.bool_)


def _distance(mask: Mask) -> NDArray[np.float32]:
    """Of each masked pixel to the next sound one, px."""
    return np.asarray(cv2.distanceTransform(mask.astype(np.uint8), cv2.DIST_L2, 3), np.float32)
