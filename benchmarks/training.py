"""Pictures a second of every kind of phase, ours against the same step written plainly, in one run.

python benchmarks/training.py PHOTOS... [--recipe lite] [--seconds 20] [--device auto] [--threads 2] [--precision bf16]

Plainly: eager fp32 in torch's default memory format; for every picture Pillow opens, decodes, rotates, crops and flips
the file. Same networks, losses, batch and optimiser, and the same parts of the generator learn. Weights are fresh but
for the encoder: speed does not depend on them. Rounds alternate, so that other work on the machine meets both.
"""

from __future__ import annotations

import argparse
import io
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch.nn import functional as F

from retint.networks.critic import Critic
from retint.networks.generator import build_generator
from retint.training.data import Batches, PhotoSet, files, load_photos
from retint.training.imagenet_weights import feature_weights
from retint.training.nogan import GanPhase
from retint.training.players import Players, gather, network_optimizer
from retint.training.pretraining import CriticPhase, GeneratorPhase
from retint.training.processes import Processes
from retint.training.recipe import Phase, Recipe, load_recipe
from retint.training.tensors import denormalize, merge, normalize_rgb, split

Step = Callable[[int], None]


class PlainLoader:
    """Pictures from files, one by one."""

    def __init__(self, sources: list[Path], phase: Phase, recipe: Recipe) -> None:
        self.files = [content for _, content in files(sources, read=True)]
        self.size, self.count, self.plan = phase.size, phase.batch, phase.augmentation or recipe.augmentation
        self.rng = np.random.default_rng(0)

    def one(self) -> np.ndarray:
        picture = Image.open(io.BytesIO(self.files[self.rng.integers(len(self.files))])).convert("RGB")
        if self.plan.rotate:
            picture = picture.rotate(self.rng.uniform(-self.plan.rotate, self.plan.rotate), Image.Resampling.BILINEAR)
        w, h = (side * self.rng.uniform(min(self.plan.smallest_crop, 0.99), 1) for side in picture.size)
        left, top = self.rng.uniform(0, picture.width - w), self.rng.uniform(0, picture.height - h)
        picture = picture.resize((self.size, self.size), Image.Resampling.BILINEAR, (left, top, left + w, top + h))
        array = np.asarray(picture)
        return array[:, ::-1] if self.rng.random() < 0.5 else array

    def batch(self, device: torch.device) -> torch.Tensor:
        pictures = np.ascontiguousarray(np.stack([self.one() for _ in range(self.count)]).transpose(0, 3, 1, 2))
        return torch.from_numpy(pictures).to(device).float() / 255


class Plain:
    """The same steps, as one would write them first."""

    def __init__(self, players: Players, loader: PlainLoader, phase: Phase) -> None:
        self.players, self.loader, self.phase = players, loader, phase
        self.device = players.processes.device
        for network in (players.generator, players.critic, players.features, *players.others):
            if network is not None:
                network.to(memory_format=torch.contiguous_format)  # type: ignore[call-overload]
        network_optimizer(players.generator, phase, 0.0)  # rests what rests in ours, too
        trained = [parameter for parameter in players.generator.parameters() if parameter.requires_grad]
        self.optimizer = torch.optim.AdamW(trained, lr=1e-6)
        if players.critic is not None:
            self.critic_optimizer = torch.optim.AdamW(players.critic.requires_grad_(True).parameters(), lr=1e-6)

    def colour(self, rgb: torch.Tensor) -> torch.Tensor:
        gray = split(rgb)[0]
        out = self.players.generator(normalize_rgb(gray))
        return merge(gray, out) if self.players.generator.variant.head == "chroma" else denormalize(out)

    def verdict(self, rgb: torch.Tensor) -> list[torch.Tensor]:
        critic = self.players.critic
        return [critic(normalize_rgb(rgb))] if isinstance(critic, Critic) else critic(self.players.maps(rgb))

    def losses(self, coloured: torch.Tensor, rgb: torch.Tensor, step: int) -> torch.Tensor:
        losses, players = self.phase.losses, self.players
        if self.phase.kind == "generator":
            players = players.seeing(self.phase.feature_sizes, (0, step))
        maps, true = (players.maps(coloured), players.maps(rgb)) if losses.features else ([], [])
        return torch.stack(list(players.terms(coloured, rgb, maps, true, losses).values())).sum()

    def generator(self, step: int) -> None:
        self.players.generator.train()
        rgb = self.loader.batch(self.device)
        loss = self.losses(self.colour(rgb), rgb, step)
        self.optimizer.zero_grad()
        loss.backward()
        self.optimizer.step()

    def critic(self, _: int) -> None:
        rgb, coloured = self.loader.batch(self.device), self.loader.batch(self.device)
        self._critic(rgb, coloured)

    def _critic(self, rgb: torch.Tensor, coloured: torch.Tensor) -> None:
        self.players.critic.train()
        parts = zip(self.verdict(rgb), self.verdict(coloured), strict=True)
        loss = torch.stack([_cross(a, 1) + _cross(b, 0) for a, b in parts]).mean() / 2
        self.critic_optimizer.zero_grad()
        loss.backward()
        self.critic_optimizer.step()

    def gan(self, step: int) -> None:
        rgb = self.loader.batch(self.device)
        coloured = self.colour(rgb)
        if step % 2 == 0:
            self._critic(rgb, coloured.detach())
            return
        loss = self.losses(coloured, rgb, step)
        loss = loss + torch.stack([_cross(a, 1) for a in self.verdict(coloured)]).mean()
        self.optimizer.zero_grad()
        loss.backward()
        self.optimizer.step()


