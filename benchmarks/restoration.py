"""Restoration in figures, on photographs with planted damage: retint beside a tuned classical chain.

python benchmarks/restoration.py --photos val.tar --tune-photos train-000.tar [--limit 500] [--kinds-limit 100]
    [--seed 0] [--models FOLDER] [--only mix kinds detector filling untouched colouring] [--large]

Markdown on stdout.

Pictures are luma of 256 x 256 px (the protocol of `retint evaluate`), aged by `retint.restoration.degradation` with
seeds fixed for each picture. retint works with everything on `auto`. The classical chain (OpenCV: morphology, Telea,
non-local means, CLAHE) is tuned by grid search on `--tune-photos`, aged in the same way. Figures are means over
pictures, 95 % bootstrap intervals in brackets. --large measures a picture of 6000 x 4000 px instead: time, memory, and
crops.
"""

from __future__ import annotations

import argparse
import resource
import sys
import time
import zlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
from classical_restoration import Classical, tuned

from retint.errors import InputError, MissingExtraError
from retint.evaluation.benchmark import Benchmark, Candidate
from retint.evaluation.intervals import Estimate, mean_of
from retint.evaluation.metrics import Rgb, psnr
from retint.evaluation.photos import Photos
from retint.evaluation.report import Subject, to_markdown
from retint.evaluation.ssim import ssim
from retint.images import Photograph
from retint.restoration.damage import Filling, deep_filled, find_damage, grown, mask_of
from retint.restoration.degradation import KINDS, MARKS, age
from retint.restoration.noise import mended
from retint.restoration.onnx_models import Models
from retint.restoration.photo import Gates, Restorer
from retint.restoration.planes import luma_of

BEST = 60.0  # dB, that equal pictures count as
Gray = np.ndarray  # (H, W) uint8
Restore = Callable[[Gray], Gray]


def read(sources: Sequence[Path], limit: int) -> list[Rgb]:
    """The first `limit` coloured photographs."""
    found: list[Rgb] = []
    with Photos(sources) as photos:
        for file in photos.files:
            try:
                picture = photos.read(file)
            except InputError as error:
                tell(f"left out: {error}")
                continue
            if picture is not None:
                found.append(picture)
            if len(found) == limit:
                break
    return found


def gray_of(picture: Rgb) -> Gray:
    return cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY)


