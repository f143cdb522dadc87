"""Small copies of photographs that go into a notebook: WebP, of bounded size, without what EXIF tells of people."""

from __future__ import annotations

import base64
import io
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps

from retint.errors import InputError
from retint.images import DIGITAL_SOURCE_TYPE, Metadata, Photograph, Pixels, read_photo, write_photo
from retint.images.marks import IPTC_EXTENSION
from retint.images.tones import to_8_bit
from retint.images.xmp import Packet

Source: TypeAlias = str | Path | bytes | Image.Image | Photograph | NDArray[np.uint8] | NDArray[np.uint16]
"""A path, the bytes of a file, an image of Pillow, a photograph, or an array (H, W) or (H, W, 3), uint8 or uint16."""

PREVIEW_SIDE = 1600
"""Pixels of a preview's longer side at most: 800 px on a screen of double density."""
QUALITY = 85  # of WebP: some 0.1 MB a megapixel


@dataclass(frozen=True)
class Preview:
    """A picture as a notebook holds it."""

    address: str  # data:image/webp;base64,...
    width: int  # px of the preview
    height: int
    full_size: tuple[int, int]  # width and height of the picture itself
    marked: bool  # its metadata say that a machine coloured it

    @property
    def reduced(self) -> bool:
        """Whether the preview has fewer pixels than the picture."""
        return (self.width, self.height) != self.full_size


def photograph_of(source: Source) -> Photograph:
    """The picture, upright.

    Raises InputError, and its kin, for what is no photograph that can be read; ValueError for arrays of other shapes.
    """
    if isinstance(source, Photograph):
        return source
    if isinstance(source, np.ndarray):
        return Photograph(source, None)
    if isinstance(source, Image.Image):
        return _of_pillow(source)
    return read_photo(source)


def _of_pillow(image: Image.Image) -> Photograph:
    upright = ImageOps.exif_transpose(image)
    alpha = np.asarray(upright.convert("RGBA"))[..., 3] if upright.has_transparency_data else None
    pixels = np.asarray(upright.convert("L" if upright.mode in ("1", "L", "LA") else "RGB"))
    profile, packet = image.info.get("icc_profile"), image.info.get("xmp")
    metadata = Metadata(
        icc=profile if isinstance(profile, bytes) and profile else None,
        xmp=packet if isinstance(packet, bytes) else None,
    )
    return Photograph(pixels, alpha, metadata)


def preview_of(photo: Photograph, side: int = PREVIEW_SIDE) -> Preview:
    """The photograph as a small WebP.

    side: px of its longer side at most

    Of the metadata two things go along: the colour profile, and the mark of a machine-coloured picture. Places, times
    and names of people stay in the file.
    """
    if side < 1:
        raise InputError(f"got a preview of {side} px, wanted 1 or more")
    shrink = min(1.0, side / max(photo.width, photo.height))
    size = (max(1, round(photo.width * shrink)), max(1, round(photo.height * shrink)))
    marked = DIGITAL_SOURCE_TYPE.encode() in (photo.metadata.xmp or b"")
    small = Photograph(
        pixels=_resized(photo.pixels, size),
        alpha=None if photo.alpha is None else _resized(photo.alpha, size),
        metadata=Metadata(icc=photo.metadata.icc, xmp=_mark() if marked else None),
    )
    out = io.BytesIO()
    write_photo(small, out, format="WEBP", quality=QUALITY)
    return Preview(data_address(out.getvalue(), "image/webp"), *size, (photo.width, photo.height), marked)


def _resized(pixels: Pixels, size: tuple[int, int]) -> NDArray[np.uint8]:
    """8 bit, and of that width and height."""
    plain = to_8_bit(pixels) if pixels.dtype == np.uint16 else pixels.astype(np.uint8, copy=False)
    if (plain.shape[1], plain.shape[0]) == size:
        return plain
    image = Image.fromarray(np.ascontiguousarray(plain))
    return np.asarray(image.resize(size, Image.Resampling.LANCZOS, reducing_gap=2.0))


def _mark() -> bytes:
    packet = Packet(None)
    packet.set("Iptc4xmpExt", IPTC_EXTENSION, "DigitalSourceType", DIGITAL_SOURCE_TYPE)
    return bytes(packet)


def data_address(content: bytes, kind: str) -> str:
    """The content as an address that needs no server. kind: its media type"""
    return f"data:{kind};base64,{base64.b64encode(content).decode('ascii')}"
