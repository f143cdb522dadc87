"""Raw frames through a pipe: for programs that decode and encode by themselves."""

from __future__ import annotations

from collections.abc import Callable, Generator
from dataclasses import dataclass
from typing import TYPE_CHECKING, BinaryIO

import numpy as np
from numpy.typing import NDArray

from retint.color import luma, merge_chroma
from retint.errors import InputError
from retint.pipelines.film_colour import Coloured, Seen, coloured, small_of
from retint.pipelines.stabilizer import KeyFrames, Strength

if TYPE_CHECKING:
    from retint.rendering import Colorizer

LARGEST_SIDE = 16384  # px


@dataclass
class _Raw(Seen):
    pixels: NDArray[np.uint8]  # (H, W, 3)


def colorize_raw(
    source: BinaryIO,
    target: BinaryIO,
    size: tuple[int, int],
    colorizer: Colorizer,
    *,
    render_factor: int | None = None,
    stabilize: Strength = "normal",
    keyframes: KeyFrames = "auto",
    progress: Callable[[int], None] | None = None,
) -> int:
    """Colour frames of raw 8-bit RGB (FFmpeg's rgb24) until the source ends. Returns how many there were.

    source, target: streams of frames, W * H * 3 bytes each, row by row, without anything between them
    size: width and height, px
    progress: called with the number of frames that are written

    Frames keep their luma, as photographs do. They come out some frames late, and all of them at the end.

    Raises
    ------
    InputError: nothing came in; the source ends within a frame; a size that no film has
    """
    width, height = size
    if not (0 < width <= LARGEST_SIDE and 0 < height <= LARGEST_SIDE):
        raise InputError(f"got frames of {width}x{height} px, wanted 1 to {LARGEST_SIDE} px a side")
    side = colorizer.resolve_render_factor(render_factor, size) * 16
    frames = _frames(source, size, side)
    count = 0
    for item in coloured(frames, colorizer.chroma_batch, stabilize, keyframes):
        if isinstance(item, Coloured):
            frame = item.frame
            target.write(np.ascontiguousarray(merge_chroma(frame.pixels, item.chroma, item.guide)).tobytes())
            count += 1
            if progress is not None:
                progress(count)
    target.flush()
    if not count:
        raise InputError("-: no frame came in; pipe raw rgb24 frames into it")
    return count


def _frames(source: BinaryIO, size: tuple[int, int], side: int) -> Generator[_Raw]:
    width, height = size
    number, wanted = 0, width * height * 3
    while True:
        content = bytearray()
        while len(content) < wanted and (piece := source.read(wanted - len(content))):
            content += piece
        if not content:
            return
        if len(content) < wanted:
            raise InputError(
                f"-: ends within frame {number}, after {len(content)} of its {wanted} bytes; "
                f"check that frames are rgb24 and {width}x{height} px"
            )
        pixels = np.frombuffer(bytes(content), np.uint8).reshape(height, width, 3)
        gray = np.asarray(luma(pixels), np.uint8)
        yield _Raw(gray, small_of(gray, side), pixels)
        number += 1
