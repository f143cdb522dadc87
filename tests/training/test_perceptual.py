"""DeOldify's losses against what the original computed from the same seeded inputs and weights."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

torch = pytest.importorskip("torch")

from torch.nn import functional as F  # noqa: E402

from retint.networks.vgg import load_vgg  # noqa: E402
from retint.training.perceptual import FeatureLoss, critic_loss, generator_adversarial_loss  # noqa: E402

LOSSES = json.loads((Path(__file__).parents[1] / "parity" / "loss.json").read_text())
WANTED = LOSSES["FeatureLoss"]


def near(value: Any) -> Any:
    """Within 1e-4 of a recorded number: other CPUs add up in another order. (On the original's kind of CPU: 2e-7.)"""
    return pytest.approx(value, rel=1e-4, abs=1e-7)


@pytest.fixture(scope="module")
def loss(seeded_file: Callable[[str], Path]) -> FeatureLoss:
    return FeatureLoss(load_vgg(seeded_file("vgg16_bn")))


@pytest.fixture(scope="module")
def pictures() -> tuple[torch.Tensor, torch.Tensor]:
    """As LOSSES["inputs"] says."""
    generator = torch.Generator().manual_seed(2)
    one, other = (torch.randn(2, 3, 96, 64, generator=generator) for _ in range(2))
    sums, heads = LOSSES["input_checksum"][:2], LOSSES["input_checksum"][2:]
    assert [one.double().sum().item(), other.double().sum().item()] == near(sums)
    assert [one.flatten()[:4].tolist(), other.flatten()[:4].tolist()] == [near(head) for head in heads]
    return one, other


def test_maps_are_the_originals(loss, pictures):
    with torch.no_grad():
        maps = loss.maps(pictures[0])
    assert [list(part.shape) for part in maps] == WANTED["feature_shapes"]
    assert [part.mean().item() for part in maps] == near(WANTED["feature_means"])
    assert [part.std().item() for part in maps] == near(WANTED["feature_std"])


def test_loss_terms_and_gradient_are_the_originals(loss, pictures):
    coloured, true = pictures[0].clone().requires_grad_(), pictures[1]
    total, terms = loss(coloured, true)
    total.backward()
    assert total.item() == near(WANTED["total"])
    assert list(terms) == list(WANTED["metrics"])
    assert {name: term.item() for name, term in terms.items()} == near(WANTED["metrics"])
    assert coloured.grad.double().abs().sum().item() == near(WANTED["grad_abs_sum"])
    assert coloured.grad.flatten()[:4].tolist() == near(WANTED["grad_first4"])
    assert all(parameter.grad is None for parameter in loss.parameters())


def test_loss_is_symmetric_and_nothing_for_equal_pictures(loss, pictures):
    one, other = pictures
    with torch.no_grad():
        assert loss(other, one)[0].item() == near(WANTED["total_swapped_args"])
        assert loss(one, one)[0].item() == WANTED["total_identical"] == 0


def test_maps_can_be_made_once_and_used_again(loss, pictures):
    with torch.no_grad():
        maps = [loss.maps(part) for part in pictures]
        assert loss.total(*pictures, *maps).item() == near(WANTED["total"])


def test_training_mode_leaves_the_features_alone(loss, pictures):
    before = {key: value.clone() for key, value in loss.state_dict().items()}
    loss.train()
    with torch.no_grad():
        assert loss(*pictures)[0].item() == near(WANTED["total"])
    assert [loss.training, loss.features.training] == WANTED["training_flag"]
    assert all(torch.equal(before[key], value) for key, value in loss.state_dict().items())


@pytest.fixture
def verdicts() -> list[torch.Tensor]:
    """As LOSSES["gan_inputs"] says: logits for true pictures and for coloured ones, and two pictures."""
    generator = torch.Generator().manual_seed(3)
    return [torch.randn(shape, generator=generator) for shape in ((4, 7), (4, 7), (4, 3, 8, 8), (4, 3, 8, 8))]


@pytest.mark.parametrize(("entry", "weights"), [("None", (1, 1)), ("(1.0, 2.0)", (1, 2)), ("(1.0, 1.5)", (1, 1.5))])
def test_both_sides_of_the_gan_are_the_originals(verdicts, entry, weights):
    real, fake, output, target = verdicts
    wanted = LOSSES[f"gan_weights_{entry}"]
    generator = weights[0] * generator_adversarial_loss(fake) + weights[1] * F.l1_loss(output, target)
    assert generator.item() == near(wanted["loss_G"])
    assert critic_loss(real, fake).item() == near(wanted["loss_C"])


def test_who_is_sure_and_right_pays_nothing():
    sure = torch.full((2, 81), 40.0)
    assert critic_loss(sure, -sure).item() == pytest.approx(0, abs=1e-9)
    assert critic_loss(-sure, sure).item() == pytest.approx(40)
    assert generator_adversarial_loss(sure).item() == pytest.approx(0, abs=1e-9)
    assert critic_loss(torch.zeros(3, 4), torch.zeros(3, 4)).item() == pytest.approx(0.693147, abs=1e-6)
