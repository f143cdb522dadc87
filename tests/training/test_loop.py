"""The whole of NoGAN on one thread and a tiny plan: it learns, it stops, it goes on to the same bits."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pytest
import torch

from retint.errors import TrainingError
from retint.networks.encoders import EfficientNetLite
from retint.networks.generator import build_generator
from retint.training.data import load_photos
from retint.training.loop import Trainer
from retint.training.nogan import GanPhase
from retint.training.players import gather
from retint.training.pretraining import GeneratorPhase, generated_pictures, one_cycle
from retint.training.probes import Judge
from retint.training.processes import Processes
from retint.training.recipe import Augmentation, Losses, Phase, Recipe
from retint.training.runfolder import FINAL, RunFolder

SEEN = Losses(chroma=1.0, features=0.1, pooled=0.1)
RECIPE = Recipe(
    "lite",
    "none",
    "none",
    critic="features",
    critic_width=8,
    augmentation=Augmentation(smallest_crop=0.6, tone=0.5, grain=0.5, patch=0.5),
    phases=(
        Phase("decoder", size=32, batch=2, samples=8, accumulate=2, rate=1e-3, average=0.9, losses=Losses(chroma=1.0)),
        Phase("all", size=64, batch=2, samples=6, rate=1e-3, encoder_rates=(0.0, 1e-4), losses=SEEN),
        Phase("critic", kind="critic", size=32, batch=2, samples=6, rate=1e-3),
        Phase(
            "gan",
            kind="gan",
            size=32,
            batch=2,
            samples=12,
            rate=1e-3,
            threshold=9.0,
            checkpoint_every=2,
            patience=0,
            average=0.5,
            losses=replace(SEEN, adversarial=1.0),
        ),
    ),
    checkpoint_minutes=1e9,
)
STEPS = [2, 3, 3, 6]


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def features() -> EfficientNetLite:
    torch.manual_seed(5)
    return EfficientNetLite(0, head=True).eval().requires_grad_(False)


@pytest.fixture(scope="module")
def judge() -> Judge:
    rng = np.random.default_rng(1)
    return Judge([rng.integers(0, 256, (64, 64, 3)).astype(np.uint8) for _ in range(2)], features())


@pytest.fixture
def make(photos: Path, tmp_path: Path, judge: Judge) -> Callable[..., Trainer]:
    def trainer(name: str, recipe: Recipe = RECIPE) -> Trainer:
        torch.manual_seed(recipe.seed)
        players = gather(build_generator(recipe.variant), recipe, features(), Processes("cpu"))
        folder = RunFolder(tmp_path / name, str(asdict(recipe)))
        return Trainer(recipe, players, load_photos([photos], short_side=64), folder, probes=judge)

    return trainer


def log(subject: Trainer) -> list[dict[str, object]]:
    return [json.loads(line) for line in (subject.folder.path / "log.jsonl").read_text().splitlines()]


def stop_after(subject: Trainer, steps: int) -> None:
    """Ask for a stop once `steps` steps are done, whatever their phase."""
    original, done = subject._step, 0

    def counted(*arguments):
        nonlocal done
        done += 1
        subject.stop_requested = done == steps
        return original(*arguments)

    subject._step = counted  # type: ignore[method-assign]


def result(subject: Trainer) -> dict[str, torch.Tensor]:
    return torch.load(subject.folder.path / FINAL, weights_only=True)["model"]


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory, judge: Judge) -> dict[str, torch.Tensor]:
    """What the plan ends with, run in one go."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    folder = tmp_path_factory.mktemp("whole")
    from PIL import Image

    rng = np.random.default_rng(0)  # as the fixture `photos`
    (folder / "photos").mkdir()
    for index in range(12):
        corners = rng.integers(0, 256, (2, 2, 3)).astype(np.uint8)
        Image.fromarray(corners).resize((96, 80), Image.Resampling.BILINEAR).save(folder / "photos" / f"{index:02}.png")
    torch.manual_seed(RECIPE.seed)
    players = gather(build_generator("lite"), RECIPE, features(), Processes("cpu"))
    run = RunFolder(folder / "run", str(asdict(RECIPE)))
    subject = Trainer(RECIPE, players, load_photos([folder / "photos"], short_side=64), run, probes=judge)
    assert subject.train()
    torch.set_num_threads(threads)
    return result(subject)


@pytest.mark.parametrize(
    "steps",
    [1, 2, 4, 6, 9, 11],
    ids=["first phase", "its end", "second", "critic", "GAN, generator's turn", "GAN, after a checkpoint"],
)
def test_a_resumed_run_ends_with_the_same_bits(
    make: Callable[..., Trainer], undisturbed: dict[str, torch.Tensor], steps: int
):
    cut = make("cut")
    stop_after(cut, steps)
    assert not cut.train()
    assert not (cut.folder.path / FINAL).exists()
    again = make("cut")
    again.resume()
    assert again.train()
    resumed = result(again)
    assert undisturbed.keys() == resumed.keys()
    assert [key for key in undisturbed if not torch.equal(undisturbed[key], resumed[key])] == []


