"""Reading TIFF: the picture by tifffile, the tags by retint's own reader.

TIFF 6.0. Pillow cuts 16-bit colour to 8 bits; tifffile decodes every depth, byte order, layout and compression that
scanners write. What it leaves to its caller (inverted, palette, associated alpha) is done here.
"""

from __future__ import annotations

import io
import itertools
import logging
from typing import BinaryIO

import numpy as np
import tifffile
from PIL import Image, TiffImagePlugin

from retint.errors import UnreadablePhotoError, UnsupportedInputError
from retint.images.decoded import Decoded, check_size
from retint.images.directories import Directory, new_block, read_directory, read_header
from retint.images.iptc import from_photoshop
from retint.images.photograph import Pixels
from retint.images.pillow import arrays_of
from retint.images.tones import strips, widen

XMP_TAG, IPTC_TAG, PHOTOSHOP_TAG, ICC_TAG = 700, 33723, 34377, 34675
STRUCTURE = frozenset(
    {*range(254, 259), 259, 262, *range(263, 267), 273, *range(277, 282), 284, *range(288, 294), 297, 301, 317, 318}
    | {319, 320, 321, 322, 323, 324, 325, 326, 327, 328, 330, 332, 333, 334, 336, 337, 338, 339, 340, 341, 342, 347}
    | {*range(512, 522), *range(529, 533), 32995, 32996, 32997, 32998, 37439, 37724, 50706, 50707}
)
"""Tags that say how the samples of this very file are stored (and 37724, Photoshop's layers, which show the picture
before it was coloured). A result has its own."""
_MIN_IS_WHITE, _MIN_IS_BLACK, _RGB, _PALETTE, _MASK, _CMYK, _YCBCR = 0, 1, 2, 3, 4, 5, 6
_CHANNELS = {_MIN_IS_WHITE: 1, _MIN_IS_BLACK: 1, _RGB: 3, _PALETTE: 1, _CMYK: 4, _YCBCR: 3}
_JPEG = 7
_LIBTIFF = frozenset({2, 3, 4, 6})
"""Fax, which imagecodecs for Python 3.10 has not, and JPEG of the old kind, which it has nowhere."""
_MOST_PAGES = 64
"""Pages that are looked at to find the first full one, and to tell how many there are."""
_RAW_PHOTOMETRIC = (32803, 34892)  # colour filter array and linear raw: DNG 1.4

# Both log what they find wrong, to stderr where an application has set up no logging. Here every fault ends in an
# error or a note.
for _name in ("tifffile", "PIL.TiffImagePlugin"):
    logging.getLogger(_name).addHandler(logging.NullHandler())


def read_tiff(stream: BinaryIO, most: int) -> Decoded:
    """Decode the first full picture of a TIFF file, 1 to 16 bits a sample; `most` pixels are allowed."""
    with tifffile.TiffFile(stream, name="photograph.tif") as tiff:
        page, index, notes = _choose_page(tiff)
        check_size(page.imagewidth, page.imagelength, most)
        _require_known(page)
        _require_whole(page, stream)
        subsampled = page.photometric == _YCBCR and page.tags.valueof(530, (2, 2)) != (1, 1)
        if page.compression in _LIBTIFF or (subsampled and page.compression != _JPEG):
            found = _decode_by_pillow(stream, index)
        else:
            found = _decode(page)
        offset = page.offset
    found.notes[:0] = notes
    _read_tags(stream, offset, found)
    return found


def _choose_page(tiff: tifffile.TiffFile) -> tuple[tifffile.TiffPage, int, list[str]]:
    """The first page that is no thumbnail, its index, and notes: scanners and cameras may put a small one first.

    Not all pages are asked for: in a damaged file they can follow each other in a circle.
    """
    full: list[tuple[int, tifffile.TiffPage]] = []
    seen: set[int] = set()
    for index, page in enumerate(itertools.islice(tiff.pages, _MOST_PAGES)):
        if page.offset in seen:
            break
        seen.add(page.offset)
        if isinstance(page, tifffile.TiffPage) and not page.is_reduced:
            full.append((index, page))
    if not seen:
        raise UnreadablePhotoError(
            "the file is cut short, its list of pages is missing; copy it again from where it came"
        )
    if not full:
        raise UnsupportedInputError(
            "the file holds no full picture, it looks like a camera's raw file; develop it first"
        )
    index, page = full[0]
    if page.photometric in _RAW_PHOTOMETRIC:
        raise UnsupportedInputError("this is a camera's raw file; develop it to TIFF or JPEG first")
    count = f"{len(full)}{' or more' if len(seen) == _MOST_PAGES else ''}"
    return page, index, [f"only the first of {count} pages was taken"] if len(full) > 1 else []


def _require_known(page: tifffile.TiffPage) -> None:
    kind = {1: "", 2: "signed ", 3: "floating point "}.get(int(page.sampleformat or 1), "unusual ")
    if kind or not 1 <= page.bitspersample <= 16:
        raise UnsupportedInputError(
            f"samples of {page.bitspersample} {kind}bits, wanted 1 to 16 unsigned ones; save it as a 16-bit TIFF first"
        )
    channels = _CHANNELS.get(int(page.photometric))
    inks = page.tags.valueof(332, 1)
    if channels is None or page.samplesperpixel < channels or page.imagedepth > 1 or (channels == 4 and inks != 1):
        raise UnsupportedInputError(
            f"colours of a rare kind (photometric {int(page.photometric)}, {page.samplesperpixel} samples a pixel); "
            "save it as grey, RGB or CMYK TIFF first"
        )


