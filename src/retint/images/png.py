"""PNG: its chunks of metadata, and the picture at its full depth.

W3C PNG specification, third edition. The pixels go through libpng (imagecodecs): Pillow cuts 16-bit colour to 8 bits.
"""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

import imagecodecs
import numpy as np

from retint.errors import UnreadablePhotoError
from retint.images.decoded import Decoded, check_size
from retint.images.exif import sane_dpi, strip_prefix
from retint.images.iptc import from_photoshop
from retint.images.photograph import Photograph, Pixels

_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_INCH = 0.0254
_LARGEST_TEXT = 64 * 2**20
"""Unpacked bytes of one compressed chunk: a kilobyte of deflate can hold a megabyte."""
_XMP_KEY = b"XML:com.adobe.xmp"
_RAW_PROFILE = "Raw profile type "
"""ImageMagick's way to keep blocks in text, from before PNG had chunks for them."""
_SRGB_GAMMA = 0.45455


@dataclass
class _Chunks:
    """What the chunks before and after the picture say."""

    width: int = 0
    height: int = 0
    colour_type: int = 0
    grey_palette: bool = False
    has_srgb: bool = False
    animated: bool = False


def read_png(stream: BinaryIO, most: int) -> Decoded:
    """Decode a PNG file, 1 to 16 bits a sample; `most` pixels are allowed."""
    result = Decoded(np.zeros((1, 1), np.uint8))
    found = _Chunks()
    for name, body in _chunks(stream, result.notes):
        _take(found, result, name, body)
        if name == b"IHDR":
            check_size(found.width, found.height, most)
    if result.icc is not None or found.has_srgb:
        result.gamma = None
    if found.animated:
        result.notes.append("only the still picture of an animated PNG was taken")
    stream.seek(0)
    samples: Pixels = np.asarray(imagecodecs.png_decode(stream.read()))
    if samples.dtype == np.uint16 and not samples.dtype.isnative:
        samples = samples.astype(np.uint16)
    grey = found.colour_type in (0, 4) or found.grey_palette
    channels = samples.shape[2] if samples.ndim == 3 else 1
    colours = samples if channels == 1 else samples[..., 0] if grey else samples[..., :3]
    if channels in (2, 4):
        result.alpha = np.ascontiguousarray(samples[..., -1])
    result.pixels = np.ascontiguousarray(colours.reshape(found.height, found.width, *([] if grey else [3])))
    return result


def write_png(photo: Photograph, out: BinaryIO, quality: int) -> None:
    """Encode as PNG, 8 or 16 bits as the pixels are. `quality` means nothing here: PNG loses nothing."""
    del quality
    pixels = photo.pixels if photo.alpha is None else np.dstack([photo.pixels, photo.alpha])
    # Measured on scans: 16 bits are mostly noise, where the Sub filter and run lengths alone (strategy 3) are a quarter
    # of the time of libpng's own choice and no larger; 8 bits with the Paeth filter (128) at level 2 likewise.
    deep = pixels.dtype == np.uint16
    fast = {"level": 1, "strategy": 3, "filter": 16} if deep else {"level": 2, "filter": 128}
    encoded = memoryview(imagecodecs.png_encode(np.ascontiguousarray(pixels), **fast))
    after_header = len(_SIGNATURE) + 12 + 13
    out.write(encoded[:after_header])
    metadata = photo.metadata
    if metadata.icc:
        out.write(_chunk(b"iCCP", b"ICC profile\0\0" + zlib.compress(metadata.icc)))
    if metadata.dpi:
        across, down = (round(value / _INCH) for value in metadata.dpi)
        out.write(_chunk(b"pHYs", struct.pack(">IIB", across, down, 1)))
    if metadata.exif:
        out.write(_chunk(b"eXIf", metadata.exif))
    if metadata.xmp:
        out.write(_chunk(b"iTXt", _XMP_KEY + bytes(5) + metadata.xmp))
    for keyword, text in metadata.text:
        out.write(_text_chunk(keyword, text))
    out.write(encoded[after_header:])


