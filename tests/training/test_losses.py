"""Losses with known answers, and a critic that finds planted differences."""

from __future__ import annotations

import pytest
import torch

from retint.networks.encoders import EfficientNetLite
from retint.training.losses import GRAY_CHROMA, FeatureCritic, LiteFeatureLoss, chroma_loss
from retint.training.perceptual import critic_loss


def test_chroma_loss_is_smooth_l1_in_units_of_a_grey_picture():
    rendered, true = torch.zeros(1, 2, 2, 2), torch.full((1, 2, 2, 2), 0.3)
    assert chroma_loss(rendered, true, 0.1).item() == pytest.approx((0.3 - 0.05) / GRAY_CHROMA)
    assert chroma_loss(rendered, true, 0.5).item() == pytest.approx(0.3**2 / 2 / 0.5 / GRAY_CHROMA)


def test_feature_losses_are_nothing_for_equal_pictures_and_grow_with_the_difference():
    torch.manual_seed(0)
    loss = LiteFeatureLoss(EfficientNetLite(0, head=True))
    true = torch.rand(2, 3, 64, 64)
    near, far = true + 0.02, true.flip(1)
    maps = [loss.maps(picture) for picture in (true, near, far)]
    for term in (loss, loss.pooled):
        same, close, away = (term(one, maps[0]).item() for one in maps)
        assert same == 0 < close < away


def test_a_critic_learns_to_tell_two_kinds_of_maps_apart():
    torch.manual_seed(3)
    critic = FeatureCritic((4, 6), width=8)
    optimizer = torch.optim.Adam(critic.parameters(), lr=1e-2)

    def maps(shift: float) -> list[torch.Tensor]:
        return [torch.randn(8, 4, 8, 8) + shift, torch.randn(8, 6, 4, 4) - shift]

    for _ in range(150):
        optimizer.zero_grad()
        parts = zip(critic(maps(1.5)), critic(maps(0.0)), strict=True)
        torch.stack([critic_loss(true, coloured) for true, coloured in parts]).mean().backward()
        optimizer.step()
    with torch.no_grad():
        coloured, true = critic(maps(0.0)), critic(maps(1.5))
    assert [part.shape for part in true] == [(8, 1, 8, 8), (8, 1, 4, 4)]
    for bad, good in zip(coloured, true, strict=True):
        assert good.mean() > 0.5 > -0.5 > bad.mean()