def _require_whole(page: tifffile.TiffPage, stream: BinaryIO) -> None:
    """tifffile fills missing strips with zeros; a black band is no picture."""
    size = stream.seek(0, io.SEEK_END)
    places = list(zip(page.dataoffsets, page.databytecounts, strict=False))
    missing = sum(1 for at, count in places if at <= 0 or count <= 0 or at + count > size)
    expected = int(np.prod(page.chunked))
    if missing or len(places) < expected:
        missing += max(0, expected - len(places))
        raise UnreadablePhotoError(
            f"the file is cut short, {missing} of {expected} parts of the picture are missing; "
            "copy it again from where it came"
        )


def _decode(page: tifffile.TiffPage) -> Decoded:
    samples = page.asarray()
    height, width, channels = page.imagelength, page.imagewidth, page.samplesperpixel
    if channels == 1:
        samples = samples.reshape(height, width, 1)
    elif page.planarconfig == 2:
        samples = np.moveaxis(samples.reshape(channels, height, width), 0, -1)
    else:
        samples = samples.reshape(height, width, channels)
    photometric = int(page.photometric)
    used = _CHANNELS[photometric]
    extra = [int(kind) for kind in page.extrasamples][: channels - used]
    notes = [] if all(kind in (1, 2) for kind in extra[:1]) and len(extra) < 2 else ["extra channels were left out"]
    if photometric == _PALETTE:
        assert page.colormap is not None
        return Decoded(_paint(samples[..., 0], page.colormap), notes=notes)
    kind = extra[0] if extra else 0
    alpha = _plain(samples[..., used], page.bitspersample) if kind in (1, 2) else None
    colours = samples[..., 0] if used == 1 else samples[..., :used] if channels > used else samples
    pixels = _plain(colours, page.bitspersample)
    if photometric == _MIN_IS_WHITE:
        pixels = np.invert(pixels)
    if alpha is not None and kind == 1:
        _unmultiply(pixels, alpha)
    if photometric == _YCBCR and page.compression != _JPEG:
        for rows in strips(height, width):
            pixels[rows] = np.asarray(Image.frombytes("YCbCr", pixels[rows].shape[1::-1], pixels[rows]).convert("RGB"))
    return Decoded(pixels, alpha, notes=notes)


def _plain(samples: np.ndarray, bits: int) -> Pixels:
    """Contiguous samples of native byte order and full range. Copies only where it must."""
    native = samples.astype(samples.dtype.newbyteorder("="), copy=False)
    return np.ascontiguousarray(widen(native, bits))


def _paint(indices: np.ndarray, colormap: np.ndarray) -> Pixels:
    """Palette to (H, W, 3), or (H, W) for a grey one. Palettes have 16 bits, though some writers fill in 8."""
    table = (colormap if colormap.max() < 256 else colormap >> 8).astype(np.uint8).T
    if (table == table[:, :1]).all():
        table = np.ascontiguousarray(table[:, 0])
    result: Pixels = np.empty((*indices.shape, *table.shape[1:]), np.uint8)
    for rows in strips(*indices.shape):
        result[rows] = table[indices[rows]]
    return result


def _unmultiply(pixels: Pixels, alpha: Pixels) -> None:
    """Associated alpha: colours have been multiplied by it (TIFF 6.0, section 18). Divide, in place."""
    most = int(np.iinfo(pixels.dtype).max)
    for rows in strips(*alpha.shape):
        part, cover = pixels[rows], alpha[rows].astype(np.uint64)
        cover = cover if part.ndim == 2 else cover[..., np.newaxis]
        divided = (part.astype(np.uint64) * most + cover // 2) // np.maximum(cover, 1)
        pixels[rows] = np.minimum(divided, most)


def _decode_by_pillow(stream: BinaryIO, index: int) -> Decoded:
    """Kinds that libtiff knows and tifffile does not, all of 8 bits or fewer."""
    stream.seek(0)
    image: Image.Image = TiffImagePlugin.TiffImageFile(stream)
    image.seek(index)
    image.load()
    return Decoded(*arrays_of(image if image.mode in ("1", "L", "RGB", "RGBA") else image.convert("RGB")))


def _read_tags(stream: BinaryIO, offset: int, found: Decoded) -> None:
    """EXIF, XMP, profile and IPTC from the directory of the page."""
    header = read_header(stream)
    directory = read_directory(stream, header, offset, children=True, skip=STRUCTURE)
    blocks = {
        tag: entry.value
        for tag in (XMP_TAG, ICC_TAG, IPTC_TAG, PHOTOSHOP_TAG)
        if (entry := directory.entries.pop(tag, None)) is not None
    }
    found.xmp, found.icc = blocks.get(XMP_TAG), blocks.get(ICC_TAG)
    # Some writers declare IIM as 32-bit numbers; the bytes are what counts, and they start with a tag marker.
    iptc = blocks.get(IPTC_TAG) or from_photoshop(blocks.get(PHOTOSHOP_TAG, b""))
    found.iptc = iptc if iptc and iptc[:1] == b"\x1c" else None
    if directory.entries:
        found.exif = new_block(Directory(directory.entries, directory.children), header.order)
    if directory.damaged:
        found.notes.append("damaged tags were left out: " + ", ".join(str(tag) for tag in directory.damaged))
