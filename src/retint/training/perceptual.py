"""DeOldify's losses: the feature loss on VGG-16, and the two sides of its GAN.

DeOldify's Wasserstein feature loss is not here: none of its training plans uses it, and in float32 its value depends on
rounding (1 to 2 % between one and two threads), as most eigenvalues that it takes roots of are noise around 0.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from retint.networks.vgg import Vgg16

FEATURE_WEIGHTS = (20.0, 70.0, 10.0)  # of VGG-16's maps, finest first; a pixel weighs 1  # DeOldify loss.py


class FeatureLoss(nn.Module):
    """L1 between pixels, plus weighted L1 between VGG-16's maps (after arXiv 1603.08155).

    Pictures are `(N, 3, H, W)` float RGB, normalised with ImageNet's mean and deviation; H, W >= 16. The loss is 0
    where both are the same, and the same with both exchanged.  # DeOldify loss.py FeatureLoss
    """

    def __init__(self, features: Vgg16) -> None:
        super().__init__()
        self.features = features

    def maps(self, pictures: Tensor) -> list[Tensor]:
        """What VGG-16 sees in pictures: three maps, finest first; `(N, 256 | 512 | 512, H / 4 | 8 | 16, W / ...)`."""
        return self.features(pictures)

    def terms(
        self, coloured: Tensor, true: Tensor, coloured_maps: Sequence[Tensor], true_maps: Sequence[Tensor]
    ) -> dict[str, Tensor]:
        """The weighted terms, scalars whose sum is the loss: `pixel`, `feat_0`, `feat_1`, `feat_2`.

        coloured_maps, true_maps: as `maps` gives them for the two
        """
        terms = {"pixel": F.l1_loss(coloured, true)}
        pairs = zip(FEATURE_WEIGHTS, coloured_maps, true_maps, strict=True)
        for index, (weight, one, other) in enumerate(pairs):
            terms[f"feat_{index}"] = weight * F.l1_loss(one, other)
        return terms

    def total(
        self, coloured: Tensor, true: Tensor, coloured_maps: Sequence[Tensor], true_maps: Sequence[Tensor]
    ) -> Tensor:
        """The loss alone, for maps that are there already."""
        return _sum(self.terms(coloured, true, coloured_maps, true_maps))

    def forward(self, coloured: Tensor, true: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
        """The loss, and its terms."""
        terms = self.terms(coloured, true, self.maps(coloured), self.maps(true))
        return _sum(terms), terms


def critic_loss(real_pred: Tensor, fake_pred: Tensor) -> Tensor:
    """Binary cross-entropy of the critic's logits, any shape, high for true: mean of both sides.

    fake_pred must come from pictures that are detached from the generator.  # DeOldify critics.py, fastai gan.py
    """
    true = F.binary_cross_entropy_with_logits(real_pred, torch.ones_like(real_pred))
    coloured = F.binary_cross_entropy_with_logits(fake_pred, torch.zeros_like(fake_pred))
    return (true + coloured) / 2


def generator_adversarial_loss(fake_pred: Tensor) -> Tensor:
    """The generator's side: cross-entropy of the critic's logits for its pictures against true.  # fastai gan.py"""
    return F.binary_cross_entropy_with_logits(fake_pred, torch.ones_like(fake_pred))


def _sum(terms: dict[str, Tensor]) -> Tensor:
    return torch.stack(list(terms.values())).sum()
