"""Parts of a coloured film: coded packets in a file of their own, with timestamps as exact as the film's.

No container is used: Matroska rounds to milliseconds, and NUT keeps no time of decoding. The file is

    RETINT PART 1 and a newline
    a line of JSON: how it was encoded, and the encoder's header (base64)
    packets in the order of coding: 21 bytes of `_PACKET`, then the coded bytes
    at the end a packet of 0 bytes, whose pts is the number of packets: what lacks it is no whole part

It takes its name only when it is whole and on the disk.
"""

from __future__ import annotations

import base64
import binascii
import json
import struct
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, cast

import av
import numpy as np
from numpy.typing import NDArray

from retint.errors import OutputError

_MAGIC = b"RETINT PART 1\n"
_PACKET = struct.Struct("<qqIB")  # pts, duration, bytes, whether it is a key frame
_LONGEST_HEADER = 1 << 20

PACKET = np.dtype([("pts", "<i8"), ("duration", "<i8"), ("offset", "<i8"), ("size", "<i8"), ("key", "?")])


@dataclass(frozen=True, eq=False)
class Part:
    """A part that lies whole on the disk."""

    path: Path
    how: Mapping[str, Any]  # `Encoding.describe` of what made it
    header: bytes  # the encoder's: extradata
    packets: NDArray[np.void]  # of dtype `PACKET`, in the order of coding

    @property
    def frames(self) -> int:
        """That are in it."""
        return len(self.packets)

    @property
    def first_pts(self) -> int:
        """Of the first frame shown."""
        return int(self.packets["pts"].min())

    @property
    def last_pts(self) -> int:
        """Of the last frame shown."""
        return int(self.packets["pts"].max())

    def read(self) -> Iterator[bytes]:
        """Yield the coded bytes of each packet.

        Raises
        ------
        OutputError: the file cannot be read
        """
        try:
            with self.path.open("rb") as file:
                for offset, size in zip(self.packets["offset"].tolist(), self.packets["size"].tolist(), strict=True):
                    file.seek(offset)
                    yield file.read(size)
        except OSError as error:
            raise OutputError(f"{self.path}: cannot be read ({error.strerror or error}); colour it again") from error


class PartFile:
    """A part that is being written."""

    def __init__(self, file: BinaryIO, how: Mapping[str, Any], header: bytes) -> None:
        self._file = file
        self._count = 0
        line = json.dumps({"how": how, "header": base64.b64encode(header).decode()})
        file.write(_MAGIC + line.encode() + b"\n")

    def add(self, packet: av.Packet[Any], duration: int) -> None:
        """Append a packet. Durations are the film's own, as encoders lose them."""
        assert packet.pts is not None
        self._file.write(_PACKET.pack(packet.pts, duration, packet.size, packet.is_keyframe))
        self._file.write(bytes(packet))
        self._count += 1

    def end(self) -> None:
        """Say that this was all."""
        self._file.write(_PACKET.pack(self._count, 0, 0, 0))


def read_part(path: Path) -> Part:
    """Read what a part is made of; its packets stay on the disk.

    Raises
    ------
    OutputError: it cannot be read, or is not a whole part
    """
    packets: list[tuple[int, int, int, int, bool]] = []
    try:
        with path.open("rb") as file:
            if file.read(len(_MAGIC)) != _MAGIC:
                raise ValueError
            said = cast("dict[str, Any]", json.loads(file.readline(_LONGEST_HEADER)))
            header = base64.b64decode(said["header"], validate=True)
            while True:
                pts, duration, size, key = _PACKET.unpack(file.read(_PACKET.size))
                if size == 0:
                    break
                packets.append((pts, duration, file.tell(), size, bool(key)))
                file.seek(size, 1)
            if pts != len(packets) or file.read(1):
                raise ValueError
    except OSError as error:
        raise OutputError(f"{path}: cannot be read ({error.strerror or error}); colour it again") from error
    except (ValueError, KeyError, TypeError, struct.error, binascii.Error) as error:
        raise OutputError(f"{path}: is not a whole part of a film; remove it, and run the command again") from error
    return Part(path, said["how"], header, np.array(packets, PACKET))


def decoding_times(parts: Sequence[Part]) -> NDArray[np.int64]:
    """When each packet of all parts is to be decoded, in the order of coding: rises strictly, never after it is shown.

    Encoders know their own part only, and count from before its beginning. What holds for the whole film: where frames
    are coded at most `depth` places ahead of their turn, each is decoded when the one `depth` places back is shown.
    Before the first frame, time goes on in steps of the first two frames' distance.
    """
    pts = np.concatenate([part.packets["pts"] for part in parts]).astype(np.int64)
    shown = np.sort(pts)
    depth = int((np.arange(len(pts)) - np.searchsorted(shown, pts)).max(initial=0))
    step = int(shown[1] - shown[0]) if len(shown) > 1 else 1
    before = shown[0] - step * np.arange(depth, 0, -1)
    return np.concatenate([before, shown])[: len(pts)]
