"""Reading a photograph: its format told from the content, its pixels upright, its metadata sound."""

from __future__ import annotations

import io
from collections.abc import Callable, Generator
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import BinaryIO

import numpy as np

from retint.errors import InputError, RetintError, UnreadablePhotoError, UnsupportedInputError
from retint.images import exif as exif_blocks
from retint.images import profiles
from retint.images.decoded import Decoded
from retint.images.exif import ExifError
from retint.images.formats import READABLE, describe_stranger, sniff_format
from retint.images.photograph import Metadata, Photograph, Pixels
from retint.images.xmp import EXIF, TIFF, XMP, Packet, XmpError

MAX_PIXELS = 300_000_000
"""Pixels of the largest picture that is decoded unasked: a 35 mm film scanned at 12000 dpi, a gigabyte in RGB."""

_READERS = {
    "JPEG": ("jpeg", "read_jpeg"),
    "PNG": ("png", "read_png"),
    "TIFF": ("tiff", "read_tiff"),
    "WEBP": ("webp", "read_webp"),
    "AVIF": ("heif", "read_avif"),
    "HEIF": ("heif", "read_heif"),
    "BMP": ("bitmaps", "read_bmp"),
    "GIF": ("bitmaps", "read_gif"),
}
"""Module and function for each format. Imported when needed: a JPEG does not wait for tifffile."""


def read_photo(source: str | Path | bytes | BinaryIO, *, max_pixels: int = MAX_PIXELS) -> Photograph:
    """Read one photograph.

    source: a path, the content of a file, or an open binary file (read from where it stands)
    max_pixels: larger pictures are refused before anything is decoded

    8-bit files give uint8, files of 9 to 16 bits uint16 over the full range. The pixels are upright and the metadata
    says so. Palettes become RGB, or grey where they are; CMYK becomes sRGB. Animations give their first frame.
    Metadata that is damaged is left out, and `notes` of the result says so.

    Raises UnreadablePhotoError for what is empty, cut short, too large or no picture, UnsupportedInputError for kinds
    of files that retint does not handle, MissingExtraError for HEIC without pillow-heif, InputError for what cannot be
    opened.
    """
    with _opened(source) as (stream, name):
        try:
            head = stream.read(64)
            stream.seek(0)
            format = _format_of(head)
            decoded = _reader(format)(stream, max_pixels)
            return _finish(decoded, format)
        except RetintError as error:
            raise type(error)(f"{name}: {error}") from error
        except MemoryError as error:
            raise UnreadablePhotoError(
                f"{name}: the picture does not fit into this machine's memory; scale it down first"
            ) from error
        except Exception as error:
            # Decoders raise whatever they stumble over: for a damaged file that can be any of a dozen types.
            reason = " ".join(str(error).split()) or type(error).__name__
            raise UnreadablePhotoError(
                f"{name}: the file is damaged or cut short ({reason}); copy it again from where it came"
            ) from error


@contextmanager
def _opened(source: str | Path | bytes | BinaryIO) -> Generator[tuple[BinaryIO, str]]:
    """A seekable stream that stands at 0, and a name for messages."""
    if isinstance(source, bytes):
        yield io.BytesIO(source), "the given bytes"
        return
    if not isinstance(source, (str, Path)):
        name = getattr(source, "name", None)
        whole = source.seekable() and source.tell() == 0
        yield source if whole else io.BytesIO(source.read()), name if isinstance(name, str) else "the given file"
        return
    try:
        stream = open(source, "rb")  # noqa: SIM115 - closed below; failures inside the block are another matter
    except FileNotFoundError as error:
        raise InputError(f"{source}: there is no such file; check the name") from error
    except OSError as error:
        advice = "give a file" if isinstance(error, IsADirectoryError) else "check its permissions"
        raise InputError(f"{source}: cannot be opened ({error.strerror or error}); {advice}") from error
    with stream:
        yield stream, str(source)


def _format_of(head: bytes) -> str:
    if not head:
        raise UnreadablePhotoError("the file is empty (0 bytes); copy it again from where it came")
    if not head.strip(b"\0"):
        raise UnreadablePhotoError("the file holds nothing but zeros; copy it again from where it came")
    format = sniff_format(head)
    if format is None:
        raise UnsupportedInputError(f"this is {describe_stranger(head)}; wanted {READABLE}")
    return format


def _reader(format: str) -> Callable[[BinaryIO, int], Decoded]:
    module, function = _READERS[format]
    return getattr(import_module(f"retint.images.{module}"), function)


