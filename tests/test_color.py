from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from retint.color import STRIP, chroma_of, luma, merge_chroma, merge_render


def bt601(rgb: np.ndarray) -> np.ndarray:
    return rgb.astype(np.float64) @ np.array([0.299, 0.587, 0.114])


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_luma_is_bt601_and_grey_is_its_own(dtype: type):
    full = np.iinfo(dtype).max
    rgb = np.random.default_rng(0).integers(0, full + 1, (300, 40, 3)).astype(dtype)
    assert np.abs(luma(rgb) - bt601(rgb)).max() <= 0.51 if dtype == np.uint8 else 0.501
    grey = rgb[..., 0]
    assert luma(grey) is grey
    assert np.array_equal(luma(np.repeat(grey[..., None], 3, axis=2)), grey)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize("strength", [0.05, 0.6], ids=["within the gamut", "far beyond it"])
def test_every_pixel_keeps_its_luma_to_the_bit(dtype: type, strength: float):
    rng = np.random.default_rng(1)
    full = np.iinfo(dtype).max
    grey = rng.integers(0, full + 1, (STRIP + 90, 64)).astype(dtype)
    grey[:8], grey[8:16] = 0, full
    chroma = (rng.standard_normal((31, 29, 2)) * strength).astype(np.float32)
    merged = merge_chroma(grey, chroma)
    assert merged.dtype == dtype
    assert np.array_equal(np.rint(bt601(merged)), grey)
    assert (merged.max(axis=2) != merged.min(axis=2)).mean() > 0.8


def test_flat_chroma_gives_the_planted_colour():
    merged = merge_chroma(np.full((4, 5), 128, np.uint8), np.full((2, 2, 2), (-0.05, 0.1), np.float32))
    red, blue = round(128 + 0.1 * 255 / 0.877), round(128 - 0.05 * 255 / 0.492)
    assert (merged[..., 0] == red).all()
    assert (merged[..., 2] == blue).all()


def test_no_chroma_gives_grey_without_a_warning():
    grey = np.array([[0, 1, 128, 254, 255]], np.uint8)
    for zero in (0.0, -0.0):
        merged = merge_chroma(grey, np.full((1, 5, 2), zero, np.float32))
        assert np.array_equal(merged, np.repeat(grey[..., None], 3, axis=2))


def test_strips_leave_no_seam():
    rng = np.random.default_rng(2)
    chroma = (rng.standard_normal((40, 40, 2)) * 0.1).astype(np.float32)
    height = 3 * STRIP + 17
    merged = merge_chroma(np.full((height, 70), 30000, np.uint16), chroma)
    planes = [
        np.asarray(Image.fromarray(chroma[..., i]).resize((70, height), Image.Resampling.BILINEAR)) for i in range(2)
    ]
    expected_red = 30000 + planes[1] * 65535 / 0.877
    inside = (expected_red > 20000) & (expected_red < 40000) & (np.abs(planes[0]) < 0.1)
    assert inside.mean() > 0.2
    assert np.abs(merged[..., 0] - expected_red)[inside].max() < 8


def test_a_guide_puts_the_chroma_edge_where_the_luma_edge_is():
    full = np.full((160, 160), 60, np.uint8)
    full[:, 83:] = 190  # between two cells of the render
    guide = np.asarray(Image.fromarray(full).resize((16, 16), Image.Resampling.BILINEAR))
    bright = (guide.astype(np.float32) - 60) / 130
    chroma = np.stack([-0.08 * bright, 0.1 * bright], axis=-1)
    wanted = np.where(full == 190, 0.1, 0.0)

    def error(merged: np.ndarray) -> float:
        return float(np.abs(chroma_of(merged)[..., 1] - wanted)[:, 70:96].mean())

    plain, guided = error(merge_chroma(full, chroma)), error(merge_chroma(full, chroma, guide))
    assert guided < 0.4 * plain


def test_a_guide_keeps_flat_chroma_flat_and_luma_exact():
    grey = np.random.default_rng(5).integers(60, 190, (300, 50)).astype(np.uint8)
    chroma = np.full((20, 24, 2), (-0.05, 0.06), np.float32)
    guide = np.asarray(Image.fromarray(grey).resize((24, 20), Image.Resampling.BILINEAR))
    merged = merge_chroma(grey, chroma, guide)
    assert np.array_equal(merged, merge_chroma(grey, chroma))
    assert np.array_equal(luma(merged), grey)


def test_chroma_survives_a_round_trip():
    rgb = np.random.default_rng(3).integers(0, 256, (20, 20, 3)).astype(np.uint8)
    again = merge_chroma(rgb, chroma_of(rgb))
    assert np.abs(again.astype(int) - rgb).max() <= 2


def opencv_reference(original: np.ndarray, render: np.ndarray) -> np.ndarray:
    """The exact integer forms of OpenCV's RGB2YUV and YUV2RGB, pixel by pixel."""
    half, out = 1 << 13, np.empty_like(render)

    def clip(x: int) -> int:
        return max(0, min(255, x))

    for place in np.ndindex(render.shape[:2]):
        r, g, b = (int(v) for v in original[place])
        y = (4899 * r + 9617 * g + 1868 * b + half) >> 14
        r, g, b = (int(v) for v in render[place])
        own = (4899 * r + 9617 * g + 1868 * b + half) >> 14
        u = clip(((b - own) * 8061 + (128 << 14) + half) >> 14) - 128
        v = clip(((r - own) * 14369 + (128 << 14) + half) >> 14) - 128
        out[place] = (
            clip(y + ((18678 * v + half) >> 14)),
            clip(y + ((-6472 * u - 9519 * v + half) >> 14)),
            clip(y + ((33292 * u + half) >> 14)),
        )
    return out


def test_merge_of_a_render_is_opencvs_to_the_bit():
    rng = np.random.default_rng(4)
    original, render = (rng.integers(0, 256, (30, 31, 3)).astype(np.uint8) for _ in range(2))
    assert np.array_equal(merge_render(original, render), opencv_reference(original, render))
