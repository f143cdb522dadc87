"""SSIM, structural similarity: Wang, Bovik, Sheikh, Simoncelli 2004, "Image Quality Assessment"."""

from __future__ import annotations

import numpy as np

from retint.evaluation.metrics import Floats, Rgb

WINDOW, SIGMA = 11, 1.5  # px; section III.C of the paper, as the constants
_C1, _C2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2


def ssim(picture: Rgb, true: Rgb) -> float:
    """Mean SSIM over 8-bit RGB: each channel by itself, then their mean. 1 for equal pictures.

    picture, true: (H, W, 3) uint8 of one size, 11 px or more each way. Gaussian window, only where it lies whole within
    the picture; nothing is scaled down before. (Over luma, pictures that keep the true lightness would all be near 1.)
    """
    if min(picture.shape[:2]) < WINDOW or picture.shape != true.shape:
        raise ValueError(f"got pictures of {picture.shape} and {true.shape}; wanted one size, {WINDOW} px or more")
    x, y = picture.astype(np.float64), true.astype(np.float64)
    mean_x, mean_y = _local_mean(x), _local_mean(y)
    var_x, var_y = _local_mean(x * x) - mean_x**2, _local_mean(y * y) - mean_y**2
    covariance = _local_mean(x * y) - mean_x * mean_y
    alike = (2 * mean_x * mean_y + _C1) * (2 * covariance + _C2)
    return float((alike / ((mean_x**2 + mean_y**2 + _C1) * (var_x + var_y + _C2))).mean())


def _local_mean(planes: Floats) -> Floats:
    """(H, W, n) to (H - 10, W - 10, n): the mean under the window, which is separable."""
    distance = np.arange(WINDOW) - WINDOW // 2
    weights = np.exp(-(distance**2) / (2 * SIGMA**2))
    weights /= weights.sum()
    height, width = (side - WINDOW + 1 for side in planes.shape[:2])
    rows = np.zeros((height, *planes.shape[1:]))
    for at, weight in enumerate(weights):
        rows += weight * planes[at : at + height]
    means = np.zeros((height, width, *planes.shape[2:]))
    for at, weight in enumerate(weights):
        means += weight * rows[:, at : at + width]
    return means
