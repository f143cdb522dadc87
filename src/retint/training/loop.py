"""Generator pretraining: the first part of NoGAN, resumable to the bit."""

from __future__ import annotations

import copy
import json
import logging
import math
import os
import time
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from retint.errors import TrainingError
from retint.networks.encoders import EfficientNetLite
from retint.networks.generator import Generator, build_generator
from retint.training.data import Batches, PhotoSet
from retint.training.figures import Figures, Judge
from retint.training.losses import FeatureCritic, LiteFeatureLoss, adversarial_loss, chroma_loss, critic_loss
from retint.training.recipe import Phase, Recipe
from retint.training.tensors import gray_input, merge, normalize, split

_log = logging.getLogger(__name__)
CHECKPOINT = "checkpoint.pt"
FINAL = "generator.pt"


def one_cycle(step: int, steps: int, warm: float) -> float:
    """Share of the highest rate at a step: cosine up from 1/25 over `warm` of the steps, cosine down to 1/250 000."""
    first, last = 1 / 25, 1 / 250_000
    peak = max(1, int(steps * warm))
    if step < peak:
        return first + (1 - first) * (1 - math.cos(math.pi * step / peak)) / 2
    return last + (1 - last) * (1 + math.cos(math.pi * (step - peak) / max(1, steps - peak))) / 2


def save_whole(state: dict[str, Any], path: Path) -> None:
    """Write with torch.save under a temporary name, then rename: the file is whole or not there."""
    part = path.with_suffix(".part")
    with part.open("wb") as handle:
        torch.save(state, handle)
        handle.flush()
        os.fsync(handle.fileno())
    part.replace(path)


