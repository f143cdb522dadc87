from __future__ import annotations

import math

import numpy as np
import pytest

from retint.evaluation.ssim import ssim

C1, C2 = 6.5025, 58.5225  # (0.01 * 255)^2, (0.03 * 255)^2


def noise(seed: int, shape: tuple[int, int] = (32, 40)) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (*shape, 3)).astype(np.uint8)


def test_equal_pictures_are_1_and_foreign_ones_near_0():
    assert ssim(noise(0), noise(0)) == pytest.approx(1)
    assert abs(ssim(noise(0), noise(1))) < 0.05


def test_flat_pictures_differ_in_the_luminance_term_alone():
    one, other = np.full((20, 20, 3), 100, np.uint8), np.full((20, 20, 3), 150, np.uint8)
    assert ssim(one, other) == pytest.approx((2 * 100 * 150 + C1) / (100**2 + 150**2 + C1))


def test_one_window_by_hand():
    """An 11x11 picture has one window: weighted means and variances, written out as sums over its pixels."""
    x, y = noise(2, (11, 11)), noise(3, (11, 11))
    weights = {(i, j): math.exp(-((i - 5) ** 2 + (j - 5) ** 2) / (2 * 1.5**2)) for i in range(11) for j in range(11)}
    total = sum(weights.values())
    found = []
    for channel in range(3):
        cells = [(w / total, float(x[i, j, channel]), float(y[i, j, channel])) for (i, j), w in weights.items()]
        mx, my = sum(w * a for w, a, _ in cells), sum(w * b for w, _, b in cells)
        vx, vy = sum(w * (a - mx) ** 2 for w, a, _ in cells), sum(w * (b - my) ** 2 for w, _, b in cells)
        cov = sum(w * (a - mx) * (b - my) for w, a, b in cells)
        found.append((2 * mx * my + C1) * (2 * cov + C2) / ((mx**2 + my**2 + C1) * (vx + vy + C2)))
    assert ssim(x, y) == pytest.approx(sum(found) / 3)


def test_it_is_the_mean_of_the_channels():
    one, other = noise(4), noise(4)
    other[..., 2] = noise(5)[..., 2]
    alone = ssim(*(np.repeat(picture[..., 2:], 3, axis=2) for picture in (one, other)))
    assert ssim(one, other) == pytest.approx((2 + alone) / 3)


@pytest.mark.parametrize("shape", [(10, 40), (32, 41)])
def test_sizes_that_cannot_be_compared(shape: tuple[int, int]):
    other = noise(0) if shape == (32, 41) else noise(0, shape)
    with pytest.raises(ValueError, match="wanted one size, 11 px or more"):
        ssim(noise(1, shape), other)
