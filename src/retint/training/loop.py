"""NoGAN from a recipe: phase after phase, resumable to the bit, with a log, checkpoints and figures."""

from __future__ import annotations

import copy
import dataclasses
import time
from collections.abc import Callable
from dataclasses import asdict
from typing import Any, TypeAlias

import torch

from retint.errors import TrainingError
from retint.networks.generator import Generator
from retint.networks.mender import Mender, Toner
from retint.training import inflection
from retint.training.aging import AgedBatches
from retint.training.data import Batches, PhotoSet
from retint.training.inflection import Scores
from retint.training.nogan import GanPhase
from retint.training.players import Players
from retint.training.pretraining import CriticPhase, GeneratorPhase, Terms, generated_count, generated_pictures
from retint.training.probes import Judge
from retint.training.recipe import Phase, Recipe
from retint.training.report import write_report
from retint.training.restoring import RestorerJudge, RestorerPhase
from retint.training.runfolder import CHECKPOINT, FINAL, SHOWN, RunFolder, Shown

Work: TypeAlias = "GeneratorPhase | CriticPhase | GanPhase | RestorerPhase"
SMOOTHING = 0.98  # of the losses that are told; nothing rests on them


class Trainer:
    """Trains by a recipe. Every random draw is a function of (seed, phase, step)."""

    def __init__(
        self,
        recipe: Recipe,
        players: Players,
        photos: PhotoSet,
        folder: RunFolder,
        *,
        probes: Judge | None = None,
        validation: Judge | RestorerJudge | None = None,
        progress: Callable[[str], None] | None = None,
    ) -> None:
        """probes: held out of `photos`; wanted where the recipe has a GAN phase. validation: for figures alone."""
        if probes is None and any(phase.kind == "gan" for phase in recipe.phases):
            raise TrainingError("the recipe has a GAN phase, and no probes were given to score its checkpoints by")
        self.recipe, self.players, self.folder = recipe, players, folder
        # networks that restore get their batches from threads of the CPU
        self.photos = photos if recipe.restores else photos.to(players.processes.device)
        self.probes, self.validation, self.progress = probes, validation, progress
        self.plan = recipe.plan()
        self.position, self.step = 0, 0  # which phase of the plan, and how many of its steps are done
        self.scores: list[Scores] = []  # of the GAN phase under way: before it, then of every checkpoint
        self.ended = ""  # why the plan ended before its end
        self.work: Work | None = None
        self.stop_requested = False  # set from outside: stop after the step under way, and keep the run
        self._last_save = self._last_figures = self._last_line = time.monotonic()

    # (1) all phases

    def train(self) -> bool:
        """Run to the end of the plan and write `generator.pt`. False if stopped before.

        Raises TrainingError where a loss is no number; OSError where the run folder cannot be written.
        """
        if not self.folder.has_checkpoint():
            self.save()  # a good state to name, whatever happens in the first minutes
        while self.position < len(self.plan) and not self.ended:
            phase, cycle = self.plan[self.position]
            if self.work is None:
                self.work = self._begin(phase)
            if not self._run(phase):
                self.save()
                if self.players.processes.is_first:
                    write_report(self.folder)
                return False
            self._finish(phase, cycle)
        if self.players.processes.is_first:
            self.folder.save_generator(self.players.average, FINAL)
        self.players.processes.wait()
        return True

    def _begin(self, phase: Phase) -> Work:
        """The phase with fresh optimisers, and its scores before the first step."""
        if phase.kind == "restorer":
            return RestorerPhase(self.players, self.recipe, phase, self._steps(phase))
        if phase.kind == "generator":
            return GeneratorPhase(self.players, self.recipe, phase, self._steps(phase))
        if phase.kind == "critic":
            return CriticPhase(self.players, self.recipe, phase, self._steps(phase))
        if self.step == 0 and not self.scores:
            self._keep_critic()
            self._score(phase)
        return GanPhase(self.players, self.recipe, phase)

    def _steps(self, phase: Phase) -> int:
        photos = len(self.photos) if phase.kind != "critic" else generated_count(phase, self.photos)
        return max(1, phase.steps(photos) // phase.accumulate)

    def _run(self, phase: Phase) -> bool:
        """The steps of a phase that are left. False if a stop was asked for."""
        steps, first, started = self._steps(phase), self.step, time.monotonic()
        batches = self._aged_batches(phase) if phase.kind == "restorer" else self._batches(phase)
        coloured = true = None
        if phase.kind == "critic":
            seed = self.recipe.seed + self.position
            true_set, coloured_set = generated_pictures(self.players, self.photos, phase, seed=seed)
            true, coloured = self._batches(phase, true_set), self._batches(phase, coloured_set)
        sums: Terms = {}
        waited = 0.0
        agreed = self.players.processes.agree
        while self.step < steps:
            if phase.kind == "gan" and agreed(inflection.is_past(self.scores, phase.patience)):
                break
            before = time.monotonic()
            numbers = range(self.step * phase.accumulate, (self.step + 1) * phase.accumulate)
            sets = [[source[i] for i in numbers] for source in ((true, coloured) if true and coloured else (batches,))]
            waited += time.monotonic() - before
            try:
                terms = self._step(sets)
            except TrainingError as error:
                raise TrainingError(
                    f"{error}; the last good state is {self.folder.path / CHECKPOINT}; "
                    "lower the phase's rate in a copy of the recipe, and begin another run with --start and that file"
                ) from None
            for name, value in terms.items():
                sums[name] = sums[name] * SMOOTHING + value * (1 - SMOOTHING) if name in sums else value
            self.step += 1
            if phase.kind == "gan" and self.step % phase.checkpoint_every == 0:
                self._score(phase, terms=sums)
            if agreed(self.stop_requested):
                return False
            speed = (self.step - first) * phase.batch * phase.accumulate / (time.monotonic() - started)
            self._in_between(phase, steps, sums, speed, waited / (time.monotonic() - started))
        return True

    def _step(self, sets: list[list[Any]]) -> Terms:
        """One step; sets: of batches, as the phase's kind wants them."""
        phase, _ = self.plan[self.position]
        # dropout is drawn from the global generator, which belongs to this step now, too
        torch.manual_seed(self.recipe.seed * 1_000_003 + self.position * 10_007 + self.step)
        if isinstance(self.work, GanPhase):
            turn = self.work.turn
            terms = self.work.step(sets[0][0], self.step)
            if turn == "generator" and phase.average:
                self.players.update_average(phase.average)
            return terms
        if isinstance(self.work, CriticPhase):
            return self.work.step(sets[0], sets[1], self.step)
        assert isinstance(self.work, GeneratorPhase | RestorerPhase)
        terms = self.work.step(sets[0], self.step)
        if phase.average:
            self.players.update_average(self._decay(phase))
        return terms

    def _settle_average(self, phase: Phase) -> Generator | Mender | Toner:
        """The generator to judge and to keep: where a phase keeps no running average, that of now."""
        if not phase.average:
            self.players.update_average(0.0)
        return self.players.average

    def _decay(self, phase: Phase) -> float:
        """Of the running average: young averages forget faster."""
        done = self.step + sum(self._steps(earlier) for earlier, _ in self.plan[: self.position])
        return min(phase.average, (1 + done) / (10 + done))

    def _batches(self, phase: Phase, photos: PhotoSet | None = None) -> Batches:
        key = (self.recipe.seed, self.position)
        share = self.players.processes.share(phase.batch)
        augmentation = phase.augmentation or self.recipe.augmentation
        return Batches(photos or self.photos, augmentation, side=phase.size, batch=phase.batch, key=key, share=share)

    def _aged_batches(self, phase: Phase) -> AgedBatches:
        key = (self.recipe.seed, self.position)
        share = self.players.processes.share(phase.batch)
        augmentation = phase.augmentation or self.recipe.augmentation
        return AgedBatches(
            self.photos,
            augmentation,
            phase.damage,
            side=phase.size,
            batch=phase.batch,
            key=key,
            share=share,
            device=self.players.processes.device,
        )

    def _finish(self, phase: Phase, cycle: int) -> None:
        """What follows a phase: its figures, for a GAN phase its inflection point, and the next one's turn."""
        if phase.kind in ("generator", "restorer"):
            self.players.take(self._settle_average(phase).state_dict())
        if phase.kind == "gan":
            self._choose(cycle)
        self._judge()
        self.position, self.step, self.work, self.scores = self.position + 1, 0, None, []
        self.save()
        if self.players.processes.is_first:
            write_report(self.folder)

    # (2) checkpoints of a GAN phase

    def _score(self, phase: Phase, terms: Terms | None = None) -> None:
        """Keep the generator as a checkpoint, and score it on the probes."""
        assert self.probes is not None
        _, cycle = self.plan[self.position]
        subject = self._settle_average(phase)
        assert isinstance(subject, Generator)
        name = f"gan-{cycle}-{self.step:06}.pt"
        players = dataclasses.replace(self.players, critic=self._pretrained_critic())
        results = self.probes.renders(subject)
        scores = self.probes.scores(players, subject, results)
        self.scores.append(scores)
        if not self.players.processes.is_first:
            return
        self.folder.save_generator(subject, f"checkpoints/{name}")
        samples = self.step * phase.batch
        entry = {"checkpoint": name, "cycle": cycle, "step": self.step, "samples": samples, "losses": terms or {}}
        self.folder.write({**entry, "scores": asdict(scores)})
        self.folder.save_probes(self.probes, results, f"gan {cycle}, {self.step}")
        cost = inflection.cost(scores, self.scores[0])
        self._say(
            f"checkpoint {name}: cost {cost:.3f}  FD share {scores.fd_share:.3f}  CF {scores.cf:.1f}  "
            f"PSNR {scores.psnr:.2f}  unsteadiness {scores.unsteadiness:.3f}  skin {scores.skin:.3f}"
        )

    def _choose(self, cycle: int) -> None:
        phase, _ = self.plan[self.position]
        chosen = inflection.choose(self.scores)
        index = int(self.players.processes.agree(chosen.index))
        name = f"gan-{cycle}-{index * phase.checkpoint_every:06}.pt"
        self.players.processes.wait()
        self.players.take(self.folder.load_state(f"checkpoints/{name}", self.players.processes.device))
        self._write({"chosen": name, "cycle": cycle, "why": chosen.why})
        self._say(f"inflection point: {name}: {chosen.why}")
        if index == 0 and self.recipe.cycles > 1:
            self.ended = f"cycle {cycle} brought nothing"
            self._say(f"{self.ended}: no further cycle")

    def _keep_critic(self) -> None:
        """The critic as pretraining left it is the one that checkpoints are scored with."""
        if self.players.processes.is_first:
            _, cycle = self.plan[self.position]
            assert self.players.critic is not None
            self.folder.save({"model": self.players.critic.state_dict()}, f"critic-{cycle}.pt")
        self.players.processes.wait()

    def _pretrained_critic(self) -> Any:
        _, cycle = self.plan[self.position]
        critic = copy.deepcopy(self.players.critic)
        assert critic is not None
        critic.load_state_dict(self.folder.load_state(f"critic-{cycle}.pt", self.players.processes.device))
        return critic

    # (3) what is told, and kept, in between

    def _in_between(self, phase: Phase, steps: int, sums: Terms, speed: float, waited: float) -> None:
        now = time.monotonic()
        if now - self._last_line > 10 or self.step == steps:
            self._last_line = now
            left = (steps - self.step) * phase.batch * phase.accumulate / speed / 60
            losses = "  ".join(f"{name} {value:.4f}" for name, value in sums.items())
            rates = {"pictures_per_second": round(speed, 1), "waiting": round(waited, 4)}
            self._write({"phase": phase.name, "position": self.position, "step": self.step, **sums, **rates})
            self._say(f"{phase.name}: step {self.step}/{steps}  {losses}  {speed:.0f} pictures/s  {left:.0f} min left")
        if now - self._last_save > self.recipe.checkpoint_minutes * 60:
            self.save()
        if now - self._last_figures > self.recipe.figures_minutes * 60:
            self._judge()

    def _judge(self) -> None:
        """Figures on the validation photographs, and the probes as they look now."""
        self._last_figures = time.monotonic()
        if not self.players.processes.is_first:
            return
        phase, _ = self.plan[self.position]
        subject = self._settle_average(phase)
        shown: Shown | None
        if isinstance(subject, Generator):
            assert not isinstance(self.validation, RestorerJudge)
            figures = None if self.validation is None else self.validation.figures(subject)
            shown, results = self.probes, [] if self.probes is None else self.probes.renders(subject)
        else:
            assert not isinstance(self.validation, Judge)
            figures = None if self.validation is None else self.validation.figures(subject)
            shown = self.validation
            results = [] if self.validation is None else self.validation.renders(subject, SHOWN)
        if figures is not None:
            self._write({"position": self.position, "step": self.step, "figures": asdict(figures)})
            self._say(f"validation: {figures}")
        if shown is not None:
            self.folder.save_probes(shown, results, f"{phase.name}, {self.step}")

    def _write(self, entry: dict[str, Any]) -> None:
        if self.players.processes.is_first:
            self.folder.write(entry)

    def _say(self, line: str) -> None:
        if self.progress is not None and self.players.processes.is_first:
            self.progress(line)

    # (4) starting from weights, stopping, going on

    def start_from(self, generator: Generator | Mender | Toner) -> None:
        """Begin with the weights of a generator of the same variant, in place of fresh ones.

        Raises TrainingError for another variant.
        """
        wanted = self.players.generator.variant
        alike = {generator.variant.name, wanted.name} <= {"stable", "video"}
        if not alike and generator.variant != wanted:
            raise TrainingError(
                f"got weights of {generator.variant.name!r} to start from, wanted {wanted.name!r}, "
                "the variant of the recipe"
            )
        self.players.take(generator.state_dict())

    def save(self) -> None:
        """Write `checkpoint.pt`: all that `resume` needs."""
        self._last_save = time.monotonic()
        if not self.players.processes.is_first:
            return
        work, critic = self.work, self.players.critic
        state: dict[str, Any] = {
            "recipe": self.folder.recipe,
            "position": self.position,
            "step": self.step,
            "scores": [asdict(one) for one in self.scores],
            "ended": self.ended,
            "generator": self.players.generator.state_dict(),
            "variant": self.players.average.variant.name,  # with "model", what makes this a weights file, too
            "model": self.players.average.state_dict(),
            "critic": None if critic is None else critic.state_dict(),
            "optimizer": None if work is None else work.optimizer.state_dict(),
        }
        if isinstance(work, GanPhase):
            state |= {"critic_optimizer": work.critic_optimizer.state_dict(), "turn": work.turn}
        self.folder.save(state, CHECKPOINT)

    def resume(self) -> None:
        """Take up `checkpoint.pt`. Raises TrainingError where it is missing or of another recipe."""
        state = self.folder.load_checkpoint()
        self.position, self.step, self.ended = state["position"], state["step"], state["ended"]
        self.scores = [Scores(**one) for one in state["scores"]]
        self.players.generator.load_state_dict(state["generator"])
        self.players.average.load_state_dict(state["model"])
        if self.players.critic is not None:
            self.players.critic.load_state_dict(state["critic"])
        if state["optimizer"] is None:
            return
        self.work = self._begin(self.plan[self.position][0])
        self.work.optimizer.load_state_dict(state["optimizer"])
        if isinstance(self.work, GanPhase):
            self.work.critic_optimizer.load_state_dict(state["critic_optimizer"])
            self.work.turn = state["turn"]
