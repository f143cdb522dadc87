"""One photograph: read, colour, save."""

from __future__ import annotations

import io
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Literal

import numpy as np

from retint.errors import InputError, OutputError, OutputExistsError, UnreadablePhotoError, UnsupportedInputError
from retint.images import Mark, Photograph, Pixels, read_photo, sniff_format, was_coloured, write_photo
from retint.pipelines.addresses import fetch, is_address
from retint.pipelines.kinds import HEAD_BYTES, film_kind
from retint.pipelines.outputs import Targets, compare_beside

if TYPE_CHECKING:
    from retint.rendering import Colorizer
    from retint.restoration.options import RestoreOptions
    from retint.restoration.photo import Restored

Device = Literal["auto", "cpu", "cuda", "mps"]
RenderFactor = int | Literal["auto"] | None

# A comparison is for looking at. WebP ends at 16383 px a side, and many programs that show pictures not far above.
COMPARE_SIDE = 16383


@dataclass(frozen=True)
class PhotoOptions:
    """How photographs are coloured and saved."""

    render_factor: RenderFactor = None  # None: the model's own default; "auto": chosen from the picture
    watermark: bool = False  # a visible one; the mark in the metadata is always there
    overwrite: bool = False
    quality: int | None = None  # 1 to 100, for formats with losses; None: the input's quality or better
    restore: RestoreOptions | None = None  # what is mended before; None: nothing


@dataclass(frozen=True)
class PhotoResult:
    """What became of one photograph."""

    target: Path | None  # None: it went to a stream
    compare: Path | None  # before and after side by side, where asked for
    width: int  # of the result, in px, upright
    height: int
    model: str
    render_factor: int
    seconds: float  # of work: reading, rendering and writing, without waiting for others
    notes: tuple[str, ...] = ()  # what reading or writing dropped or changed, a line each; empty for a sound file
    findings: dict[str, object] | None = None  # of restoring, where that was asked for


def colorize_photo(
    source: str | Path | bytes | BinaryIO,
    target: str | Path | BinaryIO,
    *,
    model: str | Path = "lite",
    render_factor: RenderFactor = None,
    device: Device = "auto",
    compare: bool = False,
    watermark: bool = False,
    overwrite: bool = False,
    quality: int | None = None,
    restore: RestoreOptions | None = None,
    colorizer: Colorizer | None = None,
) -> PhotoResult:
    """Colour a photograph.

    Parameters
    ----------
    source: a path, an http(s) address, the bytes of a picture, or a binary stream
    target: a path, whose suffix says the format, or a binary stream, which gets the format of the source
    model: `lite`, `artistic`, `stable`, `video`, or a weights file; loaded for this one photograph
    render_factor: size of the render in units of 16 px; `auto` chooses it from the picture
    device: `auto`, `cpu`, `cuda`, `mps`
    compare: save before and after side by side, too, as NAME-compare.EXT beside the target
    watermark: put a visible mark into a corner
    overwrite: replace a target that exists
    quality: 1 to 100, for formats with losses
    restore: mend the photograph first, so
    colorizer: one that is loaded already, in place of `model` and `device`; what many photographs want

    Raises
    ------
    InputError: the source is no photograph that can be read
    OutputError: the target exists, or cannot be written
    WeightsError, RenderError, MissingExtraError: the model cannot be had, or cannot render
    """
    started = time.monotonic()
    options = PhotoOptions(
        render_factor=render_factor, watermark=watermark, overwrite=overwrite, quality=quality, restore=restore
    )
    targets, stream = Targets(), None
    if isinstance(target, (str, Path)):
        targets = Targets(Path(target), compare_beside(Path(target)) if compare else None)
        refuse_existing(targets, overwrite=overwrite)
    elif compare:
        raise OutputError("a comparison lies beside the result, and a stream has no beside; name a file as target")
    else:
        stream = target
    content, shown = content_of(source)
    recognise(content, shown)
    before = read_photo(as_source(content, shown))

    def load() -> Colorizer:
        from retint.rendering import load_colorizer

        return colorizer or load_colorizer(model, device=device)

    from retint.pipelines.colouring import Colouring

    craft = Colouring(load, options)
    craft.load("photo")
    piece = craft.work(before)
    notes = piece.save(targets if stream is None else stream)
    return piece.describe(targets, notes=notes, seconds=time.monotonic() - started)


def content_of(source: str | Path | bytes | BinaryIO) -> tuple[Path | bytes, str]:
    """Return where the bytes are, fetched if need be, and how messages name them."""
    if isinstance(source, str) and is_address(source):
        return fetch(source), source
    if isinstance(source, (str, Path)):
        return Path(source), str(source)
    return (source, "the given bytes") if isinstance(source, bytes) else (source.read(), "the given stream")


class _NamedBytes(io.BytesIO):
    """Bytes with a name for messages."""

    name = ""


def as_source(content: Path | bytes, shown: str) -> Path | BinaryIO:
    """Return what `read_photo` reads, so that its messages name the content as `shown`."""
    if isinstance(content, Path):
        return content
    stream = _NamedBytes(content)
    stream.name = shown
    return stream


