"""The damage that tests and benchmarks plant on films: on grey frames (H, W) uint8, seeded, and known to the pixel."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from retint.motion import Gray

Plane = NDArray[np.float32]


def plant_dust(gray: Gray, rng: Generator, spots: float = 8.0, share: float = 0.012) -> Gray:
    """Specks and hairs, dark and bright, of random size and shape.

    spots: how many there are on the mean
    share: of the longer side: radius of the largest
    """
    height, width = gray.shape
    out = gray.astype(np.float32)
    for _ in range(int(rng.poisson(spots))):
        cover = np.zeros(gray.shape, np.float32)
        middle = np.array([rng.uniform(0, width), rng.uniform(0, height)])
        radius = max(1.0, share * width * float(rng.beta(1.2, 3)))
        if rng.random() < 0.25:  # a hair
            turn = rng.uniform(0, 2 * np.pi) + np.cumsum(rng.normal(0, 0.35, 14))
            path = middle + np.cumsum(np.stack([np.cos(turn), np.sin(turn)], axis=1), axis=0) * radius / 2
            cv2.polylines(cover, [np.rint(path).astype(np.int32)], False, 1.0, max(1, round(width / 600)))
        else:
            turn = np.linspace(0, 2 * np.pi, 12, endpoint=False)
            reach = radius * rng.uniform(0.5, 1.2, 12)
            shape = middle + np.stack([np.cos(turn), np.sin(turn)], axis=1) * reach[:, None]
            cv2.fillPoly(cover, [np.rint(shape).astype(np.int32)], 1.0)
        cover = cv2.GaussianBlur(cover, (0, 0), 0.6) * np.float32(rng.uniform(0.6, 1))
        level = rng.uniform(215, 255) if rng.random() < 0.5 else rng.uniform(0, 35)
        out += cover * (np.float32(level) - out)
    return _rounded(out)


def plant_flicker(gray: Gray, rng: Generator, gain: float = 0.06, offset: float = 3.0) -> Gray:
    """Another brightness: deviations of the gain, and of the offset in levels."""
    return _rounded(gray.astype(np.float32) * np.float32(1 + rng.normal(0, gain)) + np.float32(rng.normal(0, offset)))


class Scratches:
    """Upright lines that stay, and tremble by parts of a pixel."""

    def __init__(self, shape: tuple[int, int], rng: Generator, lines: int = 3) -> None:
        height, width = shape
        self._rng = rng
        self._places = rng.uniform(0.05, 0.95, lines) * width
        self._widths = rng.uniform(0.6, 1.6, lines) * max(1, width / 720)
        sign = rng.choice([-1, 1], lines)
        strength = sign * rng.uniform(25, 70, lines)
        noise = rng.normal(0, 1, (height, lines)).astype(np.float32)
        along = 1 + 0.8 * cv2.GaussianBlur(noise, (1, 0), 1, sigmaY=height / 30)
        self._profiles = strength * along.reshape(height, lines)

    def plant(self, gray: Gray) -> Gray:
        """The next frame with them."""
        out = gray.astype(np.float32)
        columns = np.arange(gray.shape[1])
        places = self._places + self._rng.normal(0, 0.25, len(self._places))
        for place, width, profile in zip(places, self._widths, self._profiles.T, strict=True):
            line = np.exp(-0.5 * np.square((columns - place) / (width / 2)))
            out += (profile[:, None] * line).astype(np.float32)
        return _rounded(out)


def plant_weave(gray: Gray, rng: Generator, share: float = 0.0015) -> tuple[Gray, tuple[float, float]]:
    """The picture elsewhere, and by how much: px to the right and down. share: of the longer side, its deviation."""
    right, down = (float(value) for value in rng.normal(0, share * max(gray.shape), 2))
    matrix = np.array([[1, 0, right], [0, 1, down]], np.float32)
    size = (gray.shape[1], gray.shape[0])
    moved = cv2.warpAffine(gray, matrix, size, flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(moved, np.uint8), (right, down)


def plant_grain(gray: Gray, rng: Generator, deviation: float = 6.0) -> Gray:
    """Grain about a pixel wide. deviation: in levels"""
    grain = cv2.GaussianBlur(rng.normal(0, 1, gray.shape).astype(np.float32), (0, 0), 0.6)
    return _rounded(gray.astype(np.float32) + grain * np.float32(deviation / grain.std()))


def _rounded(plane: Plane) -> Gray:
    return np.rint(plane).clip(0, 255).astype(np.uint8)
