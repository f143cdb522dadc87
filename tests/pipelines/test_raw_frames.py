"""Raw frames in, raw frames out."""

from __future__ import annotations

import io

import numpy as np
import pytest

from retint.color import chroma_of, luma
from retint.errors import InputError
from retint.pipelines.raw_frames import colorize_raw
from retint.rendering import Colorizer

WIDTH, HEIGHT = 50, 34


def frames(count: int) -> np.ndarray:
    return np.random.default_rng(0).integers(60, 190, (count, HEIGHT, WIDTH, 3)).astype(np.uint8)


class Slow(io.BytesIO):
    """A pipe, which gives a few bytes at a time."""

    def read(self, size: int | None = -1, /) -> bytes:
        return super().read(min(999, size or 999))


@pytest.mark.parametrize("keyframes", ["off", "auto"])
def test_each_frame_keeps_its_luma_and_gets_colours(colorizer: Colorizer, keyframes: str):
    sent, out, told = frames(15), io.BytesIO(), list[int]()
    count = colorize_raw(
        Slow(sent.tobytes()),
        out,
        (WIDTH, HEIGHT),
        colorizer,
        keyframes=keyframes,  # type: ignore[arg-type]
        progress=told.append,
    )
    got = np.frombuffer(out.getvalue(), np.uint8).reshape(-1, HEIGHT, WIDTH, 3)
    assert (count, len(got), told) == (15, 15, list(range(1, 16)))
    for before, after in zip(sent, got, strict=True):
        assert np.array_equal(luma(before), luma(after))
        assert chroma_of(after).mean(axis=(0, 1)) == pytest.approx((-0.1, 0.2), abs=0.05)


def test_an_end_within_a_frame_is_told(colorizer: Colorizer):
    with pytest.raises(InputError, match=r"ends within frame 2, after 100 of its 5100 bytes; .* rgb24 and 50x34 px"):
        colorize_raw(io.BytesIO(frames(3).tobytes()[: 2 * 5100 + 100]), io.BytesIO(), (WIDTH, HEIGHT), colorizer)


def test_nothing_at_all_is_told(colorizer: Colorizer):
    with pytest.raises(InputError, match="no frame came in"):
        colorize_raw(io.BytesIO(), io.BytesIO(), (WIDTH, HEIGHT), colorizer)


@pytest.mark.parametrize("size", [(0, 10), (10, -1), (20000, 10)])
def test_sizes_that_no_film_has(colorizer: Colorizer, size: tuple[int, int]):
    with pytest.raises(InputError, match="wanted 1 to 16384 px a side"):
        colorize_raw(io.BytesIO(), io.BytesIO(), size, colorizer)
