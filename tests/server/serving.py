"""Servers to talk to: within the test's process, with a fake network, and as the command is run."""

from __future__ import annotations

import io
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import planted_models as planted
import pytest
from PIL import Image

from retint.rendering import Colorizer
from retint.rendering.fake import FakeNetwork
from retint.rendering.network import Floats
from retint.restoration.onnx_models import Models
from retint.server.run import serve
from retint.server.settings import Settings

# The command with a network that needs no weights and takes DELAY seconds a render.
DRIVER = """
import os, time
import numpy as np
import retint.rendering
from retint.rendering.fake import FakeNetwork

def answer(batch):
    time.sleep(float(os.environ["DELAY"]))
    return np.full((len(batch), 2, *batch.shape[2:]), 0.1, np.float32)

retint.rendering.load_colorizer = lambda *a, **k: retint.rendering.Colorizer(FakeNetwork(answer=answer))
from retint.cli import main
main(prog_name="retint")
"""


# The command with networks of restoration from the folder NETWORKS, and all else its own.
PLANTED_DRIVER = """
import os
from pathlib import Path
from retint.restoration.onnx_models import Models

begin = Models.__init__
Models.__init__ = lambda self, folder=None, **k: begin(self, folder or Path(os.environ["NETWORKS"]), **k)
from retint.cli import main
main(prog_name="retint")
"""


def picture(format: str = "JPEG", size: tuple[int, int] = (96, 64), seed: int = 0) -> bytes:
    """A grey picture whose noise is coarse, so that JPEG keeps it."""
    small = np.random.default_rng(seed).integers(40, 216, (4, 6)).astype(np.uint8)
    out = io.BytesIO()
    Image.fromarray(small).resize(size, Image.Resampling.BICUBIC).save(out, format)
    return out.getvalue()


def colourfulness(content: bytes) -> float:
    """Mean spread between the channels: 0 of a grey picture."""
    pixels = np.asarray(Image.open(io.BytesIO(content)).convert("RGB")).astype(int)
    return float((pixels.max(axis=2) - pixels.min(axis=2)).mean())


def until(done: Callable[[], Any], seconds: float = 20.0) -> Any:
    """What `done` gives, once it gives anything; fails after so many seconds."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if found := done():
            return found
        time.sleep(0.02)
    raise AssertionError(f"not within {seconds} s: {done}")


@dataclass
class Served:
    """A server that answers."""

    address: str
    data: Path
    http: httpx.Client
    process: subprocess.Popen[str] | None = None

    def colorize(self, content: bytes, name: str = "old.jpg", headers: Any = None, **fields: str) -> httpx.Response:
        return self.http.post("/v1/colorize", files={"file": (name, content)}, data=fields, headers=headers)

    def add_film(self, path: Path, **fields: str) -> httpx.Response:
        return self.http.post("/v1/jobs", files={"file": (path.name, path.read_bytes())}, data=fields)

    def job(self, identity: str) -> dict[str, Any]:
        return self.http.get(f"/v1/jobs/{identity}").json()

    def over(self, identity: str, seconds: float = 60.0) -> dict[str, Any]:
        """The job, when it is over."""
        states = ("done", "failed", "interrupted")
        return until(lambda: (job := self.job(identity))["state"] in states and job, seconds)

    @property
    def in_work(self) -> dict[str, int]:
        return self.http.get("/healthz").json()["in_work"]

    @property
    def files(self) -> list[str]:
        """What lies in the data folder, but for its lock."""
        found = (path.relative_to(self.data) for path in self.data.rglob("*") if path.is_file())
        return sorted(str(path) for path in found if path.name != "lock")


Serve = Callable[..., Served]


@pytest.fixture
def inside(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Serve]:
    """`inside(photographs=1, delay=0.5)`: a server in a thread of the test, with these settings and a fake network."""
    running: list[tuple[threading.Thread, Callable[[], None], httpx.Client]] = []

    def start(delay: float = 0.0, answer: Callable[[Floats], Floats] | None = None, **settings: Any) -> Served:
        def slow(batch: Floats) -> Floats:
            time.sleep(delay)
            return np.full((len(batch), 2, *batch.shape[2:]), 0.1, np.float32)

        network = FakeNetwork(answer=answer or slow)
        monkeypatch.setattr("retint.rendering.load_colorizer", lambda *a, **k: Colorizer(network))
        data = tmp_path / f"data-{len(running)}"
        told: list[Any] = []
        ready = threading.Event()

        def tell(address: str, stop: Callable[[], None]) -> None:
            told.extend((address, stop))
            ready.set()

        chosen = Settings(data=data, **{"port": 0, "stop_seconds": 2.0, **settings})
        thread = threading.Thread(target=serve, args=(chosen, tell), daemon=True)
        thread.start()
        assert ready.wait(20)
        http = httpx.Client(base_url=told[0], timeout=30, trust_env=False)
        running.append((thread, told[1], http))
        return Served(told[0], data, http)

    yield start
    for thread, stop, http in running:
        http.close()
        stop()
        thread.join(40)
        assert not thread.is_alive()


@pytest.fixture
def networks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of planted networks of restoration, which stand in the place of the package's."""
    folder = planted.all_of_them(tmp_path / "networks")
    begin = Models.__init__

    def begin_there(self: Models, of: Path | None = None, *, threads: int = 0) -> None:
        begin(self, of or folder, threads=threads)

    monkeypatch.setattr(Models, "__init__", begin_there)
    return folder


@pytest.fixture
def command(tmp_path: Path) -> Iterator[Serve]:
    """`command("--token", "x", real=True)`: `retint serve` as a process, with its own network or a slow fake one."""
    started: list[Served] = []

    def start(*arguments: str, delay: float = 0.0, real: bool = False, data: str = "data", **env: str) -> Served:
        how = ["-m", "retint"] if real else ["-c", DRIVER]
        folder = tmp_path / data
        process = subprocess.Popen(
            [sys.executable, "-W", "error", *how, "serve", "--port", "0", "--data", str(folder), *arguments],
            env={**os.environ, "DELAY": str(delay), "PYTHONUNBUFFERED": "1", **env},
            stderr=subprocess.PIPE,
            text=True,
        )
        assert process.stderr is not None
        lines: list[str] = []
        while not (lines and "http://" in lines[-1]):
            line = process.stderr.readline()
            assert line, f"it ended before it answered: {lines}"
            lines.append(line)
        address = lines[-1].split()[1]
        http = httpx.Client(base_url=address, timeout=30, trust_env=False)
        started.append(Served(address, folder, http, process))
        return started[-1]

    yield start
    for served in started:
        served.http.close()
        assert served.process is not None and served.process.stderr is not None
        if served.process.poll() is None:
            served.process.kill()
        served.process.wait()
        served.process.stderr.close()
