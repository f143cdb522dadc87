"""Writing a photograph: in the format that the name asks for, marked, whole or not at all."""

from __future__ import annotations

import io
import struct
from collections.abc import Callable, Sequence
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from typing import BinaryIO

import numpy as np

from retint.errors import OutputError
from retint.images.atomic import whole_file
from retint.images.exif import ExifError, with_dpi
from retint.images.formats import FORMATS, Format, format_of_name, require_writable, result_format
from retint.images.marks import mark_metadata
from retint.images.photograph import Mark, Photograph, Pixels
from retint.images.profiles import fit_profile
from retint.images.quality import DEFAULT_QUALITY
from retint.images.xmp import XmpError

_WRITERS = {
    "JPEG": ("jpeg", "write_jpeg"),
    "PNG": ("png", "write_png"),
    "TIFF": ("tiff_writing", "write_tiff"),
    "WEBP": ("webp", "write_webp"),
    "AVIF": ("heif", "write_avif"),
    "HEIF": ("heif", "write_heif"),
}


def write_photo(
    photo: Photograph,
    target: str | Path | BinaryIO,
    *,
    format: str | None = None,
    quality: int | None = None,
    overwrite: bool = False,
    mark: Mark | Sequence[Mark] | None = None,
) -> tuple[str, ...]:
    """Write one photograph, and return what the format could not hold: a line each, to be shown to the person.

    target: a path, or an open binary file, which gets nothing before the whole picture is encoded
    format: Pillow's name; by default the suffix of a path decides, for a file the photograph's own
    quality: 1 to 100 for JPEG, WebP, AVIF and HEIF; 100 is lossless in WebP. By default 92, or that of the input if it
        is higher
    overwrite: replace a file that exists; else OutputExistsError
    mark: what coloured or restored it, in the order of that, written into XMP and EXIF

    A path appears only when the file is whole, and nothing is left when writing fails. Raises OutputError.
    """
    if quality is not None and not 1 <= quality <= 100:
        raise ValueError(f"quality is {quality}; wanted 1 to 100")
    is_path = isinstance(target, (str, Path))
    name = str(target) if is_path else "the output"
    if format is not None:
        require_writable(format, name)
    elif is_path:
        format = format_of_name(target)
    else:
        format = result_format(photo.format)
    quality = quality or max(DEFAULT_QUALITY, photo.quality or 0)
    if not is_path:
        buffer = io.BytesIO()
        notes = _encode(photo, buffer, name, FORMATS[format], quality, mark)
        try:
            target.write(buffer.getbuffer())
        except OSError as error:
            raise OutputError(f"{name}: could not be written ({error.strerror or error}); check its reader") from error
        return notes
    with whole_file(target, overwrite=overwrite) as file:
        return _encode(photo, file, name, FORMATS[format], quality, mark)


def _encode(
    photo: Photograph, out: BinaryIO, name: str, format: Format, quality: int, mark: Mark | Sequence[Mark] | None
) -> tuple[str, ...]:
    longest = max(photo.width, photo.height)
    if longest > format.longest_side:
        raise OutputError(
            f"{name}: {photo.width} x {photo.height} px, and {format.name} ends at {format.longest_side}; "
            "use PNG or TIFF"
        )
    module, function = _WRITERS[format.name]
    try:
        fitted, notes = _fit(photo, format, mark)
        write: Callable[[Photograph, BinaryIO, int], None] = getattr(import_module(f"retint.images.{module}"), function)
        if format.name == "TIFF":  # written in place; the others are small and encoded whole
            write(fitted, out, quality)
        else:
            buffer = io.BytesIO()
            write(fitted, buffer, quality)
            out.write(buffer.getbuffer())
    except (ExifError, XmpError) as error:
        raise OutputError(f"{name}: the photograph's metadata is damaged ({error}); drop it first") from error
    except (ValueError, RuntimeError, OverflowError, struct.error) as error:
        reason = " ".join(str(error).split())
        raise OutputError(f"{name}: {format.name} could not be encoded ({reason}); try PNG or TIFF") from error
    return tuple(notes)


def _fit(photo: Photograph, format: Format, mark: Mark | Sequence[Mark] | None) -> tuple[Photograph, list[str]]:
    """The photograph as `format` can hold it, and notes on what it cannot."""
    notes: list[str] = []
    pixels, alpha, metadata = photo.pixels, photo.alpha, photo.metadata
    if alpha is not None and not format.alpha:
        pixels, alpha = _on_white(pixels, alpha), None
        notes.append(f"{format.name} holds no transparency: the picture was laid on white")
    if pixels.dtype == np.uint16 and format.bits < 16:
        notes.append(f"{format.name} holds {format.bits} of 16 bits a channel; PNG and TIFF hold all")
        if format.bits == 8:
            from retint.images.tones import to_8_bit

            pixels, alpha = to_8_bit(pixels), None if alpha is None else to_8_bit(alpha)
    if metadata.icc is not None:
        # WebP has no grey pictures; everywhere else the profile must have the channels of the pixels.
        channels = 3 if pixels.ndim == 3 or format.name == "WEBP" else 1
        icc, note = fit_profile(metadata.icc, channels)
        metadata = replace(metadata, icc=icc)
        notes += [note] if note else []
    if mark is not None and mark != ():
        metadata = mark_metadata(metadata, mark)
    if metadata.dpi is not None and (metadata.exif is not None or not format.native_dpi):
        metadata = replace(metadata, exif=with_dpi(metadata.exif, metadata.dpi))
    if metadata.iptc is not None and not format.iptc:
        metadata = replace(metadata, iptc=None)
        notes.append(f"{format.name} holds no IPTC-IIM, it was left out; JPEG and TIFF hold it")
    if metadata.text and not format.text:
        keys = ", ".join(sorted({key for key, _ in metadata.text}))
        metadata = replace(metadata, text=())
        notes.append(f"{format.name} holds no comments, they were left out ({keys}); PNG and JPEG hold them")
    if format.name == "JPEG":
        from retint.images.jpeg import fits_jpeg

        for key, block in (("exif", metadata.exif), ("iptc", metadata.iptc)):
            if block is not None and not fits_jpeg(block):
                metadata = replace(metadata, **{key: None})
                notes.append(
                    f"{key.upper()} of {len(block)} bytes does not fit into a JPEG and was left out; use PNG or TIFF"
                )
    return replace(photo, pixels=pixels, alpha=alpha, metadata=metadata), notes


def _on_white(pixels: Pixels, alpha: Pixels) -> Pixels:
    """The picture over white, by strips. In code values, as browsers and Pillow do it."""
    from retint.images.tones import strips

    most = int(np.iinfo(pixels.dtype).max)
    result = np.empty_like(pixels)
    for rows in strips(*alpha.shape):
        cover = alpha[rows].astype(np.uint64)
        cover = cover if pixels.ndim == 2 else cover[..., np.newaxis]
        result[rows] = (pixels[rows] * cover + most * (most - cover) + most // 2) // most
    return result
