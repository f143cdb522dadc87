"""Large pictures through a network piece by piece, so that no piece can be told from another.

The picture is thought of as mirrored at its edges without end. A network whose receptive field reaches `margin` px at
most, and that halves its maps up to four times, gives every pixel the same value in any tile whose origin is a multiple
of 16 px and that goes on for `margin` px around it: what is nearer to a tile's edge is computed and thrown away. So the
result does not depend on the tiling, the one tile of a small picture included.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from retint.restoration.planes import FULL, Floats, Luma, Mask

GRID = 16  # px: four halvings
CORE = 512  # px; with the margins around it some 100 bytes a pixel and channel of a network are well under a gigabyte

Work = Callable[[Floats], Floats]
"""(C, h, w) float32, h and w multiples of 16, to (s * h, s * w) float32; s: the scale."""


@dataclass(frozen=True)
class Tile:
    """One piece. What it covers may hang over the picture's lower and right edge, so that all are of one size."""

    top: int
    left: int
    height: int
    width: int

    def within(self, height: int, width: int) -> tuple[slice, slice]:
        """Rows and columns of the picture that it covers."""
        return slice(self.top, min(self.top + self.height, height)), slice(
            self.left, min(self.left + self.width, width)
        )


def tiles_of(height: int, width: int, core: int = CORE) -> Iterator[Tile]:
    """The pieces of a picture, row by row: equal, at multiples of 16 px, no longer than `core` (a multiple of 16)."""
    tall, wide = _piece(height, core), _piece(width, core)
    for top in range(0, height, tall):
        for left in range(0, width, wide):
            yield Tile(top, left, tall, wide)


def _piece(length: int, core: int) -> int:
    count = -(-length // core)
    return -(-length // (count * GRID)) * GRID


def mirrored(start: int, stop: int, length: int) -> NDArray[np.intp]:
    """Indices into an axis of `length` for positions start..stop, mirrored at both ends as often as it takes."""
    if length == 1:
        return np.zeros(stop - start, np.intp)
    period = 2 * (length - 1)
    at = np.arange(start, stop) % period
    return np.minimum(at, period - at)


def window(plane: Luma | Mask, tile: Tile, margin: int) -> Floats:
    """What a network sees of a tile: (height + 2 margin, width + 2 margin) float32 in 0..1."""
    rows = mirrored(tile.top - margin, tile.top + tile.height + margin, plane.shape[0])
    columns = mirrored(tile.left - margin, tile.left + tile.width + margin, plane.shape[1])
    seen = plane[rows[:, None], columns[None, :]].astype(np.float32)
    return seen if plane.dtype == np.bool_ else seen * np.float32(1 / FULL)


def over_tiles(
    planes: Sequence[Luma | Mask],
    work: Work,
    margin: int,
    *,
    scale: int = 1,
    core: int = CORE,
    wanted: Callable[[Tile], bool] | None = None,
) -> Iterator[tuple[slice, slice, Floats]]:
    """Work on a picture tile by tile; yields the rows and columns of the result, and their values.

    planes: channels of the network, (H, W) each. margin: px that the network looks around itself, rounded up to 16.
    scale: how much larger the network's answer is. wanted: tiles that it says no to are passed over.
    """
    margin = -(-margin // GRID) * GRID
    height, width = planes[0].shape
    for tile in tiles_of(height, width, core):
        if wanted is not None and not wanted(tile):
            continue
        answer = work(np.stack([window(plane, tile, margin) for plane in planes]))
        rows, columns = tile.within(height, width)
        edge = scale * margin
        tall, wide = scale * (rows.stop - rows.start), scale * (columns.stop - columns.start)
        yield (
            slice(scale * rows.start, scale * rows.stop),
            slice(scale * columns.start, scale * columns.stop),
            answer[edge : edge + tall, edge : edge + wide],
        )
