from __future__ import annotations

import pytest

from retint.images import sniff_format
from retint.pipelines.kinds import HEAD_BYTES, film_kind, format_promised


def box(brand: bytes, *compatible: bytes) -> bytes:
    size = 16 + 4 * len(compatible)
    return size.to_bytes(4, "big") + b"ftyp" + brand + bytes(4) + b"".join(compatible) + bytes(400)


def stream(first: int, packet: int) -> bytes:
    head = bytearray(HEAD_BYTES)
    head[first::packet] = b"\x47" * len(range(first, HEAD_BYTES, packet))
    return bytes(head)


@pytest.mark.parametrize(
    ("head", "kind"),
    [
        (box(b"isom", b"isom", b"avc1"), "MP4"),
        (box(b"mp42"), "MP4"),
        (box(b"3gp5"), "MP4"),
        (box(b"qt  "), "QuickTime"),
        (b"\0\0\0\x08wide\0\0\0\0mdat", "QuickTime"),
        (b"\x1a\x45\xdf\xa3\x9f\x42\x86\x81", "Matroska or WebM"),
        (b"RIFF\0\0\0\0AVI LIST", "AVI"),
        (b"\x30\x26\xb2\x75\x8e\x66\xcf\x11\xa6\xd9", "Windows Media"),
        (b"FLV\x01\x05", "Flash video"),
        (b"\x00\x00\x01\xba\x44", "MPEG"),
        (b"\x00\x00\x01\xb3\x16", "MPEG"),
        (stream(0, 188), "MPEG transport stream"),
        (stream(4, 192), "MPEG transport stream"),
        (b"OggS\0\x02", "Ogg"),
    ],
)
def test_films_are_told_from_content(head: bytes, kind: str):
    assert film_kind(head) == kind


@pytest.mark.parametrize(
    "head",
    [
        box(b"avif", b"mif1"),
        box(b"mif1", b"avif"),
        box(b"heic", b"mif1"),
        b"RIFF\0\0\0\0WEBPVP8 ",
        b"\xff\xd8\xff\xe0",
        b"\x89PNG\r\n\x1a\n",
        b"II*\0\x08\0\0\0",
    ],
)
def test_photographs_are_no_films(head: bytes):
    assert sniff_format(head) is not None
    assert film_kind(head) is None


@pytest.mark.parametrize(
    "head", [b"", b"G", b"GIMP", b"RIFF\0\0\0\0WAVEfmt ", box(b"M4A "), box(b"crx "), b"some text"]
)
def test_other_files_are_neither(head: bytes):
    assert sniff_format(head) is None
    assert film_kind(head) is None


def test_a_suffix_promises_a_format():
    assert format_promised(".JPEG") == "JPEG"
    assert format_promised(".tif") == "TIFF"
    assert format_promised(".mp4") is None
    assert format_promised("") is None
