"""IPTC-IIM: the captions and credits that archives wrote before XMP, and Photoshop's block that carries them.

IPTC-NAA Information Interchange Model 4.2; Adobe Photoshop File Formats, "Image Resource Blocks".
"""

from __future__ import annotations

import struct

_IIM = 0x0404


def from_photoshop(block: bytes) -> bytes | None:
    """The IIM datasets in a Photoshop resource block, or None."""
    at = 0
    while block[at : at + 4] == b"8BIM" and at + 12 <= len(block):
        (code,) = struct.unpack(">H", block[at + 4 : at + 6])
        at += 6
        at += (block[at] + 2) & ~1  # a name with its length, padded to an even size
        if at + 4 > len(block):
            return None
        (size,) = struct.unpack(">I", block[at : at + 4])
        at += 4
        if code == _IIM and 0 < size <= len(block) - at:
            return block[at : at + size]
        at += size + size % 2
    return None


def to_photoshop(datasets: bytes) -> bytes:
    """A Photoshop resource block with these IIM datasets alone."""
    head = b"8BIM" + struct.pack(">HHI", _IIM, 0, len(datasets))
    return head + datasets + bytes(len(datasets) % 2)
