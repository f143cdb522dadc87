"""How several chromas become one, with known answers."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from retint.pipelines.chroma_blend import fill, ratio, vividness, weighted


def flat(u: float, v: float, side: int = 80) -> np.ndarray:
    return np.broadcast_to(np.array([u, v], np.float32), (side, side, 2)).copy()


def test_a_mean_under_weights():
    one, other = np.full((80, 80), 3, np.float32), np.full((80, 80), 1, np.float32)
    other[0] = one[0] = 0
    mean, total = weighted([(one, flat(0.1, 0)), (other, flat(-0.1, 0.4))])
    assert mean[5, 5] == pytest.approx([0.05, 0.1], abs=1e-6)
    assert total[5, 5] == 4
    assert not mean[0].any()


def test_a_hole_takes_the_colours_of_what_is_as_bright_nearby():
    gray = np.full((80, 80), 60, np.uint8)
    gray[:, 40:] = 200
    chroma = flat(0.2, 0)
    chroma[:, 40:] = (-0.1, 0.1)
    weight = np.ones((80, 80), np.float32)
    weight[30:50, 30:50] = 0
    chroma[30:50, 30:50] = 9  # nothing that counts
    filled = fill(chroma, weight, gray)
    assert filled[40, 35] == pytest.approx([0.2, 0], abs=0.02)
    assert filled[40, 45] == pytest.approx([-0.1, 0.1], abs=0.02)


def test_a_hole_wider_than_the_near_window_takes_from_further_off():
    weight = np.ones((80, 80), np.float32)
    weight[20:60, 20:60] = 0
    filled = fill(flat(0.2, -0.1) * weight[..., None], weight, np.full((80, 80), 90, np.uint8))
    assert filled[40, 40] == pytest.approx([0.2, -0.1], abs=0.01)


def test_vividness_weighs_spread_and_mean():
    chroma = flat(0.1, 0)
    assert vividness(chroma) == pytest.approx(0.3 * 0.1, rel=1e-5)
    chroma[::2] *= -1  # mean 0, deviation 0.1
    assert vividness(chroma) == pytest.approx(0.1, rel=1e-5)
    assert vividness(chroma * np.float32(1.2)) == pytest.approx(0.12, rel=1e-5)


def test_a_mean_of_different_colours_is_less_vivid_than_they_are():
    rng = np.random.default_rng(0)
    renders = [cv2.GaussianBlur(rng.normal(0, 1, (80, 80, 2)).astype(np.float32), (0, 0), 4) for _ in range(4)]
    mean, _ = weighted([(np.ones((80, 80), np.float32), render) for render in renders])
    assert vividness(mean) < 0.7 * np.mean([vividness(render) for render in renders])


@pytest.mark.parametrize(
    ("wanted", "got", "expected"), [(1.1, 1.0, 1.1), (3, 1, 1.25), (0.1, 1, 0.8), (1, 0, 1.0), (0, 0, 1.0)]
)
def test_the_ratio_is_bounded(wanted: float, got: float, expected: float):
    assert ratio(wanted, got, 1.25) == pytest.approx(expected)
