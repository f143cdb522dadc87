"""The mark that a machine coloured or restored a picture, in XMP and EXIF, beside what is already there."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from retint import __version__
from retint.images.directories import text
from retint.images.exif import SOFTWARE, with_entries
from retint.images.photograph import MachineMark, Mark, Metadata, RestorationMark
from retint.images.xmp import XMP, Packet

SOFTWARE_NAME = f"retint {__version__}"
IPTC_EXTENSION = "http://iptc.org/std/Iptc4xmpExt/2008-02-29/"
_SOURCE_TYPES = "http://cv.iptc.org/newscodes/digitalsourcetype/"

DIGITAL_SOURCE_TYPE = _SOURCE_TYPES + "compositeWithTrainedAlgorithmicMedia"
"""What the picture is, in IPTC's words.

A result joins the photographer's luma with colours that a trained network made up: that is a composite with trained
algorithmic media, "edited using generative AI". IPTC's milder term, algorithmicallyEnhanced, is for corrections that do
not change the content, such as sharpening: whoever sees a red dress would take the red for a fact, so it does not fit.
http://cv.iptc.org/newscodes/digitalsourcetype/
"""
ENHANCED = _SOURCE_TYPES + "algorithmicallyEnhanced"
"""Of a restored picture in which nothing was filled in.  # docs/decisions/017"""
_STRONGER = (
    "trainedAlgorithmicMedia",
    "compositeWithTrainedAlgorithmicMedia",
    "compositeSynthetic",
    "algorithmicMedia",
)
"""What a picture may say of itself already that a restoration does not make milder."""

COLOURED, RESTORED = "colours made by model ", "restored: "
"""How the events of the history begin."""


def mark_metadata(metadata: Metadata, marks: Mark | Sequence[Mark]) -> Metadata:
    """`metadata` saying what coloured or restored the picture; everything else in it is kept.

    marks: in the order of what was done

    XMP: Iptc4xmpExt:DigitalSourceType, AISystemUsed and AISystemVersionUsed (IPTC Photo Metadata 2025.1), and
    xmp:CreatorTool. EXIF: Software. What these said before is kept as an event of xmpMM:History, whose date is left out
    so that the same input gives the same file. Raises XmpError or ExifError for damaged blocks.
    """
    packet = Packet(metadata.xmp)
    for mark in [marks] if isinstance(marks, (MachineMark, RestorationMark)) else marks:
        if isinstance(mark, MachineMark):
            said = (DIGITAL_SOURCE_TYPE, f"retint {mark.model}", mark.version)
            _put(packet, said, f"{COLOURED}{mark.model} {mark.version}")
        else:
            said = (_restored_type(packet, mark), "retint restoration", mark.version) if mark.done else None
            _put(packet, said, RESTORED + (", ".join(mark.done) or "nothing was found to mend"))
    return replace(
        metadata,
        xmp=bytes(packet),
        exif=with_entries(metadata.exif, [text(SOFTWARE, SOFTWARE_NAME)]),
        text=tuple((key, SOFTWARE_NAME if key == "Software" else value) for key, value in metadata.text),
    )


def was_coloured(metadata: Metadata) -> bool:
    """Whether the history says that retint coloured the picture."""
    return _has_event(metadata, COLOURED)


def was_restored(metadata: Metadata) -> bool:
    """Whether the history says that retint restored the picture, or looked at it for that."""
    return _has_event(metadata, RESTORED)


def _put(packet: Packet, said: tuple[str, str, str] | None, event: str) -> None:
    """Set the properties (None: those that name the machine stay as they are), and add an event where that is news."""
    wanted = {(XMP, "CreatorTool"): ("xmp", SOFTWARE_NAME)}
    if said is not None:
        names = ("DigitalSourceType", "AISystemUsed", "AISystemVersionUsed")
        machine = {(IPTC_EXTENSION, name): ("Iptc4xmpExt", value) for name, value in zip(names, said, strict=True)}
        wanted = machine | wanted
    before = {key: packet.get(*key) for key in wanted}
    if before == {key: value for key, (_, value) in wanted.items()}:
        return
    for (space, name), (prefix, value) in wanted.items():
        packet.set(prefix, space, name, value)
    was = "".join(f"; {name} was {value}" for (_, name), value in before.items() if value)
    packet.append_event(action="edited", softwareAgent=SOFTWARE_NAME, parameters=event + was)


def _restored_type(packet: Packet, mark: RestorationMark) -> str:
    """What a restored picture is: not milder than what it says already."""
    own = packet.get(IPTC_EXTENSION, "DigitalSourceType")
    if mark.filled:
        return own if own == _SOURCE_TYPES + "trainedAlgorithmicMedia" else DIGITAL_SOURCE_TYPE
    return own if own in {_SOURCE_TYPES + name for name in _STRONGER} else ENHANCED


def _has_event(metadata: Metadata, start: str) -> bool:
    xmp = metadata.xmp or b""
    return b"retint " in xmp and start.encode() in xmp
