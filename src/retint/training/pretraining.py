"""The first two parts of NoGAN: the generator learns from losses alone, then the critic to tell its pictures from
true ones."""

from __future__ import annotations

import math
import zlib
from dataclasses import dataclass

import torch
from torch import nn
from torch.nn import functional as F

from retint.errors import TrainingError
from retint.training.data import Batch, Batches, PhotoSet
from retint.training.players import Players, critic_optimizer, network_optimizer
from retint.training.processes import losses_to_floats
from retint.training.recipe import Augmentation, Phase, Recipe

Terms = dict[str, float]
SEEING = 3  # what numbers are drawn for, in a random key


def one_cycle(step: int, steps: int, warm: float) -> tuple[float, float]:
    """Share of the highest rate, and momentum, at a step (arXiv 1708.07120, as fastai 1.0 has it).

    Rate: cosine up from 1/25 over `warm` of the steps, cosine down to 1/250 000. Momentum: 0.95, 0.85, 0.95.
    """
    first, last = 1 / 25, 1 / 250_000
    peak = max(1, int(steps * warm))
    if step < peak:
        rise = (1 - math.cos(math.pi * step / peak)) / 2
        return first + (1 - first) * rise, 0.95 - 0.1 * rise
    fall = (1 + math.cos(math.pi * (step - peak) / max(1, steps - peak))) / 2
    return last + (1 - last) * fall, 0.95 - 0.1 * fall


def set_cycle(optimizer: torch.optim.AdamW, step: int, steps: int, warm: float) -> None:
    """Rate and momentum of every group for this step."""
    rate, momentum = one_cycle(step, steps, warm)
    for group in optimizer.param_groups:
        group["lr"], group["betas"] = group["top"] * rate, (momentum, group["betas"][1])


def check(terms: Terms, phase: Phase, step: int) -> Terms:
    """The same terms. Raises TrainingError where one is no number."""
    bad = [name for name, value in terms.items() if not math.isfinite(value)]
    if bad:
        raise TrainingError(f"the {bad[0]} loss became {terms[bad[0]]} in phase {phase.name!r} at step {step}")
    return terms


@dataclass
class GeneratorPhase:
    """Generator pretraining: losses against the true colours, rates along one cycle."""

    players: Players
    recipe: Recipe
    phase: Phase
    steps: int

    def __post_init__(self) -> None:
        self.optimizer = network_optimizer(self.players.colorizer(), self.phase, self.recipe.weight_decay)
        self.number = zlib.crc32(self.phase.name.encode())

    def step(self, batches: list[Batch], step: int) -> Terms:
        """One step on the gradients of all `batches`."""
        phase = self.phase
        players = self.players.seeing(phase.feature_sizes, (self.recipe.seed, self.number, SEEING, step))
        set_cycle(self.optimizer, step, self.steps, phase.warm)
        players.colorizer().train()
        self.optimizer.zero_grad(set_to_none=True)
        told: Terms = {}
        for batch in batches:
            coloured = players.colour(players.colorizer(), batch.gray, batch.luma)
            maps = players.maps(coloured) if phase.losses.features else []
            true = players.true_maps(batch.rgb, phase.losses)
            terms = players.terms(coloured, batch.rgb, maps, true, phase.losses)
            (torch.stack(list(terms.values())).sum() / len(batches)).backward()
            told = losses_to_floats(terms)
        check(told, phase, step)
        ours = [parameter for group in self.optimizer.param_groups for parameter in group["params"]]
        players.processes.average_gradients(ours)
        if self.recipe.clip:
            nn.utils.clip_grad_norm_(ours, self.recipe.clip)
        self.optimizer.step()
        return told


@dataclass
class CriticPhase:
    """Critic pretraining: a binary classifier of true (1) and coloured (0) pictures, a batch of each a step."""

    players: Players
    recipe: Recipe
    phase: Phase
    steps: int

    def __post_init__(self) -> None:
        assert self.players.critic is not None
        self.critic = self.players.critic
        self.optimizer = critic_optimizer(self.critic, self.phase, self.recipe.weight_decay)

    def step(self, true: list[Batch], coloured: list[Batch], step: int) -> Terms:
        """One step on batches of true pictures and of the generator's."""
        players = self.players
        set_cycle(self.optimizer, step, self.steps, self.phase.warm)
        self.critic.train()
        self.optimizer.zero_grad(set_to_none=True)
        told: Terms = {}
        for good, bad in zip(true, coloured, strict=True):
            with torch.no_grad():
                maps = [players.maps(batch.rgb) if players.critic_sees_maps else [] for batch in (good, bad)]
            says = [players.verdict(batch.rgb, seen) for batch, seen in zip((good, bad), maps, strict=True)]
            losses = [
                (
                    F.binary_cross_entropy_with_logits(a, torch.ones_like(a))
                    + F.binary_cross_entropy_with_logits(b, torch.zeros_like(b))
                )
                / 2
                for a, b in zip(*says, strict=True)
            ]
            loss = torch.stack(losses).mean()
            (loss / len(true)).backward()
            right = torch.stack(
                [((a > 0).float().mean() + (b < 0).float().mean()) / 2 for a, b in zip(*says, strict=True)]
            )
            told = losses_to_floats({"critic": loss, "right": right.mean()})
        check(told, self.phase, step)
        players.processes.average_gradients(self.critic.parameters())
        self.optimizer.step()
        return told


PLAIN = Augmentation(flip=0.0)
GENERATED = 1_000_000  # in place of a phase's number, so that these crops are like no phase's


def generated_count(phase: Phase, photos: PhotoSet) -> int:
    """How many pictures `generated_pictures` makes: a batch at least, where there are as many photographs."""
    return min(len(photos), max(phase.batch, round(phase.pictures * len(photos))))


@torch.no_grad()
def generated_pictures(players: Players, photos: PhotoSet, phase: Phase, *, seed: int) -> tuple[PhotoSet, PhotoSet]:
    """True squares and the generator's colours of them, for critic pretraining: `phase.pictures` of the photographs.

    Both are cut, resampled and rounded to 8 bit alike, so that the critic finds nothing to tell them by but colour.
    A function of generator and seed alone.
    """
    count = generated_count(phase, photos)
    at_once = min(count, phase.batch)
    batches = Batches(photos, PLAIN, side=phase.size, batch=at_once, key=(seed, GENERATED))
    shape = (count, 3, phase.size, phase.size)
    sets = [torch.empty(shape, dtype=torch.uint8, device=players.processes.device) for _ in range(2)]
    players.colorizer().eval()
    for first in range(0, count, at_once):
        batch = batches[first // at_once]
        coloured = players.colour(players.colorizer(), batch.gray, batch.luma)
        for target, rgb in zip(sets, (batch.rgb, coloured), strict=True):
            part = target[first : first + at_once]
            part[:] = (rgb[: len(part)] * 255).round().clamp(0, 255).to(torch.uint8)
    sizes = torch.full((count, 2), phase.size, device=players.processes.device)
    lying = torch.zeros(count, dtype=torch.bool, device=players.processes.device)
    names = [str(number) for number in range(count)]
    return PhotoSet(sets[0], sizes, lying, names), PhotoSet(sets[1], sizes, lying, names)
