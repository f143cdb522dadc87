"""Sheets of a film: before hours of work, and after them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from synthetic_film import make_film

from retint.color import chroma_of
from retint.errors import InputError
from retint.pipelines.film import colorize_film
from retint.pipelines.film_preview import preview_film, save_comparison
from retint.rendering import Colorizer

COLUMN, GAP, CAPTION = 320, 6, 18


def cell(sheet: Image.Image, line: int, column: int, height: int) -> np.ndarray:
    left, top = GAP + column * (COLUMN + GAP), CAPTION + line * (height + CAPTION)
    return np.asarray(sheet.crop((left, top, left + COLUMN, top + height)))


def colour_of(picture: np.ndarray) -> np.ndarray:
    return chroma_of(picture).mean(axis=(0, 1))


def test_a_line_for_each_frame_and_a_column_for_each_render_factor(tmp_path: Path, colorizer: Colorizer):
    make_film(tmp_path / "old.mp4", frames=40)
    sheet = preview_film(tmp_path / "old.mp4", colorizer, frames=4)
    height = round(64 * COLUMN / 96)
    assert sheet.size == (GAP + 4 * (COLUMN + GAP), CAPTION + 4 * (height + CAPTION) + GAP)
    for line in range(4):
        assert colour_of(cell(sheet, line, 0, height)) == pytest.approx((0, 0), abs=1e-3)
        for column in (1, 2, 3):
            assert colour_of(cell(sheet, line, column, height)) == pytest.approx((-0.1, 0.2), abs=0.03)
    first, last = cell(sheet, 0, 0, height), cell(sheet, 3, 0, height)
    assert not np.array_equal(first, last)


def test_a_film_of_two_frames_has_two_lines(tmp_path: Path, colorizer: Colorizer):
    make_film(tmp_path / "old.mp4", frames=2)
    sheet = preview_film(tmp_path / "old.mp4", colorizer, frames=6)
    assert sheet.height == CAPTION + 2 * (round(64 * COLUMN / 96) + CAPTION) + GAP


def test_a_film_that_is_shown_turned_is_turned(tmp_path: Path, colorizer: Colorizer):
    make_film(tmp_path / "old.mp4", frames=2, rotation=90)
    sheet = preview_film(tmp_path / "old.mp4", colorizer, frames=1)
    assert sheet.height == CAPTION + round(96 * COLUMN / 64) + CAPTION + GAP


@pytest.mark.parametrize("frames", [0, 101])
def test_a_number_of_frames_that_cannot_be(tmp_path: Path, colorizer: Colorizer, frames: int):
    make_film(tmp_path / "old.mp4", frames=2)
    with pytest.raises(InputError, match=f"got {frames} frames for a preview, wanted 1 to 100"):
        preview_film(tmp_path / "old.mp4", colorizer, frames=frames)


def test_before_and_after_are_the_same_frames(tmp_path: Path, colorizer: Colorizer):
    make_film(tmp_path / "old.mp4", frames=50)
    colorize_film(tmp_path / "old.mp4", tmp_path / "new.mkv", colorizer=colorizer, codec="ffv1", start=0.4)
    save_comparison(tmp_path / "old.mp4", tmp_path / "new.mkv", tmp_path / "sheet.jpg", frames=3, start=0.4)
    height = round(64 * COLUMN / 96)
    with Image.open(tmp_path / "sheet.jpg") as image:
        sheet = image.convert("RGB")
    assert sheet.size == (GAP + 2 * (COLUMN + GAP), CAPTION + 3 * (height + CAPTION) + GAP)
    for line in range(3):
        before, after = (cell(sheet, line, column, height) for column in (0, 1))
        assert colour_of(before) == pytest.approx((0, 0), abs=3e-3)
        assert colour_of(after) == pytest.approx((-0.1, 0.2), abs=0.03)
        grays = [np.asarray(Image.fromarray(picture).convert("L"), np.int16) for picture in (before, after)]
        assert np.abs(grays[0] - grays[1]).mean() < 4
