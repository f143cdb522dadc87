"""Training of networks that restore: one kind of phase, a loss for each head, figures on planted damage."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

import cv2
import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from retint.networks.mender import STRIDE, THUMBNAIL, Mender, Toner, relight
from retint.restoration.degradation import Aged, Gray, age
from retint.training.aging import AgedBatch
from retint.training.players import Players, network_optimizer
from retint.training.pretraining import Terms, check, set_cycle
from retint.training.processes import losses_to_floats
from retint.training.recipe import Phase, Recipe

if TYPE_CHECKING:
    from retint.evaluation.metrics import Rgb

NEAR = 2 / 255  # error of a mended picture, root mean square, under which less counts for little (42 dB)
MISSING = 0.5  # odds that some of a picture's marks are not masked in the loss of `restore`
CELL = 32  # px
RARE = 1.0  # weight of a damaged pixel in the cross-entropy of `damage`
DICE = 0.1  # weight of the overlap in the loss of `damage`: more of it, and probabilities run to 0 and 1
GRAIN = 3 / 255  # largest deviation of the noise on what `upscale` sees
SAME = 8 / 255  # error of a corrected tone, root mean square, under which less counts for little
FOUND = 0.5  # probability from which a pixel counts as damaged, or a tone as to be corrected, in figures


def restorer_terms(network: Mender | Toner, batch: AgedBatch) -> dict[str, Tensor]:
    """The losses of one batch: of its kind of head, each a mean over pixels or over pictures."""
    if isinstance(network, Toner):
        return _tone_terms(network, batch)
    if network.variant.head == "mask":
        return _mask_terms(network(batch.aged).float(), batch.mask)
    if network.variant.scale > 1:
        return _upscale_terms(network, batch)
    known = _grown(batch.mask) * _noticed(batch.mask)
    mask = torch.maximum(known, _grown(batch.mask).roll(1, dims=0) * _coins(batch.mask))
    seen = torch.cat([batch.aged * (1 - mask), mask], dim=1)
    error = (network(seen).float() - batch.toned).square().mean(dim=(1, 2, 3))
    return {"luma": _log_error(error, NEAR).mean()}


def _log_error(error: Tensor, near: float) -> Tensor:
    """A tenth of the natural logarithm of mean squared errors, 0 where there is none: as PSNR counts, so that the loss
    of what was nearly whole weighs as much as the gain of what was badly damaged. near: root of an error that is small.
    """
    return 0.1 * (torch.log(error + near**2) - math.log(near**2))


def _grown(mask: Tensor) -> Tensor:
    """Masks grown by one or two px, each picture's by chance: found masks fit no better."""
    one, two = (F.max_pool2d(mask, 2 * by + 1, 1, by) for by in (1, 2))
    return torch.where(_coins(mask) > 0, one, two)


