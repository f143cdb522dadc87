"""EXIF blocks: read what is needed, change a few tags, leave everything else where it lies.

A block here is the TIFF part alone, without the `Exif\\0\\0` that JPEG puts before it. CIPA DC-008 (Exif 2.32).
"""

from __future__ import annotations

import io
import struct
from collections.abc import Collection, Iterable

from retint.images.directories import (
    EXIF_TAG,
    LONG,
    SHORT,
    Directory,
    DirectoryError,
    Entry,
    Header,
    append_first,
    by_tag,
    new_block,
    rational,
    read_directory,
    read_header,
    short,
)

PREFIX = b"Exif\0\0"
ORIENTATION, SOFTWARE = 0x0112, 0x0131
X_RESOLUTION, Y_RESOLUTION, RESOLUTION_UNIT = 0x011A, 0x011B, 0x0128
_WIDTH, _HEIGHT = 0x0100, 0x0101
_PIXEL_WIDTH, _PIXEL_HEIGHT = 0xA002, 0xA003
_THUMBNAIL_AT, _THUMBNAIL_SIZE = 0x0201, 0x0202


class ExifError(ValueError):
    """The block cannot be read as EXIF."""


def strip_prefix(block: bytes) -> bytes:
    """The block without `Exif\\0\\0`, which some writers also put into PNG, WebP and HEIF."""
    return block[len(PREFIX) :] if block.startswith(PREFIX) else block


def open_exif(block: bytes) -> tuple[io.BytesIO, Header, Directory]:
    """The block as a stream, its header, and its first directory without children. Raises ExifError."""
    stream = io.BytesIO(block)
    try:
        header = read_header(stream)
        if header.big:
            raise DirectoryError("BigTIFF header")
        return stream, header, read_directory(stream, header, header.first)
    except DirectoryError as error:
        raise ExifError(str(error)) from error


def orientation_of(block: bytes) -> int | None:
    """The orientation tag, 1 to 8; None where it is missing or means nothing. Raises ExifError."""
    _, header, first = open_exif(block)
    value = first.number(ORIENTATION, header.order)
    return int(value) if value is not None and value in range(1, 9) else None


def dpi_of(block: bytes) -> tuple[float, float] | None:
    """Resolution in pixels an inch, or None. Raises ExifError."""
    _, header, first = open_exif(block)
    return resolution_of(first, header.order)


def resolution_of(directory: Directory, order: str) -> tuple[float, float] | None:
    """Resolution tags of a TIFF or EXIF directory in pixels an inch; None where they are missing or mean nothing."""
    unit = directory.number(RESOLUTION_UNIT, order)
    scale = 1.0 if unit in (None, 2) else 2.54 if unit == 3 else 0.0  # 2 means inch and is the default, 3 centimetre
    across = directory.number(X_RESOLUTION, order)
    down = directory.number(Y_RESOLUTION, order) or across
    return sane_dpi(across * scale, down * scale) if scale and across and down else None


def sane_dpi(across: float, down: float) -> tuple[float, float] | None:
    """The pair, or None where it says nothing: programs that do not know the resolution write 0 or 1."""
    if not (1 < across < 1e5 and 1 < down < 1e5):
        return None
    return _whole(across), _whole(down)


def _whole(dpi: float) -> float:
    """Metric formats store whole pixels a metre: 300 dpi comes back as 299.9994."""
    return float(round(dpi)) if abs(dpi - round(dpi)) < 0.02 else dpi


