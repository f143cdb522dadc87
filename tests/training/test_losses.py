"""Losses with known answers, and a critic that finds planted differences."""

from __future__ import annotations

import pytest
import torch

from retint.networks.encoders import EfficientNetLite
from retint.training.losses import GRAY_CHROMA, FeatureCritic, LiteFeatureLoss, band_loss, chroma_loss
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


def wave(period: int) -> torch.Tensor:
    """Two planes `(1, 2, 64, 64)` of squares: `period` px from one rise to the next, mean 0, 0.1 high."""
    steps = (torch.arange(64) // (period // 2)) % 2 * 0.2 - 0.1
    return steps.expand(1, 2, 64, 64).contiguous()


def test_bands_take_errors_apart_by_their_fineness():
    none = torch.zeros(1, 2, 64, 64)

    def shares(error: torch.Tensor) -> list[float]:
        bands = [band_loss(error, none, [float(band == index) for index in range(4)]).item() for band in range(4)]
        return [band / sum(bands) for band in bands]

    for octave, period in enumerate((2, 4, 8, 16)):
        assert max(range(4), key=shares(wave(period)).__getitem__) == octave, period
    assert band_loss(torch.full((1, 2, 64, 64), 0.1), none, [1, 1, 1, 1]).item() == 0  # an even tinge is in no band


def test_a_band_weighs_as_the_recipe_says_and_in_units_of_the_chroma_loss():
    none, error = torch.zeros(1, 2, 64, 64), wave(2)
    assert band_loss(error, none, [1.0]).item() == pytest.approx(0.01 / GRAY_CHROMA)  # all of it is finest detail
    assert band_loss(error, none, [5.0]).item() == pytest.approx(0.05 / GRAY_CHROMA)
    assert band_loss(error, error, [1.0, 1.0]).item() == 0
