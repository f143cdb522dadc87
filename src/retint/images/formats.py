"""The kinds of files that hold photographs: told from the content when reading, from the name when writing."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import PurePath

from retint.errors import OutputError


@dataclass(frozen=True)
class Format:
    """What one kind of file can hold."""

    name: str
    """Pillow's name."""
    suffixes: tuple[str, ...]
    """Lower case, the usual one first."""
    writable: bool = True
    """BMP and GIF hold neither EXIF nor XMP, so a result in them could not say that a machine coloured it."""
    bits: int = 8
    """The most bits a sample can have when retint writes it."""
    alpha: bool = True
    native_dpi: bool = False
    """Resolution has a place of its own; elsewhere EXIF carries it."""
    iptc: bool = False
    text: bool = False
    longest_side: int = 2**31 - 1
    """Pixels. What the format, or its encoder, can address."""


FORMATS = {
    item.name: item
    for item in (
        Format(
            "JPEG",
            (".jpg", ".jpeg", ".jpe", ".jfif"),
            alpha=False,
            native_dpi=True,
            iptc=True,
            text=True,
            longest_side=65500,  # libjpeg JPEG_MAX_DIMENSION
        ),
        Format("PNG", (".png",), bits=16, native_dpi=True, text=True),
        Format("TIFF", (".tif", ".tiff"), bits=16, native_dpi=True, iptc=True),
        Format("WEBP", (".webp",), longest_side=16383),  # WEBP_MAX_DIMENSION: 14 bits
        Format("AVIF", (".avif",), longest_side=65536),
        Format("HEIF", (".heic", ".heif", ".hif"), bits=10, longest_side=32768),
        Format("BMP", (".bmp", ".dib"), writable=False, native_dpi=True),
        Format("GIF", (".gif",), writable=False, text=True),
    )
}

READABLE = "JPEG, PNG, TIFF, WebP, AVIF, HEIC, BMP or GIF"
_WRITABLE_SUFFIXES = ", ".join(item.suffixes[0] for item in FORMATS.values() if item.writable)

_BRANDS = {b"avif": "AVIF", b"avis": "AVIF"} | dict.fromkeys(
    (b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"hevm", b"hevs", b"mif1", b"msf1"), "HEIF"
)

_STRANGERS: tuple[tuple[int, bytes, str], ...] = (
    (0, b"%PDF", "a PDF document"),
    (0, b"8BPS", "a Photoshop document"),
    (0, b"\x00\x00\x00\x0cjP  ", "a JPEG 2000 picture"),
    (0, b"\xff\x4f\xff\x51", "a JPEG 2000 picture"),
    (0, b"\x00\x00\x00\x0cJXL ", "a JPEG XL picture"),
    (0, b"\xff\x0a", "a JPEG XL picture"),
    (0, b"IIRO", "a camera's raw file"),
    (0, b"IIU\x00", "a camera's raw file"),
    (8, b"CR\x02", "a camera's raw file"),
    (8, b"CR\x03", "a camera's raw file"),
    (4, b"ftypcrx ", "a camera's raw file"),
    (0, b"FUJIFILMCCD-RAW", "a camera's raw file"),
    (4, b"ftyp", "a film (MP4 family)"),
    (0, b"\x1aE\xdf\xa3", "a film (Matroska family)"),
    (8, b"AVI ", "a film (AVI)"),
    (0, b"\x00\x00\x01\xba", "a film (MPEG)"),
    (0, b"PK\x03\x04", "a ZIP archive"),
    (0, b"\x1f\x8b", "a gzip archive"),
    (0, b"version https://git-lfs", "a Git LFS pointer, not the file itself"),
)


def sniff_format(head: bytes) -> str | None:
    """The name of the format whose file starts with `head` (64 bytes are enough), or None."""
    for magic, name in (
        (b"\xff\xd8\xff", "JPEG"),
        (b"\x89PNG\r\n\x1a\n", "PNG"),
        (b"GIF87a", "GIF"),
        (b"GIF89a", "GIF"),
        (b"BM", "BMP"),
    ):
        if head.startswith(magic):
            return name
    if head[:4] in (b"II*\x00", b"MM\x00*", b"II+\x00", b"MM\x00+") and head[8:10] != b"CR":
        return "TIFF"
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return "WEBP"
    if head[4:8] == b"ftyp":
        # The major brand of many AVIF files is the general "mif1"; the compatible brands then say which it is.
        brands = [head[at : at + 4] for at in (8, *range(16, min(len(head), int.from_bytes(head[:4], "big")), 4))]
        names = [_BRANDS[brand] for brand in brands if brand in _BRANDS]
        return ("AVIF" if "AVIF" in names else names[0]) if names else None
    return None


def describe_stranger(head: bytes) -> str:
    """What a file that is no photograph seems to be, for an error message."""
    for at, magic, words in _STRANGERS:
        if head[at : at + len(magic)] == magic:
            return words
    start = head.lstrip().lower()
    if start.startswith((b"<!doctype html", b"<html")):
        return "a web page"
    if start.startswith((b"<svg", b"<?xml")):
        return "SVG or another XML document"
    return "no kind of picture that retint knows"


def result_format(format: str) -> str:
    """The format in which the result of a photograph of `format` is written.

    The same one, but PNG for BMP and GIF: these hold neither EXIF nor XMP, so nothing in the file could say that a
    machine coloured it, and GIF has no room for the colours.
    """
    known = FORMATS.get(format)
    return format if known is not None and known.writable else "PNG"


def result_suffix(source: str | PurePath | None, format: str) -> str:
    """The suffix for the result of `source`, whose content is of `format`: the source's own where it tells the truth.

    "scan.TIFF" holding TIFF gives ".TIFF"; "scan.png" holding a JPEG gives ".jpg"; "old.bmp" gives ".png".
    """
    suffixes = FORMATS[result_format(format)].suffixes
    own = PurePath(source).suffix if source is not None else ""
    return own if own.lower() in suffixes else suffixes[0]


def format_of_name(name: str | PurePath) -> str:
    """The format that the suffix of `name` asks for.

    Raises OutputError for a suffix that says nothing, and for BMP and GIF, which retint reads but does not write.
    """
    suffix = PurePath(name).suffix
    for item in FORMATS.values():
        if suffix.lower() in item.suffixes:
            require_writable(item.name, str(name))
            return item.name
    got = f'the suffix "{suffix}" names no picture format' if suffix else "the name has no suffix to tell the format"
    raise OutputError(f"{name}: {got}; use one of {_WRITABLE_SUFFIXES}")


def require_writable(format: str, name: str) -> None:
    """Raise OutputError unless retint writes `format`."""
    known = FORMATS.get(format)
    if known is None:
        raise OutputError(f"{name}: unknown format {format}; use one of {', '.join(FORMATS)}")
    if not known.writable:
        raise OutputError(
            f"{name}: {format} files cannot say that a machine coloured them, so retint does not write them; "
            f"use one of {_WRITABLE_SUFFIXES}"
        )
