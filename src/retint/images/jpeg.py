"""JPEG: the segments before the picture, the picture, and both again when writing.

ITU-T T.81 for the markers; the XMP specification, part 3, 1.1.3 for XMP that needs more than one segment.
"""

from __future__ import annotations

import hashlib
import io
import struct
from dataclasses import dataclass, field
from typing import BinaryIO

import imagecodecs
import numpy as np
from PIL import JpegImagePlugin

from retint.errors import UnreadablePhotoError, UnsupportedInputError
from retint.images.decoded import Decoded, check_size
from retint.images.exif import PREFIX, sane_dpi
from retint.images.iptc import from_photoshop, to_photoshop
from retint.images.photograph import Photograph, Pixels
from retint.images.pillow import arrays_of
from retint.images.quality import estimate_quality
from retint.images.tones import widen
from retint.images.xmp import XMP_NOTE, Packet, XmpError

_XMP = b"http://ns.adobe.com/xap/1.0/\0"
_MORE_XMP = b"http://ns.adobe.com/xmp/extension/\0"
_ICC = b"ICC_PROFILE\0"
_PHOTOSHOP = b"Photoshop 3.0\0"
_SEGMENT = 65533
"""Most bytes after a marker and its length."""
_ALONE = frozenset({0x01, 0xD8, *range(0xD0, 0xD8)})
"""Markers without a length."""
_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_ESSENTIAL = frozenset({0xC4, 0xCC, 0xDB, 0xDD})
"""Huffman tables, arithmetic conditioning, quantisation tables, restart interval."""
_COLOUR_HINTS = {0xE0: b"JFIF\0", 0xEE: b"Adobe"}
"""Application segments from which libjpeg tells YCbCr from RGB."""
_BASELINE, _PROGRESSIVE = (0xC0, 0xC1), 0xC2
_DECODABLE = frozenset({*_BASELINE, _PROGRESSIVE, 0xC9, 0xCA})
_LARGE = 30_000_000
"""Pixels above which Huffman tables are not optimised: that takes three times as long, and six bytes a pixel."""


@dataclass
class Segments:
    """What lies before the first scan of a JPEG file."""

    width: int = 0
    height: int = 0
    bits: int = 0
    frame: int = 0
    """The marker of the frame: which process of T.81."""
    table_of: list[int] = field(default_factory=list[int])
    """The quantisation table of each component."""
    tables: dict[int, list[int]] = field(default_factory=dict[int, list[int]])
    adobe: bool = False
    essential: bytearray = field(default_factory=bytearray)
    """The segments that decoding needs, with their markers."""
    scan_at: int = 0
    decoded: Decoded = field(default_factory=lambda: Decoded(np.zeros((1, 1), np.uint8)))
    profile: dict[int, bytes] = field(default_factory=dict[int, bytes])
    extended: dict[bytes, dict[int, bytes]] = field(default_factory=dict[bytes, dict[int, bytes]])


def read_jpeg(stream: BinaryIO, most: int) -> Decoded:
    """Decode a JPEG file; `most` pixels are allowed. CMYK comes out with 0 for bare paper.

    The decoder gets only the segments that make pixels, so no damage in metadata can stop it.
    """
    data = stream.read()
    found = scan_segments(data)
    check_size(found.width, found.height, most)
    if found.frame not in _DECODABLE or found.bits not in (8, 12):
        raise UnsupportedInputError(
            f"JPEG of a rare kind (process {found.frame - 0xC0}, {found.bits} bits); save it as TIFF or PNG first"
        )
    stripped = b"".join((b"\xff\xd8", found.essential, memoryview(data)[found.scan_at :]))
    del data
    if found.bits == 12:
        pixels: Pixels = widen(np.asarray(imagecodecs.jpeg8_decode(stripped)), 12)
        alpha = None
    else:
        pixels, alpha = _decode(stripped)
        _require_whole(stripped, pixels, found.frame)
    if pixels.ndim == 3 and pixels.shape[2] == 4 and not found.adobe:
        np.invert(pixels, out=pixels)  # Pillow takes all CMYK for Adobe's, which is stored inverted
    result = found.decoded
    result.pixels, result.alpha = pixels, alpha
    tables = [found.tables[number] for number in found.table_of if number in found.tables]
    if tables:
        result.quality = estimate_quality(tables[0], tables[1] if len(tables) == 3 else None)
    return result


