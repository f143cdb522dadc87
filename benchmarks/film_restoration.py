"""Film restoration: damage that is planted on clips, and how much of it is mended (docs/film.md).

    python benchmarks/film_restoration.py CLIP... [--frames 60] [--width 854]

Each clip's luma is taken as the clean film. Each kind of damage is planted by itself, with a fixed seed, and mended by
its stage alone with "auto"; then the clean clip goes through all stages. What the columns say:

dust        share of what dust changed that is back (sum of differences from the clean film, over pixels that dust
            changed by more than 8 levels); share of the other pixels that came out changed by more than 8 levels
flicker     how much of it is gone: of the deviation of the frames' mean brightness from the clean film's, and of its
            change from frame to frame
scratches   as dust
weave       how much of the change of place from frame to frame is gone
noise       dB gained against the clean film
clean       share of pixels changed by more than 8 levels by dust, flicker and scratches; by all stages but weave
ms          a frame of dust, flicker and scratches together, on one core (time of the processor, not of the clock)
"""

from __future__ import annotations

import argparse
import time
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import cv2
import numpy as np

from retint.pipelines.media import gray8, open_film
from retint.restoration.film import USUAL, FilmStage, mend
from retint.restoration.film_degradation import Scratches, plant_dust, plant_flicker, plant_grain, plant_weave

CHANGED = 8  # levels


@dataclass(frozen=True)
class Frame:
    luma: np.ndarray


def clip_of(path, frames, width):
    clean = []
    with open_film(path) as film:
        for frame in islice(film.frames(), frames):
            gray = gray8(frame, film.info)
            if gray.shape[1] > width:
                gray = cv2.resize(gray, (width, gray.shape[0] * width // gray.shape[1]), interpolation=cv2.INTER_AREA)
            clean.append(gray)
    return clean


def mended(frames, *stages):
    return list(mend([Frame(gray) for gray in frames], stages or USUAL))


def lumas(moments):
    return [moment.luma for moment in moments]


def apart(one, other):
    return [np.abs(a.astype(np.int16) - b) for a, b in zip(one, other, strict=True)]


def spots(clean, damaged, after):
    """Share that is back, and share of the other pixels that were changed."""
    planted, left, touched = apart(clean, damaged), apart(clean, after), apart(damaged, after)
    on = [change > CHANGED for change in planted]
    back = 1 - sum(one[where].sum() for one, where in zip(left, on, strict=True)) / sum(
        one[where].sum() for one, where in zip(planted, on, strict=True)
    )
    others = sum(int((~where).sum()) for where in on)
    return back, sum(int((one[~where] > CHANGED).sum()) for one, where in zip(touched, on, strict=True)) / others


def changed(clean, after):
    return float(np.mean([(one > CHANGED).mean() for one in apart(clean, after)]))


def light(clean, damaged, after):
    before, now = (
        np.array([b.mean() - a.mean() for a, b in zip(clean, other, strict=True)]) for other in (damaged, after)
    )
    return 1 - now.std() / before.std(), 1 - np.diff(now).std() / np.diff(before).std()


def psnr(clean, other):
    return 10 * np.log10(255**2 / np.mean([np.mean(np.square(one.astype(np.float32))) for one in apart(clean, other)]))


def measure(clean, seed=0):
    rng = np.random.default_rng(seed)
    found = {}
    dusty = [plant_dust(gray, rng) for gray in clean]
    found["dust"], found["dust, others"] = spots(clean, dusty, lumas(mended(dusty, FilmStage("dust"))))
    flickering = [plant_flicker(gray, rng) for gray in clean]
    steady = lumas(mended(flickering, FilmStage("flicker")))
    found["flicker"], found["flicker, steps"] = light(clean, flickering, steady)
    scratches = Scratches(clean[0].shape, rng)
    scratched = [scratches.plant(gray) for gray in clean]
    found["scratches"], found["scratches, others"] = spots(
        clean, scratched, lumas(mended(scratched, FilmStage("scratches")))
    )
    woven, places = zip(*(plant_weave(gray, rng) for gray in clean), strict=True)
    held = np.array([moment.shift for moment in mended(woven, FilmStage("weave"))])
    found["weave"] = 1 - np.diff(np.array(places) + held, axis=0).std() / np.diff(places, axis=0).std()
    grainy = [plant_grain(gray, rng) for gray in clean]
    found["noise"] = psnr(clean, lumas(mended(grainy, FilmStage("noise")))) - psnr(clean, grainy)
    began = time.process_time()
    untouched = lumas(mended(clean))
    found["ms"] = 1000 * (time.process_time() - began) / len(clean)
    found["clean"] = changed(clean, untouched)
    found["clean, all"] = changed(clean, lumas(mended(clean, *USUAL, FilmStage("noise"))))
    return found


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("clips", nargs="+", type=Path)
    parser.add_argument("--frames", type=int, default=60, help="of each clip")
    parser.add_argument("--width", type=int, default=854, help="px; wider clips are shrunk")
    asked = parser.parse_args()
    cv2.setNumThreads(1)
    print("| clip | dust back | others | flicker gone | steps | scratches back | others | weave gone | noise, dB "
          "| clean | with noise | ms |")  # fmt: skip
    print("|---|" + "---:|" * 11)
    for path in asked.clips:
        clean = clip_of(path, asked.frames, asked.width)
        found = measure(clean)
        per = "{:.0f} %".format
        fine = "{:.3f} %".format
        cells = [
            *(per(100 * found["dust"]), fine(100 * found["dust, others"])),
            *(per(100 * found["flicker"]), per(100 * found["flicker, steps"])),
            *(per(100 * found["scratches"]), fine(100 * found["scratches, others"])),
            *(per(100 * found["weave"]), f"{found['noise']:+.1f}"),
            *(fine(100 * found["clean"]), fine(100 * found["clean, all"]), f"{found['ms']:.0f}"),
        ]
        print(f"| {path.name}, {clean[0].shape[1]}x{clean[0].shape[0]} | {' | '.join(cells)} |", flush=True)


if __name__ == "__main__":
    main()
