"""TIFF directories: the tables of tags that TIFF files and EXIF blocks are made of.

TIFF 6.0, section 2, and the BigTIFF extension. EXIF is a small TIFF whose directories hold tags only. Edits append: a
changed directory goes to the end and everything else stays where it is, because the MakerNote of cameras holds
absolute offsets that break when it is moved.
"""

from __future__ import annotations

import io
import struct
from collections.abc import Container, Iterable
from dataclasses import dataclass, field
from typing import BinaryIO

BYTE, ASCII, SHORT, LONG, RATIONAL, UNDEFINED = 1, 2, 3, 4, 5, 7
IFD = 13
_SIZES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4, 16: 8, 17: 8, 18: 8}
_CODES = {1: "B", 3: "H", 4: "I", 6: "b", 8: "h", 9: "i", 13: "I", 16: "Q", 17: "q", 18: "Q"}

EXIF_TAG, GPS_TAG, INTEROP_TAG = 34665, 34853, 40965
CHILD_TAGS = (EXIF_TAG, GPS_TAG, INTEROP_TAG)
_MOST_ENTRIES = 4096
"""No photograph has more tags in one directory; a damaged count can be anything."""
_MOST_BYTES = 256 * 2**20
"""All values of one directory together: many tags of a hostile file may claim the whole of it."""


class DirectoryError(ValueError):
    """The bytes are no TIFF directory."""


@dataclass(frozen=True)
class Header:
    """The first bytes of a TIFF file or EXIF block."""

    order: str
    """"<" (II) or ">" (MM), as struct says it."""
    big: bool
    """BigTIFF: offsets of 8 bytes."""
    first: int
    """Offset of the first directory."""


@dataclass(frozen=True)
class Entry:
    """One tag. `value` is raw, in the byte order of the file; `at` is where it lies (0 when not read from a file)."""

    tag: int
    type: int
    count: int
    value: bytes
    at: int = 0

    def numbers(self, order: str) -> list[float]:
        """The values as numbers; an empty list for text, floats and raw bytes. A rational x/0 counts as 0."""
        if self.type in (RATIONAL, 10):
            pairs = struct.unpack(f"{order}{self.count * 2}{'I' if self.type == RATIONAL else 'i'}", self.value)
            return [top / bottom if bottom else 0.0 for top, bottom in zip(pairs[::2], pairs[1::2], strict=True)]
        code = _CODES.get(self.type)
        return list(struct.unpack(f"{order}{self.count}{code}", self.value)) if code else []


@dataclass
class Directory:
    """One table of tags, and the tables that its EXIF, GPS and interoperability tags point to."""

    entries: dict[int, Entry] = field(default_factory=dict[int, Entry])
    children: dict[int, Directory] = field(default_factory=dict[int, "Directory"])
    next: int = 0
    """Offset of the next directory; 0 for none."""
    at: int = 0
    end: int = 0
    """Where the table itself starts and ends."""
    damaged: list[int] = field(default_factory=list[int])
    """Tags whose type is unknown or whose value lies outside the file."""

    def number(self, tag: int, order: str) -> float | None:
        """First value of a tag, or None."""
        entry = self.entries.get(tag)
        numbers = entry.numbers(order) if entry else []
        return numbers[0] if numbers else None


def read_header(stream: BinaryIO) -> Header:
    """Read the header at the start of `stream`. Raises DirectoryError."""
    stream.seek(0)
    head = stream.read(16)
    order = {b"II": "<", b"MM": ">"}.get(head[:2])
    if order is None or len(head) < 8:
        raise DirectoryError("no TIFF header")
    (magic,) = struct.unpack(f"{order}H", head[2:4])
    if magic == 42:
        return Header(order, False, *struct.unpack(f"{order}I", head[4:8]))
    if magic == 43 and len(head) == 16:
        return Header(order, True, *struct.unpack(f"{order}Q", head[8:16]))
    raise DirectoryError("no TIFF header")


def read_directory(
    stream: BinaryIO, header: Header, at: int, *, children: bool = False, skip: Container[int] = ()
) -> Directory:
    """Read the table at offset `at` without the tags in `skip`, and with `children` what it points to.

    Single bad entries are listed in `damaged` and left out. A child that cannot be read counts as a damaged entry.
    Raises DirectoryError.
    """
    return _read(stream, header, at, stream.seek(0, io.SEEK_END), 2 if children else 0, skip)


