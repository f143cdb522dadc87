"""Colour arithmetic on batches of tensors: the same BT.601 as `retint.color`, differentiable."""

from __future__ import annotations

import torch
from torch import Tensor

from retint.networks.generator import IMAGENET_MEAN, IMAGENET_STD
from retint.training.recipe import Augmentation

# BT.601 luma; U and V scaled as OpenCV's RGB2YUV does: 0.492 (B - Y), 0.877 (R - Y)
_LUMA = (0.299, 0.587, 0.114)
_U, _V = 0.492, 0.877


def split(rgb: Tensor) -> tuple[Tensor, Tensor]:
    """RGB `(N, 3, H, W)` in 0..1 to luma `(N, 1, H, W)` in 0..1 and chroma `(N, 2, H, W)` around 0."""
    red, green, blue = rgb.unbind(1)
    luma = _LUMA[0] * red + _LUMA[1] * green + _LUMA[2] * blue
    return luma[:, None], torch.stack([(blue - luma) * _U, (red - luma) * _V], dim=1)


def merge(luma: Tensor, chroma: Tensor) -> Tensor:
    """The inverse of `split`. Not clamped, so that gradients live on beyond the gamut."""
    u, v = chroma.unbind(1)
    luma = luma[:, 0]
    red, blue = luma + v / _V, luma + u / _U
    green = (luma - _LUMA[0] * red - _LUMA[2] * blue) / _LUMA[1]
    return torch.stack([red, green, blue], dim=1)


def normalize(luma: Tensor) -> Tensor:
    """Luma `(N, 1, H, W)` in 0..1 to the generator's input `(N, 3, H, W)`."""
    mean = luma.new_tensor(IMAGENET_MEAN)[:, None, None]
    std = luma.new_tensor(IMAGENET_STD)[:, None, None]
    return (luma - mean) / std


def gray_input(luma: Tensor, draws: Tensor, augmentation: Augmentation, *, seed: int) -> Tensor:
    """What the network sees of `luma` `(N, 1, H, W)`: at the recipe's odds with another tone curve, or with grain.

    draws: `(N, 4)` in 0..1: tone or not, gamma, contrast, noise or not. seed: of the grain.
    """
    column = draws[:, :, None, None, None]
    tone = column[:, 0] < augmentation.tone
    gamma = torch.where(tone, torch.exp((column[:, 1] - 0.5) * 1.2), 1.0)  # 0.55..1.8
    contrast = torch.where(tone, 0.6 + 0.6 * column[:, 2], 1.0)  # 0.6..1.2
    out = luma.clamp(1e-4, 1) ** gamma
    mean = out.mean(dim=(2, 3), keepdim=True)
    out = (out - mean) * contrast + mean
    noise = torch.where(column[:, 3] < augmentation.noise, 0.04, 0.0)
    if augmentation.noise > 0:
        grain = torch.Generator(device="cpu").manual_seed(seed)
        out = out + noise * torch.randn(luma.shape, generator=grain).to(luma.device)
    return out.clamp(0, 1)
