"""The sheet of docs/restore.md: real prints, and samples with planted damage, before, mask and after.

python benchmarks/restoration_sheet.py PRINT... --output docs/restore/prints.jpg
"""

from __future__ import annotations

import argparse
from pathlib import Path

import cv2
import numpy as np
from PIL import Image

from retint.images import Photograph, read_photo
from retint.restoration.degradation import age
from retint.restoration.photo import Restorer

SAMPLES = Path(__file__).resolve().parent.parent / "samples"
PLANTED = (("camera.jpg", 3), ("astronaut.jpg", 8), ("admiral.jpg", 2))
SIDE, GAP = 300, 6  # px of a cell, and between cells


def cell(pixels: np.ndarray) -> np.ndarray:
    rgb = pixels if pixels.ndim == 3 else np.repeat(pixels[..., None], 3, axis=2)
    scale = SIDE / max(rgb.shape[:2])
    size = (round(rgb.shape[1] * scale), round(rgb.shape[0] * scale))
    small = cv2.resize(rgb, size, interpolation=cv2.INTER_AREA)
    out = np.full((size[1] + GAP, SIDE + GAP, 3), 255, np.uint8)
    out[: size[1], : size[0]] = small
    return out


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("prints", nargs="*", type=Path)
    parser.add_argument("--output", type=Path, required=True)
    arguments = parser.parse_args()
    pictures = [read_photo(path) for path in arguments.prints]
    for name, seed in PLANTED:
        rgb = read_photo(SAMPLES / name).pixels
        gray = cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY) if rgb.ndim == 3 else rgb
        small = cv2.resize(gray, None, fx=0.6, fy=0.6, interpolation=cv2.INTER_AREA)
        pictures.append(Photograph(age(np.asarray(small, np.uint8), np.random.default_rng(seed)).picture, None))
    restorer = Restorer(threads=2)
    rows = []
    for picture in pictures:
        done = restorer.restore(picture)
        mask = done.mask.astype(np.uint8) * np.uint8(255)
        rows.append(np.concatenate([cell(one) for one in (picture.pixels, mask, done.photo.pixels)], axis=1))
        print(done.findings)
    arguments.output.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.concatenate(rows)).save(arguments.output, quality=80)


if __name__ == "__main__":
    main()
