"""WebP: its chunks, and the picture by libwebp.

RFC 9649. Still pictures go through imagecodecs, which needs half of Pillow's memory and has no limit of pixels for the
whole process; animations through Pillow.
"""

from __future__ import annotations

import io
from typing import BinaryIO

import imagecodecs
import numpy as np
from PIL import WebPImagePlugin, features

from retint.errors import OutputError, UnreadablePhotoError
from retint.images.decoded import Decoded, check_size, split_alpha, without_colour
from retint.images.exif import strip_prefix
from retint.images.photograph import Photograph, Pixels
from retint.images.pillow import arrays_of, pillow_metadata, to_pillow


def read_webp(stream: BinaryIO, most: int) -> Decoded:
    """Decode a WebP file, of an animation the first frame; `most` pixels are allowed."""
    data = stream.read()
    if int.from_bytes(data[4:8], "little") + 8 > len(data):
        raise UnreadablePhotoError("the file is cut short; copy it again from where it came")
    chunks = _chunks(data)
    for size in _sizes(chunks):
        check_size(*size, most)
    if b"ANMF" in chunks:
        image = WebPImagePlugin.WebPImageFile(io.BytesIO(data))
        check_size(*image.size, most)
        image.load()
        pixels, alpha = arrays_of(image)
        found = Decoded(without_colour(pixels), alpha)
        if image.n_frames > 1:
            found.notes.append(f"only the first of {image.n_frames} frames was taken")
    else:
        samples: Pixels = np.asarray(imagecodecs.webp_decode(data))
        found = split_alpha(samples)
        found.quality = 100 if b"VP8L" in chunks else None
    exif = chunks.get(b"EXIF")
    found.exif = strip_prefix(exif) if exif else None
    found.icc, found.xmp = chunks.get(b"ICCP"), chunks.get(b"XMP ")
    return found


def write_webp(photo: Photograph, out: BinaryIO, quality: int) -> None:
    """Encode as WebP, losslessly at quality 100: lossy WebP has chroma at half the resolution always."""
    if not features.check("webp"):
        raise OutputError("this Pillow was built without WebP; install Pillow from PyPI")
    to_pillow(photo).save(
        out,
        "WEBP",
        quality=quality,
        lossless=quality == 100,
        exact=True,  # keep colours under transparent pixels
        **pillow_metadata(photo),
    )


def _chunks(data: bytes) -> dict[bytes, bytes]:
    """Bodies of the top-level chunks by name, the first of each."""
    found: dict[bytes, bytes] = {}
    at = 12
    while at + 8 <= len(data):
        size = int.from_bytes(data[at + 4 : at + 8], "little")
        found.setdefault(data[at : at + 4], data[at + 8 : at + 8 + size])
        at += 8 + size + size % 2
    return found


def _sizes(chunks: dict[bytes, bytes]) -> list[tuple[int, int]]:
    """Width and height by each header that states them (RFC 9649, 2.7.1, RFC 6386, 9.1, and 3.4)."""

    def number(body: bytes, start: int, length: int) -> int:
        return int.from_bytes(body[start : start + length], "little")

    sizes: list[tuple[int, int]] = []
    if body := chunks.get(b"VP8X"):
        sizes.append((number(body, 4, 3) + 1, number(body, 7, 3) + 1))
    if body := chunks.get(b"VP8 "):
        sizes.append((number(body, 6, 2) & 0x3FFF, number(body, 8, 2) & 0x3FFF))
    if body := chunks.get(b"VP8L"):
        packed = number(body, 1, 4)
        sizes.append(((packed & 0x3FFF) + 1, (packed >> 14 & 0x3FFF) + 1))
    return sizes
