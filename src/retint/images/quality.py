"""JPEG quality, read from the quantisation tables that a file carries.

ITU-T T.81, annex K.1, and the scaling of libjpeg's jcparam.c, which gives "quality" its usual meaning.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

DEFAULT_QUALITY = 92
"""The least quality of a JPEG that retint writes unasked. A result is the second generation of its luma and holds new
chroma, so a file that was squeezed harder than this is not squeezed as hard again."""

_LUMA = (
    (16, 11, 10, 16, 24, 40, 51, 61),
    (12, 12, 14, 19, 26, 58, 60, 55),
    (14, 13, 16, 24, 40, 57, 69, 56),
    (14, 17, 22, 29, 51, 87, 80, 62),
    (18, 22, 37, 56, 68, 109, 103, 77),
    (24, 35, 55, 64, 81, 104, 113, 92),
    (49, 64, 78, 87, 103, 121, 120, 101),
    (72, 92, 95, 98, 112, 100, 103, 99),
)
_CHROMA = (
    (17, 18, 24, 47, 99, 99, 99, 99),
    (18, 21, 26, 66, 99, 99, 99, 99),
    (24, 26, 56, 99, 99, 99, 99, 99),
    (47, 66, 99, 99, 99, 99, 99, 99),
    (99, 99, 99, 99, 99, 99, 99, 99),
    (99, 99, 99, 99, 99, 99, 99, 99),
    (99, 99, 99, 99, 99, 99, 99, 99),
    (99, 99, 99, 99, 99, 99, 99, 99),
)


def _zigzag(table: Sequence[Sequence[int]]) -> list[int]:
    """An 8 x 8 table in the order of the file: diagonals, every other one upwards (T.81, figure 5)."""
    cells = sorted(
        (row + column, row if (row + column) % 2 else column, row, column) for row in range(8) for column in range(8)
    )
    return [table[row][column] for _, _, row, column in cells]


_BASES = (_zigzag(_LUMA), _zigzag(_CHROMA))


def scaled_table(base: Iterable[int], quality: int) -> list[int]:
    """A table at `quality` (1 to 100) as libjpeg scales it."""
    scale = 5000 // quality if quality < 50 else 200 - 2 * quality
    return [min(255, max(1, (value * scale + 50) // 100)) for value in base]


def estimate_quality(luma: Sequence[int], chroma: Sequence[int] | None) -> int:
    """The least quality, 1 to 100, whose tables are nowhere coarser than those of a file.

    luma, chroma: 64 steps in zigzag order; no chroma for a grey file. Exact for files of libjpeg. For tables of cameras
    and Photoshop, which have other shapes, it errs to the better side.
    """
    wanted = [(_BASES[0], luma)] + ([(_BASES[1], chroma)] if chroma is not None else [])
    for quality in range(1, 100):
        if all(
            step <= limit
            for base, limits in wanted
            for step, limit in zip(scaled_table(base, quality), limits, strict=True)
        ):
            return quality
    return 100
