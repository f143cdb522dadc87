"""What this machine has free: cores and memory, containers' limits included."""

from __future__ import annotations

import os
from pathlib import Path

import psutil

_CGROUP = Path("/sys/fs/cgroup")


def cores_available() -> int:
    """Physical cores that this process may use; at least 1. Hyper-threads add nothing to matrix products."""
    usable = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, min(usable, psutil.cpu_count(logical=False) or usable))


def memory_available() -> int:
    """Bytes that this process could still allocate: what the system has free, its container's and its own limit."""
    free = int(psutil.virtual_memory().available)
    limit, used = _number(_CGROUP / "memory.max"), _number(_CGROUP / "memory.current")
    if limit is not None and used is not None:
        free = min(free, limit - used + _reclaimable())
    try:
        import resource
    except ImportError:  # Windows has no such limits
        return max(0, free)
    soft, _hard = resource.getrlimit(resource.RLIMIT_AS)
    if soft != resource.RLIM_INFINITY:
        free = min(free, soft - int(psutil.Process().memory_info().vms))
    return max(0, free)


def _number(path: Path) -> int | None:
    try:
        return int(path.read_text())
    except (OSError, ValueError):  # no cgroup, or "max"
        return None


def _reclaimable() -> int:
    """Page cache that the container's kernel gives up on demand, though memory.current counts it."""
    try:
        rows = dict(line.split() for line in (_CGROUP / "memory.stat").read_text().splitlines())
    except OSError:
        return 0
    return int(rows.get("inactive_file", 0))
