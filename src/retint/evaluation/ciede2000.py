"""CIEDE2000, the CIE's colour difference: how far apart two colours look.

Sharma, Wu, Dalal 2005, "The CIEDE2000 Color-Difference Formula"; numbers in comments are its equations.
"""

from __future__ import annotations

import numpy as np

from retint.evaluation.metrics import Floats, Rgb, to_lab

_25_TO_7 = 25.0**7


def ciede2000(picture: Rgb, true: Rgb) -> float:
    """Mean over the pixels of two `(H, W, 3)` pictures of one size. 0 for equal ones; about 1 can just be seen."""
    return float(delta_e_2000(to_lab(picture), to_lab(true)).mean())


def delta_e_2000(one: Floats, other: Floats) -> Floats:
    """`(..., 3)` Lab and Lab to `(...)`, with the parametric factors kL, kC, kH all 1."""
    (l1, c1, h1), (l2, c2, h2) = _polar(one, other)
    # Where one of the two is grey it has no hue (10, 14), and 11 is 0 whatever is taken for it.
    d_hue = 2 * np.sqrt(c1 * c2) * np.sin(np.radians(_hue_step(h1, h2)) / 2)  # 11
    mean_l, mean_c = (l1 + l2) / 2, (c1 + c2) / 2  # 12, 13
    mean_h = _mean_hue(h1, h2)
    t = (  # 15
        1
        - 0.17 * np.cos(np.radians(mean_h - 30))
        + 0.24 * np.cos(np.radians(2 * mean_h))
        + 0.32 * np.cos(np.radians(3 * mean_h + 6))
        - 0.20 * np.cos(np.radians(4 * mean_h - 63))
    )
    turn = 30 * np.exp(-(((mean_h - 275) / 25) ** 2))  # 16
    s_l = 1 + 0.015 * (mean_l - 50) ** 2 / np.sqrt(20 + (mean_l - 50) ** 2)  # 18
    s_c, s_h = 1 + 0.045 * mean_c, 1 + 0.015 * mean_c * t  # 19, 20
    rotation = -np.sin(np.radians(2 * turn)) * 2 * _saturation(mean_c)  # 17, 21
    lightness, chroma, hue = (l2 - l1) / s_l, (c2 - c1) / s_c, d_hue / s_h
    return np.sqrt(lightness**2 + chroma**2 + hue**2 + rotation * chroma * hue)  # 22


def _polar(one: Floats, other: Floats) -> tuple[tuple[Floats, Floats, Floats], tuple[Floats, Floats, Floats]]:
    """Lightness, and chroma and hue (degrees, 0 to 360) after a is stretched for dull colours."""
    mean_c = (np.hypot(one[..., 1], one[..., 2]) + np.hypot(other[..., 1], other[..., 2])) / 2  # 2, 3
    factor = 1.5 - 0.5 * _saturation(mean_c)  # 4, 5

    def polar(lab: Floats) -> tuple[Floats, Floats, Floats]:
        a, b = factor * lab[..., 1], lab[..., 2]
        return lab[..., 0], np.hypot(a, b), np.degrees(np.arctan2(b, a)) % 360  # 6, 7

    return polar(one), polar(other)


def _saturation(chroma: Floats) -> Floats:
    """From 0 for dull colours to 1 for vivid ones, of 4 and 17."""
    power = chroma**7
    return np.sqrt(power / (power + _25_TO_7))


def _hue_step(h1: Floats, h2: Floats) -> Floats:
    """From one hue to the other the short way round, degrees.  # 10"""
    step = h2 - h1
    return np.where(step > 180, step - 360, np.where(step < -180, step + 360, step))


def _mean_hue(h1: Floats, h2: Floats) -> Floats:
    """The hue half way between, the short way round, degrees.  # 14"""
    total = h1 + h2
    far = np.abs(h1 - h2) > 180
    return np.where(far, np.where(total < 360, total + 360, total - 360), total) / 2
