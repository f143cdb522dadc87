"""Metadata of a picture whose size has been changed."""

from __future__ import annotations

from dataclasses import replace

from retint.images.exif import make_upright, with_dpi
from retint.images.photograph import Metadata
from retint.images.xmp import EXIF, TIFF, Packet


def enlarged_metadata(metadata: Metadata, width: int, height: int, times: int) -> Metadata:
    """What the metadata of a picture say once it has been enlarged to `width` x `height` px.

    The sizes in EXIF and XMP become the new ones, and the resolution `times` as large, so that a print keeps its size.
    Raises ExifError or XmpError for damaged blocks, which reading leaves out.
    """
    exif, xmp, dpi = metadata.exif, metadata.xmp, metadata.dpi
    if exif is not None:
        exif, _ = make_upright(exif, width, height, transposed=False)
    if dpi is not None:
        dpi = (times * dpi[0], times * dpi[1])
        exif = None if exif is None else with_dpi(exif, dpi)
    if xmp is not None:
        packet = Packet(xmp)
        changed = False
        for space, across, down in ((TIFF, "ImageWidth", "ImageLength"), (EXIF, "PixelXDimension", "PixelYDimension")):
            changed |= packet.replace(space, across, str(width)) | packet.replace(space, down, str(height))
        xmp = bytes(packet) if changed else xmp
    return replace(metadata, exif=exif, xmp=xmp, dpi=dpi)
