"""Where a model's colours are right: chroma by octaves, and what true detail would be worth.

python benchmarks/bands.py PHOTOS... [--model lite FILE ...] [--render-factor N ...] [--count 100] [--oracles]
                           [--colourfulness 22 ...] [--side 256]

Photographs by the protocol of `retint evaluate` (256x256, the true lightness), or brought from there to SIDE px. For
each octave of chroma (what lies between Gaussian blurs of two widths, px): the correlation of the model's with the
true one, and its deviation as a share of the true one's. Below, PSNR, CF and the Frechet distance over
EfficientNet-Lite0 as a share of grey's: as it is; with chroma scaled until CF is what was asked for, so that models
compare at one strength of colour; and with --oracles with its coarse chroma and the truth's detail, and the other way
round. Markdown on stdout.
"""

from __future__ import annotations

import argparse
import itertools
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from retint.color import Chroma, chroma_of, merge_chroma
from retint.evaluation.features import efficientnet_lite0
from retint.evaluation.metrics import Rgb, colourfulness, frechet_distance, psnr, with_true_lightness
from retint.evaluation.photos import Photos
from retint.evaluation.protocol import gray_of
from retint.rendering import load_colorizer

WIDTHS = (0, 1, 2, 4, 8, 16, 32)  # sigmas between which an octave lies; above the last one: all that is coarser
ORACLES = (4, 8)


def blurred(chroma: Chroma, sigma: float) -> Chroma:
    return chroma if sigma == 0 else cv2.GaussianBlur(chroma, (0, 0), sigma)


def octaves(chroma: Chroma) -> list[Chroma]:
    """Chroma taken apart, finest first; they add up to it."""
    levels = [*(blurred(chroma, sigma) for sigma in WIDTHS), np.zeros_like(chroma)]
    return [fine - coarse for fine, coarse in itertools.pairwise(levels)]


def joined(coarse: Chroma, fine: Chroma, sigma: float) -> Chroma:
    """The colours of one that are coarser than `sigma`, and the detail of another."""
    return blurred(coarse, sigma) + fine - blurred(fine, sigma)


class Truth:
    """The photographs, and what a network sees in them."""

    def __init__(self, sources: list[Path], count: int, side: int) -> None:
        self.space = efficientnet_lite0()
        self.pictures: list[Rgb] = []
        with Photos(sources) as photos:
            for file in photos.files:
                if len(self.pictures) < count and (picture := photos.read(file)) is not None:
                    at_side = Image.fromarray(picture).resize((side, side), Image.Resampling.LANCZOS)
                    self.pictures.append(np.asarray(at_side) if side != len(picture) else picture)
        self.grays = [gray_of(picture) for picture in self.pictures]
        self.chroma = [chroma_of(picture) for picture in self.pictures]
        self.features = self.described(self.pictures)
        left_gray = [with_true_lightness(gray, true) for gray, true in zip(self.grays, self.pictures, strict=True)]
        self.gray_distance = frechet_distance(self.described(left_gray), self.features)
        pairs = list(zip(left_gray, self.pictures, strict=True))
        print(f"grey: {np.mean([psnr(*pair) for pair in pairs]):.2f} dB; true pictures: CF ", end="")
        print(f"{np.mean([colourfulness(picture) for picture in self.pictures]):.1f}")

    def described(self, pictures: list[Rgb]) -> NDArray[np.float64]:
        return np.stack([self.space.describe(picture) for picture in pictures])

    def coloured(self, chroma: list[Chroma]) -> list[Rgb]:
        return [
            with_true_lightness(merge_chroma(gray[..., 0], planes), true)
            for gray, planes, true in zip(self.grays, chroma, self.pictures, strict=True)
        ]

    def row(self, name: str, chroma: list[Chroma]) -> None:
        pictures = self.coloured(chroma)
        pairs = list(zip(pictures, self.pictures, strict=True))
        share = frechet_distance(self.described(pictures), self.features) / self.gray_distance
        quality, colour = np.mean([psnr(*pair) for pair in pairs]), np.mean([colourfulness(one) for one in pictures])
        print(f"| {name} | {quality:.2f} | {colour:.1f} | {share:.3f} |", flush=True)

    def scaled_to(self, chroma: list[Chroma], wanted: float) -> tuple[float, list[Chroma]]:
        """Chroma times what brings CF to `wanted`, and that factor."""
        factor = 1.0
        for _ in range(4):
            now = np.mean([colourfulness(one) for one in self.coloured([planes * factor for planes in chroma])])
            if not now:
                raise SystemExit("the model leaves these photographs grey: there is no colour to scale")
            factor *= wanted / now
        return factor, [planes * np.float32(factor) for planes in chroma]


def octave_table(true: list[Chroma], model: list[Chroma]) -> None:
    ours, theirs = (list(zip(*map(octaves, chroma), strict=True)) for chroma in (model, true))
    names = [*(f"{a} to {b} px" for a, b in itertools.pairwise(WIDTHS)), "coarser"]
    print("| octave | correlation | strength |\n|---|---|---|")
    for name, one, other in zip(names, ours, theirs, strict=True):
        a, b = (np.concatenate([planes.ravel() for planes in band]) for band in (one, other))
        print(f"| {name} | {np.corrcoef(a, b)[0, 1]:.3f} | {a.std() / b.std():.2f} |")
    for sigma in ORACLES:
        for name, part in (
            ("finer", lambda c, s=sigma: c - blurred(c, s)),
            ("coarser", lambda c, s=sigma: blurred(c, s)),
        ):
            a, b = (np.concatenate([part(planes).ravel() for planes in chroma]) for chroma in (model, true))
            print(f"| {name} than {sigma} px | {np.corrcoef(a, b)[0, 1]:.3f} | {a.std() / b.std():.2f} |")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("photos", type=Path, nargs="+")
    parser.add_argument("--model", nargs="*", default=["lite"])
    parser.add_argument("--render-factor", type=int, nargs="*", default=[])
    parser.add_argument("--count", type=int, default=100)
    parser.add_argument("--colourfulness", type=float, nargs="*", default=[22.0])
    parser.add_argument("--side", type=int, default=256, help="px; 192 is what the training photographs have")
    parser.add_argument("--oracles", action="store_true")
    arguments = parser.parse_args()
    truth = Truth(arguments.photos, arguments.count, arguments.side)
    for model in arguments.model:
        colorizer = load_colorizer(model)
        for factor in arguments.render_factor or [colorizer.default_render_factor]:
            print(f"\n{model}, render factor {factor}, {len(truth.pictures)} photographs\n")
            renders = [np.asarray(colorizer.render(Image.fromarray(gray), factor)) for gray in truth.grays]
            chroma = [chroma_of(render) for render in renders]
            octave_table(truth.chroma, chroma)
            print("\n| chroma | PSNR dB | CF | FD, share of grey's |\n|---|---|---|---|")
            truth.row("as it is", chroma)
            for wanted in arguments.colourfulness:
                scale, scaled = truth.scaled_to(chroma, wanted)
                truth.row(f"times {scale:.2f}", scaled)
            for sigma in ORACLES if arguments.oracles else ():
                pairs = list(zip(chroma, truth.chroma, strict=True))
                truth.row(f"the truth's detail, finer than {sigma} px", [joined(a, b, sigma) for a, b in pairs])
                truth.row(f"the truth's coarse colours, from {sigma} px", [joined(b, a, sigma) for a, b in pairs])
                truth.row(f"no detail finer than {sigma} px", [blurred(a, sigma) for a, _ in pairs])


if __name__ == "__main__":
    main()
