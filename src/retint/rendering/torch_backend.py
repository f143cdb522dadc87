"""Torch as an engine: published weights as they are, and GPUs. Needs the `torch` extra."""

from __future__ import annotations

import dataclasses
import hashlib
from pathlib import Path
from typing import Literal

import numpy as np

from retint.errors import MissingExtraError, RenderError, RenderMemoryError

try:
    import torch
except ImportError as missing:
    raise MissingExtraError(
        "weights in torch's format need torch, which is not installed; do this: pip install 'retint[torch]'"
    ) from missing
from torch import Tensor

from retint.networks.checkpoints import build_from, read_checkpoint
from retint.networks.folding import fold
from retint.networks.generator import Generator
from retint.networks.lean import LeanGenerator
from retint.rendering.memory import cores_available, memory_available
from retint.rendering.network import Floats, NetworkInfo

Device = Literal["auto", "cpu", "cuda", "mps"]
Precision = Literal["auto", "fp32", "bf16"]

# Peak bytes of a render beyond the loaded network, fixed and per pixel; measured with benchmarks/artistic_cpu.py at
# render factors 10 to 50 on two threads, and rounded up. Each further thread has buffers of its own
_THREAD_BYTES = 64 << 20
_WAITING_BYTES = 72  # per pixel: three channels in, three out, and copies of them, in float32
_LEAN_BYTES = {"artistic": (130 << 20, 900), "stable": (310 << 20, 600), "video": (310 << 20, 600)}
_PLAIN_BYTES = {
    "artistic": (50 << 20, 6000),
    "stable": (310 << 20, 6000),
    "video": (310 << 20, 6000),
    "lite": (20 << 20, 600),
}
DEFAULT_RENDER_FACTORS = {"artistic": 35, "stable": 35, "video": 21, "lite": 14}  # where neither caller nor file says
_OUT_OF_MEMORY = ("allocate memory", "not enough memory", "out of memory", "bad_alloc", "bad allocation")


class TorchNetwork:
    """A generator on torch. Made by `load_torch_network`; satisfies `retint.rendering.network.Network`."""

    def __init__(self, generator: Generator, info: NetworkInfo, *, precision: Precision = "auto") -> None:
        """Takes the generator apart (`fold`).

        info: its device is where the network goes: "cpu", "cuda" or "mps"

        Raises RenderError for a precision that the device cannot compute in, RenderMemoryError.
        """
        self.info = info
        self._device = torch.device(info.device)
        can_be_lean = info.device == "cpu" and generator.variant.encoder.startswith("resnet")
        self.precision = _choose_precision(self._device, precision, can_be_lean=can_be_lean)
        self._dtype = torch.bfloat16 if self.precision == "bf16" else torch.float32
        self._lean = can_be_lean and self.precision == "fp32"
        with _MemoryErrors(self._device, "the weights"):
            folded = fold(generator)
            if self._lean:
                self._network: torch.nn.Module = LeanGenerator(folded)
            else:
                self._network = folded.to(self._device, self._dtype).to(memory_format=torch.channels_last)  # type: ignore[call-overload]

    @torch.inference_mode()
    def run(self, batch: Floats) -> Floats:
        if self._device.type == "cpu" and torch.get_num_threads() > cores_available():
            torch.set_num_threads(cores_available())  # more only make threads wait for each other
        with _MemoryErrors(self._device, f"a render of {batch.shape[-1]} px"):
            x = torch.from_numpy(np.ascontiguousarray(batch)).to(self._device, self._dtype)
            y: Tensor = self._network(x.contiguous(memory_format=torch.channels_last))
            return y.float().contiguous().cpu().numpy()

    def bytes_needed(self, side: int, pictures: int = 1) -> int:
        fixed, per_pixel = (_LEAN_BYTES if self._lean else _PLAIN_BYTES)[self.info.variant]
        at_once = 1 if self._lean else pictures  # the lean form renders one after the other
        waiting = _WAITING_BYTES * (pictures - at_once)
        needed = fixed + (per_pixel * at_once + waiting) * side * side
        if self._lean:
            needed += _THREAD_BYTES * max(0, min(torch.get_num_threads(), cores_available()) - 2)
        return needed // 2 if self.precision == "bf16" else needed

    def bytes_free(self) -> int | None:
        if self._device.type == "cpu":
            return memory_available()
        if self._device.type == "cuda":
            free, _total = torch.cuda.mem_get_info()
            return free + torch.cuda.memory_reserved() - torch.cuda.memory_allocated()
        return None