def scan_segments(data: bytes) -> Segments:
    """Walk the segments up to the first scan. Raises UnreadablePhotoError where there is none."""
    found = Segments()
    at = 2
    while True:
        at = data.find(b"\xff", at)
        while at >= 0 and data[at : at + 2] == b"\xff\xff":  # fill bytes
            at += 1
        if at < 0 or at + 4 > len(data):
            raise UnreadablePhotoError("the file ends before the picture starts; copy it again from where it came")
        marker = data[at + 1]
        if marker == 0 or marker in _ALONE:
            at += 2
            continue
        end = at + 2 + int.from_bytes(data[at + 2 : at + 4], "big")
        body = data[at + 4 : end]
        if marker == 0xDA or marker == 0xD9:
            break
        if end > len(data):
            raise UnreadablePhotoError("the file ends before the picture starts; copy it again from where it came")
        _take(found, marker, body)
        if marker in _FRAMES or marker in _ESSENTIAL or body.startswith(_COLOUR_HINTS.get(marker, b"\0none")):
            found.essential += data[at:end]
        at = end
    if not found.frame:
        raise UnreadablePhotoError("the file holds no picture; copy it again from where it came")
    found.scan_at = at
    _join(found)
    return found


def write_jpeg(photo: Photograph, out: BinaryIO, quality: int) -> None:
    """Encode as JPEG with full chroma resolution (4:4:4). Metadata must fit: see `fits_jpeg`."""
    metadata = photo.metadata
    # Not Pillow: its optimising encoder fails on pictures that compress badly, and it copies the pixels once more.
    encoded = memoryview(
        imagecodecs.jpeg8_encode(
            np.ascontiguousarray(photo.pixels),
            level=quality,
            subsampling="444",
            optimize=photo.width * photo.height <= _LARGE,
        )
    )
    across, down = (round(value) for value in metadata.dpi or (0, 0))
    has_dpi = 0 < across < 65536 and 0 < down < 65536
    jfif = struct.pack(">HBHH", 0x0101, has_dpi, across if has_dpi else 1, down if has_dpi else 1)
    out.write(b"\xff\xd8" + _segment(0xE0, b"JFIF\0" + jfif + b"\0\0"))
    if metadata.exif:
        out.write(_segment(0xE1, PREFIX + metadata.exif))
    if metadata.xmp:
        out.write(_xmp_segments(metadata.xmp))
    if metadata.iptc:
        out.write(_segment(0xED, _PHOTOSHOP + to_photoshop(metadata.iptc)))
    if metadata.icc:
        step = _SEGMENT - len(_ICC) - 2
        parts = [metadata.icc[at : at + step] for at in range(0, len(metadata.icc), step)]
        for number, part in enumerate(parts, 1):
            out.write(_segment(0xE2, _ICC + bytes([number, len(parts)]) + part))
    comments = [text if key == "Comment" else f"{key}: {text}" for key, text in metadata.text]
    pieces = [comment[at : at + 16000] for comment in comments for at in range(0, len(comment), 16000)]
    for piece in pieces:
        out.write(_segment(0xFE, piece.encode("utf-8")))
    out.write(encoded[4 + int.from_bytes(encoded[4:6], "big") :])  # without the encoder's own JFIF


def fits_jpeg(block: bytes) -> bool:
    """Whether EXIF or IPTC fits into its one segment."""
    return len(block) <= _SEGMENT - 32


def _take(found: Segments, marker: int, body: bytes) -> None:
    result = found.decoded
    if marker in _FRAMES and len(body) >= 6:
        found.frame = marker
        found.bits, found.height, found.width, count = struct.unpack(">BHHB", body[:6])
        found.table_of = list(body[8 : 6 + 3 * count : 3])
    elif marker == 0xDB:
        _take_tables(found, body)
    elif marker == 0xFE:
        result.text += (("Comment", body.rstrip(b"\0").decode("utf-8", "replace")),)
    elif marker == 0xEE and body.startswith(b"Adobe"):
        found.adobe = True
    elif marker == 0xE0 and body.startswith(b"JFIF\0") and len(body) >= 12:
        unit, across, down = struct.unpack(">BHH", body[7:12])
        scale = {1: 1.0, 2: 2.54}.get(unit, 0.0)
        result.dpi = sane_dpi(across * scale, down * scale)
    elif marker == 0xE1 and body.startswith(PREFIX):
        result.exif = (result.exif or b"") + body[len(PREFIX) :]
    elif marker == 0xE1 and body.startswith(_XMP):
        result.xmp = body[len(_XMP) :]
    elif marker == 0xE1 and body.startswith(_MORE_XMP) and len(body) >= len(_MORE_XMP) + 40:
        name, (_, offset) = body[35:67], struct.unpack(">II", body[67:75])
        found.extended.setdefault(name, {})[offset] = body[75:]
    elif marker == 0xE2 and body.startswith(_ICC) and len(body) > 14:
        found.profile[body[12]] = body[14:]
    elif marker == 0xE2 and body.startswith(b"MPF\0"):
        result.notes.append("further pictures in the file (a preview, a second view or a gain map) were left out")
    elif marker == 0xED and body.startswith(_PHOTOSHOP):
        result.iptc = from_photoshop(body[len(_PHOTOSHOP) :]) or result.iptc


