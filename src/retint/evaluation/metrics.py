"""Lab, and figures for coloured pictures as the field's papers take them (DDColor, arXiv 2212.11613)."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Rgb = NDArray[np.uint8]
Floats = NDArray[np.float64]

# sRGB (IEC 61966-2-1) to XYZ, D65
_TO_XYZ = np.array([[0.412453, 0.357580, 0.180423], [0.212671, 0.715160, 0.072169], [0.019334, 0.119193, 0.950227]])
_WHITE = np.array([0.950456, 1.0, 1.088754])
_KNEE = (6 / 29) ** 3


def to_lab(rgb: Rgb) -> Floats:
    """8-bit sRGB `(..., 3)` to CIE Lab, D65, L in 0..100."""
    value = rgb.astype(np.float64) / 255
    linear = np.where(value > 0.04045, ((value + 0.055) / 1.055) ** 2.4, value / 12.92)
    xyz = linear @ _TO_XYZ.T / _WHITE
    f = np.where(xyz > _KNEE, np.cbrt(xyz), xyz / (3 * (6 / 29) ** 2) + 4 / 29)
    x, y, z = f[..., 0], f[..., 1], f[..., 2]
    return np.stack([116 * y - 16, 500 * (x - y), 200 * (y - z)], axis=-1)


def from_lab(lab: Floats) -> Rgb:
    """The inverse of `to_lab`, clipped to the gamut and rounded."""
    y = (lab[..., 0] + 16) / 116
    f = np.stack([y + lab[..., 1] / 500, y, y - lab[..., 2] / 200], axis=-1)
    xyz = np.where(f > 6 / 29, f**3, 3 * (6 / 29) ** 2 * (f - 4 / 29)) * _WHITE
    linear = (xyz @ np.linalg.inv(_TO_XYZ).T).clip(0, 1)
    value = np.where(linear > 0.0031308, 1.055 * linear ** (1 / 2.4) - 0.055, 12.92 * linear)
    return (value * 255).round().astype(np.uint8)


def with_true_lightness(rendered: Rgb, true: Rgb) -> Rgb:
    """a and b of `rendered`, L of `true`; both `(H, W, 3)` of one size."""
    lab = to_lab(rendered)
    lab[..., 0] = to_lab(true)[..., 0]
    return from_lab(lab)


def psnr(picture: Rgb, true: Rgb) -> float:
    """Peak signal-to-noise ratio over 8-bit RGB, dB. Infinite for equal pictures."""
    error = np.mean((picture.astype(np.float64) - true) ** 2)
    return float("inf") if error == 0 else float(10 * np.log10(255**2 / error))


def colourfulness(picture: Rgb) -> float:
    """CF with absolute opponents, as DDColor computes it (not Hasler and Suesstrunk's signed original)."""
    red, green, blue = (picture[..., channel].astype(np.float64) for channel in range(3))
    rg, yb = np.abs(red - green), np.abs((red + green) / 2 - blue)
    return float(np.sqrt(rg.var() + yb.var()) + 0.3 * np.sqrt(rg.mean() ** 2 + yb.mean() ** 2))


def frechet_distance(one: Floats, other: Floats) -> float:
    """Frechet distance between two sets of features `(pictures, features)` taken as Gaussians.

    |m1 - m2|^2 + tr(C1) + tr(C2) - 2 tr((C1 C2)^(1/2)); the last trace is the sum of the singular values of A B^T,
    where C1 = A^T A and C2 = B^T B: exact also where there are fewer pictures than features.
    """
    mean_one, mean_other = one.mean(axis=0), other.mean(axis=0)
    a = (one - mean_one) / np.sqrt(len(one) - 1)
    b = (other - mean_other) / np.sqrt(len(other) - 1)
    if len(a) > a.shape[1]:  # a triangle with the same products, and no more rows than there are features
        a = np.linalg.qr(a).R
    if len(b) > b.shape[1]:
        b = np.linalg.qr(b).R
    cross = np.linalg.svd(a @ b.T, compute_uv=False).sum()
    return float(((mean_one - mean_other) ** 2).sum() + (a**2).sum() + (b**2).sum() - 2 * cross)
