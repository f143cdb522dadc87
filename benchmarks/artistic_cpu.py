"""Seconds and memory of one photograph in colour by `artistic` on the CPU in float32: plain torch against retint.

    python benchmarks/artistic_cpu.py [--weights ColorizeArtistic_gen.pth] [--render-factor 35] [--rounds 3] [--json]

plain   the same network evaluated eagerly by torch, the way the original does it: norms computed anew in each pass,
        attention over the whole matrix, memory as it comes
retint  the torch engine: norms folded, bands of rows, Winograd convolutions

Each run is a fresh process, and the two take turns. Without --weights the seeded weights of tests/parity are used:
the arithmetic is the same. Peak memory is the whole process's (VmHWM); "per px" is the render's own, beyond what the
loaded network holds. Prints Markdown, or one JSON object.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import platform
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from retint.rendering.memory import cores_available
from retint.rendering.network import IMAGENET_MEAN, IMAGENET_STD

PARITY = Path(__file__).parents[1] / "tests" / "parity"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--weights", type=Path)
    parser.add_argument("--photo", type=Path, help="default: a made picture of 1024x768")
    parser.add_argument("--render-factor", type=int, default=35)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--child", choices=("plain", "retint"), help=argparse.SUPPRESS)
    parser.add_argument("--out", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.child:
        print(json.dumps(child(options.child, options.weights, options.photo, options.render_factor, options.out)))
        return
    with tempfile.TemporaryDirectory() as folder:
        report = compare(options, Path(folder))
    print(json.dumps(report) if options.json else markdown(report))


def compare(options: argparse.Namespace, folder: Path) -> dict[str, Any]:
    weights = options.weights or make_weights(folder / "artistic.pth")
    photo = options.photo or make_photo(folder / "photo.png")
    runs: dict[str, list[dict[str, float]]] = {"plain": [], "retint": []}
    for _ in range(options.rounds):
        for engine, results in runs.items():
            command = [sys.executable, __file__, "--child", engine, "--out", str(folder / f"{engine}.png")]
            command += ["--weights", str(weights), "--photo", str(photo), "--render-factor", str(options.render_factor)]
            results.append(json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout))
    squares = differences(*(np.load(folder / f"{engine}.npy") for engine in runs))
    pictures = differences(*(np.asarray(Image.open(folder / f"{engine}.png")) for engine in runs))
    best = {engine: {key: min(run[key] for run in results) for key in results[0]} for engine, results in runs.items()}
    speed = [plain["seconds"] / ours["seconds"] for plain, ours in zip(runs["plain"], runs["retint"], strict=True)]
    return {
        "machine": f"{cpu_name()}, {cores_available()} cores",
        "render_factor": options.render_factor,
        "rounds": options.rounds,
        "runs": runs,
        "best": best,
        "times_as_fast": statistics.median(speed),
        "memory_share": best["retint"]["peak_mb"] / best["plain"]["peak_mb"],
        "render": squares,
        "picture": pictures,
    }


def differences(one: np.ndarray, other: np.ndarray) -> dict[str, float]:
    """Of two uint8 pictures."""
    levels = np.abs(one.astype(int) - other)
    return {"largest": int(levels.max()), "equal": float((levels == 0).mean())}


def child(engine: str, weights: Path, photo: Path, factor: int, out: Path) -> dict[str, float]:
    start = time.perf_counter()
    from retint.rendering.colorizer import Colorizer

    if engine == "plain":
        network: Any = PlainNetwork(weights)
    else:
        from retint.rendering.torch_backend import load_torch_network

        network = load_torch_network(weights, device="cpu", precision="fp32")
    renders: list[np.ndarray] = []
    run = network.run
    network.run = lambda batch: renders.append(run(batch)) or renders[-1]
    colorizer, image = Colorizer(network), Image.open(photo)
    loaded, held = time.perf_counter() - start, resident_mb()
    start, cpu = time.perf_counter(), time.process_time()
    picture = colorizer.render(image, factor)
    seconds, cpu_seconds = time.perf_counter() - start, time.process_time() - cpu
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    picture.save(out)
    square = renders[0][0] * IMAGENET_STD[:, None, None] + IMAGENET_MEAN[:, None, None]
    np.save(out.with_suffix(".npy"), (np.clip(square, 0, 1) * 255).astype(np.uint8))
    return {
        "load_seconds": loaded,
        "seconds": seconds,
        "cpu_seconds": cpu_seconds,
        "peak_mb": peak,
        "bytes_per_px": (peak - held) * 2**20 / (16 * factor) ** 2,
    }


class PlainNetwork:
    """Satisfies `Network` by evaluating the generator as it is."""

    def __init__(self, weights: Path) -> None:
        from retint.networks.blocks import SelfAttention
        from retint.networks.checkpoints import load_generator
        from retint.rendering.network import NetworkInfo

        SelfAttention.forward = whole_attention  # type: ignore[method-assign]
        self._generator = load_generator(weights)
        self.info = NetworkInfo("plain", "artistic", "0", "rgb", 35, "torch", "cpu")

    def run(self, batch: np.ndarray) -> np.ndarray:
        import torch

        with torch.no_grad():
            return self._generator(torch.from_numpy(batch)).numpy()

    def bytes_needed(self, side: int, pictures: int = 1) -> int:
        return 0

    def bytes_free(self) -> int | None:
        return None


def whole_attention(self: Any, x: Any) -> Any:
    """fastai's own form, with the whole matrix in memory.  # fastai layers.py SelfAttention.forward"""
    import torch

    tokens = x.flatten(2)
    query, key, value = self.query(tokens), self.key(tokens), self.value(tokens)
    weights = torch.softmax(torch.bmm(query.transpose(1, 2), key), dim=1)
    return (self.gamma * torch.bmm(value, weights) + tokens).view(x.shape)