def _take_tables(found: Segments, body: bytes) -> None:
    while body:
        wide = body[0] >> 4
        size = 129 if wide else 65
        if len(body) < size:
            return
        steps = struct.unpack(">64H", body[1:129]) if wide else tuple(body[1:65])
        found.tables[body[0] & 15] = list(steps)
        body = body[size:]


def _join(found: Segments) -> None:
    """Put the parts of profile and extended XMP together."""
    result = found.decoded
    if found.profile:
        result.icc = b"".join(found.profile[number] for number in sorted(found.profile))
    if result.xmp is None or XMP_NOTE.encode() not in result.xmp:
        if found.extended:
            result.notes.append("the extended part of XMP was left out, for nothing refers to it")
        return
    try:
        packet = Packet(result.xmp)
        name = packet.get(XMP_NOTE, "HasExtendedXMP")
        if name is None:
            return
        parts = found.extended.get(name.encode(), {})
        rest = b"".join(parts[offset] for offset in sorted(parts))
        if hashlib.md5(rest, usedforsecurity=False).hexdigest().upper() != name.upper():
            raise XmpError("it is incomplete")
        packet.absorb(Packet(rest))
        packet.remove(XMP_NOTE, "HasExtendedXMP")
        result.xmp = bytes(packet)
    except XmpError as error:
        result.notes.append(f"the extended part of XMP was left out, for {error}")


def _decode(data: bytes) -> tuple[Pixels, Pixels | None]:
    image = JpegImagePlugin.JpegImageFile(io.BytesIO(data))
    image.load()
    return arrays_of(image)


def _require_whole(data: bytes, pixels: Pixels, frame: int) -> None:
    """Find pictures that were cut and then closed: Pillow reports a missing end, but not an early one.

    What is missing libjpeg fills with one even colour, or in a progressive file leaves blurred. So pictures with an
    even lower right corner and progressive ones are decoded again, with other bytes between their data and their end: a
    whole picture does not need them, a cut one takes them for pixels. Raises UnreadablePhotoError.
    """
    corner = pixels[-4:, -8:]
    end = data.rfind(b"\xff\xd9")
    suspect = frame == _PROGRESSIVE or (frame in _BASELINE and bool((corner == corner[:1, :1]).all()))
    if end < 0 or not suspect:  # arithmetic coding is left out: its data may end early by right (T.81, D.1.8)
        return
    again, _ = _decode(data[:end] + bytes(range(0x31, 0xB1)) * 32 + b"\xff\xd9")
    if not np.array_equal(again, pixels):
        raise UnreadablePhotoError("the picture is cut short, its end is missing; copy it again from where it came")


def _xmp_segments(xmp: bytes) -> bytes:
    """A packet as one segment; where it is too large, a segment that names the digest of the rest, and the rest."""
    if len(xmp) + len(_XMP) <= _SEGMENT:
        return _segment(0xE1, _XMP + xmp)
    name = hashlib.md5(xmp, usedforsecurity=False).hexdigest().upper()
    packet = Packet()
    packet.set("xmpNote", XMP_NOTE, "HasExtendedXMP", name)
    step = 65400
    parts = [
        _segment(0xE1, _MORE_XMP + name.encode() + struct.pack(">II", len(xmp), at) + xmp[at : at + step])
        for at in range(0, len(xmp), step)
    ]
    return _segment(0xE1, _XMP + bytes(packet)) + b"".join(parts)


def _segment(marker: int, body: bytes) -> bytes:
    return b"\xff" + bytes([marker]) + struct.pack(">H", len(body) + 2) + body
