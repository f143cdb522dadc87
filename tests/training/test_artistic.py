"""DeOldify's own plan from end to end, with few steps and small pictures, on the real artistic network."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from click.testing import CliRunner
from PIL import Image

from retint.cli import main
from retint.networks.critic import Critic
from retint.networks.encoders import EfficientNetLite
from retint.networks.generator import build_generator
from retint.networks.vgg import Vgg16
from retint.training.data import load_photos
from retint.training.loop import Trainer
from retint.training.players import gather
from retint.training.probes import Judge
from retint.training.processes import Processes
from retint.training.recipe import Recipe, load_recipe
from retint.training.runfolder import RunFolder

pytestmark = pytest.mark.slow


def small(recipe: Recipe) -> Recipe:
    """The same phases, two pictures of 64 px a step and a step or two each, with a narrow critic."""
    changes = {"size": 64, "batch": 2, "samples": 2, "epochs": 0.0}
    phases = [replace(phase, **changes) for phase in recipe.phases]
    phases[-1] = replace(phases[-1], samples=8, threshold=9.0, checkpoint_every=2, patience=0)
    return replace(recipe, phases=tuple(phases), critic_width=8, cycles=1)


def test_the_artistic_recipe_runs_and_its_checkpoint_colours_a_photograph(photos: Path, tmp_path: Path):
    recipe = small(load_recipe("artistic")[0])
    torch.manual_seed(0)
    processes = Processes("cpu", precision=recipe.precision)
    players = gather(build_generator(recipe.variant), recipe, Vgg16(), processes)
    assert isinstance(players.critic, Critic)
    rng = np.random.default_rng(1)
    held = [rng.integers(0, 256, (64, 64, 3)).astype(np.uint8) for _ in range(2)]
    folder = RunFolder(tmp_path / "run", "artistic, small")
    judge = Judge(held, EfficientNetLite(0, head=True).eval())
    trainer = Trainer(recipe, players, load_photos([photos], short_side=64), folder, probes=judge)
    before = {name: value.clone() for name, value in players.generator.state_dict().items()}
    assert trainer.train()
    moved = {n for n, value in players.generator.state_dict().items() if not torch.equal(value, before[n])}
    assert {"layers.0.4.0.conv1.weight", "layers.0.7.0.conv1.weight", "layers.4.conv1.0.weight_orig"} <= moved
    scored = [entry for entry in folder.entries() if "scores" in entry]
    assert [entry["step"] for entry in scored] == [0, 2, 4]
    first, last = (
        torch.load(folder.path / "checkpoints" / entry["checkpoint"], weights_only=True)["model"]
        for entry in (scored[0], scored[-1])
    )
    changed = {name for name in first if not torch.equal(first[name], last[name])}
    convolutions = {name for name in first if name.startswith("layers.0.") and ".conv" in name}
    assert not changed & convolutions  # the encoder's convolutions rest in the GAN phase
    assert {"layers.11.0.weight_orig", "layers.0.4.0.bn1.weight", "layers.0.1.running_mean"} <= changed

    Image.fromarray(np.tile(np.arange(80, 180, dtype=np.uint8), (90, 1))).save(tmp_path / "old.png")
    weights = folder.path / "checkpoints" / scored[-1]["checkpoint"]
    command = ["colorize", str(tmp_path / "old.png"), "-m", str(weights), "-r", "4", "-o", str(tmp_path / "new.png")]
    result = CliRunner().invoke(main, command)
    assert result.exit_code == 0, result.output
    pixels = np.asarray(Image.open(tmp_path / "new.png").convert("RGB")).astype(int)
    assert pixels.shape == (90, 100, 3)
    assert (pixels.max(axis=2) - pixels.min(axis=2)).mean() > 1
