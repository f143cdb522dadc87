"""Torch as an engine: same numbers as the generator, memory errors by name, devices and precisions as offered."""

from __future__ import annotations

import copy
import importlib
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from retint.errors import MissingExtraError, RenderError, RenderMemoryError, WeightsError
from retint.rendering.network import NetworkInfo

torch = pytest.importorskip("torch")

from retint.networks.checkpoints import save_generator  # noqa: E402
from retint.networks.generator import VARIANTS, Generator, build_generator  # noqa: E402
from retint.rendering import torch_backend  # noqa: E402
from retint.rendering.torch_backend import TorchNetwork, load_torch_network  # noqa: E402

INFO = NetworkInfo("small", "artistic", "0", "rgb", 35, "torch", "cpu")


@pytest.fixture
def generator() -> Generator:
    torch.manual_seed(0)
    small = replace(VARIANTS["artistic"], middle=16, up=(16, 24, 24, 16), outputs=(24, 24, 20, 20), last=13)
    generator = Generator(small)
    with torch.no_grad():
        for _ in range(20):  # norms that have seen something, or the outputs would all be at the ends of their range
            generator(torch.randn(2, 1, 64, 64).repeat(1, 3, 1, 1))
    return generator.eval()


@pytest.fixture(scope="module")
def lite_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    torch.manual_seed(0)
    path = tmp_path_factory.mktemp("weights") / "mine.pth"
    save_generator(build_generator("lite").eval(), path)
    return path


def batch(n: int, side: int) -> np.ndarray:
    return np.random.RandomState(1).standard_normal((n, 3, side, side)).astype(np.float32)


def test_run_equals_the_generator(generator: Generator) -> None:
    with torch.no_grad():
        wanted = generator(torch.from_numpy(batch(2, 80))).numpy()
    got = TorchNetwork(generator, INFO).run(batch(2, 80))
    assert got.dtype == np.float32
    np.testing.assert_allclose(got, wanted, atol=1e-4)


def test_bf16_is_near(generator: Generator) -> None:
    wanted = TorchNetwork(copy.deepcopy(generator), INFO, precision="fp32").run(batch(1, 64))
    got = TorchNetwork(generator, INFO, precision="bf16").run(batch(1, 64))
    assert got.dtype == np.float32
    assert np.linalg.norm(got - wanted) < 0.05 * np.linalg.norm(wanted)


def test_a_file_says_who_it_is(lite_file: Path) -> None:
    info = load_torch_network(lite_file, device="cpu").info
    assert (info.name, info.variant, info.head, info.engine, info.device) == ("mine", "lite", "chroma", "torch", "cpu")
    assert info.version == torch_backend.digest(lite_file)
    assert len(info.version) == 8
    given = load_torch_network(lite_file, name="n", default_render_factor=9, device="cpu").info
    assert (given.name, given.default_render_factor) == ("n", 9)


def test_chroma_head(lite_file: Path) -> None:
    assert load_torch_network(lite_file, device="cpu").run(batch(1, 64)).shape == (1, 2, 64, 64)


def test_broken_file(tmp_path: Path) -> None:
    (tmp_path / "w.pth").write_bytes(b"<html>")
    with pytest.raises(WeightsError, match="web page"):
        load_torch_network(tmp_path / "w.pth")


@pytest.mark.parametrize(
    "error",
    [
        torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB"),
        MemoryError(),
        RuntimeError("[enforce fail at alloc_cpu.cpp:124] DefaultCPUAllocator: can't allocate memory: you tried"),
        RuntimeError("[enforce fail at alloc_cpu.cpp:75] DefaultCPUAllocator: not enough memory: you tried"),
        RuntimeError("MPS backend out of memory (MPS allocated: 5.0 GB)"),
    ],
)
def test_out_of_memory_has_its_own_error(generator: Generator, error: Exception) -> None:
    network = TorchNetwork(generator, INFO)

    def fail(_: object) -> None:
        raise error

    network._network.forward = fail
    with pytest.raises(RenderMemoryError, match="64 px"):
        network.run(batch(1, 64))


def test_other_failures_are_render_errors(generator: Generator) -> None:
    network = TorchNetwork(generator, INFO)
    with pytest.raises(RenderError) as caught:
        network.run(batch(1, 64)[:, :2])
    assert not isinstance(caught.value, RenderMemoryError)


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="RLIMIT_AS")
def test_a_real_lack_of_memory(lite_file: Path) -> None:
    script = f"""
import resource
from pathlib import Path
import numpy as np
from retint.errors import RenderMemoryError
from retint.rendering.torch_backend import load_torch_network
network = load_torch_network(Path({str(lite_file)!r}), device="cpu")
small = np.zeros((1, 3, 64, 64), np.float32)
network.run(small)
used = int(open("/proc/self/statm").read().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (used + 2**27, resource.RLIM_INFINITY))
assert network.bytes_free() <= 2**27
try:
    network.run(np.zeros((1, 3, 2048, 2048), np.float32))
except RenderMemoryError:
    network.run(small)
    raise SystemExit(7)
"""
    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == 7


def test_memory_grows_with_the_area(generator: Generator) -> None:
    network = TorchNetwork(generator, INFO)
    small, middle, large = (network.bytes_needed(side) for side in (160, 320, 480))
    assert 0 < middle - small < large - middle  # more than in proportion to the side
    assert network.bytes_needed(480, 4) > large
    free = network.bytes_free()
    assert free is not None and free > 0


def test_devices_that_are_not_there(lite_file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)
    for device in ("cuda", "mps"):
        with pytest.raises(RenderError, match=f"got device '{device}', and torch finds only cpu"):
            load_torch_network(lite_file, device=device)
    assert load_torch_network(lite_file).info.device == "cpu"


@pytest.mark.parametrize(
    ("device", "lean", "able", "precision"),
    [
        ("cuda", False, (8, 0), "bf16"),
        ("cuda", False, (7, 5), "fp32"),
        ("cpu", True, {"amx_tile"}, "bf16"),
        ("cpu", True, {"avx512_bf16"}, "fp32"),
        ("cpu", False, {"avx512_bf16"}, "bf16"),
        ("cpu", False, set(), "fp32"),
        ("mps", False, set(), "fp32"),
    ],
)
def test_automatic_precision(
    device: str, lean: bool, able: Any, precision: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda _: able)
    monkeypatch.setattr(torch_backend, "_cpu_has", lambda feature: feature in able)
    choose = torch_backend._choose_precision
    assert choose(torch.device(device), "auto", can_be_lean=lean) == precision
    assert choose(torch.device(device), "fp32", can_be_lean=lean) == "fp32"


def test_bf16_on_an_old_gpu_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda _: (7, 5))
    with pytest.raises(RenderError, match="bf16"):
        torch_backend._choose_precision(torch.device("cuda"), "bf16", can_be_lean=False)


def test_without_torch_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "torch", None)
    monkeypatch.delitem(sys.modules, "retint.rendering.torch_backend")
    with pytest.raises(MissingExtraError, match=r"pip install 'retint\[torch\]'"):
        importlib.import_module("retint.rendering.torch_backend")


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_cuda_equals_cpu(generator: Generator, precision: torch_backend.Precision) -> None:
    wanted = TorchNetwork(copy.deepcopy(generator), INFO).run(batch(2, 80))
    got = TorchNetwork(generator, replace(INFO, device="cuda"), precision=precision).run(batch(2, 80))
    tolerance = 0.05 if precision == "bf16" else 1e-3
    assert np.linalg.norm(got - wanted) < tolerance * np.linalg.norm(wanted)
