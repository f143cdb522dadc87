"""The mark that a machine coloured a picture, in XMP and EXIF, beside what is already there."""

from __future__ import annotations

from dataclasses import replace

from retint import __version__
from retint.images.directories import text
from retint.images.exif import SOFTWARE, with_entries
from retint.images.photograph import MachineMark, Metadata
from retint.images.xmp import XMP, Packet

SOFTWARE_NAME = f"retint {__version__}"
IPTC_EXTENSION = "http://iptc.org/std/Iptc4xmpExt/2008-02-29/"

DIGITAL_SOURCE_TYPE = "http://cv.iptc.org/newscodes/digitalsourcetype/compositeWithTrainedAlgorithmicMedia"
"""What the picture is, in IPTC's words.

A result joins the photographer's luma with colours that a trained network made up: that is a composite with trained
algorithmic media, "edited using generative AI". IPTC's milder term, algorithmicallyEnhanced, is for corrections that do
not change the content, such as sharpening: whoever sees a red dress would take the red for a fact, so it does not fit.
http://cv.iptc.org/newscodes/digitalsourcetype/
"""


def mark_metadata(metadata: Metadata, mark: MachineMark) -> Metadata:
    """`metadata` saying what coloured the picture; everything else in it is kept.

    XMP: Iptc4xmpExt:DigitalSourceType, AISystemUsed and AISystemVersionUsed (IPTC Photo Metadata 2025.1), and
    xmp:CreatorTool. EXIF: Software. What these said before is kept as an event of xmpMM:History, whose date is left out
    so that the same input gives the same file. Raises XmpError or ExifError for damaged blocks.
    """
    packet = Packet(metadata.xmp)
    wanted = (
        ("Iptc4xmpExt", IPTC_EXTENSION, "DigitalSourceType", DIGITAL_SOURCE_TYPE),
        ("Iptc4xmpExt", IPTC_EXTENSION, "AISystemUsed", f"retint {mark.model}"),
        ("Iptc4xmpExt", IPTC_EXTENSION, "AISystemVersionUsed", mark.version),
        ("xmp", XMP, "CreatorTool", SOFTWARE_NAME),
    )
    before = {name: packet.get(space, name) for _, space, name, _ in wanted}
    if before != {name: value for _, _, name, value in wanted}:
        for prefix, space, name, value in wanted:
            packet.set(prefix, space, name, value)
        was = "".join(f"; {name} was {value}" for name, value in before.items() if value)
        packet.append_event(
            action="edited",
            softwareAgent=SOFTWARE_NAME,
            parameters=f"colours made by model {mark.model} {mark.version}{was}",
        )
    return replace(
        metadata,
        xmp=bytes(packet),
        exif=with_entries(metadata.exif, [text(SOFTWARE, SOFTWARE_NAME)]),
        text=tuple((key, SOFTWARE_NAME if key == "Software" else value) for key, value in metadata.text),
    )
