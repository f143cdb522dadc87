"""Pictures and metadata whose right answer is known, and the odd files that hold them."""

from __future__ import annotations

import io
import struct
import zlib
from typing import Any

import numpy as np
from PIL import Image

from retint.images import Metadata, Photograph, write_photo
from retint.images.directories import Directory, Entry, new_block, rational, raw, short, text

WIDTH, HEIGHT = 47, 31
"""Odd, and no multiple of a JPEG block: mistakes at the borders show."""
WRITABLE = ("JPEG", "PNG", "TIFF", "WEBP", "AVIF", "HEIF")
SUFFIXES = {"JPEG": ".jpg", "PNG": ".png", "TIFF": ".tif", "WEBP": ".webp", "AVIF": ".avif", "HEIF": ".heic"}
MAKER_NOTE = b"maker's own \x00\x01\x02 bytes"

XMP = (
    '<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>'
    '<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
    '<rdf:Description rdf:about="" xmlns:dc="http://purl.org/dc/elements/1.1/" xmlns:xmp="http://ns.adobe.com/xap/1.0/"'
    ' xmp:Rating="4"><dc:title><rdf:Alt><rdf:li xml:lang="x-default">Großmutter &amp; Kuh</rdf:li></rdf:Alt></dc:title>'
    '</rdf:Description></rdf:RDF></x:xmpmeta><?xpacket end="w"?>'
).encode()
IPTC = b"\x1c\x02\x78\x00\x0bOma im Hof." + b"\x1c\x02\x50\x00\x04Anna"


def grey(dtype: Any = np.uint8, width: int = WIDTH, height: int = HEIGHT) -> np.ndarray:
    """A smooth picture, different in every corner, that uses the low bits of its dtype and reaches both ends."""
    y, x = np.mgrid[0:height, 0:width]
    smooth = 0.5 + 0.25 * np.sin(x / 9) + 0.25 * (y / height) - 0.2 * (x / width) * (y / height)
    most = np.iinfo(dtype).max
    plane = (smooth * most).round().clip(0, most).astype(dtype)
    plane[0, 0], plane[-1, -1] = 0, most
    return plane


def rgb(dtype: Any = np.uint8, width: int = WIDTH, height: int = HEIGHT) -> np.ndarray:
    """A coloured one: its channels differ everywhere."""
    plane = grey(dtype, width, height)
    most = np.iinfo(dtype).max
    return np.dstack([plane, plane // 2 + most // 5, most - plane]).astype(dtype)


def alpha(dtype: Any = np.uint8) -> np.ndarray:
    """From opaque to clear across the width."""
    return np.tile(np.linspace(np.iinfo(dtype).max, 0, WIDTH).round().astype(dtype), (HEIGHT, 1))


def exif(order: str = "<", orientation: int | None = None, thumbnail: bytes = b"") -> bytes:
    """An EXIF block with a caption, a date, a MakerNote, GPS, and on request an orientation and a thumbnail."""
    first = {
        0x010E: text(0x010E, "Anna with the cow"),
        0x0131: text(0x0131, "ScanMaker 9"),
        0x011A: rational(0x011A, 300, order),
        0x011B: rational(0x011B, 300, order),
        0x0128: short(0x0128, 2, order),
    }
    if orientation is not None:
        first[0x0112] = short(0x0112, orientation, order)
    detail = Directory(
        {
            0x9003: text(0x9003, "1923:05:01 12:00:00"),
            0x927C: raw(0x927C, 7, MAKER_NOTE),
            0xA002: Entry(0xA002, 4, 1, struct.pack(order + "I", WIDTH)),
            0xA003: Entry(0xA003, 4, 1, struct.pack(order + "I", HEIGHT)),
        }
    )
    gps = Directory({1: text(1, "N"), 2: Entry(2, 5, 3, struct.pack(order + "6I", 48, 1, 12, 1, 30, 1))})
    block = new_block(Directory(first, {34665: detail, 34853: gps}), order)
    if thumbnail:
        head = struct.calcsize("2sHI")
        end = head + 2 + 12 * (len(first) + 2)
        block = block[:end] + struct.pack(order + "I", len(block)) + block[end + 4 :]
        table = struct.pack(order + "H", 2)
        place = len(block) + 2 + 24 + 4
        table += struct.pack(order + "HHII", 0x201, 4, 1, place) + struct.pack(
            order + "HHII", 0x202, 4, 1, len(thumbnail)
        )
        block += table + bytes(4) + thumbnail
    return block


def photo(pixels: np.ndarray, cover: np.ndarray | None = None, **metadata: Any) -> Photograph:
    """A photograph in memory."""
    return Photograph(pixels, cover, Metadata(**metadata))


def encoded(pixels: np.ndarray, format: str, cover: np.ndarray | None = None, **options: Any) -> bytes:
    """A file by retint's own writer, at the best quality."""
    metadata = {key: options.pop(key) for key in list(options) if key in Metadata.__dataclass_fields__}
    out = io.BytesIO()
    write_photo(photo(pixels, cover, **metadata), out, format=format, **({"quality": 100} | options))
    return out.getvalue()


def by_pillow(image: Image.Image, format: str, **options: Any) -> bytes:
    """A file by Pillow."""
    out = io.BytesIO()
    image.save(out, format, **options)
    return out.getvalue()


def png_chunk(name: bytes, body: bytes) -> bytes:
    """One PNG chunk."""
    return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))