def refuse_existing(targets: Targets, *, overwrite: bool) -> None:
    """Raise OutputExistsError, before any work is done, for what only `overwrite` may replace."""
    for path in () if overwrite else targets.all:
        if path.exists():
            raise OutputExistsError(f"{path}: exists; name another target, or pass overwrite=True")


def recognise(content: Path | bytes, shown: str) -> str | None:
    """Return Pillow's name of a photograph's format, from its first bytes; None where only reading it can tell more.

    Raises
    ------
    UnreadablePhotoError: nothing is in it
    UnsupportedInputError: a film
    InputError: the file cannot be opened
    """
    head = _head(content, shown)
    if not head:
        raise UnreadablePhotoError(f"{shown}: is empty (0 bytes); copy it again from where it came")
    film = film_kind(head)
    if film is not None:
        raise UnsupportedInputError(f"{shown}: is a film ({film}) and no photograph; colorize_film colours films")
    return sniff_format(head)


def recognise_film(content: Path | bytes, shown: str) -> str | None:
    """Return the kind of film that this is, from its first bytes; None for anything else. Raises InputError."""
    return film_kind(_head(content, shown))


def _head(content: Path | bytes, shown: str) -> bytes:
    try:
        return content[:HEAD_BYTES] if isinstance(content, bytes) else _head_of(content)
    except OSError as error:
        advice = "check its permissions" if isinstance(error, PermissionError) else "check the name"
        raise InputError(f"{shown}: cannot be opened ({error.strerror or error}); {advice}") from error


def _head_of(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(HEAD_BYTES)


def is_result(photo: Photograph) -> bool:
    """Whether the photograph's metadata says that retint coloured it."""
    return was_coloured(photo.metadata)


def save(
    before: Photograph,
    after: Photograph,
    to: Targets | BinaryIO,
    colorizer: Colorizer,
    options: PhotoOptions,
    restored: Restored | None = None,
) -> tuple[str, ...]:
    """Write the comparison where asked for, then the result, and return what its format could not hold.

    restored: what was coloured, where it was restored first; the comparison shows it between before and after

    Raises
    ------
    OutputError: one exists (and not `options.overwrite`), or cannot be written
    """
    marks: tuple[Mark, ...] = (colorizer.mark,) if restored is None else (restored.findings.mark, colorizer.mark)
    if not isinstance(to, Targets):
        return write_photo(after, to, quality=options.quality, mark=marks)
    quality, overwrite = options.quality, options.overwrite
    if to.compare is not None:
        panels = side_by_side(before, *([] if restored is None else [restored.photo]), after)
        write_photo(panels, to.compare, quality=quality, overwrite=overwrite, mark=marks)
    if to.result is None:
        return ()
    return write_photo(after, to.result, quality=quality, overwrite=overwrite, mark=marks)


def describe(
    after: Photograph,
    targets: Targets,
    colorizer: Colorizer,
    options: PhotoOptions,
    *,
    notes: tuple[str, ...],
    seconds: float,
    restored: Restored | None = None,
) -> PhotoResult:
    """Say what became of a photograph. `notes`: those of writing; reading's are in `after`."""
    factor = colorizer.resolve_render_factor(options.render_factor, (after.width, after.height))
    return PhotoResult(
        target=targets.result,
        compare=targets.compare,
        width=after.width,
        height=after.height,
        model=colorizer.name,
        render_factor=factor,
        seconds=round(seconds, 3),
        notes=(*after.notes, *notes),
        findings=None if restored is None else restored.findings.as_dict(),
    )


def side_by_side(*photos: Photograph) -> Photograph:
    """Return one picture with all in a row, the result last.

    photos: (H, W) or (H, W, 3) of one dtype; those that are smaller by a whole number than the result are blown up to
    it. The row is (H, n W), or (H, n W, 3) where one has colours, smaller by a whole number where a side would be
    longer than `COMPARE_SIDE` px. Metadata and format are the result's.
    """
    after, count = photos[-1], len(photos)
    shrink = -(-max(after.height, count * after.width) // COMPARE_SIDE)
    parts = [_shrunk(_blown_up(photo.pixels, after.width // photo.width), shrink) for photo in photos]
    if any(part.ndim == 3 for part in parts):
        parts = [part if part.ndim == 3 else np.repeat(part[:, :, None], 3, axis=2) for part in parts]
    alpha = None if after.alpha is None else np.tile(_shrunk(after.alpha, shrink), (1, count))
    return replace(after, pixels=np.concatenate(parts, axis=1), alpha=alpha)


def _blown_up(pixels: Pixels, by: int) -> Pixels:
    return pixels if by == 1 else pixels.repeat(by, axis=0).repeat(by, axis=1)


def _shrunk(pixels: Pixels, by: int) -> Pixels:
    """Return the means of squares of `by` x `by` px, of (H, W) or (H, W, 3); what fills no square at the edges goes."""
    if by == 1:
        return pixels
    height, width, *channels = pixels.shape
    small = np.empty((height // by, width // by, *channels), pixels.dtype)
    for row in range(height // by):  # row by row: the whole as floats would be large
        strip = pixels[row * by : (row + 1) * by, : width // by * by]
        small[row] = strip.reshape(by, width // by, by, *channels).mean(axis=(0, 2)).round()
    return small