def _read(stream: BinaryIO, header: Header, at: int, size: int, depth: int, skip: Container[int]) -> Directory:
    count_size, entry_size, inline, code = (8, 20, 8, "HHQ") if header.big else (2, 12, 4, "HHI")
    if not 8 <= at <= size - count_size:
        raise DirectoryError(f"directory at {at} of {size} bytes")
    stream.seek(at)
    (count,) = struct.unpack(header.order + ("Q" if header.big else "H"), stream.read(count_size))
    end = at + count_size + count * entry_size + inline
    if count > _MOST_ENTRIES or end - inline > size:
        raise DirectoryError(f"directory of {count} tags at {at} of {size} bytes")
    table = stream.read(count * entry_size + inline)
    found = Directory(at=at, end=end)
    tail = table[count * entry_size :]
    if len(tail) == inline:  # Some writers leave the last pointer out.
        (found.next,) = struct.unpack(header.order + ("Q" if header.big else "I"), tail)
    budget = min(size, _MOST_BYTES)
    for index in range(count):
        row = table[index * entry_size : (index + 1) * entry_size]
        tag, kind, number = struct.unpack(header.order + code, row[:-inline])
        if tag in skip:
            continue
        length = _SIZES.get(kind, 0) * number
        where = at + count_size + (index + 1) * entry_size - inline
        if length > inline:
            (where,) = struct.unpack(header.order + ("Q" if header.big else "I"), row[-inline:])
        budget -= length
        if kind not in _SIZES or where + length > size or budget < 0:
            budget += length
            found.damaged.append(tag)
            continue
        stream.seek(where)
        entry = Entry(tag, kind, number, stream.read(length), where)
        if depth and tag in CHILD_TAGS:
            target = entry.numbers(header.order)
            try:
                found.children[tag] = _read(stream, header, int(target[0]) if target else 0, size, depth - 1, skip)
            except DirectoryError:
                found.damaged.append(tag)
                continue
        found.entries[tag] = entry
    return found


def serialise(directory: Directory, order: str, at: int, *, big: bool = False) -> bytes:
    """`directory` and its children as bytes that lie at offset `at`; the table comes first. Its `next` is kept."""
    entries = {tag: entry for tag, entry in directory.entries.items() if tag not in directory.children}
    for tag in directory.children:
        entries[tag] = Entry(tag, LONG, 1, b"")
    count_size, entry_size, inline = (8, 20, 8) if big else (2, 12, 4)
    whole = "Q" if big else "I"
    table = [struct.pack(order + ("Q" if big else "H"), len(entries))]
    values = bytearray()
    start = at + count_size + len(entries) * entry_size + inline
    for tag in sorted(entries):
        entry = entries[tag]
        value = entry.value
        if tag in directory.children:
            place = start + len(values)
            value = struct.pack(order + "I", place)
            values += _even(serialise(directory.children[tag], order, place, big=big))
        if len(value) > inline:
            place = start + len(values)
            values += _even(value)
            value = struct.pack(order + whole, place)
        row = struct.pack(order + ("HHQ" if big else "HHI"), tag, entry.type, entry.count)
        table.append(row + value.ljust(inline, b"\0"))
    table.append(struct.pack(order + whole, directory.next))
    return b"".join(table) + bytes(values)


def append_first(stream: BinaryIO, header: Header, directory: Directory) -> None:
    """Write `directory` at the end of `stream` and make it the first one. Nothing else moves.

    `header` is that of the stream. Values of entries are copied; pointers in entries without children stay valid.
    """
    at = stream.seek(0, io.SEEK_END)
    if at % 2:
        stream.write(b"\0")
        at += 1
    stream.write(serialise(directory, header.order, at, big=header.big))
    stream.seek(8 if header.big else 4)
    stream.write(struct.pack(header.order + ("Q" if header.big else "I"), at))


def new_block(directory: Directory, order: str = "<") -> bytes:
    """A whole EXIF block with `directory` and its children."""
    head = (b"II*\0" if order == "<" else b"MM\0*") + struct.pack(order + "I", 8)
    return head + serialise(directory, order, 8)


def short(tag: int, value: int, order: str) -> Entry:
    """An entry of one 16-bit number."""
    return Entry(tag, SHORT, 1, struct.pack(order + "H", value))


def rational(tag: int, value: float, order: str) -> Entry:
    """An entry of one fraction, exact to a ten thousandth."""
    parts = (int(value), 1) if value == int(value) else (round(value * 10000), 10000)
    return Entry(tag, RATIONAL, 1, struct.pack(order + "II", *parts))


def text(tag: int, value: str) -> Entry:
    """An entry of text. EXIF says ASCII, readers take UTF-8."""
    raw = value.encode("utf-8") + b"\0"
    return Entry(tag, ASCII, len(raw), raw)


def raw(tag: int, kind: int, value: bytes) -> Entry:
    """An entry of bytes: BYTE or UNDEFINED."""
    return Entry(tag, kind, len(value), value)


def by_tag(entries: Iterable[Entry]) -> dict[int, Entry]:
    """Entries keyed by their tags."""
    return {entry.tag: entry for entry in entries}


def _even(value: bytes) -> bytes:
    """Values start at even offsets (TIFF 6.0, section 2)."""
    return value + b"\0" if len(value) % 2 else value
