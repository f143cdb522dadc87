"""Files that are made to do harm: planted from a seed, five hundred of them, each with what it is."""

from __future__ import annotations

import io
import random
import struct
import zipfile
import zlib
from collections.abc import Iterator

from serving import picture

NAMES = (
    "../../../../tmp/evil.jpg",
    "..\\..\\windows\\evil.jpg",
    "/etc/passwd",
    "C:\\autoexec.bat",
    "file:///etc/passwd",
    "http://127.0.0.1:1/evil.jpg",
    "a\x00.jpg",
    "\r\nX-Evil: 1\r\n.jpg",
    '"; filename="other',
    "-rf.jpg",
    "$(touch evil).jpg",
    "x" * 5000 + ".jpg",
    "\u202egpj.exe",
    "💥.jpg",
    "con",
    ".",
    "..",
    "~/.bashrc",
)


def _chunk(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


def png_bomb(side: int, depth: int = 8) -> bytes:
    """A few kilobytes that say they are gigapixels."""
    header = struct.pack(">IIBBBBB", side, side, depth, 2, 0, 0, 0)
    rows = zlib.compress(bytes(1 << 20), 9)
    return b"\x89PNG\r\n\x1a\n" + _chunk(b"IHDR", header) + _chunk(b"IDAT", rows) + _chunk(b"IEND", b"")


def png_text_bomb() -> bytes:
    """A sound little picture, but for a comment that unpacks to much more than it is."""
    good = picture("PNG")
    text = _chunk(b"zTXt", b"Comment\0\0" + zlib.compress(bytes(80 << 20), 9))
    return good[:33] + text + good[33:-20]


def jpeg_bomb(side: int) -> bytes:
    good = picture("JPEG")
    at = good.index(b"\xff\xc0")
    return good[: at + 5] + struct.pack(">HH", side, side) + good[at + 9 :]


def gif_bomb() -> bytes:
    return (
        b"GIF89a" + struct.pack("<HH", 65535, 65535) + b"\x80\0\0\0\0\0\xff\xff\xff," + bytes(9) + b"\x02\x02L\x01\0;"
    )


def tiff_loop() -> bytes:
    """A TIFF whose chain of pages never ends, and whose strips lie outside of it."""
    entries = [(256, 3, 1, 40000), (257, 3, 1, 40000), (258, 3, 1, 8), (273, 4, 1, 0xFFFFFF00), (279, 4, 1, 0xFFFFFFFF)]
    body = struct.pack("<H", len(entries)) + b"".join(struct.pack("<HHII", *entry) for entry in entries)
    return b"II*\0" + struct.pack("<I", 8) + body + struct.pack("<I", 8)


def archive() -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as bomb:
        bomb.writestr("../../evil", bytes(10 << 20))
    return out.getvalue()


def playlists() -> tuple[bytes, ...]:
    """Texts that make players open other files and addresses."""
    return (
        b"#EXTM3U\n#EXTINF:10,\nfile:///etc/passwd\n#EXT-X-ENDLIST\n",
        b"#EXTM3U\n#EXTINF:10,\nhttp://127.0.0.1:1/x\n#EXT-X-ENDLIST\n",
        b"ffconcat version 1.0\nfile /etc/passwd\n",
        b"v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nt=0 0\nm=video 5004 RTP/AVP 96\n",
        b'<?xml version="1.0"?><MPD><Period><AdaptationSet><BaseURL>file:///etc/passwd</BaseURL></AdaptationSet></Period></MPD>',
        b'<svg xmlns="http://www.w3.org/2000/svg"><image href="file:///etc/passwd"/><script>alert(1)</script></svg>',
        b"%!PS-Adobe-3.0\n(/etc/passwd) (r) file\n",
        b'<!DOCTYPE x [<!ENTITY e SYSTEM "file:///etc/passwd">]><x>&e;</x>',
    )


def hostile(count: int = 500, seed: int = 20261125) -> Iterator[tuple[str, str, bytes]]:
    """(what it is, the name it is sent with, its bytes). Nothing of it can be coloured."""
    chance = random.Random(seed)
    good = {format: picture(format) for format in ("JPEG", "PNG", "WEBP", "TIFF", "BMP", "GIF", "AVIF")}
    fixed: list[tuple[str, bytes]] = [
        ("empty", b""),
        ("zeros", bytes(5000)),
        ("png bomb", png_bomb(60000)),
        ("png bomb, 16 bit", png_bomb(2**31 - 1, 16)),
        ("png text bomb, cut", png_text_bomb()),
        ("jpeg bomb", jpeg_bomb(65500)),
        ("gif bomb", gif_bomb()),
        ("tiff loop", tiff_loop()),
        ("archive", archive()),
        ("page and picture", b"GIF89a/*" + b"<script>alert(1)</script>*/=1;"),
        ("elf", b"\x7fELF" + bytes(500)),
        ("a film of no frames", b"\0\0\0\x18ftypmp42\0\0\0\0mp42isom" + b"\0\0\0\x08mdat"),
        *(("playlist", text) for text in playlists()),
    ]
    for number in range(count):
        name = NAMES[number % len(NAMES)]
        if number < len(fixed):
            what, content = fixed[number]
            yield what, name, content
            continue
        format = chance.choice(list(good))
        content = good[format]
        kind = number % 4
        if kind == 0:  # at most half, so that no decoder finds a whole picture in it
            yield f"{format} cut", name, content[: chance.randrange(4, len(content) // 2)]
        elif kind == 1:
            yield f"{format} head, then noise", name, content[:24] + chance.randbytes(chance.randrange(1, 4000))
        elif kind == 2:
            other = good[chance.choice([one for one in good if one != format])]
            yield f"{format} head, then another file", name, content[:12] + other[: chance.randrange(20, len(other))]
        else:
            yield "noise", name, b"\x01" + chance.randbytes(chance.randrange(1, 4000))