def _finish(decoded: Decoded, format: str) -> Photograph:
    """Profile, orientation and metadata of what a decoder gave."""
    notes = list(decoded.notes)
    icc = _settle_profile(decoded, notes)
    orientation, transposed = 1, False
    exif, dpi = decoded.exif, decoded.dpi
    if exif is not None:
        try:
            said = exif_blocks.orientation_of(exif)
            orientation = 1 if decoded.upright else (said or 1)
            transposed = orientation >= 5
            height, width = decoded.pixels.shape[:2]
            sides = (height, width) if transposed else (width, height)
            dpi = dpi or exif_blocks.dpi_of(exif)
            exif, damage = exif_blocks.make_upright(exif, *sides, transposed=transposed)
            notes += damage
        except ExifError as error:
            notes.append(
                f"EXIF was left out, for it is damaged ({error}); if the picture lies on its side, turn it first"
            )
            exif, orientation, transposed = None, 1, False
    if dpi is not None and transposed:
        dpi = (dpi[1], dpi[0])
    pixels, alpha = decoded.pixels, decoded.alpha
    return Photograph(
        pixels=_turn(pixels, orientation),
        alpha=None if alpha is None else _turn(alpha, orientation),
        metadata=Metadata(
            exif=exif,
            icc=icc,
            xmp=_upright_xmp(decoded, orientation, exif is not None, notes),
            dpi=dpi,
            iptc=decoded.iptc,
            text=decoded.text,
        ),
        format=format,
        quality=decoded.quality,
        notes=tuple(notes),
    )


def _settle_profile(decoded: Decoded, notes: list[str]) -> bytes | None:
    """The profile that the pixels have in the end; converts them where it cannot stay (see `profiles`)."""
    from retint.images import tones  # LittleCMS is loaded only here

    icc = decoded.icc
    channels = 1 if decoded.pixels.ndim == 2 else decoded.pixels.shape[2]
    if icc is None and decoded.gamma is not None and channels in (1, 3):
        icc = profiles.gamma_profile(decoded.gamma, channels)
    space = profiles.space_of(icc) if icc is not None else None
    fitting = {1: ("GRAY", "RGB"), 3: ("RGB",), 4: ("CMYK",)}[channels]
    if icc is not None and space not in fitting:
        kind = f"{space} profile" if space else "damaged colour profile"
        words = {1: "grey", 3: "RGB", 4: "CMYK"}[channels]
        notes.append(f"the {kind} does not fit a {words} picture and was left out")
        icc = None
    if channels == 4:
        try:
            decoded.pixels = tones.cmyk_to_srgb(decoded.pixels, icc)
        except RuntimeError as error:
            notes.append(f"the CMYK profile is damaged ({error}) and was left out")
            icc = None
            decoded.pixels = tones.cmyk_to_srgb(decoded.pixels, None)
        if icc is None:
            notes.append("the CMYK picture has no usable profile: its colours were guessed from ideal inks")
        return profiles.srgb_profile()
    if icc is not None and space == "GRAY":
        try:
            changed = tones.grey_to_srgb(decoded.pixels, icc, always=profiles.tone_curve(icc) is None)
        except RuntimeError as error:
            notes.append(f"the grey profile is damaged ({error}) and was left out")
            return None
        if changed is not None:
            decoded.pixels = changed
            return profiles.srgb_profile()
    return icc


def _turn(samples: Pixels, orientation: int) -> Pixels:
    """Samples as they are to be seen (TIFF 6.0, tag 274: where row 0 and column 0 of the file lie in the picture)."""
    if orientation >= 5:
        samples = np.swapaxes(samples, 0, 1)
    if orientation in (2, 3, 6, 7):
        samples = samples[:, ::-1]
    if orientation in (3, 4, 7, 8):
        samples = samples[::-1]
    return np.ascontiguousarray(samples)


def _upright_xmp(decoded: Decoded, orientation: int, has_exif: bool, notes: list[str]) -> bytes | None:
    """XMP that agrees with the upright pixels. Where nothing in it has to change, its bytes stay as they are."""
    if decoded.xmp is None:
        return None
    try:
        packet = Packet(decoded.xmp)
        changed = packet.remove(XMP, "Thumbnails")  # they show the picture as it was before
        if has_exif or decoded.upright:
            changed |= packet.get(TIFF, "Orientation") not in (None, "1") and packet.replace(TIFF, "Orientation", "1")
        if orientation >= 5:
            height, width = decoded.pixels.shape[:2]
            for space, across, down in (
                (TIFF, "ImageWidth", "ImageLength"),
                (EXIF, "PixelXDimension", "PixelYDimension"),
            ):
                changed |= packet.replace(space, across, str(height)) | packet.replace(space, down, str(width))
        return bytes(packet) if changed else decoded.xmp
    except XmpError as error:
        notes.append(f"XMP was left out, for {error}")
        return None
