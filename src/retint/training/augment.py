"""From decoded photographs to a batch, on whatever device they lie: one gather, one resampling, a little arithmetic.

Every random number is drawn from a generator that belongs to (seed, phase, step), so a batch is a function of these
alone. Odds and ranges of `warp`, `rotate`, `zoom`, `light` are those of fastai 1.0.56's get_transforms, in its
order: perspective, rotation, zoom, resampled once; light; flip. (docs/decisions/009 tells where we differ.)
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from retint.training.recipe import Augmentation
from retint.training.tensors import LUMA

Floats = NDArray[np.float32]
ODDS = 0.75  # of perspective, rotation, zoom, brightness, contrast, each  # fastai get_transforms p_affine, p_lighting
NOISE_PIXELS = (0.001, 0.4)  # share of pixels that `noisify` changes, uniform  # DeOldify augs.py, max_pixels 0.4
NOISE_RANGE = 30 / 255  # by how much


@dataclass(frozen=True)
class Draws:
    """The random numbers of one batch of N pictures."""

    matrices: Floats  # (N, 3, 3): from the output's (x, y, 1), both in -1..1, to the picture's
    patches: Floats  # (N, 4): left, top, right, bottom in 0..1 of what comes from the batch's next picture; 0s: none
    light: Floats  # (N, 2): added to, and multiplied with, the logit of every channel
    channels: Floats  # (N, 3): what the grey input is made of
    tone: Floats  # (N, 2): gamma and contrast of the grey input
    grain: Floats  # (N,): deviation of the Gaussian grain on the grey input
    specks: Floats  # (N,): share of pixels with a speck of noise
    seed: int  # of grain and specks, which are drawn on the device


def draw(
    sizes: NDArray[np.int64], augmentation: Augmentation, rng: np.random.Generator, *, side: int | None = None
) -> Draws:
    """Random numbers for pictures of `sizes` `(N, 2)`: height, width.

    side: of the squares that are cut, px; wanted for `augmentation.native`
    """
    count, plan = len(sizes), augmentation

    def chosen(odds: float) -> NDArray[np.bool_]:
        return rng.random(count) < odds

    def uniform(low: float, high: float, shape: tuple[int, ...] = ()) -> NDArray[np.float64]:
        return rng.uniform(low, high, (count, *shape))

    matrices = _crops(sizes, plan.smallest_crop, rng)
    if plan.warp:
        magnitudes = np.where(chosen(ODDS)[:, None], uniform(-plan.warp, plan.warp, (4,)), 0)
        matrices = perspective(magnitudes) @ matrices
    if plan.rotate:
        angles = np.where(chosen(ODDS), uniform(-plan.rotate, plan.rotate), 0)
        matrices = _rotations(angles, sizes[:, 0] / sizes[:, 1]) @ matrices
    if plan.zoom > 1:
        scales = 1 / np.where(chosen(ODDS), uniform(1, plan.zoom), 1)
        matrices = _scalings(scales, scales, uniform(-1, 1), uniform(-1, 1)) @ matrices
    if plan.native and side is not None:
        matrices = np.where(chosen(plan.native)[:, None, None], _native_crops(sizes, side, rng), matrices)
    mirror = np.where(chosen(plan.flip), -1.0, 1.0)
    matrices = matrices @ _scalings(mirror, np.ones(count), np.zeros(count), np.zeros(count))

    low, high = 0.5 * (1 - plan.light), 0.5 * (1 + plan.light)
    brightness = np.where(chosen(ODDS), uniform(low, high), 0.5)
    spread = abs(math.log(1 - plan.light))
    contrast = np.where(chosen(ODDS), uniform(-spread, spread), 0)
    sides, corner = uniform(0.3, 0.7, (2,)), uniform(0, 1, (2,))
    corner = corner * (1 - sides)
    patches = np.where(chosen(plan.patch)[:, None], np.concatenate([corner, corner + sides], axis=1), 0)
    film = np.where(chosen(plan.film), uniform(0, 1), 0)[:, None]
    toned = chosen(plan.tone)
    return Draws(
        matrices.astype(np.float32),
        patches.astype(np.float32),
        np.stack([np.log(brightness / (1 - brightness)), np.exp(contrast)], axis=1).astype(np.float32),
        ((1 - film) * np.array(LUMA) + film * rng.dirichlet((1, 1, 1), count)).astype(np.float32),
        np.stack(
            [np.where(toned, np.exp(uniform(-0.6, 0.6)), 1), np.where(toned, uniform(0.6, 1.2), 1)], axis=1
        ).astype(np.float32),
        np.where(chosen(plan.grain), 0.04, 0).astype(np.float32),
        np.where(chosen(plan.specks), uniform(*NOISE_PIXELS), 0).astype(np.float32),
        int(rng.integers(0, 2**31)),
    )


# geometry: matrices act on (x, y, 1), and the last one applied stands leftmost


def _crops(sizes: NDArray[np.int64], smallest: float, rng: np.random.Generator) -> NDArray[np.float64]:
    count = len(sizes)
    if smallest < 1:
        width, height = rng.uniform(smallest, 1, (2, count))
    else:
        short = sizes.min(axis=1)
        height, width = short / sizes[:, 0], short / sizes[:, 1]
    return _scalings(width, height, rng.uniform(-1, 1, count), rng.uniform(-1, 1, count))


def _native_crops(sizes: NDArray[np.int64], side: int, rng: np.random.Generator) -> NDArray[np.float64]:
    """Squares of the pictures' own pixels: at whole px, so that sampling them is copying."""
    height, width = sizes[:, 0], sizes[:, 1]
    tops, lefts = (rng.integers(0, np.maximum(length - side, 0) + 1) for length in (height, width))
    out = np.zeros((len(sizes), 3, 3))
    out[:, 0, 0], out[:, 1, 1], out[:, 2, 2] = side / width, side / height, 1
    out[:, 0, 2], out[:, 1, 2] = (2 * lefts + side) / width - 1, (2 * tops + side) / height - 1
    return out


