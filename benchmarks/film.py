"""How still chroma holds, and what key frames cost and save: figures of `docs/film.md`.

    python benchmarks/film.py CLIP... [--frames 64] [--json figures.json]

Every clip is turned grey, coloured frame by frame, and again with each way of stabilising. A frame is rendered once,
whatever ways need it. The time of a way is that of its own motion and blending, and for each frame that it renders the
mean time of a render; both are measured here, alone on the machine and in turns. Clips in colour have a truth.
"""

from __future__ import annotations

import argparse
import json
import time
from dataclasses import asdict
from pathlib import Path

import av
import numpy as np

from retint.color import luma, merge_chroma
from retint.evaluation.film import FilmBenchmark, over_films
from retint.pipelines.film_colour import Coloured, Seen, coloured, small_of
from retint.pipelines.scenes import Scenes
from retint.rendering import load_colorizer

WAYS = {
    "frame by frame": ("off", "off"),
    "normal, every frame": ("normal", "off"),
    "strong, every frame": ("strong", "off"),
    "normal, key frames": ("normal", "auto"),
    "strong, key frames": ("strong", "auto"),
}
BASE = "frame by frame"
WIDEST = 640  # px, at which figures are measured


class Renders:
    """Chroma of frames, each rendered once, and the mean time that took."""

    def __init__(self, colorizer):
        self._colorizer, self._known = colorizer, {}
        self.seconds = self.count = 0

    def __call__(self, grays):
        out = []
        for gray in grays:
            key = gray.tobytes()
            if key not in self._known:
                began = time.perf_counter()
                self._known[key] = self._colorizer.chroma_batch([gray])[0]
                self.seconds += time.perf_counter() - began
            self.count += 1
            out.append(self._known[key])
        return out

    @property
    def each(self):
        return self.seconds / max(1, len(self._known))


def read(path, count, side):
    """Grey frames, and their true colours where the clip has any."""
    seen, true = [], []
    with av.open(str(path)) as film:
        for frame in film.decode(video=0):
            if len(seen) == count:
                break
            size = {}
            if frame.width > WIDEST:
                size = {"width": WIDEST, "height": round(frame.height * WIDEST / frame.width / 2) * 2}
            rgb = frame.to_ndarray(format="rgb24", **size)
            gray = luma(rgb)
            seen.append(Seen(gray, small_of(gray, side)))
            true.append(rgb)
    spread = np.mean([np.ptp(rgb.astype(int), axis=2).mean() for rgb in true])
    return seen, true if spread > 4 else None


def run(seen, render, way):
    """Chroma of all frames one way; (frames with chroma, share of frames rendered, seconds of motion and blending)."""
    before, began = (render.count, render.seconds), time.perf_counter()
    items = [item for item in coloured(seen, render, *WAYS[way]) if isinstance(item, Coloured)]
    motion = time.perf_counter() - began - (render.seconds - before[1])
    return items, (render.count - before[0]) / len(seen), motion


def pixels(item):
    frame = np.repeat(item.frame.gray[..., None], 3, axis=2)
    return merge_chroma(frame, item.chroma, item.guide)


def measure(path, colorizer, count, sheet=None):
    render = Renders(colorizer)
    side = colorizer.resolve_render_factor(None, (1, 1)) * 16
    seen, true = read(path, count, side)
    ways = {way: run(seen, render, way) for way in WAYS}
    benchmark = FilmBenchmark()
    cuts = [begins for _, begins in Scenes(seen, lambda frame: frame.small)]
    for number, frame in enumerate(seen):
        shown = {way: pixels(ways[way][0][number]) for way in WAYS}
        benchmark.add(shown, None if true is None else true[number], cut=cuts[number])
        if sheet is not None:
            sheet(number, frame, shown, None if true is None else true[number])
    figures = benchmark.figures()
    base = render.each * len(seen)
    rows = {}
    for way, figure in figures.items():
        share, motion = ways[way][1:] if way in ways else (None, None)
        faster = None if share is None else base / (motion + share * base)
        rows[way] = {
            **asdict(figure),
            "rendered": share,
            "faster": faster,
            "motion_ms": None if share is None else 1000 * motion / len(seen),
        }
    return rows, figures, {"render_ms": 1000 * render.each, "scenes": sum(cuts)}


def cell(value, digits):
    return "" if value is None or np.isinf(value) else f"{value:.{digits}f}"


def table(rows, figures):
    base = figures[BASE]
    lines = [
        "| | rendered | times faster | motion, ms | warp error | CDC x 1000 | CF | PSNR |",
        "|---|---:|---:|---:|---:|---:|---:|---:|",
    ]
    for way, row in rows.items():
        figure = figures[way]
        against = ["", "", ""]
        if way not in (BASE, "grey", "true"):
            pairs = ((figure.warp_error, base.warp_error), (figure.cdc, base.cdc), (figure.cf, base.cf))
            against = [f" ({100 * (a / b - 1):+.0f} %)" if a is not None and b else "" for a, b in pairs]
        share = "" if row.get("rendered") is None else f"{100 * row['rendered']:.0f} %"
        lines.append(
            f"| {way} | {share} | {cell(row.get('faster'), 1)} | {cell(row.get('motion_ms'), 0)} "
            f"| {cell(figure.warp_error, 3)}{against[0]} "
            f"| {cell(None if figure.cdc is None else 1000 * figure.cdc, 2)}{against[1]} "
            f"| {cell(figure.cf, 1)}{against[2]} | {cell(figure.psnr, 2)} |"
        )
    return "\n".join(lines)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("clips", nargs="+", type=Path)
    parser.add_argument("--frames", type=int, default=64, help="of each clip")
    parser.add_argument("--model", default="lite")
    parser.add_argument("--json", type=Path)
    asked = parser.parse_args()
    colorizer = load_colorizer(asked.model, threads=2)
    found, by_way = {}, {}
    for clip in asked.clips:
        rows, figures, more = measure(clip, colorizer, asked.frames)
        found[clip.name] = {"rows": rows, **more}
        print(f"\n## {clip.name}: {figures[BASE].frames} frames, {more['scenes']} scenes, ", end="")
        print(f"a render {more['render_ms']:.0f} ms\n\n{table(rows, figures)}", flush=True)
        for way, figure in figures.items():
            by_way.setdefault(way, []).append((clip.name, figure, rows[way]))
    for title, only in (("clips in colour", True), ("all clips", False)):
        in_colour = {name for name, figure, _ in by_way.get("true", [])}
        kept = {way: [one for one in ones if one[0] in in_colour or not only] for way, ones in by_way.items()}
        kept = {way: ones for way, ones in kept.items() if ones}
        if not kept:
            continue
        figures = {way: over_films([figure for _, figure, _ in ones]) for way, ones in kept.items()}
        rows = {
            way: {
                name: None if ones[0][2][name] is None else float(np.mean([row[name] for _, _, row in ones]))
                for name in ("rendered", "faster", "motion_ms")
            }
            for way, ones in kept.items()
        }
        found[title] = {way: {**asdict(figures[way]), **rows[way]} for way in figures}
        print(f"\n## In all: {title}\n\n{table(rows, figures)}", flush=True)
    if asked.json is not None:
        asked.json.write_text(json.dumps(found, indent=2))


if __name__ == "__main__":
    main()
