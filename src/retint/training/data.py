"""Colour photographs for training: each read once, kept in memory on the training device, cropped for every step."""

from __future__ import annotations

import io
import logging
import tarfile
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import psutil
import torch
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError
from torch import Tensor

from retint.errors import TrainingError
from retint.training import augment
from retint.training.augment import Draws
from retint.training.packed import PackedCanvas, packed
from retint.training.recipe import Augmentation
from retint.training.tensors import luma

_log = logging.getLogger(__name__)
_SUFFIXES = {".jpg", ".jpeg", ".png", ".webp", ".tif", ".tiff", ".bmp", ".avif"}
LEAST_COLOUR = 2.0  # mean |channel - mean of channels| of 255 under which a photograph counts as grey
LONGEST = 1.8  # long side over short side; what a longer picture has beyond that, on both ends, is not used
_CHECKED = 256  # photographs, after each of which it is looked whether the rest will fit
MEMORY_SHARE = 0.7  # of the memory that is free, for photographs


@dataclass(frozen=True)
class PhotoSet:
    """Photographs, in the order of their names: decoded in one tensor, so that a batch is one gather, or packed."""

    # (N, 3, S, 1.8 S) uint8: each picture in the upper left corner, portraits lying on their side
    canvas: Tensor | PackedCanvas
    sizes: Tensor  # (N, 2) int64: height and width, upright
    turned: Tensor  # (N,) bool: lies on its side
    names: list[str]

    def __len__(self) -> int:
        return len(self.names)

    @property
    def short_side(self) -> int:
        return self.canvas.shape[2]

    def to(self, device: torch.device | str) -> PhotoSet:
        return PhotoSet(self.canvas.to(device), self.sizes.to(device), self.turned.to(device), self.names)

    def part(self, index: Sequence[int]) -> PhotoSet:
        """Some of them."""
        chosen = torch.as_tensor(index, dtype=torch.int64, device=self.canvas.device)
        names = [self.names[i] for i in index]
        canvas = self.canvas[chosen] if isinstance(self.canvas, Tensor) else self.canvas.part(index)
        return PhotoSet(canvas, self.sizes[chosen], self.turned[chosen], names)

    def picture(self, index: int) -> NDArray[np.uint8]:
        """One of them, upright: `(H, W, 3)`."""
        height, width = (int(side) for side in self.sizes[index])
        turned = bool(self.turned[index])
        one = self.canvas[torch.tensor([index], device=self.canvas.device)][0]
        lying = one[:, : min(height, width), : max(height, width)].permute(1, 2, 0)
        return (lying.transpose(0, 1) if turned else lying).contiguous().cpu().numpy()


def load_photos(sources: Iterable[Path], *, short_side: int, threads: int = 2, pack: bool = False) -> PhotoSet:
    """Every colour photograph of some folders and tar files, its short side brought down to `short_side` px.

    Smaller ones are enlarged. Unreadable and grey ones are left out, and said in the log. Raises TrainingError if none
    is left, or if they do not fit into memory.

    pack: keep them as JPEGs of quality 95, a fifth of the size or less, and decode the pictures of a batch each time
    """
    sources = list(sources)
    count = sum(1 for _ in files(sources, read=False))
    height, width = short_side, round(short_side * LONGEST)
    if not pack:
        _check_room(count, count * 3 * height * width, "add --packed, which takes a fifth of it or less")
    canvas = np.zeros((0 if pack else count, 3, height, width), dtype=np.uint8)
    kept: list[bytes] = []
    sizes: list[tuple[int, int]] = []
    names: list[str] = []
    with ThreadPoolExecutor(threads) as pool:
        for name, picture, trouble in _ahead(pool, files(sources, read=True), short_side, 4 * threads):
            if picture is None:
                _log.warning("left out: %s %s", name, trouble)
                continue
            lying = picture if picture.shape[1] >= picture.shape[0] else picture.transpose(1, 0, 2)
            if pack:
                kept.append(packed(lying))
                if len(kept) % _CHECKED == 0:
                    done = sum(map(len, kept[-_CHECKED:])) // _CHECKED
                    _check_room(count, done * (count - len(kept)), "a recipe with a smaller photo_side")
            else:
                canvas[len(names), :, : lying.shape[0], : lying.shape[1]] = lying.transpose(2, 0, 1)
            sizes.append(picture.shape[:2])
            names.append(name)
    if not names:
        raise TrainingError(f"got no colour photograph in {', '.join(map(str, sources))}; wanted at least one")
    upright = torch.tensor(sizes)
    whole = PackedCanvas(kept, (height, width)) if pack else torch.from_numpy(canvas)[: len(names)]
    return PhotoSet(whole, upright, upright[:, 0] > upright[:, 1], names)


def files(sources: Iterable[Path], *, read: bool) -> Iterator[tuple[str, bytes]]:
    """Name and content (empty unless `read`) of every picture file in some folders and tar files, in order.

    Raises TrainingError for a source that is neither.
    """
    for source in sources:
        if source.is_dir():
            for path in sorted(source.rglob("*")):
                if path.suffix.lower() in _SUFFIXES:
                    yield str(path), path.read_bytes() if read else b""
        elif source.is_file() and tarfile.is_tarfile(source):
            with tarfile.open(source) as archive:
                for member in archive:
                    if member.isfile() and Path(member.name).suffix.lower() in _SUFFIXES:
                        handle = archive.extractfile(member) if read else None
                        yield f"{source.name}/{member.name}", b"" if handle is None else handle.read()
        else:
            raise TrainingError(f"got {source}, wanted a folder of photographs or a tar of them")


