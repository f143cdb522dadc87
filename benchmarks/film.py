"""Film: how still the colours hold, how fast it is, where the time goes, and how much memory it takes (docs/film.md).

    python benchmarks/film.py figures CLIP... [--frames 240] [--json figures.json]
    python benchmarks/film.py speed CLIP... [--frames 240]
    python benchmarks/film.py memory [--minutes 1 20]

figures: every clip turned grey and coloured in several ways, a render for each frame at most. "times faster" is the
    time of a render for every frame, against the way's renders and its motion.
speed: the whole of `colorize_film`, frame by frame and with key frames, in one run and in turns: frames a second, and
    milliseconds a frame that each stage was busy.
memory: synthetic reels of these lengths, 480x360 at 24 frames a second with sound, each coloured in a process of its
    own: peak memory, and the stages' times.

Nothing else should run on the machine.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from dataclasses import asdict
from fractions import Fraction
from pathlib import Path

import av
import numpy as np

from retint.evaluation.film import over_films
from retint.evaluation.film_report import in_all
from retint.pipelines.film import colorize_film
from retint.pipelines.film_figures import FRAME_BY_FRAME, Way, measure_film
from retint.rendering import load_colorizer

WAYS = [
    FRAME_BY_FRAME,
    *(Way(strength, keyframes) for keyframes in ("off", "auto") for strength in ("normal", "strong")),
]
BASE = FRAME_BY_FRAME.name
RATE, SIZE, SCENE = 24, (480, 360), 240  # frames a second, px, frames


def cell(value, digits, against=None):
    if value is None or np.isinf(value):
        return ""
    return f"{value:.{digits}f}" + (f" ({100 * (value / against - 1):+.0f} %)" if against else "")


def table(figures, rendered, motion, render_seconds):
    """motion: seconds a frame; render_seconds: of one render"""
    base = figures[BASE]
    lines = [
        "| | rendered | times faster | motion, ms | warp error | CDC x 1000 | CF | PSNR |",
        "|---|---:|---:|---:|---:|---:|---:|---:|",
    ]
    for name, one in figures.items():
        other = base if name in rendered and name != BASE else None
        share, faster, ms = "", "", ""
        if name in rendered:
            share, ms = f"{100 * rendered[name]:.0f} %", f"{1000 * motion[name]:.1f}"
            faster = f"{render_seconds / (motion[name] + rendered[name] * render_seconds):.1f}"
        cells = [
            cell(one.warp_error, 3, other and other.warp_error),
            cell(1000 * one.cdc, 2, other and 1000 * other.cdc),
            cell(one.cf, 1, other and other.cf),
            cell(one.psnr, 2),
        ]
        lines.append(f"| {name} | {share} | {faster} | {ms} | {' | '.join(cells)} |")
    return "\n".join(lines)


def seconds_of_a_render(colorizer):
    side = colorizer.resolve_render_factor(None, (1, 1)) * 16
    gray = np.random.default_rng(0).integers(0, 255, (side, side), dtype=np.uint8)
    colorizer.chroma_batch([gray])
    began = time.perf_counter()
    for _ in range(20):
        colorizer.chroma_batch([gray])
    return (time.perf_counter() - began) / 20


def figures(asked):
    colorizer = load_colorizer(asked.model, threads=2)
    each = seconds_of_a_render(colorizer)
    print(f"A render of render factor {colorizer.default_render_factor}: {1000 * each:.0f} ms")
    reports, found = [], {}
    for clip in asked.clips:
        report = measure_film(clip, colorizer, WAYS, count=asked.frames)
        reports.append(report)
        frames = report.figures[BASE].frames
        motion = {name: seconds / frames for name, seconds in report.motion_seconds.items()}
        found[clip.name] = {name: asdict(one) for name, one in report.figures.items()}
        print(f"\n## {clip.name}: {frames} frames, {report.scenes} scenes\n")
        print(table(report.figures, report.rendered, motion, each), flush=True)
    for title, kept in (("clips in colour", [one for one in reports if one.in_colour]), ("all clips", reports)):
        if kept:
            means, rendered = in_all([(one.figures, one.rendered) for one in kept])
            motion = {
                name: float(np.mean([one.motion_seconds[name] / one.figures[name].frames for one in kept]))
                for name in rendered
            }
            if all("true" in one.figures for one in kept):
                means["true"] = over_films([one.figures["true"] for one in kept])
            found[title] = {name: asdict(one) for name, one in means.items()}
            print(f"\n## {title}\n\n{table(means, rendered, motion, each)}", flush=True)
    if asked.json is not None:
        asked.json.write_text(json.dumps(found, indent=2))


def coloured(clip, folder, colorizer, way, end):
    began = time.perf_counter()
    result = colorize_film(
        clip,
        Path(folder) / "out.mkv",
        colorizer=colorizer,
        stabilize=way.strength,
        keyframes=way.keyframes,
        end=end,
        overwrite=True,
        resume=False,
    )
    return result, time.perf_counter() - began


def speed(asked):
    colorizer = load_colorizer(asked.model, threads=2)
    print("| clip | way | frames a second | rendered | decode | motion | render | merge | encode |")
    print("|---|---|---:|---:|---:|---:|---:|---:|---:|")
    with tempfile.TemporaryDirectory() as folder:
        for clip in asked.clips:
            with av.open(str(clip)) as film:
                end = asked.frames / float(film.streams.video[0].average_rate)
            rates = []
            for way in (FRAME_BY_FRAME, Way("normal", "auto")):
                coloured(clip, folder, colorizer, way, 1.0)  # what is loaded late is loaded
                result, seconds = coloured(clip, folder, colorizer, way, end)
                rates.append(result.frames / seconds)
                busy = [
                    f"{1000 * result.stages[stage] / result.frames:.1f}"
                    for stage in ("decode", "motion", "render", "merge", "encode")
                ]
                times = f" ({rates[1] / rates[0]:.1f} times)" if len(rates) > 1 else ""
                print(
                    f"| {clip.name}, {result.width}x{result.height} | {way.name} | {rates[-1]:.0f}{times} "
                    f"| {100 * result.rendered / result.frames:.0f} % | {' | '.join(busy)} |",
                    flush=True,
                )


def write_reel(path, minutes):
    """Scenes of ten seconds: textures that move, and a tone."""
    count = minutes * 60 * RATE
    rng = np.random.default_rng(0)
    width, height = SIZE
    with av.open(str(path), "w") as film:
        video = film.add_stream("libx264", RATE, options={"preset": "ultrafast", "crf": "20"})
        video.width, video.height, video.pix_fmt, video.time_base = width, height, "yuv420p", Fraction(1, RATE)
        sound = film.add_stream("aac", 44100)
        sound.layout = "mono"
        written = 0
        for number in range(count):
            place = number % SCENE
            if place == 0:
                small = rng.integers(20, 235, (height // 10 + 30, width // 10 + 30)).astype(np.float32)
                import cv2

                wide = cv2.GaussianBlur(cv2.resize(small, None, fx=10, fy=10, interpolation=cv2.INTER_CUBIC), (0, 0), 3)
            gray = wide[place // 2 : place // 2 + height, place : place + width].clip(0, 255).astype(np.uint8)
            frame = av.VideoFrame.from_ndarray(gray, format="gray").reformat(format="yuv420p")
            frame.pts = number
            film.mux(video.encode(frame))
            while written < (number + 1) * 44100 // RATE:
                tone = (0.2 * np.sin(np.arange(written, written + 1024) * 0.06)).astype(np.float32)[None]
                piece = av.AudioFrame.from_ndarray(tone, format="fltp", layout="mono")
                piece.sample_rate, piece.pts = 44100, written
                film.mux(sound.encode(piece))
                written += 1024
        film.mux(video.encode())
        film.mux(sound.encode())


def memory(asked):
    print("| reel | frames | peak memory, MB | frames a second | decode | motion | render | merge | encode |")
    print("|---|---:|---:|---:|---:|---:|---:|---:|---:|", flush=True)
    with tempfile.TemporaryDirectory() as folder:
        for minutes in asked.minutes:
            reel = Path(folder) / f"reel-{minutes}.mp4"
            write_reel(reel, minutes)
            command = [sys.executable, __file__, "one", str(reel), str(minutes), asked.model]
            print(subprocess.run(command, check=True, capture_output=True, text=True).stdout, end="", flush=True)
            reel.unlink()


def one(asked):
    colorizer = load_colorizer(asked.model, threads=2)
    result, seconds = coloured(asked.reel, asked.reel.parent, colorizer, Way("normal", "auto"), None)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    busy = [
        f"{1000 * result.stages[stage] / result.frames:.1f}"
        for stage in ("decode", "motion", "render", "merge", "encode")
    ]
    rate = f"{peak:.0f} | {result.frames / seconds:.0f}"
    print(f"| {asked.minutes} min | {result.frames} | {rate} | {' | '.join(busy)} |")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="lite")
    commands = parser.add_subparsers(required=True)
    for name, run in (("figures", figures), ("speed", speed)):
        command = commands.add_parser(name)
        command.add_argument("clips", nargs="+", type=Path)
        command.add_argument("--frames", type=int, default=240, help="of each clip")
        if run is figures:
            command.add_argument("--json", type=Path)
        command.set_defaults(run=run)
    command = commands.add_parser("memory")
    command.add_argument("--minutes", type=int, nargs="+", default=[1, 20])
    command.set_defaults(run=memory)
    command = commands.add_parser("one")  # what `memory` starts
    command.add_argument("reel", type=Path)
    command.add_argument("minutes")
    command.add_argument("model")
    command.set_defaults(run=one)
    asked = parser.parse_args()
    asked.run(asked)


if __name__ == "__main__":
    main()
