"""Batches for networks that restore: clean crops, and the same with planted damage."""

from __future__ import annotations

from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from retint.restoration.degradation import COPYING, KINDS, TONE, Aged, Gray, age, draw_kinds
from retint.training.data import PhotoSet, check_batch, photos_of_step
from retint.training.recipe import MIRRORED, Augmentation, Damage

AGED_AHEAD = 2  # threads that age the next batch while this one is trained on


@dataclass(frozen=True)
class AgedBatch:
    """What one step of a restoring network works on, each `(N, 1, side, side)` float32 in 0..1."""

    clean: Tensor
    aged: Tensor  # what the network sees
    toned: Tensor  # the clean picture with its change of tone alone
    mask: Tensor  # 1 where a mark lies
    whole: Tensor  # (N, 1, 1, 1): 1 where the tone is not damaged


class AgedBatches:
    """The batches of one phase, each a function of (seed, phase, step) alone.

    Crops are cut from luma by itself, and a native one is a copy of the photograph's own pixels.
    """

    def __init__(
        self,
        photos: PhotoSet,
        augmentation: Augmentation,
        damage: Damage,
        *,
        side: int,
        batch: int,
        key: tuple[int, int],
        share: slice = slice(None),
        device: torch.device | str = "cpu",
    ) -> None:
        """Arguments and errors as `Batches`. damage: what is planted, and how often. device: of the batches."""
        check_batch(photos, batch)
        self._photos, self._augmentation, self._damage = photos, augmentation, damage
        self._side, self._size, self._key, self._share, self._device = side, batch, key, share, device
        self._pool = ThreadPoolExecutor(AGED_AHEAD, thread_name_prefix="retint-aging")
        self._ahead: dict[int, list[Future[tuple[Gray, Aged]]]] = {}
        cv2.setNumThreads(1)  # the threads here are the parallel ones

    def __getitem__(self, step: int) -> AgedBatch:
        waiting = self._ahead.pop(step, None) or self._begin(step)
        self._ahead = {step + 1: self._begin(step + 1)}
        pairs = [future.result() for future in waiting]
        pictures = [aged for _, aged in pairs]

        def tensor(planes: list[NDArray[np.uint8]] | list[NDArray[np.bool_]], scale: float) -> Tensor:
            return torch.from_numpy(np.stack(planes)[:, None].astype(np.float32) / np.float32(scale)).to(self._device)

        untouched = [not set(one.kinds) & set(TONE) for one in pictures]
        return AgedBatch(
            tensor([clean for clean, _ in pairs], 255),
            tensor([one.picture for one in pictures], 255),
            tensor([one.toned for one in pictures], 255),
            tensor([one.mask for one in pictures], 1),
            torch.tensor(untouched, dtype=torch.float32, device=self._device)[:, None, None, None],
        )

    def _begin(self, step: int) -> list[Future[tuple[Gray, Aged]]]:
        index = photos_of_step(len(self._photos), self._size, self._key, step)[self._share]
        begin = self._share.start or 0
        seeds = [(*self._key, 3, step, begin + number) for number in range(len(index))]
        return [self._pool.submit(self._made, int(one), seed) for one, seed in zip(index, seeds, strict=True)]

    def _made(self, photo: int, seed: tuple[int, ...]) -> tuple[Gray, Aged]:
        rng = np.random.default_rng(seed)
        luma = np.asarray(cv2.cvtColor(self._photos.picture(photo), cv2.COLOR_RGB2GRAY), np.uint8)
        if rng.random() >= self._damage.mirrored:
            clean = crop(luma, self._side, self._augmentation, rng)
            return clean, self._aged(clean, rng)
        clean = crop(luma, self._side - MIRRORED, self._augmentation, rng)
        aged = self._aged(clean, rng)
        before = rng.integers(0, MIRRORED + 1, 2)
        around = [(int(width), MIRRORED - int(width)) for width in before]
        clean, picture, toned = (np.pad(plane, around, mode="reflect") for plane in (clean, aged.picture, aged.toned))
        return clean, Aged(picture, np.pad(aged.mask, around, mode="reflect"), toned, aged.kinds)

    def _aged(self, picture: Gray, rng: np.random.Generator) -> Aged:
        if rng.random() < self._damage.clean:
            return Aged(picture, np.zeros(picture.shape, dtype=np.bool_), picture, ())
        kinds = draw_kinds(rng)
        if rng.random() >= self._damage.copied:
            kinds = [kind for kind in kinds if kind not in COPYING]
        if rng.random() < self._damage.single:
            kinds = [str(rng.choice(self._damage.kinds or KINDS))]
        elif self._damage.kinds:
            kinds = [kind for kind in kinds if kind in self._damage.kinds]
        return age(picture, rng, kinds)


def crop(luma: Gray, side: int, augmentation: Augmentation, rng: np.random.Generator) -> Gray:
    """A square of `side` px: by the odds of `native` of the picture's own pixels, else resampled; by chance mirrored.

    luma: `(H, W)`; where it is smaller than a native square it is mirrored beyond its edges
    """
    height, width = luma.shape
    native = rng.random() < augmentation.native
    if native:
        tall, wide = min(side, height), min(side, width)
    elif augmentation.smallest_crop < 1:
        tall, wide = (max(1, round(length * rng.uniform(augmentation.smallest_crop, 1))) for length in luma.shape)
    else:
        tall = wide = min(height, width)
    top, left = int(rng.integers(0, height - tall + 1)), int(rng.integers(0, width - wide + 1))
    part = luma[top : top + tall, left : left + wide]
    if rng.random() < augmentation.flip:
        part = part[:, ::-1]
    if native:
        part = np.pad(part, ((0, side - tall), (0, side - wide)), mode="symmetric")
    else:
        shrinks = tall * wide > side * side
        part = cv2.resize(part, (side, side), interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR)
    return np.ascontiguousarray(part, np.uint8)
