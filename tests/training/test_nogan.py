"""A GAN on toy networks against updates worked out by hand: who steps, how fast, what with, in which mode."""

from __future__ import annotations

import copy
from dataclasses import replace

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from retint.errors import TrainingError
from retint.training.data import Batch
from retint.training.nogan import GanPhase
from retint.training.recipe import Losses, Phase, Recipe
from retint.training.tensors import luma, merge, normalize_rgb, split
from tests.training.toys import toy_players

RATE, FACTOR, DECAY = 1e-3, 5.0, 0.1
PHASE = Phase(
    "gan",
    kind="gan",
    size=32,
    batch=2,
    samples=2,
    rate=RATE,
    critic_factor=FACTOR,
    losses=Losses(chroma=3.0, features=1.0, adversarial=2.0),
)
RECIPE = Recipe(
    "lite", "none", "none", phases=(Phase("c", 32, 2, 1e-3, kind="critic", samples=2), PHASE), weight_decay=DECAY
)


def batch() -> Batch:
    rgb = torch.rand(2, 3, 8, 8, generator=torch.Generator().manual_seed(4))
    return Batch(rgb, luma(rgb), luma(rgb))


def gan(*, threshold: float = 0.65, dropout: float = 0.0) -> GanPhase:
    return GanPhase(toy_players(dropout=dropout), RECIPE, replace(PHASE, threshold=threshold))


def first_adam_step(before: Tensor, gradient: Tensor, rate: float) -> Tensor:
    """Decay first, then Adam's first step with betas (0, 0.9): mean g, variance 0.1 g^2 / (1 - 0.9) = g^2."""
    return before * (1 - rate * DECAY) - rate * gradient / (gradient.abs() + 1e-8)


def gradients(network: nn.Module, loss: Tensor) -> dict[str, Tensor]:
    named = {name: value for name, value in network.named_parameters() if value.requires_grad}
    return dict(zip(named, torch.autograd.grad(loss, list(named.values())), strict=True))


def coloured(generator: nn.Module, one: Batch) -> Tensor:
    return merge(one.luma, generator(normalize_rgb(one.gray)))


def test_the_critic_begins_and_steps_by_hand_computed_amounts_while_the_generator_rests():
    subject, one = gan(), batch()
    players = subject.players
    generator, critic = copy.deepcopy(players.generator).eval(), copy.deepcopy(players.critic)
    assert subject.turn == "critic"
    with torch.no_grad():
        fake = coloured(generator, one)
    good, bad = critic(normalize_rgb(one.rgb)), critic(normalize_rgb(fake))
    loss = (-F.logsigmoid(good).mean() - F.logsigmoid(-bad).mean()) / 2
    slopes = gradients(critic, loss)
    wanted = {n: first_adam_step(p.detach(), slopes[n], RATE * FACTOR) for n, p in critic.named_parameters()}
    still = {name: value.clone() for name, value in players.generator.state_dict().items()}
    told = subject.step(one, 0)
    assert told == {"critic": pytest.approx(loss.item(), rel=1e-5)}
    for name, value in players.critic.named_parameters():
        assert torch.allclose(value, wanted[name], atol=1e-7), name
    assert all(torch.equal(value, still[name]) for name, value in players.generator.state_dict().items())
    assert players.generator.modes == [False]
    assert players.critic.modes == [True, True]


def test_the_generator_steps_by_hand_computed_amounts_while_the_critic_rests():
    subject, one = gan(dropout=0.9), batch()
    subject.turn = "generator"
    players = subject.players
    critic = copy.deepcopy(players.critic).eval()
    twin = copy.deepcopy(players.generator).train()
    picture = coloured(twin, one)
    chroma = F.smooth_l1_loss(split(picture)[1], split(one.rgb)[1], beta=0.5) / 0.0254 * 3.0
    verdict = -F.logsigmoid(critic(normalize_rgb(picture))).mean() * 2.0
    slopes = gradients(twin, chroma + verdict)
    before = {name: value.detach().clone() for name, value in players.generator.named_parameters()}
    resting = copy.deepcopy(players.critic.state_dict())
    told = subject.step(one, 0)
    assert told == {
        "chroma": pytest.approx(chroma.item(), rel=1e-4),
        "adversarial": pytest.approx(verdict.item(), rel=1e-4),
    }
    # the decoder and the encoder's batch norm step; its convolutions are frozen
    stepped = {"layers.1.weight", "layers.1.bias", "layers.0.norm.weight", "layers.0.norm.bias"}
    for name, value in players.generator.named_parameters():
        if name in stepped:
            assert torch.allclose(value, first_adam_step(before[name], slopes[name], RATE), atol=1e-6), name
        else:
            assert torch.equal(value, before[name]), name
            assert value.grad is None
    assert all(torch.equal(value, resting[name]) for name, value in players.critic.state_dict().items())
    assert players.generator.modes == [True]
    assert players.critic.modes == [False]
    assert players.generator.layers[0].norm.running_mean.abs().sum() > 0  # batch statistics are the generator's turn's


@pytest.mark.parametrize(("threshold", "turns"), [(100.0, ["generator", "critic"] * 2), (0.0, ["critic"] * 4)])
def test_the_critics_loss_decides_whose_turn_it_is(threshold: float, turns: list[str]):
    subject = gan(threshold=threshold)
    seen: list[str] = []
    for step in range(4):
        subject.step(batch(), step)
        seen.append(subject.turn)
    assert seen == turns


def test_the_threshold_is_strict_and_reads_this_batch_alone():
    loss = gan().step(batch(), 0)["critic"]
    at, above = gan(threshold=loss), gan(threshold=loss + 1e-6)
    at.step(batch(), 0)
    above.step(batch(), 0)
    assert (at.turn, above.turn) == ("critic", "generator")


def test_a_loss_that_is_no_number_stops_before_any_step():
    subject, one = gan(), batch()
    before = copy.deepcopy(subject.players.critic.state_dict())
    broken = Batch(one.rgb * float("nan"), one.gray, one.luma)
    with pytest.raises(TrainingError, match="critic loss became nan in phase 'gan' at step 7"):
        subject.step(broken, 7)
    assert all(torch.equal(value, before[name]) for name, value in subject.players.critic.state_dict().items())
