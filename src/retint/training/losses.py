"""What a generator is judged by while it trains."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from retint.networks.encoders import EfficientNetLite
from retint.training.recipe import Losses

# Each term over its own value for pictures left grey, so that recipes weigh like with like. Measured on 256 crops of
# training photographs at 128 px.
GRAY_CHROMA = 0.0254  # smooth L1 with beta 0.1 of the chroma
GRAY_FEATURES = (2.76, 3.25, 2.64, 1.42)  # of EfficientNet-Lite1; Lite0 and Lite2 lie within 13 %


class LiteFeatureLoss(nn.Module):
    """L1 between feature maps of an ImageNet EfficientNet-Lite, at strides 4, 8, 16 and 32 (after arXiv 1603.08155).

    Stands in for VGG-16's where those weights cannot be had. 1 where the rendered picture is the grey one.
    """

    def __init__(self, features: EfficientNetLite) -> None:
        super().__init__()
        self.features = features.eval().requires_grad_(False)

    def maps(self, rgb: Tensor) -> list[Tensor]:
        """rgb: `(N, 3, H, W)` in 0..1. Four feature maps, finest first."""
        return self.features((rgb * 255 - 127) / 128)[1:]

    def forward(self, rendered: Tensor, true: Tensor) -> Tensor:
        with torch.no_grad():
            wanted = self.maps(true)
        terms = [F.l1_loss(a, b) / gray for a, b, gray in zip(self.maps(rendered), wanted, GRAY_FEATURES, strict=True)]
        return torch.stack(terms).mean()


def chroma_loss(rendered: Tensor, true: Tensor, losses: Losses) -> Tensor:
    """Smooth L1 between chroma planes `(N, 2, H, W)`, 1 where all is left grey."""
    return F.smooth_l1_loss(rendered, true, beta=losses.chroma_beta) / GRAY_CHROMA