def _check_room(count: int, needed: int, advice: str) -> None:
    free = psutil.virtual_memory().available * MEMORY_SHARE
    if needed > free:
        fits = int(count * free / needed)
        raise TrainingError(
            f"{count} photographs need {needed / 2**30:.1f} GiB of memory, and {free / 2**30:.1f} GiB can be used; "
            f"give at most {fits} of them, or {advice}"
        )


def _ahead(
    pool: ThreadPoolExecutor, items: Iterator[tuple[str, bytes]], short_side: int, depth: int
) -> Iterator[tuple[str, NDArray[np.uint8] | None, str]]:
    """Results in order, with no more than `depth` files read ahead."""
    waiting = [pool.submit(_decoded, item, short_side) for _, item in zip(range(depth), items, strict=False)]
    while waiting:
        yield waiting.pop(0).result()
        if (item := next(items, None)) is not None:
            waiting.append(pool.submit(_decoded, item, short_side))


def _decoded(item: tuple[str, bytes], short_side: int) -> tuple[str, NDArray[np.uint8] | None, str]:
    name, content = item
    try:
        with Image.open(io.BytesIO(content)) as image:
            image.draft("RGB", (short_side, short_side))
            picture = image.convert("RGB")
        width, height = picture.size
        scale = short_side / min(width, height)
        w, h = min(width, LONGEST * height), min(height, LONGEST * width)
        box = ((width - w) / 2, (height - h) / 2, (width + w) / 2, (height + h) / 2)
        size = (max(short_side, int(w * scale)), max(short_side, int(h * scale)))
        picture = picture.resize(size, Image.Resampling.BILINEAR, box=box, reducing_gap=2.0)
    except (OSError, UnidentifiedImageError, ValueError, Image.DecompressionBombError) as error:
        return name, None, f"cannot be read ({error})"
    small = np.asarray(picture.resize((32, 32)), dtype=np.float32)
    if np.abs(small - small.mean(axis=2, keepdims=True)).mean() < LEAST_COLOUR:
        return name, None, "is grey"
    return name, np.asarray(picture), ""


def check_batch(photos: PhotoSet, batch: int) -> None:
    """Raises TrainingError for batches larger than the set."""
    if batch > len(photos):
        raise TrainingError(
            f"got batches of {batch} and {len(photos)} photographs; give more photographs or a smaller batch"
        )


def photos_of_step(count: int, batch: int, key: tuple[int, int], step: int) -> NDArray[np.int64]:
    """Which of `count` photographs a step's batch holds: each comes once an epoch; the last few wait."""
    epoch, position = divmod(step, count // batch)
    order = np.random.default_rng((*key, 1, epoch)).permutation(count)
    return order[position * batch : (position + 1) * batch]


@dataclass(frozen=True)
class Batch:
    """What one step works on."""

    rgb: Tensor  # (N, 3, side, side) in 0..1: the truth
    gray: Tensor  # (N, 1, side, side) in 0..1: what the network sees of it
    luma: Tensor  # (N, 1, side, side) in 0..1: of the truth


class Batches:
    """The batches of one phase, each a function of (seed, phase, step) alone: resuming needs no stored random state."""

    def __init__(
        self,
        photos: PhotoSet,
        augmentation: Augmentation,
        *,
        side: int,
        batch: int,
        key: tuple[int, int],
        share: slice = slice(None),
    ) -> None:
        """key: seed and number of the phase. share: of every batch, which this process works on.

        Raises TrainingError for batches larger than the set.
        """
        check_batch(photos, batch)
        self.photos, self.augmentation, self.side, self.size, self.key = photos, augmentation, side, batch, key
        self.share = share
        # 1.25 px of the photograph to a sample, at most; with native crops the others stay sharp, too
        self.finer = 1 if augmentation.native else max(1, round(photos.short_side / side + 0.25))
        self._sizes = photos.sizes.cpu().numpy()

    def chosen(self, step: int) -> tuple[NDArray[np.int64], Draws]:
        """Which photographs, and the random numbers."""
        index = photos_of_step(len(self.photos), self.size, self.key, step)[self.share]
        rng = np.random.default_rng((*self.key, 2, step, self.share.start or 0))
        return index, augment.draw(self._sizes[index], self.augmentation, rng, side=self.side)

    def __getitem__(self, step: int) -> Batch:
        index, draws = self.chosen(step)
        if isinstance(self.photos.canvas, PackedCanvas):
            self.photos.canvas.prepare([*index.tolist(), *self.chosen(step + 1)[0].tolist()])
        device = self.photos.canvas.device
        at = torch.from_numpy(index).to(device)
        rgb = augment.resample(
            self.photos.canvas[at],
            self.photos.sizes[at],
            self.photos.turned[at],
            torch.from_numpy(draws.matrices).to(device),
            self.side,
            finer=self.finer,
        )
        if self.augmentation.patch:
            rgb = augment.patch(rgb, torch.from_numpy(draws.patches).to(device))
        if self.augmentation.light:
            rgb = augment.relight(rgb, torch.from_numpy(draws.light).to(device))
        rgb = rgb.contiguous(memory_format=torch.channels_last)
        return Batch(rgb, augment.gray_input(rgb, draws, self.augmentation), luma(rgb))
