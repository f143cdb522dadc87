"""Colour arithmetic on batches of tensors: the same BT.601 as `retint.color`, differentiable."""

from __future__ import annotations

import torch
from torch import Tensor

from retint.networks.generator import IMAGENET_MEAN, IMAGENET_STD

# BT.601 luma; U and V scaled as OpenCV's RGB2YUV does: 0.492 (B - Y), 0.877 (R - Y)
LUMA = (0.299, 0.587, 0.114)
_U, _V = 0.492, 0.877


def luma(rgb: Tensor) -> Tensor:
    """RGB `(N, 3, H, W)` in 0..1 to luma `(N, 1, H, W)` in 0..1."""
    red, green, blue = rgb.unbind(1)
    return (LUMA[0] * red + LUMA[1] * green + LUMA[2] * blue)[:, None]


def split(rgb: Tensor) -> tuple[Tensor, Tensor]:
    """RGB `(N, 3, H, W)` in 0..1 to luma `(N, 1, H, W)` in 0..1 and chroma `(N, 2, H, W)` around 0."""
    red, _, blue = rgb.unbind(1)
    gray = luma(rgb)
    return gray, torch.stack([(blue - gray[:, 0]) * _U, (red - gray[:, 0]) * _V], dim=1)


def merge(gray: Tensor, chroma: Tensor) -> Tensor:
    """The inverse of `split`. Not clamped, so that gradients live on beyond the gamut."""
    u, v = chroma.unbind(1)
    gray = gray[:, 0]
    red, blue = gray + v / _V, gray + u / _U
    green = (gray - LUMA[0] * red - LUMA[2] * blue) / LUMA[1]
    return torch.stack([red, green, blue], dim=1)


def normalize(gray: Tensor) -> Tensor:
    """Grey `(N, 1, H, W)` in 0..1 to the generator's input `(N, 3, H, W)`."""
    return normalize_rgb(gray)


def normalize_rgb(rgb: Tensor) -> Tensor:
    """RGB `(N, 3, H, W)`, or grey `(N, 1, H, W)`, in 0..1 to ImageNet's mean and deviation."""
    mean, std = (rgb.new_tensor(values)[:, None, None] for values in (IMAGENET_MEAN, IMAGENET_STD))
    return (rgb - mean) / std


def denormalize(rgb: Tensor) -> Tensor:
    """The inverse of `normalize_rgb`."""
    mean, std = (rgb.new_tensor(values)[:, None, None] for values in (IMAGENET_MEAN, IMAGENET_STD))
    return rgb * std + mean
