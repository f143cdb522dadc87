"""Figures of a model on photographs by the field's protocol.

python benchmarks/quality.py VAL_TAR [MODEL] [--render-factor N ...]

Prints a Markdown table: the model, the grey and the true pictures. Needs the torch extra (for the feature network).
Pictures are stretched to 256x256; the colorizer merges its render as for a user, then Lab lightness is set to the true
one.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path

import numpy as np
from PIL import Image

import retint
from retint.evaluation.metrics import colourfulness, frechet_distance, psnr, with_true_lightness
from retint.networks.imagenet import feature_network
from retint.training.data import load_photos
from retint.training.figures import SIDE, lite_features


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("photos", type=Path)
    parser.add_argument("model", nargs="?", default="lite")
    parser.add_argument("--render-factor", type=int, nargs="*", default=[SIDE // 16])
    parser.add_argument("--count", type=int, default=10**9)
    arguments = parser.parse_args()

    pictures = load_photos([arguments.photos], short_side=SIDE).pictures[: arguments.count]
    true = [np.asarray(picture.resize((SIDE, SIDE), Image.Resampling.BICUBIC)) for picture in pictures]
    network = feature_network("efficientnet_lite0", head=True)
    true_features = lite_features(true, network)
    colorizer = retint.load_colorizer(arguments.model)

    def gray(picture: np.ndarray) -> np.ndarray:
        return np.asarray(Image.fromarray(picture).convert("L").convert("RGB"))

    def colour(factor: int) -> Callable[[np.ndarray], np.ndarray]:
        return lambda picture: np.asarray(colorizer.render(Image.fromarray(gray(picture)), factor))

    rows: dict[str, list[np.ndarray]] = {"grey": [with_true_lightness(gray(picture), picture) for picture in true]}
    for factor in arguments.render_factor:
        rows[f"{colorizer.name}, render factor {factor}"] = [
            with_true_lightness(colour(factor)(picture), picture) for picture in true
        ]
    distance = {name: frechet_distance(true_features, lite_features(row, network)) for name, row in rows.items()}
    print(f"{len(true)} photographs at {SIDE}x{SIDE}\n")
    print("| | PSNR dB | CF | FD(EfficientNet-Lite0) | share of grey's |\n|---|---|---|---|---|")
    for name, row in rows.items():
        mean = np.mean([psnr(one, other) for one, other in zip(row, true, strict=True)])
        cf = np.mean([colourfulness(one) for one in row])
        print(f"| {name} | {mean:.2f} | {cf:.1f} | {distance[name]:.3f} | {distance[name] / distance['grey']:.3f} |")
    print(f"| true | - | {np.mean([colourfulness(one) for one in true]):.1f} | 0 | 0 |")


if __name__ == "__main__":
    main()
