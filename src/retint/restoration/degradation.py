"""Aged pictures from clean ones: the damage that training and tests plant, with its masks.

Everything acts on luma and is a function of the picture and of the random generator's state. In the documented mix
(`ODDS`) the tone goes first (fading, stains, uneven light); then the marks on the print as one (creases, scratches,
dust, holes), blur, noise, scaling and JPEG follow in random order, so that scratches lie sharp on a soft picture in
some and were copied with it in others. Ranges and odds of these four are those of "Bringing Old Photos Back to Life"
(arXiv 2004.09484); the rest is ours. Sizes in px are for a short side of 256 px and grow with it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

Gray = NDArray[np.uint8]
Mask = NDArray[np.bool_]
Floats = NDArray[np.float32]

TONE = ("fading", "stains", "light")
MARKS = ("creases", "scratches", "dust", "holes")
COPYING = ("blur", "noise", "scale", "jpeg")
KINDS = (*TONE, *MARKS, *COPYING)

ODDS = {
    "fading": 0.4,
    "stains": 0.2,
    "light": 0.2,
    "creases": 0.2,
    "scratches": 0.5,
    "dust": 0.5,
    "holes": 0.15,
    "blur": 0.7,
    "noise": 0.7,
    "scale": 0.7,
    "jpeg": 0.7,
}
"""Of each kind, in the documented mix."""

USUAL_SIDE = 256  # px of the short side, for which sizes below are given
VISIBLE = 12 / 255  # a mark that changes a pixel by less is no damage that a person would mend


@dataclass(frozen=True)
class Aged:
    """A picture with planted damage."""

    picture: Gray  # (H, W): what is to be mended
    mask: Mask  # (H, W): pixels that a mark (crease, scratch, dust, hole) covers
    toned: Gray  # (H, W): the clean picture with its change of tone alone: what damage and noise stages can reach
    kinds: tuple[str, ...]  # what was planted, in this order


def age(picture: Gray, rng: np.random.Generator, kinds: Sequence[str] | None = None) -> Aged:
    """Plant damage.

    picture: (H, W) uint8 luma, at least 32 px a side
    kinds: some of `KINDS`, all of them planted; None: drawn by `ODDS`, at least one

    Raises ValueError for a kind that is not known, and for a picture of another shape or dtype.
    """
    if picture.ndim != 2 or picture.dtype != np.uint8 or min(picture.shape) < 32:
        raise ValueError(f"got a picture {picture.shape} {picture.dtype}, wanted (H, W) uint8 of 32 px a side or more")
    chosen = draw_kinds(rng) if kinds is None else list(kinds)
    if unknown := sorted(set(chosen) - set(KINDS)):
        raise ValueError(f"got damage {', '.join(unknown)}, wanted some of {', '.join(KINDS)}")
    value: Floats = np.divide(picture, 255, dtype=np.float32)
    mask = np.zeros(picture.shape, dtype=np.bool_)
    order = [kind for kind in TONE if kind in chosen]
    for kind in order:
        value = _TONED[kind](value, rng)
    toned = _rounded(value)
    steps = [kind for kind in COPYING if kind in chosen]
    marks = [kind for kind in MARKS if kind in chosen]
    rest = [*(["marks"] if marks else []), *steps]
    for step in rng.permutation(rest).tolist() if rest else []:
        if step != "marks":
            value = _COPIED[step](value, rng)
            order.append(step)
            continue
        for kind in marks:
            alpha, paint = _MARKED[kind](value, rng)
            covered = (alpha > 0.25) & (np.abs(alpha * (paint - value)) > VISIBLE)
            value = (value + alpha * (paint - value)).astype(np.float32)
            mask |= covered
            order.append(kind)
    return Aged(_rounded(value), mask, toned, tuple(order))


def draw_kinds(rng: np.random.Generator) -> list[str]:
    """Kinds by the odds of the documented mix; at least one."""
    while True:
        chosen = [kind for kind in KINDS if rng.random() < ODDS[kind]]
        if chosen:
            return chosen


def _rounded(value: Floats) -> Gray:
    return np.rint(np.clip(value, 0, 1) * 255).astype(np.uint8)


def _unit(shape: tuple[int, ...]) -> float:
    """How many px one px of a picture of the usual size is here; never less than one."""
    return max(1.0, min(shape[:2]) / USUAL_SIDE)


def _count(rng: np.random.Generator, mean: float, shape: tuple[int, ...]) -> int:
    """How many of something there are, whose mean is for a square of the usual size. At least one."""
    share = shape[0] * shape[1] / (USUAL_SIDE * _unit(shape)) ** 2
    return max(1, int(rng.poisson(mean * share)))


# tone


def _fading(value: Floats, rng: np.random.Generator) -> Floats:
    low, high = rng.uniform(0.05, 0.35), rng.uniform(0.65, 0.95)
    return (low + (high - low) * np.clip(value, 0, 1) ** np.float32(rng.uniform(0.7, 1.3))).astype(np.float32)


def _light(value: Floats, rng: np.random.Generator) -> Floats:
    """Uneven light: a slope, or a falling off from some point."""
    y, x = _coordinates(value.shape)
    if rng.random() < 0.5:
        angle = rng.uniform(0, 2 * np.pi)
        field = (x - 0.5) * np.cos(angle) + (y - 0.5) * np.sin(angle) + 0.5
    else:
        field = np.hypot(x - rng.uniform(0.2, 0.8), y - rng.uniform(0.2, 0.8)) / 0.8
    darkest = rng.uniform(0.45, 0.85)
    return (value * (1 - (1 - darkest) * np.clip(field, 0, 1))).astype(np.float32)


def _stains(value: Floats, rng: np.random.Generator) -> Floats:
    """Blotches, darker at their rims, that are seen through."""
    y, x = _coordinates(value.shape)
    out = value
    for _ in range(int(rng.integers(1, 4))):
        wobble = 1 + 0.25 * (_cloud(value.shape, rng, 6) - 0.5)
        distance = np.hypot(x - rng.uniform(0, 1), (y - rng.uniform(0, 1)) * rng.uniform(0.6, 1.6))
        distance = distance * wobble / rng.uniform(0.1, 0.35)
        inside = 1 / (1 + np.exp(np.clip((distance - 1) * 25, -60, 60)))
        rim = np.exp(-(((distance - 1) / 0.06) ** 2))
        depth = rng.uniform(0.08, 0.35)
        out = out * (1 - depth * np.clip(0.6 * inside + 0.6 * rim, 0, 1))
    return out.astype(np.float32)


def _coordinates(shape: tuple[int, ...]) -> tuple[Floats, Floats]:
    """Rows and columns in 0..1."""
    height, width = shape
    y, x = np.mgrid[0:height, 0:width].astype(np.float32)
    return y / (height - 1), x / (width - 1)


def _cloud(shape: tuple[int, ...], rng: np.random.Generator, cells: int) -> Floats:
    """Smooth noise in 0..1, `cells` bumps across."""
    small = rng.random((cells + 1, cells + 1), dtype=np.float32)
    cloud = cv2.resize(small, (shape[1], shape[0]), interpolation=cv2.INTER_CUBIC)
    return np.clip(cloud, 0, 1).astype(np.float32)


# marks: each gives its opacity and its paint, (H, W) in 0..1


def _strokes(
    shape: tuple[int, ...], paths: list[NDArray[np.float64]], widths: list[int], opacities: list[float]
) -> Floats:
    """Lines through points (x, y) in px, antialiased; where several cross, the most opaque."""
    alpha = np.zeros(shape, dtype=np.float32)
    for path, width, opacity in zip(paths, widths, opacities, strict=True):
        points = np.rint(path * 16).astype(np.int32).reshape(-1, 1, 2)
        canvas = np.zeros(shape, dtype=np.uint8)
        cv2.polylines(canvas, [points], False, 255, width, cv2.LINE_AA, 4)
        np.maximum(alpha, canvas * np.float32(opacity / 255), out=alpha)
    return alpha


def _path(
    start: NDArray[np.float64], angle: float, length: float, bend: float, rng: np.random.Generator
) -> NDArray[np.float64]:
    """A line that wanders: its angle changes by `bend` (deviation, radians) over every twelfth of it."""
    angles = angle + np.cumsum(rng.normal(0, bend, 12))
    steps = np.stack([np.cos(angles), np.sin(angles)], axis=1) * length / 12
    return np.concatenate([start[None], start + np.cumsum(steps, axis=0)])


def _paint(value: Floats, rng: np.random.Generator, bright: float) -> Floats:
    """Scratched paper is bright, dirt and scratched negatives are dark; a little uneven."""
    level = rng.uniform(0.8, 1.0) if rng.random() < bright else rng.uniform(0.0, 0.2)
    return np.full(value.shape, level, dtype=np.float32)


def _scratches(value: Floats, rng: np.random.Generator) -> tuple[Floats, Floats]:
    height, width = value.shape
    unit, side = _unit(value.shape), float(min(height, width))
    paths, widths, opacities = [], [], []
    upright = rng.random() < 0.4  # all of them along the way that the film or print was pulled
    lean = rng.uniform(0, np.pi)
    for _ in range(_count(rng, 5, value.shape)):
        start = rng.uniform(0, 1, 2) * (width, height)
        angle = lean + rng.normal(0, 0.06) if upright else rng.uniform(0, 2 * np.pi)
        length = rng.uniform(0.15, 1.2) * side
        paths.append(_path(start, angle, length, rng.choice([0.01, 0.05, 0.2]), rng))
        widths.append(max(1, round(unit * rng.choice([1, 1, 1, 2, 2, 3]))))
        opacities.append(rng.uniform(0.6, 1.0))
    alpha = _strokes(value.shape, paths, widths, opacities)
    if rng.random() < 0.5:  # broken, as where the stylus jumps
        alpha = alpha * (_cloud(value.shape, rng, 12) > rng.uniform(0.2, 0.5))
    return alpha.astype(np.float32), _paint(value, rng, 0.7)


def _dust(value: Floats, rng: np.random.Generator) -> tuple[Floats, Floats]:
    """Specks of some px, irregular, and hairs."""
    height, width = value.shape
    unit = _unit(value.shape)
    canvas = np.zeros(value.shape, dtype=np.uint8)
    for _ in range(_count(rng, 30, value.shape)):
        centre = rng.uniform(0, 1, 2) * (width, height)
        radius = unit * rng.choice([0.7, 1.0, 1.5, 2.2, 3.5], p=[0.25, 0.3, 0.2, 0.15, 0.1])
        angles = np.sort(rng.uniform(0, 2 * np.pi, 7))
        radii = radius * rng.uniform(0.6, 1.4, 7)
        points = centre + np.stack([np.cos(angles), np.sin(angles)], axis=1) * radii[:, None]
        level = int(rng.integers(180, 256))
        cv2.fillPoly(canvas, [np.rint(points * 16).astype(np.int32)], level, cv2.LINE_AA, 4)
    alpha: Floats = np.divide(canvas, 255, dtype=np.float32)
    if rng.random() < 0.5:
        hairs = int(rng.integers(1, 4))
        paths = [
            _path(rng.uniform(0, 1, 2) * (width, height), rng.uniform(0, 7), unit * rng.uniform(10, 50), 0.35, rng)
            for _ in range(hairs)
        ]
        hair = _strokes(value.shape, paths, [max(1, round(unit))] * hairs, [0.85] * hairs)
        alpha = np.maximum(alpha, hair).astype(np.float32)
    return alpha, _paint(value, rng, 0.6)


def _creases(value: Floats, rng: np.random.Generator) -> tuple[Floats, Floats]:
    """Folds from edge to edge: broken emulsion with a soft shadow along one side."""
    height, width = value.shape
    unit = _unit(value.shape)
    core = np.zeros(value.shape, dtype=np.float32)
    shadow = np.zeros(value.shape, dtype=np.float32)
    for _ in range(int(rng.integers(1, 3))):
        if rng.random() < 0.5:
            points = np.array([(0, rng.uniform(0, height)), (width, rng.uniform(0, height))])
        else:
            points = np.array([(rng.uniform(0, width), 0), (rng.uniform(0, width), height)])
        share = np.linspace(0, 1, 40)[:, None]
        path = points[0] * (1 - share) + points[1] * share + np.cumsum(rng.normal(0, 0.6 * unit, (40, 2)), axis=0)
        thick = max(1, round(unit * rng.choice([1, 2, 3])))
        core = np.maximum(core, _strokes(value.shape, [path], [thick], [1.0]))
        beside = path + rng.choice([-1, 1]) * unit * 2.5
        soft = _strokes(value.shape, [beside], [max(1, round(unit * 5))], [float(rng.uniform(0.1, 0.35))])
        shadow = np.maximum(shadow, cv2.GaussianBlur(soft, (0, 0), 2.0 * unit))
    wear = _cloud(value.shape, rng, 20) + 0.5
    core = np.clip(core * wear, 0, 1)
    paint = np.full(value.shape, rng.uniform(0.75, 1.0), dtype=np.float32)
    alpha = np.maximum(core, shadow)
    paint = np.where(core >= shadow, paint, 0.0)
    return alpha.astype(np.float32), paint.astype(np.float32)


def _holes(value: Floats, rng: np.random.Generator) -> tuple[Floats, Floats]:
    """Missing corners and torn-out bits, filled with the colour of what lay below.

    Shares of the sides; in a picture smaller than the usual size they are larger, and as many px as in one of it.
    """
    height, width = value.shape
    y, x = _coordinates(value.shape)
    larger = max(1.0, USUAL_SIDE / min(height, width))
    alpha = np.zeros(value.shape, dtype=np.float32)
    for _ in range(int(rng.integers(1, 4))):
        ragged = 0.5 * (_cloud(value.shape, rng, 16) - 0.5)
        if rng.random() < 0.6:  # a corner
            column, row = rng.choice([0.0, 1.0], 2)
            size = larger * rng.uniform(0.05, 0.25)
            distance = (np.abs(x - column) + np.abs(y - row)) / size
        else:
            size = larger * rng.uniform(0.02, 0.08)
            distance = np.hypot(x - rng.uniform(0, 1), (y - rng.uniform(0, 1)) * height / width) / size
        alpha = np.maximum(alpha, (distance + ragged < 1).astype(np.float32))
    return alpha, np.full(value.shape, rng.choice([1.0, 0.95, 0.0, 0.1]), dtype=np.float32)


# copying


def _blur(value: Floats, rng: np.random.Generator) -> Floats:
    side = 1 + 2 * max(1, round(_unit(value.shape) * rng.integers(1, 4)))
    return cv2.GaussianBlur(value, (side, side), rng.uniform(1, 5) * _unit(value.shape)).astype(np.float32)


def _noise(value: Floats, rng: np.random.Generator) -> Floats:
    kind, sigma = rng.integers(0, 3), np.float32(rng.uniform(5, 50) / 255)
    if kind == 2:  # salt and pepper
        at = rng.random(value.shape, dtype=np.float32)
        share = rng.uniform(0, 0.01)
        return np.where(at < share / 2, 0, np.where(at > 1 - share / 2, 1, value)).astype(np.float32)
    field = rng.standard_normal(value.shape, dtype=np.float32) * sigma
    return np.clip(value + (field if kind == 0 else field * value), 0, 1).astype(np.float32)


def _scale(value: Floats, rng: np.random.Generator) -> Floats:
    """Smaller, and back to size."""
    height, width = value.shape
    factor = rng.uniform(0.5, 1.0)
    size = (max(8, round(width * factor)), max(8, round(height * factor)))
    down, up = rng.choice([cv2.INTER_AREA, cv2.INTER_LINEAR, cv2.INTER_CUBIC], 2)
    small = cv2.resize(value, size, interpolation=int(down))
    return np.clip(cv2.resize(small, (width, height), interpolation=int(up)), 0, 1).astype(np.float32)


def _jpeg(value: Floats, rng: np.random.Generator) -> Floats:
    quality = int(rng.integers(40, 101))
    _, coded = cv2.imencode(".jpg", _rounded(value), [cv2.IMWRITE_JPEG_QUALITY, quality])
    return np.divide(np.asarray(cv2.imdecode(coded, cv2.IMREAD_GRAYSCALE)), 255, dtype=np.float32)


_TONED: dict[str, Callable[[Floats, np.random.Generator], Floats]] = {
    "fading": _fading,
    "stains": _stains,
    "light": _light,
}
_MARKED: dict[str, Callable[[Floats, np.random.Generator], tuple[Floats, Floats]]] = {
    "creases": _creases,
    "scratches": _scratches,
    "dust": _dust,
    "holes": _holes,
}
_COPIED: dict[str, Callable[[Floats, np.random.Generator], Floats]] = {
    "blur": _blur,
    "noise": _noise,
    "scale": _scale,
    "jpeg": _jpeg,
}
