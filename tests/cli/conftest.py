from __future__ import annotations

import io
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result
from PIL import Image

from retint.cli import main
from retint.rendering import Colorizer
from retint.rendering.fake import FakeNetwork

Run = Callable[..., Result]

# The command with a network that needs no weights and takes DELAY seconds a photograph.
DRIVER = """
import os, sys, time
import numpy as np

def answer(batch):
    time.sleep(float(os.environ.get("DELAY", "0")))
    return np.full((len(batch), 2, *batch.shape[2:]), 0.1, np.float32)

import retint.rendering, retint.weights
from retint.rendering.fake import FakeNetwork
retint.weights.locate = lambda model: model
retint.rendering.load_colorizer = lambda *a, **k: retint.rendering.Colorizer(FakeNetwork(answer=answer))
from retint.cli import main
if os.environ.get("MODULES"):
    import atexit, pathlib
    atexit.register(lambda: pathlib.Path(os.environ["MODULES"]).write_text("\\n".join(sys.modules)))
main(prog_name="retint")
"""


def picture(format: str = "JPEG", size: tuple[int, int] = (48, 32), seed: int = 0) -> bytes:
    small = np.random.default_rng(seed).integers(40, 216, (4, 6)).astype(np.uint8)
    out = io.BytesIO()
    Image.fromarray(small).resize(size, Image.Resampling.BICUBIC).save(out, format)
    return out.getvalue()


@pytest.fixture
def photo_bytes() -> Callable[..., bytes]:
    return picture


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder, with a.jpg and b.png in it."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a.jpg").write_bytes(picture())
    (tmp_path / "b.png").write_bytes(picture("PNG", seed=1))
    return tmp_path


@pytest.fixture
def retint(here: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Runs the command in the current folder, with a fake network and without a terminal."""
    monkeypatch.setattr("retint.rendering.load_colorizer", lambda *a, **k: Colorizer(FakeNetwork()))
    monkeypatch.setattr("retint.weights.locate", lambda model: Path(model))

    def run(*arguments: str, stdin: bytes | None = None) -> Result:
        result = CliRunner().invoke(main, arguments, input=stdin)
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception
        return result

    return run


@pytest.fixture
def start(here: Path) -> Iterator[Callable[..., subprocess.Popen[bytes]]]:
    """Starts the command as a process of its own in the current folder, as `retint` does, with a slow fake network."""
    started: list[subprocess.Popen[bytes]] = []

    def popen(*arguments: str, delay: float = 0, **more: str) -> subprocess.Popen[bytes]:
        process = subprocess.Popen(
            [sys.executable, "-W", "error", "-c", DRIVER, *arguments],
            cwd=here,
            env={**os.environ, "DELAY": str(delay), "PYTHONUNBUFFERED": "1", **more},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        started.append(process)
        return process

    yield popen
    for process in started:
        if process.poll() is None:
            process.kill()
        process.wait()
        for pipe in (process.stdin, process.stdout, process.stderr):
            if pipe is not None:
                pipe.close()