def test_the_run_folder_tells_the_run(make: Callable[..., Trainer]):
    subject = make("run")
    assert subject.train()
    entries = log(subject)
    assert [entry["step"] for entry in entries if "pictures_per_second" in entry][-1] == STEPS[-1]
    scored = [entry["checkpoint"] for entry in entries if "scores" in entry]
    assert scored == [f"gan-1-{step:06}.pt" for step in (0, 2, 4, 6)]
    assert sorted(path.name for path in (subject.folder.path / "checkpoints").iterdir()) == scored
    (chosen,) = (entry["chosen"] for entry in entries if "chosen" in entry)
    kept = torch.load(subject.folder.path / "checkpoints" / chosen, weights_only=True)["model"]
    assert all(torch.equal(value, kept[name]) for name, value in result(subject).items())
    report = (subject.folder.path / "report.html").read_text()
    assert chosen in report
    assert report.count("data:image/jpeg;base64,") >= 6
    assert "<svg" in report


def test_a_gan_that_brings_nothing_ends_the_cycles(make: Callable[..., Trainer], monkeypatch: pytest.MonkeyPatch):
    from retint.training import inflection

    subject = make("run", replace(RECIPE, phases=RECIPE.phases[2:], cycles=3))
    answers = iter([2, 0])
    monkeypatch.setattr(inflection, "choose", lambda scores: inflection.Choice(next(answers), "planted"))
    said: list[str] = []
    subject.progress = said.append
    assert subject.train()
    assert [entry["chosen"] for entry in log(subject) if "chosen" in entry] == ["gan-1-000004.pt", "gan-2-000000.pt"]
    assert any("cycle 2 brought nothing" in line for line in said)


def test_a_gan_phase_ends_once_its_point_lies_behind(make: Callable[..., Trainer], monkeypatch: pytest.MonkeyPatch):
    from retint.training import inflection

    phases = (RECIPE.phases[2], replace(RECIPE.phases[3], patience=2, samples=100))
    subject = make("run", replace(RECIPE, phases=phases))
    monkeypatch.setattr(inflection, "cost", lambda one, before: 1.0 if one == before else 2.0)
    assert subject.train()
    assert [entry["step"] for entry in log(subject) if "scores" in entry] == [0, 2, 4]


def test_frozen_parts_stay_and_the_rest_moves(make: Callable[..., Trainer]):
    subject = make("run", replace(RECIPE, phases=RECIPE.phases[:2]))
    before = {name: value.clone() for name, value in subject.players.generator.state_dict().items()}
    subject.train()
    after = subject.players.generator.state_dict()
    moved = {name for name in before if not torch.equal(before[name], after[name])}
    early = ("layers.0.stem", "layers.0.stages.0.", "layers.0.stages.1.", "layers.0.stages.2.")
    assert not any(name.startswith(early) for name in moved)
    assert "layers.0.stages.3.0.layers.0.0.weight" in moved
    assert "layers.4.conv.0.weight_orig" in moved


def test_accumulated_gradients_are_those_of_one_large_batch(make: Callable[..., Trainer]):
    """Batch norm sees each batch by itself, so the decoder's norms are put into eval mode for the comparison."""
    subject = make("run")
    players = subject.players
    halves = [subject._batches(replace(RECIPE.phases[0], batch=2))[i] for i in range(2)]
    whole = type(halves[0])(*(torch.cat([getattr(b, n) for b in halves]) for n in ("rgb", "gray", "luma")))
    gradients = []
    for batches in (halves, [whole]):
        work = GeneratorPhase(players, RECIPE, RECIPE.phases[0], 10)
        players.generator.train = lambda mode=True: torch.nn.Module.train(players.generator, False)  # type: ignore[method-assign]
        work.optimizer.step = lambda *_, **__: None  # type: ignore[method-assign,assignment]
        work.step(batches, 0)
        gradients.append(players.generator.layers[11][0].weight_orig.grad.clone())
    assert torch.allclose(gradients[0], gradients[1], rtol=1e-4, atol=1e-7)


def test_the_loss_falls(make: Callable[..., Trainer]):
    plain = Augmentation(smallest_crop=0.6)
    phase = Phase("p", size=32, batch=6, samples=720, rate=3e-3, losses=Losses(chroma=1.0))
    subject = make("run", replace(RECIPE, phases=(phase,), augmentation=plain))
    seen: list[float] = []
    original = subject._step

    def recorded(*arguments):
        terms = original(*arguments)
        seen.append(terms["chroma"])
        return terms

    subject._step = recorded  # type: ignore[method-assign]
    subject.train()
    assert sum(seen[-10:]) / 10 < 0.75 * sum(seen[:5]) / 5


