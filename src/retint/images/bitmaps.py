"""WebP, BMP and GIF, which Pillow decodes.

The plugins are called directly: `Image.open` checks against one limit of pixels for the whole process, and retint has
a limit of its own for each call (`check_size`), which threads cannot disturb.
"""

from __future__ import annotations

import io
from typing import BinaryIO

import numpy as np
from PIL import BmpImagePlugin, GifImagePlugin, Image, WebPImagePlugin

from retint.errors import UnsupportedInputError
from retint.images.decoded import Decoded, arrays_of, check_size, without_colour
from retint.images.exif import sane_dpi, strip_prefix
from retint.images.photograph import Photograph

_XMP_START = b"\x0bXMP DataXMP"
"""Application extension of GIF (XMP specification part 3, 1.1.2)."""


def read_webp(stream: BinaryIO, most: int) -> Decoded:
    """Decode the first frame of a WebP file; `most` pixels are allowed."""
    if not WebPImagePlugin.SUPPORTED:
        raise UnsupportedInputError("this Pillow was built without WebP; install Pillow from PyPI")
    image = WebPImagePlugin.WebPImageFile(stream)
    check_size(*image.size, most)
    found = _load(image)
    found.pixels = without_colour(found.pixels)
    exif = image.info.get("exif")
    found.exif = strip_prefix(exif) if exif else None
    found.icc, found.xmp = image.info.get("icc_profile"), image.info.get("xmp")
    found.quality = 100 if _is_lossless(stream) else None
    return found


def read_bmp(stream: BinaryIO, most: int) -> Decoded:
    """Decode a BMP file; `most` pixels are allowed."""
    image = BmpImagePlugin.BmpImageFile(stream)
    check_size(*image.size, most)
    found = _load(image)
    found.dpi = sane_dpi(*image.info.get("dpi", (0, 0)))
    return found


def read_gif(stream: BinaryIO, most: int) -> Decoded:
    """Decode the first frame of a GIF file; `most` pixels are allowed."""
    image = GifImagePlugin.GifImageFile(stream)
    check_size(*image.size, most)
    found = _load(image)
    comment = image.info.get("comment")
    if comment:
        found.text = (("Comment", comment.decode("utf-8", "replace")),)
    stream.seek(0)
    data = stream.read()
    start = data.find(_XMP_START)
    end = data.find(b'<?xpacket end="', start)
    if start >= 0 and end >= 0:
        found.xmp = data[start + len(_XMP_START) : data.find(b"?>", end) + 2]
    return found


def write_webp(photo: Photograph, out: BinaryIO, quality: int) -> None:
    """Encode as WebP, losslessly at quality 100: lossy WebP has chroma at half the resolution always."""
    image = to_pillow(photo)
    image.save(
        out,
        "WEBP",
        quality=quality,
        lossless=quality == 100,
        exact=True,  # keep colours under transparent pixels
        **pillow_metadata(photo),
    )


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


def _load(image: BmpImagePlugin.BmpImageFile | GifImagePlugin.GifImageFile | WebPImagePlugin.WebPImageFile) -> Decoded:
    image.load()
    pixels, alpha = arrays_of(image)
    frames = getattr(image, "n_frames", 1)
    notes = [f"only the first of {frames} frames was taken"] if frames > 1 else []
    return Decoded(pixels, alpha, notes=notes)


def _is_lossless(stream: BinaryIO) -> bool:
    """Whether the picture lies in a VP8L chunk (RFC 9649, section 2)."""
    stream.seek(12)
    while len(head := stream.read(8)) == 8:
        if head[:4] in (b"VP8L", b"VP8 ", b"ANMF"):
            return head[:4] == b"VP8L"
        size = int.from_bytes(head[4:], "little")
        stream.seek(size + size % 2, io.SEEK_CUR)
    return False