def _cross(logits: torch.Tensor, target: float) -> torch.Tensor:
    return F.binary_cross_entropy_with_logits(logits, torch.full_like(logits, target))


def ours(players: Players, recipe: Recipe, phase: Phase, photos: PhotoSet) -> Step:
    plan = phase.augmentation or recipe.augmentation
    batches = Batches(photos, plan, side=phase.size, batch=phase.batch, key=(0, 0))
    if phase.kind == "generator":
        work = GeneratorPhase(players, recipe, phase, 1000)
        return lambda step: void(work.step([batches[step]], step))
    if phase.kind == "critic":
        critic = CriticPhase(players, recipe, phase, 1000)
        return lambda step: void(critic.step([batches[step]], [batches[step + 1]], step))
    gan = GanPhase(players, recipe, replace(phase, threshold=1e9))  # turns alternate
    return lambda step: void(gan.step(batches[step], step))


def void(_: object) -> None:
    """Throw a step's losses away."""


def rate(step: Step, pictures: int, seconds: float, device: torch.device) -> float:
    """Pictures a second over an even number of steps."""
    number, started = 0, time.perf_counter()
    while number < 4 or number % 2 or time.perf_counter() - started < seconds:
        step(number)
        number += 1
    if device.type == "cuda":
        torch.cuda.synchronize()
    return number * pictures / (time.perf_counter() - started)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("photos", type=Path, nargs="+")
    parser.add_argument("--recipe", default="lite")
    parser.add_argument("--seconds", type=float, default=20, help="of each round")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--device", default="auto")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--precision", choices=["fp32", "bf16"], help="ours; default: the recipe's")
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    recipe, _ = load_recipe(arguments.recipe)
    processes = Processes(arguments.device, precision=arguments.precision or recipe.precision)
    photos = load_photos(arguments.photos, short_side=recipe.loaded_side).to(processes.device)
    print(f"{arguments.recipe} on {processes.device}, {processes.precision}, {len(photos)} photographs\n")
    print("| phase | plainly, pictures/s | ours | ratio | of our time on batches |\n|---|---|---|---|---|")
    for phase in recipe.phases:
        pictures = phase.batch * (2 if phase.kind == "critic" else 1)
        teams = []
        for arithmetic in (Processes(arguments.device, precision="fp32"), processes):
            first, *others = (feature_weights(name) for name in recipe.feature_networks)
            teams.append(gather(build_generator(recipe.variant), recipe, first, arithmetic, others))
        plain = Plain(teams[0], PlainLoader(arguments.photos, phase, recipe), phase)
        steps: list[Step] = [getattr(plain, phase.kind), ours(teams[1], recipe, phase, photos)]
        for step in steps:
            rate(step, pictures, 0, processes.device)  # warm
        rates = [
            [rate(step, pictures, arguments.seconds, processes.device) for step in steps]
            for _ in range(arguments.rounds)
        ]
        best = np.max(rates, axis=0)
        batches = Batches(
            photos, phase.augmentation or recipe.augmentation, side=phase.size, batch=phase.batch, key=(0, 0)
        )
        alone = rate(lambda step, source=batches: void(source[step]), pictures, 2, processes.device)
        if phase.kind == "critic":
            alone /= 2
        print(
            f"| {phase.name} | {best[0]:.1f} | {best[1]:.1f} | {best[1] / best[0]:.2f} | {best[1] / alone:.1%} |",
            flush=True,
        )
    if processes.device.type == "cuda":
        memory = torch.cuda.max_memory_allocated() / 2**30
        print(f"\nGPU utilisation now: {torch.cuda.utilization()} %, peak memory {memory:.1f} GiB")


if __name__ == "__main__":
    main()
