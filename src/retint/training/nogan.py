"""The third part of NoGAN: a very short GAN, in which the critic says whose turn it is.

The critic begins. After each of its batches whose loss, not smoothed, is below the threshold, the generator has one,
then it is the critic's again. Whoever does not play is in eval mode and frozen: the generator without batch statistics,
the critic without dropout and power iteration.  # DeOldify fastai/vision/gan.py; docs/decisions/009 for what differs
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

import torch

from retint.training.data import Batch
from retint.training.perceptual import critic_loss, generator_adversarial_loss
from retint.training.players import Players, critic_optimizer, network_optimizer
from retint.training.pretraining import Terms, check
from retint.training.processes import losses_to_floats
from retint.training.recipe import Phase, Recipe


@dataclass
class GanPhase:
    """Two players, two optimisers at constant rates, and whose turn it is."""

    players: Players
    recipe: Recipe
    phase: Phase
    turn: Literal["critic", "generator"] = field(default="critic")

    def __post_init__(self) -> None:
        assert self.players.critic is not None
        self.critic = self.players.critic
        self.optimizer = network_optimizer(self.players.colorizer(), self.phase, self.recipe.weight_decay)
        self.critic_optimizer = critic_optimizer(self.critic, self.phase, self.recipe.weight_decay)
        self.trained = [p for group in self.optimizer.param_groups for p in group["params"]]

    def step(self, batch: Batch, step: int) -> Terms:
        """One batch for whoever's turn it is."""
        return self._critic_turn(batch, step) if self.turn == "critic" else self._generator_turn(batch, step)

    def _critic_turn(self, batch: Batch, step: int) -> Terms:
        players = self.players
        players.colorizer().eval()
        self.critic.train().requires_grad_(True)
        with torch.no_grad():
            coloured = players.colour(players.colorizer(), batch.gray, batch.luma)
            maps = [players.maps(rgb) if players.critic_sees_maps else [] for rgb in (batch.rgb, coloured)]
        true_says = players.verdict(batch.rgb, maps[0])
        coloured_says = players.verdict(coloured, maps[1])
        loss = torch.stack([critic_loss(a, b) for a, b in zip(true_says, coloured_says, strict=True)]).mean()
        told = check(losses_to_floats({"critic": loss}), self.phase, step)
        self.critic_optimizer.zero_grad(set_to_none=True)
        loss.backward()
        players.processes.average_gradients(self.critic.parameters())
        self.critic_optimizer.step()
        if players.processes.agree(told["critic"]) < self.phase.threshold:
            self.turn = "generator"
        return told

    def _generator_turn(self, batch: Batch, step: int) -> Terms:
        players, losses = self.players, self.phase.losses
        players.colorizer().train()
        self.critic.eval().requires_grad_(False)
        coloured = players.colour(players.colorizer(), batch.gray, batch.luma)
        maps = players.maps(coloured)
        terms = players.terms(coloured, batch.rgb, maps, players.true_maps(batch.rgb, losses), losses)
        says = players.verdict(coloured, maps)
        terms["adversarial"] = losses.adversarial * torch.stack([generator_adversarial_loss(a) for a in says]).mean()
        told = check(losses_to_floats(terms), self.phase, step)
        self.optimizer.zero_grad(set_to_none=True)
        torch.stack(list(terms.values())).sum().backward()
        players.processes.average_gradients(self.trained)
        self.optimizer.step()
        self.turn = "critic"
        return told