def _chunks(stream: BinaryIO, notes: list[str]) -> Iterator[tuple[bytes, bytes]]:
    """Name and body of every chunk, the picture's own left out. Damaged metadata is noted and left out."""
    size = stream.seek(0, io.SEEK_END)
    stream.seek(len(_SIGNATURE))
    while len(head := stream.read(8)) == 8:
        length, name = struct.unpack(">I4s", head)
        if name in (b"IDAT", b"fdAT"):
            stream.seek(length + 4, io.SEEK_CUR)
            continue
        if length > size - stream.tell():
            raise UnreadablePhotoError("the file is cut short; copy it again from where it came")
        body = stream.read(length)
        good = stream.read(4) == struct.pack(">I", zlib.crc32(name + body))
        if name == b"IEND":
            return
        if good or name in (b"IHDR", b"PLTE", b"tRNS"):  # libpng judges these itself
            yield name, body
        else:
            notes.append(f"the damaged metadata chunk {name.decode('latin-1')} was left out")


def _take(found: _Chunks, result: Decoded, name: bytes, body: bytes) -> None:
    try:
        if name == b"IHDR":
            found.width, found.height, _, found.colour_type = struct.unpack(">IIBB", body[:10])
        elif name == b"PLTE":
            palette = np.frombuffer(body, np.uint8).reshape(-1, 3)
            found.grey_palette = found.colour_type == 3 and bool((palette == palette[:, :1]).all())
        elif name == b"iCCP":
            result.icc = _unpack(body[body.index(b"\0") + 2 :])
        elif name == b"sRGB":
            found.has_srgb = True
        elif name == b"gAMA":
            stored = struct.unpack(">I", body)[0] / 1e5
            if stored and abs(stored / _SRGB_GAMMA - 1) > 0.02:
                result.gamma = 1 / stored
        elif name == b"pHYs":
            across, down, unit = struct.unpack(">IIB", body)
            result.dpi = sane_dpi(across * _INCH, down * _INCH) if unit == 1 else None
        elif name == b"eXIf":
            result.exif = strip_prefix(body)
        elif name == b"acTL":
            found.animated = True
        elif name in (b"tEXt", b"zTXt", b"iTXt"):
            _take_text(result, *_read_text(name, body))
    except (struct.error, ValueError, IndexError, zlib.error) as error:
        result.notes.append(f"the damaged metadata chunk {name.decode('latin-1')} was left out ({error})")


def _read_text(name: bytes, body: bytes) -> tuple[str, bytes, str]:
    """Keyword, raw text and its encoding."""
    key, rest = body.split(b"\0", 1)
    if name == b"tEXt":
        return key.decode("latin-1"), rest, "latin-1"
    if name == b"zTXt":
        return key.decode("latin-1"), _unpack(rest[1:]), "latin-1"
    packed, (_, _, raw) = rest[0], rest[2:].split(b"\0", 2)
    return key.decode("latin-1"), _unpack(raw) if packed else raw, "utf-8"


def _take_text(result: Decoded, keyword: str, raw: bytes, encoding: str) -> None:
    if keyword == _XMP_KEY.decode():
        result.xmp = raw
    elif keyword.startswith(_RAW_PROFILE):
        kind = keyword[len(_RAW_PROFILE) :].lower()
        block = bytes.fromhex(raw.decode("latin-1").strip().split("\n", 2)[2])  # kind, length, then the bytes
        if kind in ("exif", "app1") and block.startswith(b"Exif\0\0"):
            result.exif = result.exif or strip_prefix(block)
        elif kind == "xmp":
            result.xmp = result.xmp or block
        elif kind in ("icc", "icm"):
            result.icc = result.icc or block
        elif kind in ("iptc", "8bim"):
            result.iptc = from_photoshop(block) or (block if block[:1] == b"\x1c" else None)
    elif not keyword.startswith("Thumb::"):  # freedesktop.org thumbnails: facts about another picture
        result.text += ((keyword, raw.decode(encoding)),)


def _unpack(packed: bytes) -> bytes:
    worker = zlib.decompressobj()
    data = worker.decompress(packed, _LARGEST_TEXT)
    if worker.unconsumed_tail:
        raise ValueError(f"it unpacks to more than {_LARGEST_TEXT >> 20} MB")
    if not worker.eof:
        raise ValueError("it is cut short")
    return data


def _text_chunk(keyword: str, text: str) -> bytes:
    key = keyword.encode("latin-1", "replace")[:79] or b"Comment"
    try:
        return _chunk(b"tEXt", key + b"\0" + text.replace("\0", "").encode("latin-1"))
    except UnicodeEncodeError:
        return _chunk(b"iTXt", key + bytes(5) + text.replace("\0", "").encode("utf-8"))


def _chunk(name: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))
