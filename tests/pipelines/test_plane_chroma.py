"""Chroma planes of film against the arithmetic of photographs."""

from __future__ import annotations

import numpy as np

from retint.color import BLUE, GREEN, RED, U_SCALE, V_SCALE, chroma_of, merge_chroma
from retint.pipelines.plane_chroma import PlaneChroma


def _frame() -> np.ndarray:
    rows, columns = np.mgrid[:96, :128]
    wave = 128 + 60 * np.sin(rows / 9) * np.cos(columns / 13) + 40 * (columns > 64)
    return wave.clip(0, 255).astype(np.uint8)


def _render(guide: np.ndarray) -> np.ndarray:
    """Chroma that changes where the luma does."""
    u = (guide.astype(np.float32) / 255 - 0.5) * 0.2
    return np.stack([u, 0.1 - u], axis=-1).astype(np.float32)


def test_planes_as_large_as_the_frame_are_those_of_a_photograph() -> None:
    gray = _frame()
    guide = gray[::2, ::2].copy()
    chroma = _render(guide)

    planes = PlaneChroma((128, 96))(gray, chroma, guide)

    photo = chroma_of(merge_chroma(gray, chroma, guide=guide).astype(np.uint8))
    assert np.abs(planes - photo)[4:-4, 4:-4].max() < 0.006  # 8-bit rounding and another resize at the very edges


def test_chroma_follows_an_edge_that_the_render_blurs() -> None:
    gray = np.where(np.arange(128) < 63, 60, 190)[None].repeat(96, 0).astype(np.uint8)
    guide = gray.reshape(24, 4, 32, 4).mean((1, 3)).astype(np.uint8)
    chroma = _render(guide)
    truth = _render(gray)

    followed = PlaneChroma((128, 96))(gray, chroma, guide)
    flat = np.repeat(np.repeat(chroma, 4, 0), 4, 1)

    near = slice(56, 72)
    assert np.abs(followed - truth)[:, near].mean() < 0.4 * np.abs(flat - truth)[:, near].mean()


def test_no_channel_leaves_the_gamut() -> None:
    gray = np.linspace(0, 255, 128)[None].repeat(96, 0).astype(np.uint8)
    guide = gray[::2, ::2].copy()
    strong = np.full((48, 64, 2), (0.4, 0.5), np.float32)

    u, v = np.moveaxis(PlaneChroma((64, 48))(gray, strong, guide), -1, 0)

    y = gray.reshape(48, 2, 64, 2).mean((1, 3)) / 255
    red, blue = v / V_SCALE, u / U_SCALE
    green = -(RED * red + BLUE * blue) / GREEN
    rgb = np.stack([red, green, blue]) + y
    assert rgb.min() > -0.003
    assert rgb.max() < 1.003
    middle = np.s_[20:28, 30:34]
    np.testing.assert_allclose(v[middle] / u[middle], 0.5 / 0.4, rtol=1e-4)  # the hue stays
    assert u[middle].min() > 0.05