def _noticed(like: Tensor) -> Tensor:
    """1 where marks are said to the network: a detector misses some, and what it misses is to be mended by sight.

    In half of the pictures all; in the others squares of `CELL` px are left out, few or many.
    """
    count, _, height, width = like.shape
    share = torch.rand(count, 1, 1, 1) * (torch.rand(count, 1, 1, 1) < MISSING)
    cells = torch.rand(count, 1, -(-height // CELL), -(-width // CELL)) >= share
    whole = F.interpolate(cells.float(), scale_factor=CELL, mode="nearest")
    return whole[..., :height, :width].to(like)


def _coins(like: Tensor) -> Tensor:
    """0 or 1 for each picture, from torch's global generator."""
    return (torch.rand(len(like), 1, 1, 1) < 0.5).to(like)


def _mask_terms(logits: Tensor, mask: Tensor) -> dict[str, Tensor]:
    entropy = F.binary_cross_entropy_with_logits(logits, mask, pos_weight=logits.new_tensor(RARE))
    found = torch.sigmoid(logits)
    dice = 1 - (2 * (found * mask).sum() + 1) / (found.sum() + mask.sum() + 1)
    return {"entropy": entropy, "dice": DICE * dice}


def _upscale_terms(network: Mender, batch: AgedBatch) -> dict[str, Tensor]:
    half = F.interpolate(batch.toned, scale_factor=0.5, mode="bilinear", antialias=True, align_corners=False)
    noise = torch.randn(half.shape).to(half) * torch.rand(len(half), 1, 1, 1).to(half) * GRAIN
    return {"luma": (network((half + noise).clamp(0, 1)).float() - batch.toned).abs().mean()}


def _tone_terms(network: Toner, batch: AgedBatch) -> dict[str, Tensor]:
    """The correction is learned on damaged pictures, and when it helps on all: a picture that is whole wants none.

    Marks are gone where they were noticed, for what the tone stage sees has been mended.
    """
    mended = torch.where(_grown(batch.mask) * _noticed(batch.mask) > 0, batch.toned, batch.aged)
    seen, toned, clean = (_thumbnails(part) for part in (mended, batch.toned, batch.clean))
    light, gamma, says = (part.float() for part in network(seen))
    error = (relight(toned, light, gamma) - clean).square().mean(dim=(1, 2, 3))
    damaged = 1 - batch.whole.flatten()
    helps = (error.detach() < (toned - clean).square().mean(dim=(1, 2, 3))).to(says)
    return {
        "tone": (_log_error(error, SAME) * damaged).sum() / damaged.sum().clamp(min=1),
        "says": 0.1 * F.binary_cross_entropy_with_logits(says[:, 0], helps),
    }


def _thumbnails(pictures: Tensor) -> Tensor:
    return F.interpolate(pictures, (THUMBNAIL, THUMBNAIL), mode="area")


@dataclass
class RestorerPhase:
    """Pictures with planted damage in, clean ones wanted; rates along one cycle."""

    players: Players
    recipe: Recipe
    phase: Phase
    steps: int

    def __post_init__(self) -> None:
        self.optimizer = network_optimizer(self.players.generator, self.phase, self.recipe.weight_decay)

    def step(self, batches: list[AgedBatch], step: int) -> Terms:
        """One step on the gradients of all `batches`."""
        network = self.players.restorer()
        set_cycle(self.optimizer, step, self.steps, self.phase.warm)
        network.train()
        self.optimizer.zero_grad(set_to_none=True)
        told: Terms = {}
        for batch in batches:
            with self.players.processes.arithmetic():
                terms = restorer_terms(network, batch)
            (torch.stack(list(terms.values())).sum() / len(batches)).backward()
            told = losses_to_floats(terms)
        check(told, self.phase, step)
        self.players.processes.average_gradients(network.parameters())
        if self.recipe.clip:
            nn.utils.clip_grad_norm_(network.parameters(), self.recipe.clip)
        self.optimizer.step()
        return told


@dataclass(frozen=True)
class RestorerFigures:
    """Means over the pictures of one set, planted by the documented mix."""

    before: float  # PSNR of what the network gets, dB; for `damage` the share of pixels that are damaged
    after: float  # PSNR of what it gives, dB; for `damage` the intersection over union of what it finds
    clean: float  # PSNR of clean pictures that went through it, dB; for `damage` the share of false alarms on them

    def __str__(self) -> str:
        return "  ".join(f"{name} {value:.3f}" for name, value in asdict(self).items())


class RestorerJudge:
    """Holds clean pictures, and the same with planted damage, always the same."""

    def __init__(self, pictures: Sequence[Rgb]) -> None:
        """pictures: `(256, 256, 3)` RGB."""
        clean = [np.asarray(cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY), dtype=np.uint8) for picture in pictures]
        self._clean = clean
        self._aged = [age(one, np.random.default_rng((0, index))) for index, one in enumerate(clean)]
        self.true = [_rgb(one) for one in clean]
        self.gray = [_rgb(one.picture) for one in self._aged]

    def __len__(self) -> int:
        return len(self._clean)

    @torch.no_grad()
    def renders(self, network: Mender | Toner, count: int) -> list[Rgb]:
        """What the network makes of the first aged pictures; for `damage` the mask that it finds."""
        pairs = list(zip(self._aged, self._clean, strict=True))[:count]
        return [_rgb(_result(network, aged, clean)[1]) for aged, clean in pairs]

    @torch.no_grad()
    def figures(self, network: Mender | Toner) -> RestorerFigures:
        """Score a network in eval mode."""
        rows: list[tuple[float, float, float]] = []
        for aged, clean in zip(self._aged, self._clean, strict=True):
            untouched = Aged(clean, np.zeros(clean.shape, dtype=np.bool_), clean, ())
            seen, result, wanted = _result(network, aged, clean)
            _, alone, same = _result(network, untouched, clean)
            if network.variant.head == "mask":
                both, either = (result > 0) & aged.mask, (result > 0) | aged.mask
                overlap = float(both.sum() / either.sum()) if either.any() else 1.0
                rows.append((float(aged.mask.mean()), overlap, float((alone > 0).mean())))
            else:
                rows.append((_psnr(seen, wanted), _psnr(result, wanted), _psnr(alone, same)))
        before, after, same = np.mean(rows, axis=0).tolist()
        return RestorerFigures(before, after, same)


def _result(network: Mender | Toner, aged: Aged, clean: Gray) -> tuple[Gray, Gray, Gray]:
    """What is seen, what the network makes of it, and what was wanted; uint8 of one size."""
    device = next(network.parameters()).device
    height, width = (side // STRIDE * STRIDE for side in clean.shape)

    def tensor(plane: Gray) -> Tensor:
        return torch.from_numpy(plane[:height, :width].astype(np.float32))[None, None].to(device) / 255

    def plain(value: Tensor) -> Gray:
        return (value.clamp(0, 1) * 255).round().to(torch.uint8)[0, 0].cpu().numpy()

    picture = tensor(aged.picture)
    if isinstance(network, Toner):
        toned = tensor(aged.toned)
        mended = torch.where(tensor(aged.mask.astype(np.uint8)) > 0, toned, picture)
        light, gamma, says = network(_thumbnails(mended))
        result = relight(toned, light, gamma) if float(torch.sigmoid(says)) > FOUND else toned
        return aged.toned[:height, :width], plain(result), clean[:height, :width]
    if network.variant.head == "mask":
        return aged.picture, plain((torch.sigmoid(network(picture)) > FOUND).float()), clean
    if network.variant.scale > 1:
        toned = tensor(aged.toned)
        half = F.interpolate(toned, scale_factor=0.5, mode="bilinear", antialias=True, align_corners=False)
        half = half[..., : height // 2 // STRIDE * STRIDE, : width // 2 // STRIDE * STRIDE]
        big = F.interpolate(half, scale_factor=2, mode="bicubic", align_corners=False)
        return plain(big), plain(network(half)), plain(toned[..., : big.shape[2], : big.shape[3]])
    mask = F.max_pool2d(tensor(aged.mask.astype(np.uint8) * np.uint8(255)), 3, 1, 1)
    mended = plain(network(torch.cat([picture * (1 - mask), mask], dim=1)))
    return aged.picture[:height, :width], mended, aged.toned[:height, :width]


def _psnr(picture: Gray, true: Gray) -> float:
    error = float(np.mean((picture.astype(np.float64) - true) ** 2))
    return 10 * float(np.log10(255**2 / max(error, 1e-2)))  # 68 dB for equal ones: a mean wants numbers


def _rgb(plane: Gray) -> Rgb:
    return np.repeat(plane[..., None], 3, axis=2)
