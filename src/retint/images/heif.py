"""HEIC by pillow-heif (the `heic` extra), AVIF by libavif inside Pillow and imagecodecs."""

from __future__ import annotations

import io
import re
from types import ModuleType
from typing import BinaryIO

import imagecodecs
import numpy as np
from PIL import AvifImagePlugin, features

from retint.errors import MissingExtraError, UnsupportedInputError
from retint.images.decoded import Decoded, check_size, split_alpha, without_colour
from retint.images.exif import ORIENTATION, strip_prefix, with_entries
from retint.images.photograph import Photograph, Pixels
from retint.images.pillow import arrays_of, pillow_metadata, to_pillow
from retint.images.tones import widen

_EXIF_ITEM = re.compile(rb"(infe[\x02\x03]...(?:..|....)..)Exif", re.DOTALL)
"""The entry that says which item of the file is EXIF (ISO/IEC 14496-12, 8.11.6)."""


def read_heif(stream: BinaryIO, most: int) -> Decoded:
    """Decode the primary picture of a HEIF file; more than 8 bits a sample become 16.

    Raises MissingExtraError without pillow-heif.
    """
    library = _pillow_heif()
    container = library.open_heif(stream, convert_hdr_to_8bit=False, hdr_to_16bit=False)
    width, height = container.size
    check_size(width, height, most)
    image = container[container.primary_index]
    bits = int(image.mode.partition(";")[2] or 8)  # "RGB;10"; its own 16 bits are shifted, white would not be white
    found = split_alpha(widen(np.array(image), bits))
    # libheif follows the file's own rotation, which alone counts (ISO/IEC 23008-12, annex A): EXIF's would turn twice.
    found.upright = True
    exif = image.info.get("exif")
    found.exif = strip_prefix(exif) if exif else None
    found.xmp, found.icc = image.info.get("xmp"), image.info.get("icc_profile")
    if len(container) > 1:
        found.notes.append(f"only the main one of {len(container)} pictures was taken")
    return found


def write_heif(photo: Photograph, out: BinaryIO, quality: int) -> None:
    """Encode as HEIC with full chroma; 16-bit pixels become 10-bit ones. Raises MissingExtraError."""
    library = _pillow_heif()
    pixels = photo.pixels if photo.alpha is None else np.dstack([photo.pixels, photo.alpha])
    channels = pixels.shape[2] if pixels.ndim == 3 else 1
    mode = {1: "L", 2: "LA", 3: "RGB", 4: "RGBA"}[channels]
    deep = ";16" if pixels.dtype == np.uint16 else ""
    encoded = library.from_bytes(
        mode=mode + deep, size=(photo.width, photo.height), data=np.ascontiguousarray(pixels).tobytes()
    )
    blocks = pillow_metadata(photo)
    if "icc_profile" in blocks:
        encoded[0].info["icc_profile"] = blocks.pop("icc_profile")
        encoded[0].info["icc_profile_type"] = "prof"
    encoded.save(out, quality=quality, chroma=444, **blocks)


def read_avif(stream: BinaryIO, most: int) -> Decoded:
    """Decode the first frame of an AVIF file; 10 and 12 bits a sample become 16."""
    if not features.check("avif"):
        raise UnsupportedInputError("this Pillow was built without AVIF; install Pillow from PyPI")
    data = stream.read()
    notes: list[str] = []
    try:
        image = AvifImagePlugin.AvifImageFile(io.BytesIO(data))
    except Exception:
        # libavif and Pillow give up on a file whose EXIF is damaged, though its picture may be whole.
        without = _EXIF_ITEM.sub(rb"\1gone", data)
        if without == data:
            raise
        data = without
        image = AvifImagePlugin.AvifImageFile(io.BytesIO(data))
        notes.append("EXIF was left out, for it is damaged")
    check_size(*image.size, most)
    info = {key: value for key, value in image.info.items() if isinstance(key, str)}
    bits = _avif_bits(data)
    if image.n_frames > 1:
        notes.append(f"only the first of {image.n_frames} frames was taken")
    if bits > 8 and image.n_frames == 1:
        # imagecodecs keeps the depth, which Pillow cuts. Not for sequences: asked for one frame of them, imagecodecs
        # 2026.3.6 writes beyond its buffer.
        samples: Pixels = np.asarray(imagecodecs.avif_decode(data))
        found = split_alpha(widen(samples, bits if samples.dtype == np.uint16 else 8))
    else:
        notes += [f"{bits} bits a sample were cut to 8"] if bits > 8 else []
        image.load()
        pixels, alpha = arrays_of(image)
        found = Decoded(without_colour(pixels), alpha)
    exif = info.get("exif")
    found.exif = strip_prefix(exif) if exif else None
    found.xmp, found.icc = info.get("xmp"), info.get("icc_profile")
    found.notes = notes
    return found


def write_avif(photo: Photograph, out: BinaryIO, quality: int) -> None:
    """Encode as AVIF with full chroma, 8 bits."""
    blocks = pillow_metadata(photo)
    if "exif" in blocks:
        # Pillow turns an orientation tag into AVIF's own and writes all of EXIF anew, which breaks MakerNotes. The
        # pictures are upright, so nothing is lost without the tag.
        blocks["exif"] = with_entries(blocks["exif"], [], without=[ORIENTATION])
    to_pillow(photo).save(out, "AVIF", quality=quality, subsampling="4:4:4", **blocks)


def _avif_bits(data: bytes) -> int:
    """Bits a sample, from the high_bitdepth and twelve_bit flags of AV1 (AV1 in ISOBMFF, 2.3.3)."""
    at = data.find(b"av1C")
    flags = data[at + 6] if 0 <= at < len(data) - 6 else 0
    return 8 if not flags & 0x40 else 12 if flags & 0x20 else 10


def _pillow_heif() -> ModuleType:
    try:
        import pillow_heif
    except ImportError as error:
        raise MissingExtraError("HEIC pictures need pillow-heif; run: pip install 'retint[heic]'") from error
    return pillow_heif
