"""Batches for networks that restore: clean crops, and the same with planted damage."""

from __future__ import annotations

from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass

import cv2
import numpy as np
import torch
from torch import Tensor

from retint.restoration.degradation import COPYING, KINDS, TONE, Aged, Gray, age, draw_kinds
from retint.training.data import Batches, PhotoSet
from retint.training.recipe import Augmentation, Damage

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
    """The batches of one phase, each a function of (seed, phase, step) alone."""

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
    ) -> None:
        """Arguments and errors as `Batches`. damage: what is planted, and how often."""
        self._clean = Batches(photos, augmentation, side=side, batch=batch, key=key, share=share)
        self._damage, self._key, self._share = damage, key, share
        self._pool = ThreadPoolExecutor(AGED_AHEAD, thread_name_prefix="retint-aging")
        self._ahead: dict[int, list[tuple[Future[Aged], Gray]]] = {}
        cv2.setNumThreads(1)  # the threads here are the parallel ones

    def __getitem__(self, step: int) -> AgedBatch:
        waiting = self._ahead.pop(step, None) or self._begin(step)
        self._ahead = {step + 1: self._begin(step + 1)}
        pictures = [future.result() for future, _ in waiting]
        clean = [original for _, original in waiting]
        device = self._clean.photos.canvas.device

        def tensor(planes: list[np.ndarray], scale: float) -> Tensor:
            return torch.from_numpy(np.stack(planes)[:, None].astype(np.float32) / np.float32(scale)).to(device)

        aged = [one.picture for one in pictures]
        untouched = [not set(one.kinds) & set(TONE) for one in pictures]
        return AgedBatch(
            tensor(clean, 255),
            tensor(aged, 255),
            tensor([one.toned for one in pictures], 255),
            tensor([one.mask for one in pictures], 1),
            torch.tensor(untouched, dtype=torch.float32, device=device)[:, None, None, None],
        )

    def _begin(self, step: int) -> list[tuple[Future[Aged], Gray]]:
        luma = (self._clean[step].luma[:, 0] * 255).round().clamp(0, 255).to(torch.uint8).cpu().numpy()
        seeds = [(*self._key, 3, step, (self._share.start or 0) + number) for number in range(len(luma))]
        return [(self._pool.submit(self._aged, one, seed), one) for one, seed in zip(luma, seeds, strict=True)]

    def _aged(self, picture: Gray, seed: tuple[int, ...]) -> Aged:
        rng = np.random.default_rng(seed)
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
