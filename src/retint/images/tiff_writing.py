"""Writing TIFF: the picture by tifffile, then a directory of retint's own that holds the metadata too.

tifffile has no way to write the directories of EXIF and GPS, and Pillow none to write 16-bit colour.
"""

from __future__ import annotations

import io
from typing import BinaryIO

import numpy as np
import tifffile

from retint.images.directories import BYTE, UNDEFINED, append_first, rational, raw, read_directory, read_header, short
from retint.images.exif import ORIENTATION, RESOLUTION_UNIT, SOFTWARE, X_RESOLUTION, Y_RESOLUTION
from retint.images.photograph import Photograph
from retint.images.tiff import ICC_TAG, IPTC_TAG, PHOTOSHOP_TAG, STRUCTURE, XMP_TAG

_BLOCKS = frozenset({XMP_TAG, IPTC_TAG, PHOTOSHOP_TAG, ICC_TAG})
_OWN = frozenset({SOFTWARE, X_RESOLUTION, Y_RESOLUTION, RESOLUTION_UNIT})
"""What tifffile writes about itself and a resolution that it was not told."""


def write_tiff(photo: Photograph, out: BinaryIO, quality: int) -> None:
    """Encode as TIFF, 8 or 16 bits as the pixels are, deflated. `out` must be readable and seekable.

    `quality` means nothing here: TIFF loses nothing.
    """
    del quality
    metadata = photo.metadata
    exif = io.BytesIO(metadata.exif or b"")
    # The byte order is that of EXIF: MakerNotes of several cameras use that of the block without saying so.
    header = read_header(exif) if metadata.exif else None
    pixels = photo.pixels if photo.alpha is None else np.dstack([photo.pixels, photo.alpha])
    with tifffile.TiffWriter(out, byteorder=">" if header and header.order == ">" else "<") as writer:
        writer.write(
            pixels,
            photometric="rgb" if photo.pixels.ndim == 3 else "minisblack",
            extrasamples=None if photo.alpha is None else ["unassalpha"],
            compression="adobe_deflate",
            compressionargs={"level": 2},
            predictor=True,
            metadata=None,
        )
    written = read_header(out)
    directory = read_directory(out, written, written.first)
    entries = {tag: entry for tag, entry in directory.entries.items() if tag not in _OWN}
    if header is not None:
        said = read_directory(exif, header, header.first, children=True)
        skip = STRUCTURE | _BLOCKS | {ORIENTATION}
        entries |= {tag: entry for tag, entry in said.entries.items() if tag not in skip}
        directory.children = said.children
    if metadata.dpi:
        added = [rational(X_RESOLUTION, metadata.dpi[0], written.order), short(RESOLUTION_UNIT, 2, written.order)]
        added.append(rational(Y_RESOLUTION, metadata.dpi[1], written.order))
        entries |= {entry.tag: entry for entry in added}
    for tag, kind, block in (
        (XMP_TAG, BYTE, metadata.xmp),
        (IPTC_TAG, UNDEFINED, metadata.iptc),
        (ICC_TAG, UNDEFINED, metadata.icc),
    ):
        if block:
            entries[tag] = raw(tag, kind, block)
    directory.entries = entries
    append_first(out, written, directory)