def _scalings(
    x: NDArray[np.float64], y: NDArray[np.float64], column: NDArray[np.float64], row: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Shrink to shares x and y of the square; column and row in -1..1 say where in it the smaller one lies."""
    out = np.zeros((len(x), 3, 3))
    out[:, 0, 0], out[:, 1, 1], out[:, 2, 2] = x, y, 1
    out[:, 0, 2], out[:, 1, 2] = (1 - np.abs(x)) * column, (1 - np.abs(y)) * row
    return out


def _rotations(degrees: NDArray[np.float64], aspect: NDArray[np.float64]) -> NDArray[np.float64]:
    """aspect: height over width, as coordinates run from -1 to 1 on both sides."""
    cos, sin = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    out = np.zeros((len(degrees), 3, 3))
    out[:, 0, 0], out[:, 1, 1], out[:, 2, 2] = cos, cos, 1
    out[:, 0, 1], out[:, 1, 0] = sin * aspect, -sin / aspect
    return out


def perspective(magnitudes: NDArray[np.float64]) -> NDArray[np.float64]:
    """The homographies that bring the corners, moved by `magnitudes` `(N, 4)`, back to the square.

    # fastai vision/transform.py symmetric_warp, _find_coeffs
    """
    m = magnitudes
    corners = np.array([(-1, -1), (-1, 1), (1, -1), (1, 1)], dtype=np.float64)
    moved = np.stack(
        [
            np.stack([-1 - m[:, 3], -1 - m[:, 1]], axis=1),
            np.stack([-1 - m[:, 2], 1 + m[:, 1]], axis=1),
            np.stack([1 + m[:, 3], -1 - m[:, 0]], axis=1),
            np.stack([1 + m[:, 2], 1 + m[:, 0]], axis=1),
        ],
        axis=1,
    )
    system = np.zeros((len(m), 8, 8))
    for corner in range(4):
        x, y = moved[:, corner, 0], moved[:, corner, 1]
        for axis in range(2):
            row, wanted = 2 * corner + axis, corners[corner, axis]
            system[:, row, 3 * axis], system[:, row, 3 * axis + 1], system[:, row, 3 * axis + 2] = x, y, 1
            system[:, row, 6], system[:, row, 7] = -wanted * x, -wanted * y
    right = np.broadcast_to(corners.reshape(1, 8, 1), (len(m), 8, 1))
    out = np.ones((len(m), 9))
    out[:, :8] = np.linalg.solve(system, right)[..., 0]
    return out.reshape(-1, 3, 3)


def resample(canvas: Tensor, sizes: Tensor, turned: Tensor, matrices: Tensor, side: int, *, finer: int = 1) -> Tensor:
    """Squares from photographs: `(N, 3, side, side)` in 0..1, bilinear, mirrored beyond the edges.

    canvas: `(N, 3, H, W)` uint8, each picture in the upper left corner, portraits lying on their side
    sizes: `(N, 2)` height and width of the upright pictures. turned: `(N,)` whether it lies on its side
    finer: samples per output pixel and direction, averaged: for pictures much larger than the square
    """
    device, count, fine = canvas.device, len(canvas), side * finer
    steps = (torch.arange(fine, device=device, dtype=torch.float32) * 2 + 1) / fine - 1
    y, x = torch.meshgrid(steps, steps, indexing="ij")
    square = torch.stack([x, y, torch.ones_like(x)]).reshape(3, -1)
    at = matrices @ square  # (N, 3, fine * fine)
    at = at[:, :2] / at[:, 2:]
    extent = sizes.flip(1)[:, :, None].to(at.dtype)  # width, height
    pixel = _mirrored((at + 1) / 2 * extent - 0.5, extent)
    pixel = torch.where(turned[:, None, None], pixel.flip(1), pixel)
    whole = torch.tensor([canvas.shape[3], canvas.shape[2]], device=device, dtype=at.dtype)[None, :, None]
    grid = ((2 * pixel + 1) / whole - 1).transpose(1, 2).reshape(count, fine, fine, 2)
    out = F.grid_sample(canvas.to(torch.float32), grid, mode="bilinear", align_corners=False) / 255
    return F.avg_pool2d(out, finer) if finer > 1 else out


def _mirrored(pixel: Tensor, extent: Tensor) -> Tensor:
    """Coordinates brought into 0..extent - 1 by reflection at the outer edges of the border pixels."""
    folded = torch.remainder(pixel + 0.5, 2 * extent)
    inside = torch.where(folded > extent, 2 * extent - folded, folded) - 0.5
    return torch.minimum(inside.clamp(min=0), extent - 1)


# colour


def patch(rgb: Tensor, patches: Tensor) -> Tensor:
    """A rectangle of each picture from the batch's next one (after CutMix, arXiv 1905.04899)."""
    side = rgb.shape[-1]
    steps = (torch.arange(side, device=rgb.device, dtype=rgb.dtype) + 0.5) / side
    left, top, right, bottom = (patches[:, i, None] for i in range(4))
    columns, rows = (steps >= left) & (steps < right), (steps >= top) & (steps < bottom)
    inside = (rows[:, :, None] & columns[:, None, :])[:, None]
    return torch.where(inside, rgb.roll(-1, dims=0), rgb)


def relight(rgb: Tensor, light: Tensor) -> Tensor:
    """Brightness and contrast, as sums and products of logits.  # fastai vision/transform.py brightness, contrast"""
    logit = torch.logit(rgb, eps=1e-7)
    return torch.sigmoid((logit + light[:, 0, None, None, None]) * light[:, 1, None, None, None])


def gray_input(rgb: Tensor, draws: Draws, augmentation: Augmentation) -> Tensor:
    """The grey `(N, 1, H, W)` in 0..1 that the network sees of `rgb`: luma, or another film's, another print's."""
    device = rgb.device
    weights = torch.from_numpy(draws.channels).to(device)
    out = (rgb * weights[:, :, None, None]).sum(dim=1, keepdim=True)
    if augmentation.tone:
        gamma, contrast = (torch.from_numpy(draws.tone[:, i]).to(device)[:, None, None, None] for i in range(2))
        out = out.clamp(1e-4, 1) ** gamma
        mean = out.mean(dim=(2, 3), keepdim=True)
        out = (out - mean) * contrast + mean
    if augmentation.grain or augmentation.specks:
        out = _noisy(out, draws, augmentation)
    return out.clamp(0, 1)


def _noisy(out: Tensor, draws: Draws, augmentation: Augmentation) -> Tensor:
    random = torch.Generator(out.device).manual_seed(draws.seed)
    if augmentation.grain:
        deviation = torch.from_numpy(draws.grain).to(out.device)[:, None, None, None]
        out = out + deviation * torch.randn(out.shape, generator=random, device=out.device)
    if augmentation.specks:
        share = torch.from_numpy(draws.specks).to(out.device)[:, None, None, None]
        hit = torch.rand(out.shape, generator=random, device=out.device) < share
        by = (torch.rand(out.shape, generator=random, device=out.device) * 2 - 1) * NOISE_RANGE
        out = torch.where(hit, out + by, out)
    return out
