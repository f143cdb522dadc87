"""What a decoder hands over: samples as they lie in the file, before profile and orientation are dealt with."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from PIL import Image

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


def arrays_of(image: Image.Image) -> tuple[Pixels, Pixels | None]:
    """Samples and alpha of a loaded Pillow picture of 8 bits a sample, copied out by strips.

    Grey palettes and 1-bit pictures become grey, other palettes RGB; CMYK stays (H, W, 4) as Pillow has it.
    """
    mode = image.mode
    transparent = "transparency" in image.info or mode in ("LA", "La", "PA", "RGBA", "RGBa")
    if mode in ("P", "PA"):
        palette = np.array(image.getpalette("RGB") or [], np.uint8).reshape(-1, 3)
        grey = bool((palette == palette[:, :1]).all())
    else:
        grey = mode in ("1", "L", "LA", "La")
    channels = 4 if mode == "CMYK" else 1 if grey else 3
    target = "CMYK" if channels == 4 else ("LA" if grey else "RGBA") if transparent else ("L" if grey else "RGB")
    height, width = image.height, image.width
    pixels: Pixels = np.empty((height, width) if grey else (height, width, channels), np.uint8)
    alpha: Pixels | None = np.empty((height, width), np.uint8) if transparent else None
    for rows in strips(height, width):
        part = image.crop((0, rows.start, width, rows.stop))
        strip = np.asarray(_convert(part, target))
        if alpha is None:
            pixels[rows] = strip
        else:
            alpha[rows] = strip[..., -1]
            pixels[rows] = strip[..., 0] if grey else strip[..., :-1]
    return pixels, alpha


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


def _convert(part: Image.Image, target: str) -> Image.Image:
    if part.mode == target:
        return part
    if target == "LA" and part.mode in ("P", "1", "L"):  # Pillow carries tRNS into alpha only on the way to RGBA
        return part.convert("RGBA").convert("LA")
    return part.convert(target)