class _MemoryErrors:
    """Within it, torch's ways to run out of memory become RenderMemoryError, its other failures RenderError."""

    def __init__(self, device: torch.device, what: str) -> None:
        self._device, self._what = device, what

    def __enter__(self) -> None: ...

    def __exit__(self, _kind: object, error: BaseException | None, _traceback: object) -> None:
        if not isinstance(error, (RuntimeError, MemoryError)):
            return
        text = (str(error).strip() or type(error).__name__).splitlines()[0]
        exhausted = isinstance(error, (torch.OutOfMemoryError, MemoryError))
        if exhausted or any(word in text.lower() for word in _OUT_OF_MEMORY):
            if self._device.type == "cuda":
                torch.cuda.empty_cache()
            raise RenderMemoryError(f"{self._what} did not fit into memory: {text}") from error
        raise RenderError(f"torch failed on {self._what}: {text}") from error


def load_torch_network(
    path: Path,
    *,
    name: str | None = None,
    default_render_factor: int | None = None,
    device: Device = "auto",
    precision: Precision = "auto",
    threads: int = 0,
) -> TorchNetwork:
    """The generator of a torch weights file, ready to render.

    name: for people and metadata; the file's stem if not given. "video" in it tells DeOldify's video weights from the
        stable ones, whose keys are the same
    device: "auto" takes CUDA or MPS where there is one, else the CPU
    precision: "auto" takes bf16 where the device computes faster in it (`_choose_precision`), else fp32
    threads: of the CPU, and of all of torch in this process; 0 leaves them as they are

    Raises WeightsError for a file that is no generator, RenderError for a device or precision that is not there.
    """
    chosen = _choose_device(device)
    if threads:
        torch.set_num_threads(threads)
    name = name or path.stem
    checkpoint = read_checkpoint(path)
    if checkpoint.variant == "stable" and "video" in name.lower():
        checkpoint = dataclasses.replace(checkpoint, variant="video")
    generator = build_from(checkpoint, path.name)
    info = NetworkInfo(
        name=name,
        variant=checkpoint.variant,
        version=checkpoint.version or digest(path),
        head=generator.variant.head,
        default_render_factor=default_render_factor or DEFAULT_RENDER_FACTORS[checkpoint.variant],
        engine="torch",
        device=chosen,
    )
    del checkpoint  # and with it the file's own tensors, which folding would otherwise keep
    return TorchNetwork(generator, info, precision=precision)


def digest(path: Path) -> str:
    """The head of a file's SHA-256, eight hex digits: the version of weights that say none."""
    sha256 = hashlib.sha256()
    with path.open("rb") as handle:
        while block := handle.read(1 << 20):
            sha256.update(block)
    return sha256.hexdigest()[:8]


def _choose_device(device: Device) -> Literal["cpu", "cuda", "mps"]:
    offered: list[Literal["cpu", "cuda", "mps"]] = []
    if torch.cuda.is_available():
        offered.append("cuda")
    if torch.backends.mps.is_available():
        offered.append("mps")
    offered.append("cpu")
    if device == "auto":
        return offered[0]
    if device not in offered:
        raise RenderError(f"got device {device!r}, and torch finds only {', '.join(offered)} here; take one of these")
    return device


def _choose_precision(device: torch.device, precision: Precision, *, can_be_lean: bool) -> Literal["fp32", "bf16"]:
    """bf16 only where the hardware multiplies it, and on "auto" only where that is faster.

    What it costs, on a CPU: 99 % of all values within 1 level for `lite`, within 2 for `artistic`.
    """
    if device.type == "cuda":
        able = torch.cuda.get_device_capability(device) >= (8, 0)  # Ampere; earlier ones emulate it
        if precision == "bf16" and not able:
            raise RenderError("got precision 'bf16', which this GPU does not multiply; take 'fp32'")
    elif device.type == "cpu":
        # AVX512_BF16 is 1.3 times as fast as plain fp32, the lean form twice; AMX beats both. Old torch cannot tell
        able = _cpu_has("amx_tile") or (_cpu_has("avx512_bf16") and not can_be_lean)
    else:
        able = False  # Apple's GPUs gain nothing
    if precision == "auto":
        return "bf16" if able else "fp32"
    return precision


def _cpu_has(feature: str) -> bool:
    return bool(getattr(torch.cpu, f"_is_{feature}_supported", lambda: False)())
