"""A run's folder: what is in it, written so that each file is whole or not there.

recipe.toml        the plan
log.jsonl          losses, figures, scores, choices, one object a line
checkpoint.pt      all that --resume needs
critic-N.pt        the critic as pretraining left it, cycle N
checkpoints/       every checkpoint of the GAN phases: gan-CYCLE-STEP.pt
probes/            some probes at every round of figures
report.html        curves, probes over time, the chosen checkpoint and why
generator.pt       the result
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from retint.errors import TrainingError
from retint.networks.generator import Generator
from retint.networks.mender import Mender, Toner

if TYPE_CHECKING:
    from retint.evaluation.metrics import Rgb

CHECKPOINT = "checkpoint.pt"
FINAL = "generator.pt"
LOG = "log.jsonl"
RECIPE = "recipe.toml"
SHOWN = 6  # probes on a sheet


class Shown(Protocol):
    """Pictures as they were, grey or aged, and as they should be."""

    gray: list[Rgb]
    true: list[Rgb]


class RunFolder:
    """Files of one run. All methods raise OSError where the folder cannot be written."""

    def __init__(self, path: Path, recipe: str) -> None:
        """recipe: its text, which a resumed run must share."""
        self.path, self.recipe = path, recipe
        path.mkdir(parents=True, exist_ok=True)
        self._board: Any = None

    def begin(self) -> None:
        """Write the recipe. What an interrupted run left of temporary files is removed."""
        (self.path / RECIPE).write_text(self.recipe, encoding="utf-8")

    def save(self, content: Mapping[str, Any], name: str) -> None:
        """With torch.save, under a temporary name first."""
        path = self.path / name
        path.parent.mkdir(exist_ok=True)
        part = path.with_suffix(".part")
        try:
            with part.open("wb") as handle:
                torch.save(dict(content), handle)
                handle.flush()
                os.fsync(handle.fileno())
            part.replace(path)
        except BaseException as error:
            part.unlink(missing_ok=True)
            if isinstance(error, RuntimeError):  # how torch's writer tells of a full disk
                raise OSError(f"{path} could not be written ({str(error).splitlines()[0]})") from error
            raise

    def save_generator(self, generator: Generator | Mender | Toner, name: str) -> None:
        """In retint's own format, which `retint models` reads, and `retint colorize` where it colours."""
        self.save({"variant": generator.variant.name, "model": generator.state_dict()}, name)

    def load_state(self, name: str, device: torch.device) -> dict[str, Tensor]:
        """The state dict that `save` or `save_generator` wrote."""
        return torch.load(self.path / name, map_location=device, weights_only=True)["model"]

    def has_checkpoint(self) -> bool:
        """Whether there is something to resume."""
        return (self.path / CHECKPOINT).is_file()

    def load_checkpoint(self) -> dict[str, Any]:
        """What `save` wrote for `--resume`. Raises TrainingError where it is missing or of another recipe."""
        path = self.path / CHECKPOINT
        if not path.is_file():
            raise TrainingError(f"got no checkpoint at {path}; start the run without --resume")
        state: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
        if state["recipe"] != self.recipe:
            raise TrainingError(
                f"{path} belongs to another recipe than the one given; resume with {self.path / RECIPE}"
            )
        return state

    def write(self, entry: Mapping[str, Any]) -> None:
        """One line of the log; its numbers also for TensorBoard, where that is on."""
        with (self.path / LOG).open("a", encoding="utf-8") as log:
            log.write(json.dumps({"time": round(time.time(), 1), **entry}) + "\n")
        if self._board is not None:
            step = int(entry.get("step", 0))
            for name, value in _numbers(entry):
                self._board.add_scalar(f"{entry.get('position', entry.get('cycle', 0))}/{name}", value, step)

    def open_board(self) -> bool:
        """Write TensorBoard logs, too, from now on. False where its package is not installed."""
        try:
            from torch.utils.tensorboard.writer import SummaryWriter
        except ImportError:
            return False
        self._board = SummaryWriter(str(self.path / "tensorboard"))
        return True

    def close_board(self) -> None:
        """Finish the TensorBoard logs, where they are on."""
        if self._board is not None:
            self._board.close()
            self._board = None

    def entries(self) -> list[dict[str, Any]]:
        """The log, read back; a last line that was cut off is left out."""
        path = self.path / LOG
        out: list[dict[str, Any]] = []
        for line in path.read_text(encoding="utf-8").splitlines() if path.is_file() else []:
            try:
                out.append(json.loads(line))
            except json.JSONDecodeError:
                continue
        return out

    def save_probes(self, probes: Shown, results: list[Rgb], name: str) -> None:
        """A sheet of the first probes in `results`' colours; the grey and the true ones beside the first sheet."""
        folder = self.path / "probes"
        folder.mkdir(exist_ok=True)
        for sheet, pictures in (("grey", probes.gray), ("true", probes.true)):
            if not (folder / f"{sheet}.jpg").exists():
                _sheet(pictures).save(folder / f"{sheet}.jpg", quality=85)
        number = len(list(folder.glob("[0-9]*.jpg")))
        _sheet(results).save(folder / f"{number:04} {name.replace('/', '-')}.jpg", quality=85)


def _sheet(pictures: list[Rgb]) -> Image.Image:
    return Image.fromarray(np.concatenate([picture[::2, ::2] for picture in pictures[:SHOWN]], axis=1))


def _numbers(entry: Mapping[str, Any]) -> list[tuple[str, float]]:
    out: list[tuple[str, float]] = []
    for name, value in entry.items():
        if isinstance(value, Mapping):
            out += [(f"{name}/{inner}", number) for inner, number in _numbers(value)]
        elif isinstance(value, (int, float)) and name not in ("time", "step", "position", "cycle"):
            out.append((name, float(value)))
    return out
