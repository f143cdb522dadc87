"""What a file is, told from its first bytes and never from its name: the films among them, and what suffixes promise.

References: ISO/IEC 14496-12 (the `ftyp` box), RFC 9559 (Matroska), ITU-T H.222.0 (MPEG streams).
"""

from __future__ import annotations

from retint.images import FORMATS, sniff_format

HEAD_BYTES = 512  # enough for two sync bytes of an MPEG transport stream with time codes (4 + 192)

_FILM_STARTS = (
    (b"\x1a\x45\xdf\xa3", "Matroska or WebM"),
    (b"\x30\x26\xb2\x75\x8e\x66\xcf\x11", "Windows Media"),
    (b"FLV\x01", "Flash video"),
    (b"OggS", "Ogg"),
    (b".RMF", "RealMedia"),
    (b"\x06\x0e\x2b\x34\x02\x05\x01\x01", "MXF"),
    (b"\x00\x00\x01\xba", "MPEG"),
    (b"\x00\x00\x01\xb3", "MPEG"),
    (b"YUV4MPEG2", "YUV4MPEG"),
    (b"DKIF", "IVF"),
)
_QUICKTIME_BOXES = {b"moov", b"mdat", b"wide", b"pnot"}  # films older than `ftyp` open with one of these
_RAW_BRANDS = {b"crx "}  # Canon's raw photographs: neither film nor a photo that retint reads
_SOUND_BRANDS = {b"M4A ", b"M4B ", b"M4P "}

PHOTO_SUFFIXES = frozenset(suffix for format in FORMATS.values() for suffix in format.suffixes)
# Only for deciding which files of a folder are meant at all; what they are is told from their content.
FILM_SUFFIXES = frozenset(
    (".mp4", ".m4v", ".mov", ".mkv", ".webm", ".avi", ".wmv", ".flv", ".mpg", ".mpeg", ".mts", ".m2ts", ".vob", ".mxf")
)


def film_kind(head: bytes) -> str | None:
    """Name the kind of film that a file with these first `HEAD_BYTES` bytes is; None for anything else."""
    if sniff_format(head) is not None:
        return None
    if head[4:8] == b"ftyp":
        brand = head[8:12]
        return None if brand in _RAW_BRANDS | _SOUND_BRANDS else "QuickTime" if brand == b"qt  " else "MP4"
    if head[4:8] in _QUICKTIME_BOXES:
        return "QuickTime"
    if head[:4] == b"RIFF" and head[8:12] == b"AVI ":
        return "AVI"
    if _has_sync_bytes(head, 0, 188) or _has_sync_bytes(head, 4, 192):
        return "MPEG transport stream"
    return next((name for start, name in _FILM_STARTS if head.startswith(start)), None)


def _has_sync_bytes(head: bytes, first: int, packet: int) -> bool:
    """Whether 0x47 stands where packets start: a transport stream repeats it at the start of every one."""
    starts = range(first, len(head), packet)
    return len(starts) > 1 and all(head[start] == 0x47 for start in starts)


def format_promised(suffix: str) -> str | None:
    """Return Pillow's name of the format that a suffix promises, whatever the content will turn out to be."""
    return next((format.name for format in FORMATS.values() if suffix.lower() in format.suffixes), None)