def test_the_critic_learns_to_tell_coloured_from_true(make: Callable[..., Trainer]):
    """A generator that has learnt nothing is easily told."""
    phase = replace(RECIPE.phases[2], size=64, samples=120, batch=4, rate=3e-3, pictures=1.0)
    subject = make("run", replace(RECIPE, phases=(phase,), critic="pixels", critic_width=8))
    right: list[float] = []
    original = subject._step

    def recorded(*arguments):
        terms = original(*arguments)
        right.append(terms["right"])
        return terms

    subject._step = recorded  # type: ignore[method-assign]
    subject.train()
    assert np.mean(right[-5:]) > 0.8 > 0.65 > np.mean(right[:2])


def test_generated_pictures_come_in_pairs_that_differ_by_colour_alone(make: Callable[..., Trainer]):
    subject = make("run")
    phase = replace(RECIPE.phases[2], pictures=0.5)
    subject.players.generator.forward = lambda x: 0.02 * x[:, :2]  # type: ignore[method-assign]
    true, coloured = generated_pictures(subject.players, subject.photos, phase, seed=3)
    assert len(true) == len(coloured) == 6
    again, _ = generated_pictures(subject.players, subject.photos, phase, seed=3)
    assert torch.equal(true.canvas, again.canvas)
    weights = torch.tensor([0.299, 0.587, 0.114])[:, None, None]
    luma = [(pictures.canvas * weights).sum(dim=1) for pictures in (true, coloured)]
    inside = ((coloured.canvas > 0) & (coloured.canvas < 255)).all(dim=1)
    assert (luma[0] - luma[1]).abs()[inside].max() < 1.01  # rounding of three channels
    assert not torch.equal(true.canvas, coloured.canvas)


@pytest.mark.parametrize("position", [0, 3], ids=["generator", "GAN"])
def test_a_loss_that_is_not_a_number_stops_the_run_and_names_the_last_good_state(
    make: Callable[..., Trainer], position: int
):
    subject = make("run", replace(RECIPE, phases=RECIPE.phases[2:] if position else RECIPE.phases[:1]))
    subject.save()
    good = (subject.folder.path / "checkpoint.pt").read_bytes()
    original = subject._step

    def poisoned(*arguments):
        if isinstance(subject.work, GanPhase | GeneratorPhase):
            with torch.no_grad():
                subject.players.generator.layers[11][0].bias.fill_(float("nan"))
        return original(*arguments)

    subject._step = poisoned  # type: ignore[method-assign]
    with pytest.raises(TrainingError, match=r"loss became nan.*last good state is .*checkpoint\.pt"):
        subject.train()
    after = torch.load(subject.folder.path / "checkpoint.pt", weights_only=True)
    assert all(value.isfinite().all() for value in after["generator"].values())
    if not position:
        assert (subject.folder.path / "checkpoint.pt").read_bytes() == good


def test_a_full_disk_is_told_and_the_last_checkpoint_stays_whole(
    make: Callable[..., Trainer], monkeypatch: pytest.MonkeyPatch
):
    subject = make("run", replace(RECIPE, phases=RECIPE.phases[:1]))
    subject.save()
    before = (subject.folder.path / "checkpoint.pt").read_bytes()

    def full(*_: object, **__: object) -> None:
        raise RuntimeError("[enforce fail at inline_container.cc:862] . PytorchStreamWriter failed writing file")

    monkeypatch.setattr(torch, "save", full)
    with pytest.raises(OSError, match="could not be written"):
        subject.train()
    assert (subject.folder.path / "checkpoint.pt").read_bytes() == before
    assert not list(subject.folder.path.glob("*.part"))


def test_resuming_nothing_or_another_recipe_is_refused(make: Callable[..., Trainer]):
    with pytest.raises(TrainingError, match="no checkpoint"):
        make("run").resume()
    make("run").save()
    with pytest.raises(TrainingError, match="another recipe"):
        make("run", replace(RECIPE, seed=9)).resume()


def test_a_run_may_start_from_weights_of_its_variant_only(make: Callable[..., Trainer]):
    torch.manual_seed(11)
    other = build_generator("lite")
    subject = make("run")
    subject.start_from(other)
    for network in (subject.players.generator, subject.players.average):
        assert all(torch.equal(value, other.state_dict()[name]) for name, value in network.state_dict().items())
    other.variant = replace(other.variant, name="another")
    with pytest.raises(TrainingError, match=r"got weights of 'another'.*wanted 'lite'"):
        subject.start_from(other)


def test_a_gan_without_probes_is_refused(make: Callable[..., Trainer]):
    subject = make("run")
    with pytest.raises(TrainingError, match="no probes"):
        Trainer(RECIPE, subject.players, subject.photos, subject.folder)


def test_one_cycle_starts_low_peaks_and_ends_at_almost_nothing():
    points = [one_cycle(step, 100, 0.3) for step in range(101)]
    assert points[0] == pytest.approx((1 / 25, 0.95))
    assert points[30] == pytest.approx((1.0, 0.85))
    assert points[30][0] == max(rate for rate, _ in points)
    assert points[100] == pytest.approx((1 / 250_000, 0.95))
