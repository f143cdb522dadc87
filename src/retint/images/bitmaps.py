"""BMP and GIF, which Pillow decodes.

The plugins are called directly: `Image.open` checks against one limit of pixels for the whole process, and retint has
a limit of its own for each call (`check_size`), which threads cannot disturb.
"""

from __future__ import annotations

from typing import BinaryIO

from PIL import BmpImagePlugin, GifImagePlugin

from retint.images.decoded import Decoded, check_size
from retint.images.exif import sane_dpi
from retint.images.pillow import arrays_of

_XMP_START = b"\x0bXMP DataXMP"
"""Application extension of GIF (XMP specification part 3, 1.1.2)."""


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


def _load(image: BmpImagePlugin.BmpImageFile | GifImagePlugin.GifImageFile) -> Decoded:
    image.load()
    pixels, alpha = arrays_of(image)
    frames = getattr(image, "n_frames", 1)
    notes = [f"only the first of {frames} frames was taken"] if frames > 1 else []
    return Decoded(pixels, alpha, notes=notes)
