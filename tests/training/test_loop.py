"""The loop on one thread and a tiny plan: it learns, it stops, it goes on to the same bits."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from retint.errors import TrainingError
from retint.networks.encoders import EfficientNetLite
from retint.networks.generator import build_generator
from retint.training.data import load_photos
from retint.training.loop import FINAL, Trainer, one_cycle
from retint.training.recipe import Losses, Phase, Recipe

RECIPE = Recipe(
    "lite",
    "none",
    "none",
    phases=(
        Phase("decoder", size=32, batch=4, samples=16, rate=1e-3),
        Phase(
            "all",
            size=64,
            batch=2,
            samples=10,
            rate=1e-3,
            encoder_rate=1e-4,
            frozen_stages=2,
            losses=Losses(features=0.1),
        ),
        Phase(
            "with a critic",
            size=32,
            batch=2,
            samples=8,
            rate=1e-3,
            critic_alone=0.5,
            losses=Losses(features=0.1, pooled=0.1, adversarial=0.1),
        ),
    ),
    checkpoint_minutes=1e9,
)


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def features() -> EfficientNetLite:
    torch.manual_seed(5)
    return EfficientNetLite(0, head=True)


def trainer(photos: Path, run: Path, recipe: Recipe = RECIPE) -> Trainer:
    return Trainer(recipe, load_photos([photos], short_side=64), run, encoder=lambda _: None, features=features)


def stop_after(subject: Trainer, steps: int) -> None:
    """Ask for a stop once `steps` steps are done, whatever their phase."""
    original, done = subject._train_step, 0

    def counted(*arguments):
        nonlocal done
        done += 1
        subject.stop_requested = done == steps
        return original(*arguments)

    subject._train_step = counted  # type: ignore[method-assign]


@pytest.mark.parametrize(
    "steps", [2, 4, 6, 11], ids=["in the first phase", "at its end", "in the second", "with a critic"]
)
def test_a_resumed_run_ends_with_the_same_bits(photos: Path, tmp_path: Path, steps: int):
    assert trainer(photos, tmp_path / "whole").train()
    cut = trainer(photos, tmp_path / "cut")
    stop_after(cut, steps)
    assert not cut.train()
    assert not (tmp_path / "cut" / FINAL).exists()
    again = trainer(photos, tmp_path / "cut")
    again.resume()
    assert again.train()
    whole, resumed = (torch.load(tmp_path / name / FINAL, weights_only=True)["model"] for name in ("whole", "cut"))
    assert whole.keys() == resumed.keys()
    assert [key for key in whole if not torch.equal(whole[key], resumed[key])] == []


def test_frozen_parts_stay_and_the_rest_moves(photos: Path, tmp_path: Path):
    subject = trainer(photos, tmp_path / "run")
    before = {name: value.clone() for name, value in subject.generator.state_dict().items()}
    subject.train()
    after = subject.generator.state_dict()
    moved = {name for name in before if not torch.equal(before[name], after[name])}
    assert not any(name.startswith(("layers.0.stem", "layers.0.stages.0.", "layers.0.stages.1.")) for name in moved)
    assert "layers.0.stages.2.0.layers.0.0.weight" in moved
    assert "layers.4.conv.0.weight_orig" in moved


def test_the_generator_hears_the_critic_only_after_its_time_alone(photos: Path, tmp_path: Path):
    plan = replace(RECIPE, phases=RECIPE.phases[2:])
    subject = trainer(photos, tmp_path / "run", plan)
    seen: list[set[str]] = []
    original = subject._train_step

    def recorded(*arguments):
        terms = original(*arguments)
        seen.append(set(terms))
        return terms

    subject._train_step = recorded  # type: ignore[method-assign]
    subject.train()
    alone = {"chroma", "features", "pooled", "critic"}
    assert seen == [alone, alone, alone | {"adversarial"}, alone | {"adversarial"}]


def test_the_loss_falls(photos: Path, tmp_path: Path):
    plan = replace(RECIPE, phases=(Phase("p", size=32, batch=6, samples=720, rate=3e-3),))
    subject = trainer(photos, tmp_path / "run", plan)
    seen: list[float] = []
    original = subject._train_step

    def recorded(*arguments):
        terms = original(*arguments)
        seen.append(terms["chroma"])
        return terms

    subject._train_step = recorded  # type: ignore[method-assign]
    subject.train()
    assert sum(seen[-10:]) / 10 < 0.75 * sum(seen[:5]) / 5


def test_a_loss_that_is_not_a_number_stops_the_run_and_names_the_last_good_state(photos: Path, tmp_path: Path):
    subject = trainer(photos, tmp_path / "run")
    with torch.no_grad():
        subject.generator.layers[11][0].bias.fill_(float("nan"))
    with pytest.raises(TrainingError, match=r"nan.*checkpoint\.pt"):
        subject.train()


def test_resuming_nothing_or_another_recipe_is_refused(photos: Path, tmp_path: Path):
    with pytest.raises(TrainingError, match="no checkpoint"):
        trainer(photos, tmp_path / "run").resume()
    first = trainer(photos, tmp_path / "run")
    first.save()
    with pytest.raises(TrainingError, match="another recipe"):
        trainer(photos, tmp_path / "run", replace(RECIPE, seed=9)).resume()


def test_a_run_may_start_from_weights_of_its_variant_only(photos: Path, tmp_path: Path):
    torch.manual_seed(11)
    other = build_generator("lite")
    subject = trainer(photos, tmp_path / "run")
    subject.start_from(other)
    for network in (subject.generator, subject.average):
        assert all(torch.equal(value, other.state_dict()[name]) for name, value in network.state_dict().items())
    other.variant = replace(other.variant, name="another")
    with pytest.raises(TrainingError, match=r"got weights of 'another'.*wanted 'lite'"):
        subject.start_from(other)


def test_one_cycle_starts_low_peaks_and_ends_at_almost_nothing():
    rates = [one_cycle(step, 100, 0.3) for step in range(101)]
    assert rates[0] == pytest.approx(1 / 25)
    assert rates[30] == pytest.approx(1.0) == max(rates)
    assert rates[100] == pytest.approx(1 / 250_000)