class Trainer:
    """Trains one generator by a recipe. Every random draw is a function of (seed, phase, step)."""

    def __init__(
        self,
        recipe: Recipe,
        photos: PhotoSet,
        run: Path,
        *,
        encoder: Callable[[EfficientNetLite], object],
        features: Callable[[], EfficientNetLite] | None = None,
        judge: Judge | None = None,
        device: str = "cpu",
        progress: Callable[[str], None] | None = None,
    ) -> None:
        """encoder fills a fresh encoder with its first weights; features makes the network of the feature loss."""
        self.recipe, self.photos, self.run_folder, self.judge = recipe, photos, run, judge
        self.device, self.progress = torch.device(device), progress
        run.mkdir(parents=True, exist_ok=True)
        torch.manual_seed(recipe.seed)
        self.generator = build_generator(recipe.variant)
        body = self.generator.layers[0]
        if not isinstance(body, EfficientNetLite):
            raise TrainingError(f"got variant {recipe.variant!r}; this loop trains chroma generators, such as 'lite'")
        encoder(body)
        self.generator.to(self.device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.average = copy.deepcopy(self.generator).eval().requires_grad_(False)
        self.feature_loss: LiteFeatureLoss | None = None
        if any(phase.losses.features for phase in recipe.phases):
            if features is None:
                raise TrainingError("the recipe asks for a feature loss, and no feature network was given")
            self.feature_loss = LiteFeatureLoss(features()).to(self.device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.critic: FeatureCritic | None = None
        if self.feature_loss is not None and any(phase.losses.adversarial for phase in recipe.phases):
            self.critic = FeatureCritic(self.feature_loss.channels).to(self.device)
            self.critic_optimizer = torch.optim.Adam(self.critic.parameters(), betas=(0.5, 0.99))
        self.phase_index, self.step = 0, 0
        self.optimizer: torch.optim.AdamW | None = None
        self.stop_requested = False  # set from outside: stop after the step under way, and keep the run

    # (1) what learns, and how fast

    def _trainable(self, phase: Phase) -> torch.optim.AdamW:
        encoder = self.generator.layers[0]
        assert isinstance(encoder, EfficientNetLite)
        encoder.requires_grad_(phase.encoder_rate > 0)
        for frozen in [encoder.stem, *encoder.stages][: phase.frozen_stages + 1 if phase.frozen_stages else 0]:
            frozen.requires_grad_(False)
        ours = [p for p in encoder.parameters() if p.requires_grad]
        inside = {id(p) for p in encoder.parameters()}
        decoder = [p for p in self.generator.parameters() if id(p) not in inside]
        groups = [{"params": decoder, "top": phase.rate}]
        if ours:
            groups.append({"params": ours, "top": phase.encoder_rate})
        return torch.optim.AdamW(groups, lr=phase.rate, betas=(0.9, 0.99), weight_decay=self.recipe.weight_decay)

    # (2) one step, top to bottom

    def _train_step(self, phase: Phase, step: int, steps: int, colour: Tensor, draws: Tensor) -> dict[str, float]:
        assert self.optimizer is not None
        for group in self.optimizer.param_groups:
            group["lr"] = group["top"] * one_cycle(step, steps, phase.warm)
        rgb = colour.to(self.device).float().div(255).contiguous(memory_format=torch.channels_last)
        luma, chroma = split(rgb)
        seed = hash((self.recipe.seed, self.phase_index, step)) & 0x7FFFFFFF
        seen = gray_input(luma, draws.to(self.device), self.recipe.augmentation, seed=seed)
        rendered = self.generator(normalize(seen).contiguous(memory_format=torch.channels_last))
        critic: dict[str, float] = {}
        terms = {"chroma": chroma_loss(rendered, chroma, phase.losses) * phase.losses.chroma}
        if phase.losses.features and self.feature_loss is not None:
            looked_at = max(1, round(len(rgb) * phase.losses.features_share))
            maps = self.feature_loss.maps(merge(luma[:looked_at], rendered[:looked_at]))
            with torch.no_grad():
                true_maps = self.feature_loss.maps(rgb[:looked_at])
            terms["features"] = self.feature_loss(maps, true_maps) * phase.losses.features
            if phase.losses.pooled:
                terms["pooled"] = self.feature_loss.pooled(maps, true_maps) * phase.losses.pooled
            if phase.losses.adversarial:
                critic = self._train_critic(phase, maps, true_maps)
                if step >= steps * phase.critic_alone and self.critic is not None:
                    terms["adversarial"] = adversarial_loss(self.critic(maps)) * phase.losses.adversarial
        loss = torch.stack(list(terms.values())).sum()
        if not torch.isfinite(loss):
            raise TrainingError(
                f"the loss became {loss.item()} in phase {phase.name!r} at step {step}; "
                f"the last good state is {self.run_folder / CHECKPOINT}; lower the phase's rate and resume"
            )
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()
        nn.utils.clip_grad_norm_([p for group in self.optimizer.param_groups for p in group["params"]], 5.0)
        self.optimizer.step()
        self._update_average(phase, step)
        return {name: value.item() for name, value in terms.items()} | critic

    def _train_critic(self, phase: Phase, rendered: list[Tensor], true: list[Tensor]) -> dict[str, float]:
        assert self.critic is not None
        for group in self.critic_optimizer.param_groups:
            group["lr"] = phase.critic_rate
        self.critic.requires_grad_(True)
        loss = critic_loss(self.critic([part.detach() for part in rendered]), self.critic(true))
        self.critic_optimizer.zero_grad(set_to_none=True)
        loss.backward()
        self.critic_optimizer.step()
        self.critic.requires_grad_(False)  # what follows is the generator's
        return {"critic": loss.item()}

    @torch.no_grad()
    def _update_average(self, phase: Phase, step: int) -> None:
        total = step + sum(p.samples // p.batch for p in self.recipe.phases[: self.phase_index])
        decay = min(self.recipe.average, (1 + total) / (10 + total))
        live = self.generator.state_dict()
        for name, value in self.average.state_dict().items():
            if value.dtype.is_floating_point and not name.endswith(("weight_u", "weight_v")):
                value.lerp_(live[name], 1 - decay)
            else:
                value.copy_(live[name])

    # (3) all phases

    def train(self) -> bool:
        """Run to the end of the recipe and write `generator.pt`, the averaged weights. False if stopped before."""
        last_save = last_figures = last_line = time.monotonic()
        while self.phase_index < len(self.recipe.phases):
            phase = self.recipe.phases[self.phase_index]
            if self.optimizer is None:
                self.optimizer = self._trainable(phase)
            batches = Batches(
                self.photos, phase, self.recipe.augmentation, seed=self.recipe.seed, index=self.phase_index
            )
            self.generator.train()
            started, first = time.monotonic(), self.step
            sums: dict[str, float] = {}
            for step, colour, draws in batches.from_step(self.step):
                for name, value in self._train_step(phase, step, batches.steps, colour, draws).items():
                    sums[name] = sums[name] * 0.98 + value * 0.02 if name in sums else value
                self.step = step + 1
                if self.stop_requested:
                    self.save()
                    return False
                now = time.monotonic()
                if now - last_line > 10 or self.step == batches.steps:
                    last_line = now
                    self._tell(phase, batches.steps, (self.step - first) * phase.batch / (now - started), sums)
                if now - last_save > self.recipe.checkpoint_minutes * 60:
                    self.save()
                    last_save = now
                if self.judge is not None and now - last_figures > self.recipe.figures_minutes * 60:
                    self._judge()
                    last_figures = time.monotonic()
            self.phase_index, self.step, self.optimizer = self.phase_index + 1, 0, None
            self._judge()
            self.save()
        save_whole({"variant": self.recipe.variant, "model": self.average.state_dict()}, self.run_folder / FINAL)
        return True

    def _tell(self, phase: Phase, steps: int, rate: float, sums: dict[str, float]) -> None:
        left = (steps - self.step) * phase.batch / rate
        losses = "  ".join(f"{name} {value:.4f}" for name, value in sums.items())
        line = f"{phase.name}: step {self.step}/{steps}  {losses}  {rate:.0f} pictures/s  {left / 60:.0f} min left"
        self._write({"phase": phase.name, "step": self.step, **sums, "pictures_per_second": rate})
        if self.progress is not None:
            self.progress(line)

    def _judge(self) -> Figures | None:
        if self.judge is None:
            return None
        figures = self.judge.figures(self.average)
        self._write({"phase_index": self.phase_index, "step": self.step, "figures": asdict(figures)})
        if self.progress is not None:
            self.progress(f"validation: {figures}")
        return figures

    def _write(self, entry: dict[str, Any]) -> None:
        with (self.run_folder / "log.jsonl").open("a", encoding="utf-8") as log:
            log.write(json.dumps({"time": round(time.time(), 1), **entry}) + "\n")

    # (4) starting from weights, stopping, going on

    def start_from(self, generator: Generator) -> None:
        """Begin with the weights of a generator of the same variant, in place of fresh ones.

        Raises TrainingError for another variant.
        """
        if generator.variant != self.generator.variant:
            raise TrainingError(
                f"got weights of {generator.variant.name!r} to start from, wanted {self.generator.variant.name!r}, "
                "the variant of the recipe"
            )
        self.generator.load_state_dict(generator.state_dict())
        self.average.load_state_dict(generator.state_dict())

    def save(self) -> None:
        """Write `checkpoint.pt`: all that `resume` needs."""
        state = {
            "recipe": asdict(self.recipe),
            "phase_index": self.phase_index,
            "step": self.step,
            "generator": self.generator.state_dict(),
            "average": self.average.state_dict(),
            "optimizer": None if self.optimizer is None else self.optimizer.state_dict(),
            "critic": None if self.critic is None else self.critic.state_dict(),
            "critic_optimizer": None if self.critic is None else self.critic_optimizer.state_dict(),
        }
        save_whole(state, self.run_folder / CHECKPOINT)

    def resume(self) -> None:
        """Take up `checkpoint.pt`. Raises TrainingError where it is missing or of another recipe."""
        path = self.run_folder / CHECKPOINT
        if not path.is_file():
            raise TrainingError(f"got no checkpoint at {path}; start the run without --resume")
        state = torch.load(path, map_location="cpu", weights_only=True)
        if state["recipe"] != asdict(self.recipe):
            raise TrainingError(
                f"{path} belongs to another recipe than the one given; resume with {path.parent / 'recipe.toml'}"
            )
        self.phase_index, self.step = state["phase_index"], state["step"]
        self.generator.load_state_dict(state["generator"])
        self.average.load_state_dict(state["average"])
        if state["optimizer"] is not None:
            self.optimizer = self._trainable(self.recipe.phases[self.phase_index])
            self.optimizer.load_state_dict(state["optimizer"])
        if self.critic is not None:
            self.critic.load_state_dict(state["critic"])
            self.critic_optimizer.load_state_dict(state["critic_optimizer"])
