"""What a decoder hands over: samples as they lie in the file, before profile and orientation are dealt with."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from retint.errors import UnreadablePhotoError
from retint.images.photograph import Pixels
from retint.images.tones import strips


@dataclass
class Decoded:
    """A picture that still lies as its file has it."""

    pixels: Pixels
    """(H, W) grey, (H, W, 3) RGB, (H, W, 4) CMYK with 0 for bare paper."""
    alpha: Pixels | None = None
    exif: bytes | None = None
    icc: bytes | None = None
    xmp: bytes | None = None
    dpi: tuple[float, float] | None = None
    """Where the format has a place of its own for it; else EXIF is asked."""
    iptc: bytes | None = None
    text: tuple[tuple[str, str], ...] = ()
    quality: int | None = None
    upright: bool = False
    """The decoder has turned the picture already, and the orientation in its EXIF is not to be followed."""
    gamma: float | None = None
    """PNG: samples are light to this power, and there is no profile."""
    notes: list[str] = field(default_factory=list[str])


def check_size(width: int, height: int, most: int) -> None:
    """Refuse pictures without pixels, and those so large that they look made to fill the memory.

    Called before anything is decoded. Raises UnreadablePhotoError.
    """
    if width <= 0 or height <= 0:
        raise UnreadablePhotoError(f"the picture is {width} x {height} px, wanted at least 1 x 1; the file is damaged")
    if width * height > most:
        raise UnreadablePhotoError(
            f"{width} x {height} px are {width * height / 1e6:.0f} megapixels, at most {most / 1e6:g} are wanted; "
            "scale it down, or raise max_pixels if you trust the file"
        )


def without_colour(pixels: Pixels) -> Pixels:
    """(H, W) where the three channels are the same everywhere, else `pixels` as they are.

    For formats whose grey pictures come out as RGB: WebP, which has no other, and AVIF and HEIC through their decoders.
    """
    if pixels.ndim == 2:
        return pixels
    for rows in strips(*pixels.shape[:2]):
        part = pixels[rows]
        if not (np.array_equal(part[..., 0], part[..., 1]) and np.array_equal(part[..., 0], part[..., 2])):
            return pixels
    return np.ascontiguousarray(pixels[..., 0])


def split_alpha(samples: Pixels) -> Decoded:
    """(H, W) or (H, W, 1 to 4) samples of a decoder into pixels and alpha, grey where they are."""
    if samples.ndim == 3 and samples.shape[2] in (2, 4):
        colours = samples[..., 0] if samples.shape[2] == 2 else samples[..., :3]
        return Decoded(without_colour(np.ascontiguousarray(colours)), np.ascontiguousarray(samples[..., -1]))
    return Decoded(without_colour(samples[..., 0] if samples.ndim == 3 and samples.shape[2] == 1 else samples))
