"""How steady a model's colours are: a picture is changed so little that its colours should stay, and rendered again.

Four changes: moved by one pixel, noise, JPEG, and the next render factor. A figure is the mean distance in Lab (a, b)
between the two renders. A model that is half as colourful has half the distance, so divide by the mean chroma, too,
before two models are compared.
"""

from __future__ import annotations

import io
from dataclasses import dataclass

import numpy as np
from PIL import Image

from retint.evaluation.metrics import Floats, Rgb, to_lab
from retint.evaluation.protocol import Render

NOISE = 5.0  # standard deviation, of 255
JPEG_QUALITY = 75  # libjpeg's
CHANGES = ("shift", "noise", "jpeg", "render_factor")


@dataclass(frozen=True)
class Consistency:
    """Of one picture, or means over several."""

    distances: dict[str, float]
    """By name of the change (`CHANGES`): mean Euclidean distance in Lab (a, b). 0 is steady."""
    chroma: float
    """Mean of sqrt(a^2 + b^2) of the unchanged picture's render."""


def consistency(gray: Rgb, rendered: Rgb, render: Render, finer: Render | None = None, *, seed: int = 0) -> Consistency:
    """Render three changed pictures, and the same picture finer, and compare their colours with `rendered`'s.

    gray: (H, W, 3) uint8, three equal channels
    rendered: what `render` makes of it, (H, W, 3) uint8
    finer: renders at render factor + 1; without it there is no figure "render_factor"
    seed: of the noise
    """
    before = to_lab(rendered)[..., 1:]

    def after(changed: Rgb) -> Floats:
        return to_lab(render(changed))[..., 1:]

    distances = {
        "shift": _distance(after(moved(gray))[1:, 1:], before[:-1, :-1]),
        "noise": _distance(after(noisy(gray, seed)), before),
        "jpeg": _distance(after(compressed(gray)), before),
    }
    if finer is not None:
        distances["render_factor"] = _distance(to_lab(finer(gray))[..., 1:], before)
    return Consistency(distances, float(np.hypot(before[..., 0], before[..., 1]).mean()))


def moved(gray: Rgb) -> Rgb:
    """One pixel to the right and one down, the upper and the left edge repeated: [y, x] goes to [y + 1, x + 1]."""
    return np.pad(gray, ((1, 0), (1, 0), (0, 0)), mode="edge")[:-1, :-1]


def noisy(gray: Rgb, seed: int = 0) -> Rgb:
    """With Gaussian noise, the same on all three channels."""
    noise = np.random.default_rng(seed).normal(0, NOISE, (*gray.shape[:2], 1))
    return (gray + noise).round().clip(0, 255).astype(np.uint8)


def compressed(gray: Rgb) -> Rgb:
    """As a grey JPEG leaves it."""
    buffer = io.BytesIO()
    Image.fromarray(np.ascontiguousarray(gray[..., 0])).save(buffer, "JPEG", quality=JPEG_QUALITY)
    with Image.open(buffer) as image:
        return np.asarray(image.convert("RGB"))


def _distance(one: Floats, other: Floats) -> float:
    """Mean over the pixels of two (H, W, 2)."""
    return float(np.hypot(*np.moveaxis(one - other, -1, 0)).mean())
