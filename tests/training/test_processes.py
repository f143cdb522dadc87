"""Several processes, really started, on the loopback: gradients, turns and shares."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from retint.errors import TrainingError
from retint.training.processes import Processes

SCRIPT = """
import atexit, torch
from retint.training.processes import Processes
atexit.register(lambda: print("talking" if torch.distributed.is_initialized() else "parted"))  # runs last
processes = Processes("cpu")
first, second, idle = (torch.nn.Parameter(torch.zeros(shape)) for shape in ((2, 3), (4,), (1,)))
first.grad = torch.full((2, 3), float(processes.rank + 1))
second.grad = torch.arange(4.0) * (1 if processes.rank else 3)
processes.average_gradients([first, second, idle])
assert first.grad.tolist() == [[1.5] * 3] * 2, first.grad
assert second.grad.tolist() == [0, 2, 4, 6], second.grad
assert idle.grad is None
assert processes.agree(0.25 + processes.rank) == 0.25
assert processes.share(6) == (slice(0, 3), slice(3, 6))[processes.rank]
processes.wait()
print("rank", processes.rank, "of", processes.count, "first" if processes.is_first else "other")
"""


def start(rank: int, port: int, *arguments: str) -> subprocess.Popen[str]:
    peers = {"RANK": str(rank), "LOCAL_RANK": str(rank), "WORLD_SIZE": "2", "LOCAL_WORLD_SIZE": "2"}
    address = {
        "MASTER_ADDR": "127.0.0.1",
        "MASTER_PORT": str(port),
        "OMP_NUM_THREADS": "1",
        "ACCELERATE_USE_CPU": "true",
    }
    command = [sys.executable, *arguments]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT}
    return subprocess.Popen(command, env={**os.environ, **peers, **address}, text=True, **pipes)  # type: ignore[call-overload]


def both(*arguments: str) -> list[str]:
    pytest.importorskip("accelerate")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    running = [start(rank, port, *arguments) for rank in range(2)]
    said = [process.communicate(timeout=180)[0] for process in running]
    assert [process.returncode for process in running] == [0, 0], "\n".join(said)
    return said


@pytest.mark.slow
def test_two_processes_average_gradients_and_take_one_turn():
    said = both("-c", SCRIPT)
    assert "rank 0 of 2 first" in said[0]
    assert "rank 1 of 2 other" in said[1]
    assert all("parted" in one for one in said), "or Python may end while they still talk, and abort"


@pytest.mark.slow
def test_two_processes_train_one_model(photos: Path, tmp_path: Path):
    recipe = tmp_path / "tiny.toml"
    recipe.write_text(
        'variant = "lite"\nencoder_weights = "efficientnet_lite1"\nfeature_weights = "efficientnet_lite0"\n'
        '[[phases]]\nname = "tiny"\nsize = 32\nbatch = 4\nsamples = 12\nrate = 1e-3\nlosses = { chroma = 1.0 }\n'
    )
    run = tmp_path / "run"
    arguments = ("train", str(recipe), "--photos", str(photos), "--run", str(run), "--device", "cpu", "--threads", "1")
    said = both("-m", "retint", *arguments)
    assert "done:" in said[0]
    assert len([line for line in (run / "log.jsonl").read_text().splitlines() if '"step": 3' in line]) == 1
    weights = torch.load(run / "generator.pt", weights_only=True)["model"]
    assert all(value.isfinite().all() for value in weights.values())


def test_one_process_needs_nothing():
    processes = Processes("cpu")
    assert (processes.rank, processes.count, processes.is_first) == (0, 1, True)
    assert processes.share(5) == slice(0, 5)
    parameter = torch.nn.Parameter(torch.zeros(1))
    parameter.grad = torch.ones(1)
    processes.average_gradients([parameter])
    assert parameter.grad.item() == 1


def test_a_batch_that_does_not_divide_is_refused():
    processes = Processes("cpu")
    processes.count = 2
    with pytest.raises(TrainingError, match="batch of 5 for 2 processes"):
        processes.share(5)


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a CUDA device here")
def test_a_device_that_is_not_there_is_refused():
    with pytest.raises(TrainingError, match="got device 'cuda', and torch finds only"):
        Processes("cuda")
