"""What probes say, with generators whose answers are planted."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from retint.evaluation.metrics import Rgb
from retint.networks.encoders import EfficientNetLite
from retint.networks.generator import VARIANTS
from retint.training.probes import Judge, render
from tests.training.toys import toy_players


class Planted(nn.Module):
    """A chroma generator that answers with what it was given."""

    variant = VARIANTS["lite"]

    def __init__(self, answer: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        self.anchor, self.answer = nn.Parameter(torch.zeros(1)), answer

    def forward(self, x: Tensor) -> Tensor:
        assert not self.training
        return self.answer(x)


def flat(u: float, v: float) -> Planted:
    return Planted(lambda x: torch.stack([torch.full_like(x[:, 0], u), torch.full_like(x[:, 0], v)], dim=1))


@pytest.fixture(scope="module")
def pictures() -> list[Rgb]:
    """Skin-coloured gradients, 64 px."""
    steps = np.linspace(0.5, 1.0, 64)
    return [
        (np.array([220, 170, 140]) * steps[:, None, None] * np.linspace(a, 1, 64)[None, :, None]).astype(np.uint8)
        for a in (0.7, 0.8, 0.9)
    ]


@pytest.fixture(scope="module")
def judge(pictures: list[Rgb]) -> Judge:
    torch.manual_seed(1)
    return Judge(pictures, EfficientNetLite(0, head=True).eval())


def test_grey_renders_have_a_share_of_one_and_no_colour(judge: Judge):
    figures = judge.figures(flat(0.0, 0.0))  # type: ignore[arg-type]
    assert figures.fd_share == pytest.approx(1.0, abs=1e-6)
    assert figures.cf < 1


def test_the_truth_has_a_share_of_nothing(judge: Judge, pictures: list[Rgb]):
    figures = judge.figures(flat(0, 0), results=pictures)  # type: ignore[arg-type]
    assert (figures.fd_share, figures.psnr) == (pytest.approx(0.0, abs=1e-6), np.inf)


def test_the_same_colour_everywhere_is_steady_and_chroma_out_of_noise_is_not(judge: Judge):
    players = toy_players()
    steady = judge.scores(players, flat(-0.03, 0.1))  # type: ignore[arg-type]
    shaky = judge.scores(players, Planted(lambda x: (x[:, :2] * 37).sin() * 0.1))  # type: ignore[arg-type]
    assert steady.unsteadiness < 0.02
    assert shaky.noise > 0.2 and shaky.unsteadiness > 5 * steady.unsteadiness


def test_skin_that_overshoots_is_seen_and_skin_that_is_paler_is_not(judge: Judge):
    players = toy_players()
    pale, orange = (judge.scores(players, flat(-0.05 * k, 0.06 * k)).skin for k in (0.5, 3.0))  # type: ignore[arg-type]
    assert pale < 0.05
    assert orange > 1


def test_hues_that_are_the_truths_diverge_less_than_others(judge: Judge, pictures: list[Rgb]):
    players = toy_players()
    true = judge.scores(players, flat(-0.05, 0.06), results=pictures)  # type: ignore[arg-type]
    blue = judge.scores(players, flat(0.1, -0.05))  # type: ignore[arg-type]
    assert true.hue == pytest.approx(0, abs=1e-9)
    assert blue.hue > 0.9


def test_the_critics_verdict_is_the_mean_probability(judge: Judge):
    players = toy_players()
    with torch.no_grad():
        players.critic.linear.weight.zero_()  # type: ignore[union-attr]
        players.critic.linear.bias.fill_(float(np.log(3)))  # type: ignore[union-attr]
    assert judge.scores(players, flat(0, 0)).critic == pytest.approx(0.75)  # type: ignore[arg-type]
    assert judge.scores(replace(players, critic=None), flat(0, 0)).critic == 0  # type: ignore[arg-type]


def test_a_render_of_another_size_comes_back_with_the_pictures_luma(pictures: list[Rgb]):
    gray = np.repeat(np.arange(64, dtype=np.uint8)[:, None, None] + 60, 3, axis=2).repeat(64, axis=1)
    sizes: list[int] = []

    def answer(x: Tensor) -> Tensor:
        sizes.append(x.shape[-1])
        return x[:, :2] * 0 + torch.tensor([0.0, 0.05])[:, None, None]

    out = render(Planted(answer).eval(), gray, 80)  # type: ignore[arg-type]
    assert sizes == [80]
    luma = out @ np.array([0.299, 0.587, 0.114])
    assert np.abs(luma - gray[..., 0]).max() < 1
    assert out.shape == gray.shape and (out[..., 0] > gray[..., 0]).all()


def test_a_judge_leaves_the_mode_as_it_was(judge: Judge):
    generator = flat(0, 0).train()
    judge.figures(generator)  # type: ignore[arg-type]
    assert generator.training
