"""Facts about this machine, for `retint doctor`."""

from __future__ import annotations

import importlib
import importlib.metadata
import importlib.util
import os
import platform
import shutil
from pathlib import Path
from types import ModuleType
from typing import Any

import psutil

_CODECS = {
    "JPEG": "jpg",
    "PNG": "zlib",
    "TIFF": "libtiff",
    "WebP": "webp",
    "AVIF": "avif",
}
"""Formats, and what Pillow calls the feature that reads them."""


def cores() -> dict[str, object]:
    """Cores of the machine, and how many this process may use at once."""
    allowed = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return {
        "physical": psutil.cpu_count(logical=False),
        "logical": psutil.cpu_count(),
        "usable": allowed,
        "container_limit": cgroup_cores(),
    }


def memory() -> dict[str, object]:
    """Bytes of memory, and how many of them this process may use."""
    found = psutil.virtual_memory()
    return {"total": int(found.total), "available": int(found.available), "container_limit": cgroup_memory()}


def cgroup_memory(root: Path = Path("/sys/fs/cgroup"), own: Path = Path("/proc/self/cgroup")) -> int | None:
    """Bytes that the container, or any group around it, allows; None where nothing limits it. Linux only."""
    limits = [_number(folder / "memory.max") for folder in _folders(root, own, "")]
    limits += [_number(folder / "memory.limit_in_bytes") for folder in _folders(root / "memory", own, "memory")]
    # version 1 says "no limit" with a number near 2^63
    return min((limit for limit in limits if limit is not None and limit < 1 << 60), default=None)


def cgroup_cores(root: Path = Path("/sys/fs/cgroup"), own: Path = Path("/proc/self/cgroup")) -> float | None:
    """Cores' worth of time that the container allows; None where nothing limits it. Linux only."""
    shares: list[float] = []
    for folder in _folders(root, own, ""):
        quota, _, period = _text(folder / "cpu.max").partition(" ")
        if quota.isdecimal() and period.isdecimal():
            shares.append(int(quota) / int(period))
    for folder in _folders(root / "cpu", own, "cpu"):
        quota_us, period_us = _number(folder / "cpu.cfs_quota_us"), _number(folder / "cpu.cfs_period_us")
        if quota_us is not None and quota_us > 0 and period_us:
            shares.append(quota_us / period_us)
    return min(shares, default=None)


def _folders(root: Path, own: Path, controller: str) -> list[Path]:
    """The folders of this process's group and of all groups around it. Controller "" is version 2's only tree."""
    for line in _text(own).splitlines():
        _, _, rest = line.partition(":")
        controllers, _, group = rest.partition(":")
        if controller in controllers.split(","):
            inner = root / group.lstrip("/")
            return [folder for folder in (inner, *inner.parents) if folder == root or root in folder.parents]
    return [root]


def _number(path: Path) -> int | None:
    text = _text(path)
    return int(text) if text.isdecimal() else None


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="ascii").strip()
    except (OSError, ValueError):
        return ""


def onnxruntime_engine() -> dict[str, object]:
    """ONNX Runtime: version, providers, or why it does not work."""
    module, error = _import("onnxruntime")
    if module is None:
        return {"version": None, "error": error}
    return {"version": str(module.__version__), "providers": list(module.get_available_providers()), "error": None}


def torch_engine() -> dict[str, object]:
    """torch: version and devices, or why it does not work. Not installed is no error."""
    module, error = _import("torch")
    if module is None:
        return {"version": None, "error": error}
    torch: Any = module
    gpus = [str(torch.cuda.get_device_name(index)) for index in range(torch.cuda.device_count())]
    return {
        "version": str(torch.__version__),
        "cuda": gpus if torch.cuda.is_available() else [],
        "mps": bool(torch.backends.mps.is_available()),
        "error": None,
    }


def has_nvidia_driver() -> bool:
    """Whether NVIDIA's driver is installed, that is, probably a GPU too."""
    return shutil.which("nvidia-smi") is not None


def codecs() -> dict[str, bool]:
    """Formats of photographs, and whether this installation reads them."""
    from PIL import features

    supported = set(features.get_supported())
    found = {name: feature in supported for name, feature in _CODECS.items()}
    return found | {"HEIC": _import("pillow_heif")[0] is not None}


def versions(*packages: str) -> dict[str, str | None]:
    """Installed versions of packages by their distribution names; None where one is not installed."""
    return {package: _version(package) for package in packages}


def system() -> str:
    """The operating system and processor in one line."""
    return platform.platform()


def _version(package: str) -> str | None:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return None


def _import(name: str) -> tuple[ModuleType | None, str | None]:
    """The module, or why it cannot be had: None if it is not installed at all."""
    if importlib.util.find_spec(name) is None:
        return None, None
    try:
        return importlib.import_module(name), None
    except Exception as error:  # a broken binary raises anything; the doctor is to tell it, not to fall ill itself
        return None, (str(error).strip() or type(error).__name__).splitlines()[0]
