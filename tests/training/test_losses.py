"""Losses with known answers, and a critic that finds planted differences."""

from __future__ import annotations

import pytest
import torch

from retint.training.losses import FeatureCritic, adversarial_loss, critic_loss


def test_the_hinge_loss_is_nothing_beyond_the_margin_and_grows_on_the_wrong_side():
    good, bad = [torch.full((2, 1, 3, 3), 1.5)], [torch.full((2, 1, 3, 3), -2.0)]
    assert critic_loss(bad, good).item() == 0
    assert critic_loss(good, bad).item() == pytest.approx((1 + 2.0) + (1 + 1.5))
    assert critic_loss([torch.zeros(1, 1, 1, 1)], [torch.zeros(1, 1, 1, 1)]).item() == 2


def test_the_generator_wants_high_scores_on_every_map_alike():
    scores = [torch.full((2, 1, 8, 8), 1.0), torch.full((2, 1, 2, 2), 3.0)]
    assert adversarial_loss(scores).item() == -2  # not weighted by the number of places


def test_a_critic_learns_to_tell_two_kinds_of_maps_apart():
    torch.manual_seed(3)
    critic = FeatureCritic((4, 6), width=8)
    optimizer = torch.optim.Adam(critic.parameters(), lr=1e-2)

    def maps(shift: float) -> list[torch.Tensor]:
        return [torch.randn(8, 4, 8, 8) + shift, torch.randn(8, 6, 4, 4) - shift]

    for _ in range(150):
        optimizer.zero_grad()
        critic_loss(critic(maps(0.0)), critic(maps(1.5))).backward()
        optimizer.step()
    with torch.no_grad():
        rendered, true = critic(maps(0.0)), critic(maps(1.5))
    assert [part.shape for part in true] == [(8, 1, 8, 8), (8, 1, 4, 4)]
    for bad, good in zip(rendered, true, strict=True):
        assert good.mean() > 0.5 > -0.5 > bad.mean()