def with_png_chunks(png: bytes, *chunks: bytes) -> bytes:
    """A PNG file with more chunks after its header."""
    return png[:33] + b"".join(chunks) + png[33:]


def with_jpeg_segment(jpeg: bytes, marker: int, body: bytes) -> bytes:
    """A JPEG file with one more segment at its start."""
    return jpeg[:2] + b"\xff" + bytes([marker]) + struct.pack(">H", len(body) + 2) + body + jpeg[2:]


def cmyk_profile() -> bytes:
    """A CMYK profile made by hand: a table of 2^4 corners, where only one ink counts at a time.

    Paper is L* 100, full black L* 0, and full magenta alone Lab (50, 80, 0); whatever has black is black. 16-bit Lab of
    version 2: L* 100 is 0xFF00, a and b are (value + 128) * 256.
    """

    def lab(light: float, a: float, b: float) -> bytes:
        return struct.pack(">3H", round(light * 652.8), round((a + 128) * 256), round((b + 128) * 256))

    cells = b""
    for corner in range(16):
        c, m, y, k = (corner >> 3) & 1, (corner >> 2) & 1, (corner >> 1) & 1, corner & 1
        light = 0.0 if k else 100.0 - 20 * c - 50 * m - 5 * y
        colour = (0.0, 0.0) if k else (80.0 * m - 30 * c, 60.0 * y - 40 * c)
        cells += lab(max(light, 0), *colour)
    identity = struct.pack(">9i", *(65536 * int(i % 4 == 0) for i in range(9)))
    ramp = struct.pack(">2H", 0, 65535)
    table = b"mft2" + bytes(4) + bytes([4, 3, 2, 0]) + identity + struct.pack(">2H", 2, 2) + ramp * 4 + cells + ramp * 3
    words = b"planted\0"
    tags = {
        b"desc": b"desc" + bytes(4) + struct.pack(">I", len(words)) + words + bytes(78),
        b"cprt": b"text" + bytes(4) + b"none\0",
        b"wtpt": b"XYZ " + bytes(4) + struct.pack(">3i", 63190, 65536, 54061),
        b"A2B0": table,
    }
    at, index, body = 132 + 12 * len(tags), b"", b""
    for name, data in tags.items():
        index += struct.pack(">4sII", name, at + len(body), len(data))
        body += data + bytes(-len(data) % 4)
    head = struct.pack(">I4sI", at + len(body), bytes(4), 0x02400000) + b"prtrCMYKLab " + bytes(12)
    head += b"acsp" + bytes(24) + struct.pack(">I", 1) + struct.pack(">3i", 63190, 65536, 54061)
    return head.ljust(128, b"\0") + struct.pack(">I", len(tags)) + index + body