def tell(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


def quality(picture: Gray, clean: Gray) -> tuple[float, float]:
    """PSNR, and SSIM of luma."""
    return min(BEST, psnr(picture, clean)), ssim(picture[..., None], clean[..., None])


def row(*cells: object) -> str:
    return "| " + " | ".join(str(cell) for cell in cells) + " |"


def table(head: Sequence[str], body: Iterator[str] | Sequence[str]) -> None:
    print("\n".join([row(*head), row("---", *["---:"] * (len(head) - 1)), *body]) + "\n", flush=True)


def shown(one: Estimate, digits: int = 2) -> str:
    if one.low is None or one.high is None:
        return f"{one.mean:.{digits}f}"
    return f"{one.mean:.{digits}f} [{one.low:.{digits}f}, {one.high:.{digits}f}]"


class Benchmarked:
    """The pictures, and what restores them."""

    def __init__(self, models: Models, photos: list[Rgb], seed: int) -> None:
        self.models, self.gates, self.seed = models, Gates(), seed
        self.restorer = Restorer(models, self.gates)
        self.photos, self.clean = photos, [gray_of(picture) for picture in photos]

    def retint(self, picture: Gray) -> Gray:
        return self.restorer.restore(Photograph(picture, None)).photo.pixels

    def mix(self, classical: Classical) -> None:
        """The documented mix."""
        aged = [age(one, np.random.default_rng((self.seed, at))) for at, one in enumerate(self.clean)]
        ways: dict[str, Restore] = {"damaged": lambda one: one, "classical": classical.restore, "retint": self.retint}
        found = {
            name: [quality(way(one.picture), clean) for one, clean in zip(aged, self.clean, strict=True)]
            for name, way in ways.items()
        }
        body = []
        for name, values in found.items():
            gains = [tuple(np.subtract(one, before)) for one, before in zip(values, found["damaged"], strict=True)]
            cells = [shown(mean_of([one[at] for one in values]), 2 + at) for at in (0, 1)]
            cells += [shown(mean_of([one[at] for one in gains]), 2 + at) for at in (0, 1)]
            worse = np.mean([one[0] < -0.1 for one in gains])
            body.append(row(name, *cells, f"{100 * worse:.1f} %"))
        print(f"## The mix, {len(aged)} pictures\n")
        table(("", "PSNR, dB", "SSIM", "PSNR gained", "SSIM gained", "worse by > 0.1 dB"), body)
        ahead = [one[0] - other[0] for one, other in zip(found["retint"], found["classical"], strict=True)]
        print(f"retint ahead of the classical chain by {shown(mean_of(ahead))} dB.\n")

    def kinds(self, classical: Classical, limit: int) -> None:
        """One kind of damage at a time."""
        body = []
        for number, kind in enumerate(KINDS):
            values: list[tuple[tuple[float, float], ...]] = []
            for at, clean in enumerate(self.clean[:limit]):
                aged = age(clean, np.random.default_rng((self.seed, at, number)), [kind]).picture
                pictures = (aged, classical.restore(aged), self.retint(aged))
                values.append(tuple(quality(picture, clean) for picture in pictures))
            numbers = np.array(values)  # pictures, ways, figures
            gain = mean_of((numbers[:, 2, 0] - numbers[:, 0, 0]).tolist())
            means = numbers.mean(axis=0)
            body.append(
                row(
                    kind,
                    *(f"{means[way, 0]:.2f}" for way in range(3)),
                    shown(gain),
                    *(f"{means[way, 1]:.3f}" for way in range(3)),
                )
            )
            tell(body[-1])
        print(f"## Each kind by itself, {len(self.clean[:limit])} pictures\n")
        head = ("", "damaged, dB", "classical", "retint", "retint gained", "damaged, SSIM", "classical", "retint")
        table(head, body)

    def detector(self, limit: int) -> None:
        """Scratches and dust, and marks of all kinds within the mix: by a strength of 0.5, and by auto."""
        detector = self.models.get("damage")
        planted = {
            "scratches": ["scratches"],
            "dust": ["dust"],
            "both": ["scratches", "dust"],
            "all marks": list(MARKS),
            "the mix": None,
        }
        looked = {
            name: [
                (aged.mask, find_damage(luma_of(aged.picture), detector))
                for at, clean in enumerate(self.clean[:limit])
                if (aged := age(clean, np.random.default_rng((self.seed, at, 77)), kinds)).mask.any()
            ]
            for name, kinds in planted.items()
        }
        clean = [find_damage(luma_of(one), detector) for one in self.clean]
        for way, gate in (("strength 0.5", self.gates.damage.at(0.5)), ("auto", self.gates.damage)):
            body = []
            for name, pairs in looked.items():
                counts, overlaps = np.zeros(3), []
                for mask, probability in pairs:
                    found = mask_of(probability, replace(gate, grow=0))
                    here = np.array([(found & mask).sum(), found.sum(), mask.sum()])
                    counts += here
                    overlaps.append(float(here[0] / (here[1] + here[2] - here[0])))
                both, found, true = counts
                cells = (both / max(found, 1), both / true, both / (found + true - both))
                body.append(row(name, *(f"{cell:.3f}" for cell in cells), shown(mean_of(overlaps), 3)))
            alarms, filled = (
                mean_of([100 * float(mask_of(one, some).mean()) for one in clean])
                for some in (replace(gate, grow=0), gate)
            )
            print(f"## The detector, {way}\n")
            table(("planted", "precision", "recall", "IoU of all pixels", "IoU a picture"), body)
            print(
                f"False alarms on clean pictures: {shown(alarms, 3)} % of pixels; "
                f"{shown(filled, 3)} % would be filled, as masks grow.\n"
            )

    def filling(self, limit: int) -> None:
        """Under the true masks: the network, or Telea."""
        model, body = self.models.get("restore"), []
        for kind in MARKS:
            scores: dict[str, list[float]] = {"telea": [], "network": []}
            for at, clean in enumerate(self.clean[:limit]):
                aged = age(clean, np.random.default_rng((self.seed, at, 78)), [kind])
                mask = grown(aged.mask, 1)
                if not mask.any():
                    continue
                for method, values in scores.items():
                    luma, rest = deep_filled(luma_of(aged.picture), mask, Filling(method), model)
                    result = mended(luma, rest, model) / 257
                    error = np.mean((result[mask] - clean[mask]) ** 2)
                    values.append(min(BEST, float(10 * np.log10(255**2 / max(error, 1e-6)))))
            cells = [shown(mean_of(values)) for values in scores.values()]
            ahead = mean_of(np.subtract(scores["network"], scores["telea"]).tolist())
            body.append(row(kind, *cells, shown(ahead)))
        print("## Filling under the true masks: PSNR of the masked pixels, dB\n")
        table(("", "Telea", "network", "network ahead"), body)

    def untouched(self) -> None:
        """Clean pictures, all on auto."""
        values, causes = [], np.zeros(3, int)
        for clean in self.clean:
            result = self.restorer.restore(Photograph(clean, None))
            values.append(min(BEST, psnr(result.photo.pixels, clean)))
            found = result.findings
            causes += np.array([found.tone_strength > 0, bool(found.damaged), found.noise_strength > 0])
        same = np.mean([value == BEST for value in values])
        low, worst = np.quantile(values, 0.05), min(values)
        print("## Clean pictures, everything on auto\n")
        print(
            f"PSNR against the input {shown(mean_of(values))} dB (equal pictures count as {BEST:g} dB), 5 % quantile "
            f"{low:.1f}, worst {worst:.1f}; {100 * same:.0f} % come out equal, "
            f"{100 * np.mean([value >= 42 for value in values]):.1f} % at 42 dB or more."
        )
        share = 100 * causes / len(values)
        print(f"Stages that acted: tone {share[0]:.1f} %, damage {share[1]:.1f} %, noise {share[2]:.1f} %.\n")

    def colouring(self) -> None:
        """Colours of the damaged, restored and clean pictures against the true ones."""
        from retint.rendering import load_colorizer

        colorizer = load_colorizer("lite")

        def colours(way: Restore) -> Callable[[Rgb], Rgb]:
            def render(picture: Rgb) -> Rgb:
                gray = way(np.ascontiguousarray(picture[..., 0]))
                return colorizer.colorize(Photograph(gray, None)).pixels

            return render

        def aged(clean: Gray) -> Gray:  # the same for every way: seeded by the picture itself
            return age(clean, np.random.default_rng((self.seed, zlib.crc32(clean.tobytes())))).picture

        ways: dict[str, Restore] = {
            "coloured damaged": aged,
            "restored, then coloured": lambda clean: self.retint(aged(clean)),
            "coloured clean": lambda clean: clean,
        }
        spaces = []
        try:
            from retint.evaluation.features import efficientnet_lite0

            spaces = [efficientnet_lite0()]
        except MissingExtraError as error:
            tell(f"no FD: {error}")
        candidates = [Candidate(name, colours(way)) for name, way in ways.items()]
        bench = Benchmark(candidates, spaces=spaces, with_consistency=False)
        for at, picture in enumerate(self.photos):
            bench.add(str(at), picture)
        report = bench.report()
        info = colorizer.info
        subject = Subject(info.name, info.variant, info.version, info.engine, info.device)
        print("## Colouring after restoring\n")
        print(to_markdown(report, subject, []).split("\n", 2)[2])
        one, other = (report.candidates[at].values["psnr"] for at in (1, 0))
        print(f"PSNR gained by restoring first: {shown(mean_of(np.subtract(one, other).tolist()))} dB.\n")


def large(models: Models, photos: list[Rgb], seed: int) -> None:
    """6000 x 4000 px: time, memory, and crops against the whole."""
    rng = np.random.default_rng(seed)
    tiles = [
        [cv2.resize(gray_of(photos[int(rng.integers(len(photos)))]), (1000, 1000)) for _ in range(6)] for _ in range(4)
    ]
    picture = age(np.vstack([np.hstack(line) for line in tiles]), rng, ["scratches", "noise"]).picture
    restorer = Restorer(models)
    for kind in ("grey", "colour"):
        pixels = picture if kind == "grey" else cv2.merge([picture, picture // 2 + 60, 255 - picture])
        start = time.perf_counter()
        whole = restorer.restore(Photograph(pixels, None))
        seconds = time.perf_counter() - start
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
        print(f"{kind}, 6000 x 4000 px: {seconds:.0f} s, peak {peak} MB, {whole.findings.changed}")
    model, nothing = models.get("restore"), np.zeros(picture.shape, np.bool_)
    result = mended(luma_of(picture), nothing, model, 1.0)
    for top, left in ((0, 0), (1024, 2048), (2960, 4960)):
        crop = slice(top, top + 1040), slice(left, left + 1040)
        alone = mended(luma_of(picture[crop]), nothing[crop], model, 1.0, core=1040)
        inner = tuple(
            slice(0 if at.start == 0 else 160, 1040 if at.stop == side else -160)
            for at, side in zip(crop, picture.shape, strict=True)
        )
        away = np.abs(result[crop][inner].astype(int) - alone[inner]).max() / 257
        print(f"crop at {left}, {top}: at most {away:.3f} levels from the whole")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--photos", nargs="+", type=Path, required=True)
    parser.add_argument("--tune-photos", nargs="+", type=Path, help="for the classical chain; others than --photos")
    parser.add_argument("--limit", type=int, default=500)
    parser.add_argument("--kinds-limit", type=int, default=100, help="pictures of each kind")
    parser.add_argument("--tune-limit", type=int, default=40)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--models", type=Path, help="folder of the ONNX files; by default the package's")
    parser.add_argument("--threads", type=int, default=0)
    parser.add_argument("--large", action="store_true")
    parser.add_argument("--only", nargs="*", help="some of mix, kinds, detector, filling, untouched, colouring")
    arguments = parser.parse_args()
    cv2.setNumThreads(arguments.threads or 1)
    models = Models(arguments.models, threads=arguments.threads)
    photos = read(arguments.photos, arguments.limit)
    if arguments.large:
        large(models, photos, arguments.seed)
        return
    bench = Benchmarked(models, photos, arguments.seed)
    wanted = arguments.only or ["mix", "kinds", "detector", "filling", "untouched", "colouring"]
    print(f"# Restoration, {len(photos)} photographs, seed {arguments.seed}\n")
    classical = Classical()
    if {"mix", "kinds"} & set(wanted):
        if not arguments.tune_photos:
            parser.error("the classical chain is tuned on photographs that are not measured: name --tune-photos")
        others = [gray_of(one) for one in read(arguments.tune_photos, arguments.tune_limit)]
        aged = [age(one, np.random.default_rng((arguments.seed + 1, at))).picture for at, one in enumerate(others)]
        classical = tuned(list(zip(aged, others, strict=True)), tell)
        print(f"Classical chain, tuned on {len(others)} other photographs: {classical}.\n", flush=True)
    steps: dict[str, Callable[[], None]] = {
        "mix": lambda: bench.mix(classical),
        "kinds": lambda: bench.kinds(classical, arguments.kinds_limit),
        "detector": lambda: bench.detector(arguments.kinds_limit),
        "filling": lambda: bench.filling(arguments.kinds_limit),
        "untouched": bench.untouched,
        "colouring": bench.colouring,
    }
    for name in wanted:
        tell(name)
        steps[name]()


if __name__ == "__main__":
    main()
