"""The protocol of the field's papers (DDColor, arXiv 2212.11613): how a photograph becomes what is compared.

A photograph is stretched to 256x256; the model sees it in grey; of what the model makes, a and b of Lab are kept, and L
is the true one (`metrics.with_true_lightness`).
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from PIL import Image

from retint.evaluation.metrics import Rgb

SIDE = 256  # px
LEAST_COLOUR = 2.0  # mean |channel - mean of channels| of 255 under which a photograph counts as grey

Render = Callable[[Rgb], Rgb]
"""A grey picture (H, W, 3) uint8, three equal channels, to the same in colour, same size: a model as figures see it."""


def shrink(image: Image.Image, short_side: int = SIDE) -> Image.Image:
    """RGB with the short side brought down to `short_side` px; smaller pictures keep their size."""
    picture = image.convert("RGB")
    scale = short_side / min(picture.size)
    if scale >= 1:
        return picture
    size = (max(1, round(picture.width * scale)), max(1, round(picture.height * scale)))
    return picture.resize(size, Image.Resampling.BILINEAR, reducing_gap=2.0)


def stretch(image: Image.Image) -> Rgb:
    """Any RGB picture as the protocol's (256, 256, 3), whatever its sides were."""
    return np.asarray(image.resize((SIDE, SIDE), Image.Resampling.BICUBIC))


def is_gray(image: Image.Image) -> bool:
    """Whether an RGB picture has so little colour that there is nothing to compare a model's with."""
    small = np.asarray(image.resize((32, 32)), dtype=np.float32)
    return bool(np.abs(small - small.mean(axis=2, keepdims=True)).mean() < LEAST_COLOUR)


def gray_of(picture: Rgb) -> Rgb:
    """(H, W, 3) RGB to the grey picture that a model sees, (H, W, 3) with equal channels: Pillow's BT.601 luma."""
    return np.asarray(Image.fromarray(picture).convert("L").convert("RGB"))
