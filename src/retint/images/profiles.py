"""ICC profiles: which kind they are, and those that retint makes itself.

ICC.1:2010. Three cases need care, because a result is RGB whatever the photograph was:

- An RGB profile, wide gamut included, stays: the pixels stay in its space.
- A grey profile must not be attached to RGB pixels: readers reject the file or ignore the profile. Its tone curve goes
  into an RGB profile with the primaries of sRGB instead, so that R = G = B = v looks exactly as grey v did, and not one
  bit of the luma changes. Only where the curve is far from sRGB's (linear light, say) the pixels are converted when
  read: the network has learned pictures in sRGB's tone.
- A CMYK profile is used up in the conversion to sRGB, and sRGB takes its place.
"""

from __future__ import annotations

import struct
from functools import cache

import numpy as np

_D50 = (0.9642, 1.0, 0.8249)
_SRGB_PRIMARIES = (  # IEC 61966-2-1 adapted to D50 by the Bradford matrix; the columns add up to D50
    ("rXYZ", (0.4360657, 0.2224884, 0.0139160)),
    ("gXYZ", (0.3851471, 0.7168732, 0.0970764)),
    ("bXYZ", (0.1430664, 0.0606079, 0.7140961)),
)


def space_of(icc: bytes) -> str | None:
    """The colour space of a profile: "RGB", "GRAY", "CMYK", …; None where the bytes are no profile."""
    if len(icc) < 132 or icc[36:40] != b"acsp" or int.from_bytes(icc[:4], "big") > len(icc):
        return None
    return icc[16:20].decode("latin-1").strip()


@cache
def srgb_profile() -> bytes:
    """sRGB as a matrix profile of version 2. Always the same bytes: no date inside."""
    levels = np.linspace(0, 1, 1024)
    linear = np.where(levels <= 0.04045, levels / 12.92, ((levels + 0.055) / 1.055) ** 2.4)
    table = np.round(linear * 65535).astype(">u2").tobytes()
    return _build("RGB ", b"curv" + bytes(4) + struct.pack(">I", 1024) + table, "sRGB")


def gamma_profile(gamma: float, channels: int) -> bytes:
    """A profile whose tone is a plain power, for PNG files that state a gamma and no profile. 1 or 3 channels."""
    curve = b"curv" + bytes(4) + struct.pack(">IH", 1, round(gamma * 256))
    return _build("RGB " if channels == 3 else "GRAY", curve, f"gamma {gamma:.2f}")


def tone_curve(icc: bytes) -> bytes | None:
    """The curve that maps samples to luminance, as raw tag data; None where the profile has no single one.

    Grey profiles have one unless they are tables or connect through Lab. RGB ones have one where the three agree.
    """
    if space_of(icc) is None or icc[20:24] != b"XYZ ":
        return None
    tags = _tags(icc)
    if any(name in tags for name in (b"A2B0", b"A2B1", b"A2B2")):
        return None
    names = (b"kTRC",) if space_of(icc) == "GRAY" else (b"rTRC", b"gTRC", b"bTRC")
    curves = {tags.get(name) for name in names}
    return curves.pop() if len(curves) == 1 else None


def fit_profile(icc: bytes, channels: int) -> tuple[bytes | None, str | None]:
    """The profile for pixels of 1 or 3 channels, and a note where it had to go."""
    space = space_of(icc)
    if space == {1: "GRAY", 3: "RGB"}[channels]:
        return icc, None
    curve = tone_curve(icc) if space in ("GRAY", "RGB") else None
    if curve is None:
        kind = f"{space} profile" if space else "damaged colour profile"
        return None, f"the {kind} does not fit {'RGB' if channels == 3 else 'grey'} pixels and was left out"
    return _build("RGB " if channels == 3 else "GRAY", curve, "Tone of the photograph"), None


def _tags(icc: bytes) -> dict[bytes, bytes]:
    """The tags of a profile by signature; those that point outside are left out."""
    (count,) = struct.unpack(">I", icc[128:132])
    found: dict[bytes, bytes] = {}
    for index in range(min(count, 256)):
        row = icc[132 + 12 * index : 144 + 12 * index]
        if len(row) < 12:
            break
        name, at, size = struct.unpack(">4sII", row)
        if at + size <= len(icc):
            found[name] = icc[at : at + size]
    return found


def _build(space: str, curve: bytes, name: str) -> bytes:
    """A matrix or grey display profile with one tone curve."""
    four = curve.startswith(b"para")  # parametric curves came with version 4
    tags: list[tuple[str, bytes]] = [
        ("desc", _words(name, four)),
        ("cprt", _localised("No copyright") if four else b"text" + bytes(4) + b"No copyright\0"),
        ("wtpt", _xyz(_D50)),
    ]
    if space == "RGB ":
        tags += [(tag, _xyz(value)) for tag, value in _SRGB_PRIMARIES]
        tags += [(tag, curve) for tag in ("rTRC", "gTRC", "bTRC")]
    else:
        tags.append(("kTRC", curve))
    table, body, places = bytearray(struct.pack(">I", len(tags))), bytearray(), dict[bytes, int]()
    start = 128 + 4 + 12 * len(tags)
    for tag, data in tags:
        if data not in places:
            places[data] = start + len(body)
            body += data + bytes(-len(data) % 4)
        table += struct.pack(">4sII", tag.encode(), places[data], len(data))
    version = 0x04300000 if four else 0x02400000
    date = struct.pack(">6H", 2000, 1, 1, 0, 0, 0)  # fixed: the same photograph gives the same file
    head = struct.pack(">I4sI", start + len(body), bytes(4), version) + b"mntr" + space.encode() + b"XYZ " + date
    head += b"acsp" + bytes(24) + struct.pack(">I", 1) + _s15(_D50)
    return head.ljust(128, b"\0") + bytes(table) + bytes(body)


def _s15(values: tuple[float, ...]) -> bytes:
    """s15Fixed16Number."""
    return struct.pack(f">{len(values)}i", *(round(value * 65536) for value in values))


def _xyz(values: tuple[float, ...]) -> bytes:
    return b"XYZ " + bytes(4) + _s15(values)


def _words(name: str, four: bool) -> bytes:
    if four:
        return _localised(name)
    raw = name.encode("ascii") + b"\0"  # textDescriptionType: ASCII, then empty Unicode and Macintosh parts
    return b"desc" + bytes(4) + struct.pack(">I", len(raw)) + raw + bytes(4 + 4 + 2 + 1 + 67)


def _localised(name: str) -> bytes:
    raw = name.encode("utf-16-be")
    return b"mluc" + bytes(4) + struct.pack(">II2s2sII", 1, 12, b"en", b"US", len(raw), 28) + raw
