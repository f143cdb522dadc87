"""`retint train` as a process: a tiny recipe on planted pictures, stopped with a signal, resumed, exported by name."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

from retint.cli import main
from retint.errors import TrainingError

RECIPE = """
variant = "lite"
encoder_weights = "efficientnet_lite1"
feature_weights = "efficientnet_lite0"

[[phases]]
name = "tiny"
size = 32
batch = 4
samples = {samples}
rate = 1e-3
losses = {{ chroma = 1.0 }}
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    rng = np.random.default_rng(0)
    for part in ("one", "other"):
        (tmp_path / part).mkdir()
        for index in range(4):
            corners = rng.integers(0, 256, (2, 2, 3)).astype(np.uint8)
            Image.fromarray(corners).resize((60, 50), Image.Resampling.BILINEAR).save(tmp_path / part / f"{index}.png")
    return tmp_path


def command(folder: Path, samples: int, *extra: str) -> list[str]:
    recipe = folder / "tiny.toml"
    recipe.write_text(RECIPE.format(samples=samples))
    photos = ["--photos", str(folder / "one"), str(folder / "other")]
    return ["train", str(recipe), *photos, "--run", str(folder / "run"), "--threads", "1", *extra]


def test_a_run_leaves_weights_and_says_what_comes_next(folder: Path):
    result = CliRunner().invoke(main, command(folder, 8))
    assert result.exit_code == 0, result.output
    assert {path.name for path in (folder / "run").iterdir()} == {
        "generator.pt",
        "checkpoint.pt",
        "log.jsonl",
        "recipe.toml",
        "report.html",
        "tensorboard",
    }
    assert "retint models export" in result.output
    again = CliRunner().invoke(main, command(folder, 8))
    assert again.exit_code == 1
    assert "already holds a run; add --resume" in again.output


def test_photographs_can_stay_packed(folder: Path):
    result = CliRunner().invoke(main, command(folder, 8, "--packed"))
    assert result.exit_code == 0, result.output
    assert (folder / "run" / "generator.pt").exists()


def test_a_signal_stops_the_run_between_steps_and_resume_finishes_it(folder: Path):
    process = subprocess.Popen(
        [sys.executable, "-m", "retint", *command(folder, 4000)], stderr=subprocess.PIPE, text=True
    )
    deadline = time.monotonic() + 120
    while not (folder / "run" / "recipe.toml").exists() and time.monotonic() < deadline:
        time.sleep(0.05)
    time.sleep(1)  # into the first steps
    process.send_signal(signal.SIGTERM)
    _, said = process.communicate(timeout=120)
    assert process.returncode == 130, said
    assert "--resume" in said
    assert (folder / "run" / "checkpoint.pt").exists()
    refused = CliRunner().invoke(main, command(folder, 8, "--resume"))
    assert refused.exit_code == 1
    assert "another recipe" in refused.output


def test_a_missing_folder_of_photographs_is_one_line(folder: Path):
    arguments = command(folder, 8)
    arguments[arguments.index(str(folder / "other"))] = str(folder / "nowhere")
    result = CliRunner().invoke(main, arguments)
    assert result.exit_code == 1
    assert "nowhere, wanted a folder of photographs" in result.output


def test_a_disk_without_room_is_one_line_that_says_how_to_go_on(folder: Path, monkeypatch: pytest.MonkeyPatch):
    import torch

    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(torch, "save", full)
    result = CliRunner().invoke(main, command(folder, 8))
    assert result.exit_code == 1
    assert "No space left on device" in result.output
    assert "--resume" in result.output


def test_quick_takes_the_sample_photographs_and_a_folder_of_its_own(
    folder: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
):
    import retint.training.run as run

    seen: dict[str, object] = {}

    def open_run(recipe: str, photos: list[Path], where: Path, **_: object) -> object:
        seen.update(recipe=recipe, photos=photos, where=where)
        raise TrainingError("far enough")

    monkeypatch.setattr(run, "open_run", open_run)
    monkeypatch.chdir(tmp_path)
    without = CliRunner().invoke(main, ["train", "lite", "--quick"])
    assert without.exit_code == 2
    assert "name some colour photographs with --photos" in without.output
    Path("samples/colour").mkdir(parents=True)
    CliRunner().invoke(main, ["train", "lite", "--quick"])
    assert seen == {"recipe": "lite-quick", "photos": [Path("samples/colour")], "where": Path("runs/lite-quick")}
    other = CliRunner().invoke(main, ["train", "artistic", "--quick"])
    assert other.exit_code == 2
    assert "only lite has a quick form" in other.output


def test_photographs_and_a_run_folder_are_asked_for():
    result = CliRunner().invoke(main, ["train", "lite"])
    assert result.exit_code == 2
    assert "missing --photos" in result.output
