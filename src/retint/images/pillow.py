"""Between Pillow's pictures and arrays."""

from __future__ import annotations

import numpy as np
from PIL import Image

from retint.images.photograph import Photograph, Pixels
from retint.images.tones import strips


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


def to_pillow(photo: Photograph) -> Image.Image:
    """The photograph as a Pillow picture: L, LA, RGB or RGBA. pixels must be uint8."""
    pixels = np.ascontiguousarray(photo.pixels)
    if photo.alpha is None:
        return Image.fromarray(pixels)
    return Image.fromarray(np.dstack([pixels, photo.alpha]))


def pillow_metadata(photo: Photograph) -> dict[str, bytes]:
    """EXIF, ICC and XMP as the keyword arguments of Pillow's encoders."""
    metadata = photo.metadata
    blocks = {"exif": metadata.exif, "icc_profile": metadata.icc, "xmp": metadata.xmp}
    return {name: block for name, block in blocks.items() if block}


def _convert(part: Image.Image, target: str) -> Image.Image:
    if part.mode == target:
        return part
    if target == "LA" and part.mode in ("P", "1", "L"):  # Pillow carries tRNS into alpha only on the way to RGBA
        return part.convert("RGBA").convert("LA")
    return part.convert(target)
