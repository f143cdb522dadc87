"""What a generator is judged by while it trains."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils.parametrizations import spectral_norm

from retint.networks.encoders import EfficientNetLite

# Each term over its own value for pictures left grey, so that recipes weigh like with like. Measured on 256 crops of
# training photographs.
GRAY_CHROMA = 0.0254  # smooth L1 with beta 0.1 of the chroma, 128 px
GRAY_FEATURES = (2.76, 3.25, 2.64, 1.42)  # of EfficientNet-Lite1, 128 px; Lite0 and Lite2 lie within 13 %
GRAY_POOLED = 0.131  # of EfficientNet-Lite1, 192 px; Lite2 and pictures of other sizes: of the same order


class LiteFeatureLoss(nn.Module):
    """L1 between feature maps of an ImageNet EfficientNet-Lite, at strides 4, 8, 16 and 32 (after arXiv 1603.08155).

    Stands in for VGG-16's where those weights cannot be had. 1 where the rendered picture is the grey one.
    """

    def __init__(self, features: EfficientNetLite) -> None:
        """features: with its head, which only `pooled` looks through."""
        super().__init__()
        assert features.head is not None
        self.features = features.eval().requires_grad_(False)
        self.head, self.features.head = features.head, None
        first = self.head[0]
        assert isinstance(first, torch.nn.Conv2d)
        self.channels = (*features.channels[1:-1], first.in_channels)

    def maps(self, rgb: Tensor) -> list[Tensor]:
        """rgb: `(N, 3, H, W)` in 0..1. Four feature maps, finest first."""
        return self.features((rgb * 255 - 127) / 128)[1:]

    def forward(self, rendered: list[Tensor], true: list[Tensor]) -> Tensor:
        """Both as `maps` gives them."""
        terms = [F.l1_loss(a, b) / gray for a, b, gray in zip(rendered, true, GRAY_FEATURES, strict=True)]
        return torch.stack(terms).mean()

    def pooled(self, rendered: list[Tensor], true: list[Tensor]) -> Tensor:
        """Squared error between the head's features, averaged over height and width: each picture as a whole."""
        one, other = (self.head(maps[-1]).mean(dim=(2, 3)) for maps in (rendered, true))
        return F.mse_loss(one, other) / GRAY_POOLED


class FeatureCritic(nn.Module):
    """Tells rendered from true pictures by the maps of a frozen ImageNet network (Projected GAN, arXiv 2111.01007).

    A small head of its own on each map says, place by place, how true the picture looks there. Frozen features make a
    critic that learns in minutes what one from scratch learns in hours.
    """

    def __init__(self, channels: Sequence[int], width: int = 64) -> None:
        super().__init__()
        self.heads = nn.ModuleList(
            nn.Sequential(
                spectral_norm(nn.Conv2d(inputs, width, 1)),
                nn.LeakyReLU(0.2),
                spectral_norm(nn.Conv2d(width, 1, 3, padding=1)),
            )
            for inputs in channels
        )

    def forward(self, maps: Sequence[Tensor]) -> list[Tensor]:
        """Scores `(N, 1, h, w)` for each map `(N, C, h, w)`; above 0 means true."""
        return [head(part) for head, part in zip(self.heads, maps, strict=True)]


def chroma_loss(rendered: Tensor, true: Tensor, beta: float) -> Tensor:
    """Smooth L1 between chroma planes `(N, 2, H, W)`, over its value for a picture left grey at beta 0.1."""
    return F.smooth_l1_loss(rendered, true, beta=beta) / GRAY_CHROMA


def band_loss(rendered: Tensor, true: Tensor, weights: Sequence[float]) -> Tensor:
    """Squared error of each octave of chroma, weighted and summed; the unit is that of `chroma_loss` at beta 0.5.

    The first band is what halving the planes `(N, 2, H, W)` loses, the next what halving the half loses, and so on
    (a Laplacian pyramid); H and W halve once for each weight. Most of the error lies in the coarsest colours, which no
    training settles; this gives weight to the details, which can be learnt.
    """
    error, total = rendered - true, rendered.new_zeros(())
    for weight in weights:
        half = F.avg_pool2d(error, 2)
        band = error - F.interpolate(half, scale_factor=2.0, mode="bilinear", align_corners=False)
        total = total + weight * band.square().mean() / GRAY_CHROMA
        error = half
    return total
