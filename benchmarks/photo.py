"""Colour of one photograph, end to end, from the start of the program to the file: each model and engine that is here.

python benchmarks/photo.py [PHOTO] [--model lite artistic FILE.onnx ...] [--runs 5]

Without PHOTO a 1024x768 picture is made from samples/coffee.jpg. Every run is a fresh process of the `retint` command;
the best and the middle of them are printed, with the process's peak memory. Markdown on stdout.
"""

from __future__ import annotations

import argparse
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from PIL import Image

ROOT = Path(__file__).resolve().parent.parent


def picture(folder: Path) -> Path:
    target = folder / "photo.jpg"
    Image.open(ROOT / "samples" / "coffee.jpg").resize((1024, 768), Image.Resampling.LANCZOS).save(target, quality=92)
    return target


def one_run(photo: Path, model: str, extra: list[str], folder: Path) -> tuple[float, int]:
    """Seconds from start to exit, and peak memory in MB."""
    command = [sys.executable, "-m", "retint", "colorize", str(photo), "-o", str(folder / "out.jpg"), "--overwrite"]
    start = time.perf_counter()
    process = subprocess.Popen([*command, "--model", model, *extra], stderr=subprocess.PIPE)
    _, status, usage = os.wait4(process.pid, 0)
    seconds = time.perf_counter() - start
    if status:
        sys.exit(process.stderr.read().decode() if process.stderr else "failed")
    return seconds, usage.ru_maxrss // 1024


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("photo", nargs="?", type=Path)
    parser.add_argument("--model", nargs="*", default=["lite"])
    parser.add_argument("--render-factor", nargs="*", default=[])
    parser.add_argument("--runs", type=int, default=5)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        photo = arguments.photo or picture(folder)
        with Image.open(photo) as image:
            size = f"{image.width}x{image.height}"
        print(f"{size}, {platform.processor() or platform.machine()}, {len(os.sched_getaffinity(0))} cores\n")
        print("| model | render factor | best s | middle s | peak MB |\n|---|---|---|---|---|")
        for model in arguments.model:
            for factor in arguments.render_factor or ["default"]:
                extra = [] if factor == "default" else ["--render-factor", factor]
                runs = [one_run(photo, model, extra, folder) for _ in range(arguments.runs)]
                seconds = [run[0] for run in runs]
                row = f"{min(seconds):.2f} | {statistics.median(seconds):.2f} | {max(run[1] for run in runs)}"
                print(f"| {Path(model).name} | {factor} | {row} |")


if __name__ == "__main__":
    main()
