"""`retint doctor`: what this machine offers, and what is wrong with it."""

from __future__ import annotations

import json
import os
import shutil
import sys
from pathlib import Path
from typing import Any

import click

import retint
from retint.cli import machine
from retint.errors import WeightsError
from retint.weights import home_folder, status
from retint.weights.catalog import CATALOG
from retint.weights.download import megabytes
from retint.weights.home import offline_asked

_LITTLE_MEMORY = 1 << 30  # bytes; a photograph of 100 megapixels wants some, the lite render little
_LITTLE_DISK = 2 << 30  # bytes; what the largest published model and a film's frames need


@click.command()
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
def doctor(as_json: bool) -> None:
    """Say what this machine offers: engines, devices, codecs, weights."""
    report = examine()
    if as_json:
        click.echo(json.dumps(report))
        return
    for line in _lines(report):
        click.echo(line)


def examine() -> dict[str, Any]:
    """The whole report; `problems` holds what was found to be wrong, each with its advice."""
    report: dict[str, Any] = {
        "retint": retint.__version__,
        "python": f"{sys.version.split()[0]} ({sys.executable})",
        "platform": machine.system(),
        "cores": machine.cores(),
        "memory": machine.memory(),
        "engines": {"onnxruntime": machine.onnxruntime_engine(), "torch": machine.torch_engine()},
        "nvidia_driver": machine.has_nvidia_driver(),
        "codecs": machine.codecs(),
        "libraries": machine.versions("pillow", "numpy", "tifffile", "imagecodecs"),
        "offline": offline_asked(),
        "home": _home(),
        "weights": [],
    }
    if report["home"]["folder"] is not None:
        report["weights"] = [
            {"name": found.entry.name, "state": found.state, "path": None if found.path is None else str(found.path)}
            for found in map(status, CATALOG.values())
        ]
    report["problems"] = find_problems(report)
    return report


def find_problems(report: dict[str, Any]) -> list[dict[str, str]]:
    """What in a report keeps retint from working, or from working well: {"problem", "advice"} each."""
    found: list[dict[str, str]] = []

    def note(problem: str, advice: str) -> None:
        found.append({"problem": problem, "advice": advice})

    runtime, torch = report["engines"]["onnxruntime"], report["engines"]["torch"]
    if runtime["version"] is None:
        why = f"does not load: {runtime['error']}" if runtime["error"] else "is not installed"
        note(f"ONNX Runtime {why}", "pip install --force-reinstall onnxruntime")
    if torch["error"]:
        note(f"torch is installed and does not load: {torch['error']}", 'pip install --force-reinstall "retint[torch]"')
    elif torch["version"] and not torch["cuda"] and report["nvidia_driver"]:
        note("NVIDIA's driver is here, and this torch does not use it", "install torch's CUDA build, see pytorch.org")
    for codec, works in report["codecs"].items():
        if not works and codec != "HEIC":
            note(f"Pillow reads no {codec}", "pip install --force-reinstall pillow")
    for library, version in report["libraries"].items():
        if version is None:
            note(f"{library} is not installed", "pip install --force-reinstall retint")
    memory = report["memory"]
    usable = min(memory["available"], memory["container_limit"] or memory["available"])
    if usable < _LITTLE_MEMORY:
        note(f"only {megabytes(usable)} of memory are free", "close other programs, or take a low render factor (-r)")
    home = report["home"]
    if home["problem"]:
        note(home["problem"], "set RETINT_HOME to a folder that you can write")
    elif home["free"] is not None and home["free"] < _LITTLE_DISK:
        note(
            f"only {megabytes(home['free'])} are free in {home['folder']}",
            "make room, or set RETINT_HOME to a folder on another disk",
        )
    for row in report["weights"]:
        if row["state"] == "missing":
            note(f"the weights of {row['name']}, which come with retint, are missing", "reinstall retint")
        elif row["state"] == "damaged":
            again = f"delete {row['path']} and run: retint models fetch {row['name']}"
            note(f"the weights of {row['name']} have the wrong size", again)
        elif row["state"] == "partial":
            again = f"retint models fetch {row['name']} goes on with it; delete {row['path']} if not wanted"
            note(f"the download of {row['name']} ended early", again)
    return found


def _home() -> dict[str, Any]:
    """The home folder: where, room in bytes, and what keeps weights from being put there."""
    try:
        folder = home_folder()
    except WeightsError as error:
        return {"folder": None, "free": None, "problem": str(error)}
    nearest = folder
    while not os.path.lexists(nearest) and nearest != nearest.parent:
        nearest = nearest.parent
    problem = None
    if not os.path.isdir(nearest):
        problem = f"{nearest} is no folder, so weights cannot be kept in {folder}"
    elif not os.access(nearest, os.W_OK | os.X_OK):
        problem = f"{nearest} cannot be written, so weights cannot be kept in {folder}"
    return {"folder": str(folder), "free": _free(nearest), "problem": problem}


def _free(folder: Path) -> int | None:
    try:
        return shutil.disk_usage(folder).free
    except OSError:
        return None


def _lines(report: dict[str, Any]) -> list[str]:
    """The report for a person."""
    runtime, torch = report["engines"]["onnxruntime"], report["engines"]["torch"]
    cores, memory, home = report["cores"], report["memory"], report["home"]
    limit = f", limited to {cores['container_limit']:g} here" if cores["container_limit"] else ""
    rows = [
        ("retint", report["retint"]),
        ("python", report["python"]),
        ("platform", report["platform"]),
        ("cores", f"{cores['usable']} usable of {cores['logical']} ({cores['physical'] or '?'} physical){limit}"),
        ("memory", f"{_gigabytes(memory['available'])} free of {_gigabytes(memory['total'])}"),
        ("onnxruntime", f"{runtime['version']} ({_providers(runtime['providers'])})" if runtime["version"] else "no"),
        ("torch", _torch(torch)),
        ("codecs", ", ".join(name for name, works in report["codecs"].items() if works)),
    ]
    if memory["container_limit"]:
        rows[4] = ("memory", f"{rows[4][1]}, limited to {_gigabytes(memory['container_limit'])} here")
    if not report["codecs"]["HEIC"]:
        rows.append(("", 'HEIC: pip install "retint[heic]"'))
    rows.append(("libraries", ", ".join(f"{name} {version or 'no'}" for name, version in report["libraries"].items())))
    free = "" if home["free"] is None else f" ({_gigabytes(home['free'])} free)"
    rows.append(("home", f"{home['folder'] or 'none'}{free}"))
    rows.append(("network", "off (RETINT_OFFLINE)" if report["offline"] else "used to fetch weights when asked"))
    for index, row in enumerate(report["weights"]):
        rows.append(("" if index else "weights", f"{row['name']:27}{row['state']}"))
    lines = [f"{name:13}{text}" for name, text in rows]
    lines.append("")
    for problem in report["problems"]:
        lines += [f"problem: {problem['problem']}", f"         {problem['advice']}"]
    return lines if report["problems"] else [*lines, "No problems found."]


def _torch(torch: dict[str, Any]) -> str:
    if torch["version"] is None:
        return torch["error"] or 'not installed; published models and training need it: pip install "retint[torch]"'
    devices = ["CPU", *torch["cuda"], *(["MPS"] if torch["mps"] else [])]
    return f"{torch['version']} ({', '.join(devices)})"


def _providers(providers: list[str]) -> str:
    return ", ".join(name.removesuffix("ExecutionProvider") for name in providers)


def _gigabytes(count: int) -> str:
    return f"{count / 1e9:.1f} GB"
