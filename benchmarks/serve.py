"""`retint serve` to the first picture: seconds until it answers, and of the first and later photographs.

python benchmarks/serve.py [--runs 5]

A 1024x768 JPEG made from samples/coffee.jpg, posted to /v1/colorize. Every run is a fresh server. Best and middle of
the runs, and the process's memory after. Beside it, what the command takes for the same picture. Markdown on stdout.
"""

from __future__ import annotations

import argparse
import io
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import httpx
import psutil
from PIL import Image

ROOT = Path(__file__).resolve().parent.parent


def photograph() -> bytes:
    out = io.BytesIO()
    coffee = Image.open(ROOT / "samples" / "coffee.jpg")
    coffee.resize((1024, 768), Image.Resampling.LANCZOS).save(out, "JPEG", quality=92)
    return out.getvalue()


def start(data: Path, *more: str) -> tuple[subprocess.Popen[str], str]:
    """A server that answers, and its address."""
    command = [sys.executable, "-m", "retint", "serve", "--port", "0", "--data", str(data), *more]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    line = process.stderr.readline()
    if "http://" not in line:
        sys.exit(f"the server did not start: {line}{process.stderr.read()}")
    return process, line.split()[1]


def one_run(content: bytes, folder: Path) -> dict[str, float]:
    began = time.perf_counter()
    process, address = start(folder)
    with httpx.Client(base_url=address, timeout=120, trust_env=False) as http:
        http.get("/healthz").raise_for_status()
        seconds = {"start": time.perf_counter() - began}
        for name in ("first", "second", "third"):
            began = time.perf_counter()
            http.post("/v1/colorize", files={"file": ("photo.jpg", content)}).raise_for_status()
            seconds[name] = time.perf_counter() - began
    seconds["memory"] = psutil.Process(process.pid).memory_info().rss / 1e6
    process.terminate()
    process.wait()
    return seconds


def command(content: bytes, folder: Path) -> float:
    (folder / "photo.jpg").write_bytes(content)
    began = time.perf_counter()
    colour = ["colorize", str(folder / "photo.jpg"), "-o", str(folder / "out.jpg"), "--overwrite"]
    subprocess.run([sys.executable, "-m", "retint", *colour], check=True, capture_output=True)
    return time.perf_counter() - began


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=5)
    arguments = parser.parse_args()
    content = photograph()
    runs: list[dict[str, float]] = []
    with tempfile.TemporaryDirectory() as name:
        for number in range(arguments.runs):
            runs.append(one_run(content, Path(name) / f"data-{number}"))
            runs[-1]["command"] = command(content, Path(name))
    print(f"1024x768, {platform.processor() or platform.machine()}, {len(os.sched_getaffinity(0))} cores\n")
    print("| | best | middle |\n|---|---:|---:|")
    for key, words in (
        ("start", "from the start of the program to the first answer, s"),
        ("first", "first photograph, s"),
        ("second", "second, s"),
        ("third", "third, s"),
        ("command", "`retint colorize`, whole, s"),
        ("memory", "memory, MB"),
    ):
        values = [run[key] for run in runs]
        print(f"| {words} | {min(values):.2f} | {statistics.median(values):.2f} |")


if __name__ == "__main__":
    main()