def make_weights(path: Path) -> Path:
    import torch

    spec = importlib.util.spec_from_file_location("seeded_weights", PARITY / "seeded_weights.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    info = json.loads((PARITY / "keys_artistic.json").read_text())
    torch.save(module.seeded_state(info["keys"], bn_stats=info.get("bn_stats")), path)
    return path


def make_photo(path: Path) -> Path:
    """1024x768, grey, smooth with some grain."""
    random = np.random.RandomState(0)
    coarse = Image.fromarray(random.randint(0, 256, (12, 16), dtype=np.uint8))
    smooth = np.asarray(coarse.resize((1024, 768), Image.Resampling.BICUBIC))
    Image.fromarray(np.clip(smooth + random.normal(0, 6, (768, 1024)), 0, 255).astype(np.uint8)).save(path)
    return path


def resident_mb() -> float:
    import psutil

    return psutil.Process().memory_info().rss / 2**20


def cpu_name() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor()
    return next((line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")), platform.machine())


def markdown(report: dict[str, Any]) -> str:
    rows = [
        f"`artistic`, 1024x768, render factor {report['render_factor']}, float32, {report['machine']}; "
        f"best of {report['rounds']} runs, taking turns",
        "",
        "| | seconds | CPU seconds | peak memory, MB | per px of render, bytes | loading, seconds |",
        "|---|---|---|---|---|---|",
    ]
    for engine, best in report["best"].items():
        rows.append(
            f"| {engine} | {best['seconds']:.1f} | {best['cpu_seconds']:.1f} | {best['peak_mb']:.0f} "
            f"| {best['bytes_per_px']:.0f} | {best['load_seconds']:.1f} |"
        )
    rows += [
        "",
        f"retint is {report['times_as_fast']:.2f} times as fast (median of the rounds) with "
        f"{report['memory_share']:.0%} of the memory.",
        "",
        f"Renders differ by at most {report['render']['largest']} level, {report['render']['equal']:.3%} of all values "
        f"are equal. Finished pictures: at most {report['picture']['largest']}, {report['picture']['equal']:.3%}: "
        "one level of render may be one of U, and that is two or three of blue (B = Y + 2.03 U, in 8 bits).",
    ]
    return "\n".join(rows)


if __name__ == "__main__":
    main()
