"""What a photograph is to the rest of retint: upright pixels, and what was said about them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

Pixels: TypeAlias = NDArray[np.uint8 | np.uint16]
"""Samples from 0 to the greatest value of their dtype: (H, W) grey or alpha, (H, W, 3) RGB."""


@dataclass(frozen=True)
class Metadata:
    """What a file says about its picture, as raw blocks that pass through untouched where they can."""

    exif: bytes | None = None
    """A TIFF block without the `Exif\\0\\0` prefix. After reading its orientation is 1 and it has no thumbnail."""
    icc: bytes | None = None
    """The ICC profile of the pixels. A grey picture may carry a grey one: writing fits it to the channels."""
    xmp: bytes | None = None
    """One XMP packet, the extended part of a JPEG merged into it."""
    dpi: tuple[float, float] | None = None
    """Pixels an inch, across and down."""
    iptc: bytes | None = None
    """IPTC-IIM datasets: the captions and credits of archives. JPEG and TIFF hold them."""
    text: tuple[tuple[str, str], ...] = ()
    """(keyword, text): PNG's text chunks, and the comments of JPEG and GIF under "Comment"."""


@dataclass(frozen=True, eq=False)
class Photograph:
    """A still picture in memory.

    Raises ValueError where the arrays are not what the fields say.
    """

    pixels: Pixels
    """(H, W) grey or (H, W, 3) RGB, uint8 or uint16, full range, upright."""
    alpha: Pixels | None
    """(H, W), dtype of `pixels`, not premultiplied; None where the file has no transparency."""
    metadata: Metadata = field(default_factory=Metadata)
    format: str = "PNG"
    """Where it came from, by Pillow's name: JPEG, PNG, TIFF, WEBP, AVIF, HEIF, BMP, GIF."""
    quality: int | None = None
    """JPEG quality estimated from the quantisation tables; 100 for a lossless WebP; else None."""
    notes: tuple[str, ...] = ()
    """What reading dropped or changed, a line each, to be shown to the person. Empty for a sound file."""

    def __post_init__(self) -> None:
        shape, dtype = self.pixels.shape, self.pixels.dtype
        if dtype.type not in (np.uint8, np.uint16) or not (len(shape) == 2 or (len(shape) == 3 and shape[2] == 3)):
            raise ValueError(f"pixels are {shape} {dtype}; wanted (H, W) or (H, W, 3), uint8 or uint16")
        if 0 in shape:
            raise ValueError(f"pixels are {shape}: a photograph has at least one pixel")
        if self.alpha is not None and (self.alpha.shape != shape[:2] or self.alpha.dtype != dtype):
            raise ValueError(f"alpha is {self.alpha.shape} {self.alpha.dtype}; wanted {shape[:2]} {dtype}")

    @property
    def width(self) -> int:
        """Pixels across."""
        return int(self.pixels.shape[1])

    @property
    def height(self) -> int:
        """Pixels down."""
        return int(self.pixels.shape[0])


@dataclass(frozen=True)
class MachineMark:
    """What coloured a picture. The software is always "retint VERSION"."""

    model: str
    """Name of the model: "lite", "artistic", or the name of a weights file."""
    version: str
    """Version of the model, or the start of its hash."""


@dataclass(frozen=True)
class RestorationMark:
    """What was mended in a picture."""

    done: tuple[str, ...]
    """In words; empty where it was looked at and nothing was found to mend."""
    filled: bool
    """Content was made up where there was none: under scratches, in holes."""
    version: str
    """The networks that did it, with their versions."""


Mark: TypeAlias = MachineMark | RestorationMark
