"""Figures of matplotlib, which DeOldify's `plot_` methods show pictures with."""

from __future__ import annotations

import weakref
from collections.abc import Sequence
from importlib import import_module
from typing import Any

import numpy as np
from PIL import Image

from retint.errors import MissingExtraError

_MOST_OPEN = 20  # figures, of which matplotlib warns when there are more: each holds its pictures in memory
_SIDE = 2000  # px of a picture in a figure: 20 inches, the default, have 2000 at 100 dots an inch

_drawn: list[weakref.ref[Any]] = []  # our figures, the oldest first; numbers would be given to others' again


def pyplot() -> Any:
    """matplotlib.pyplot. Raises MissingExtraError."""
    try:
        return import_module("matplotlib.pyplot")
    except ImportError as missing:
        raise MissingExtraError(
            "DeOldify's plots are made with matplotlib, which is not installed; do this: pip install 'retint[notebook]'"
        ) from missing


def draw(pictures: Sequence[Image.Image], figsize: tuple[float, float], label: str | None) -> None:
    """Make a figure of pictures side by side, and leave it current.

    figsize: width and height in inches
    label: written into the last picture

    A notebook shows it at the end of the cell; elsewhere `plt.show()` or `plt.savefig` do. Where there are more than
    twenty, the oldest of ours are closed.
    """
    plt = pyplot()
    while _drawn and len(plt.get_fignums()) >= _MOST_OPEN:
        oldest = _drawn.pop(0)()
        if oldest is not None:
            plt.close(oldest)
    figure, axes = plt.subplots(1, len(pictures), figsize=figsize, squeeze=False)
    _drawn.append(weakref.ref(figure))
    for axis, picture in zip(axes[0], pictures, strict=True):
        small = picture.copy()
        small.thumbnail((_SIDE, _SIDE), Image.Resampling.BOX)
        axis.imshow(np.asarray(small))
        axis.axis("off")
    if label is not None:
        axes[0][-1].text(
            0.01, 0.99, label, color="white", backgroundcolor="black", va="top", transform=axes[0][-1].transAxes
        )