def make_upright(block: bytes, width: int, height: int, *, transposed: bool) -> tuple[bytes, list[str]]:
    """The block for pixels that have been turned upright, and notes on damaged tags that had to go.

    The orientation is 1, sizes are `width` and `height`, resolutions change places where the picture was `transposed`,
    and the thumbnail goes: it shows the picture as it was before. Raises ExifError.
    """
    stream, header, first = open_exif(block)
    order = header.order
    patches: list[tuple[Entry, int]] = [(first.entries[ORIENTATION], 1)] if ORIENTATION in first.entries else []
    sides = ((_WIDTH, width), (_HEIGHT, height))
    patches += [(first.entries[tag], side) for tag, side in sides if tag in first.entries]
    pointer = first.number(EXIF_TAG, order)
    if pointer is not None:
        try:
            detail = read_directory(stream, header, int(pointer))
        except DirectoryError:
            first.damaged.append(EXIF_TAG)
            del first.entries[EXIF_TAG]
        else:
            sides = ((_PIXEL_WIDTH, width), (_PIXEL_HEIGHT, height))
            patches += [(detail.entries[tag], side) for tag, side in sides if tag in detail.entries]
    for entry, value in patches:
        _patch(stream, order, entry, value)
    _drop_thumbnail(stream, header, first)
    block = stream.getvalue()
    across, down = (first.entries.get(tag) for tag in (X_RESOLUTION, Y_RESOLUTION))
    swapped: list[Entry] = []
    if transposed and across and down and across.value != down.value:
        swapped = [
            Entry(X_RESOLUTION, down.type, down.count, down.value),
            Entry(Y_RESOLUTION, across.type, across.count, across.value),
        ]
    if swapped or first.damaged:
        block = with_entries(block, swapped, without=first.damaged)
    tags = ", ".join(f"0x{tag:04X}" for tag in first.damaged)
    return block, [f"damaged EXIF tags were left out: {tags}"] if tags else []


def with_entries(block: bytes | None, entries: Iterable[Entry], *, without: Collection[int] = ()) -> bytes:
    """The block with `entries` set in its first directory, and the tags in `without` gone.

    Raises ExifError for a damaged block. `entries` must be in the byte order of the block (`order_of`).
    """
    changes = by_tag(entries)
    if block is None:
        return new_block(Directory(changes))
    stream, header, first = open_exif(block)
    kept = {tag: entry for tag, entry in (first.entries | changes).items() if tag not in without}
    if {tag: (entry.type, entry.value) for tag, entry in kept.items()} == {
        tag: (entry.type, entry.value) for tag, entry in first.entries.items()
    } and not first.damaged:
        return block
    append_first(stream, header, Directory(kept, next=first.next))
    return stream.getvalue()


def order_of(block: bytes | None) -> str:
    """Byte order of a block, as struct says it; that of a new one for None. Raises ExifError."""
    return "<" if block is None else open_exif(block)[1].order


def with_dpi(block: bytes | None, dpi: tuple[float, float]) -> bytes:
    """The block saying the resolution `dpi`; untouched where it already does. Raises ExifError."""
    if block is not None:
        said = dpi_of(block)
        if said is not None and all(abs(one - other) < 0.02 for one, other in zip(said, dpi, strict=True)):
            return block
    order = order_of(block)
    entries = [rational(X_RESOLUTION, dpi[0], order), rational(Y_RESOLUTION, dpi[1], order)]
    return with_entries(block, [*entries, short(RESOLUTION_UNIT, 2, order)])


def _patch(stream: io.BytesIO, order: str, entry: Entry, value: int) -> None:
    """Overwrite a number where it lies. Tags of another type are left: nobody reads them as a number."""
    code = {SHORT: "H", LONG: "I"}.get(entry.type)
    if code and entry.count == 1 and value < 2 ** (8 * struct.calcsize(code)):
        stream.seek(entry.at)
        stream.write(struct.pack(order + code, value))


def _drop_thumbnail(stream: io.BytesIO, header: Header, first: Directory) -> None:
    """Unhook the second directory, which is the thumbnail's, and blank or cut off its picture."""
    if not first.next:
        return
    stream.seek(first.end - 4)
    stream.write(bytes(4))
    try:
        thumbnail = read_directory(stream, header, first.next)
    except DirectoryError:
        return
    at, size = (int(thumbnail.number(tag, header.order) or 0) for tag in (_THUMBNAIL_AT, _THUMBNAIL_SIZE))
    total = len(stream.getvalue())
    if not (size and thumbnail.end <= at and at + size <= total) or thumbnail.at < first.end:
        return  # Not laid out as EXIF asks for (thumbnail last): blanking could hit other tags.
    if total - (at + size) < 4:
        stream.truncate(at)
    else:
        stream.seek(at)
        stream.write(bytes(size))
