"""Colour photographs for training: decoded once, kept in memory, cropped anew for every batch."""

from __future__ import annotations

import io
import logging
import tarfile
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError
from torch import Tensor

from retint.errors import TrainingError
from retint.training.recipe import Augmentation, Phase

_log = logging.getLogger(__name__)
_SUFFIXES = {".jpg", ".jpeg", ".png", ".webp", ".tif", ".tiff", ".bmp", ".avif"}
LEAST_COLOUR = 2.0  # mean |channel - mean of channels| of 255 under which a photograph counts as grey


def _files(sources: Iterable[Path]) -> Iterator[tuple[str, bytes]]:
    for source in sources:
        if source.is_dir():
            for path in sorted(source.rglob("*")):
                if path.suffix.lower() in _SUFFIXES:
                    yield str(path), path.read_bytes()
        elif source.is_file() and tarfile.is_tarfile(source):
            with tarfile.open(source) as archive:
                for member in archive:
                    handle = archive.extractfile(member) if member.isfile() else None
                    if handle is not None and Path(member.name).suffix.lower() in _SUFFIXES:
                        yield f"{source.name}/{member.name}", handle.read()
        else:
            raise TrainingError(f"got {source}, wanted a folder of photographs or a tar of them")


def _decode(content: bytes, short_side: int) -> Image.Image:
    with Image.open(io.BytesIO(content)) as image:
        image.draft("RGB", (short_side, short_side))
        picture = image.convert("RGB")
    scale = short_side / min(picture.size)
    if scale < 1:
        size = (max(1, round(picture.width * scale)), max(1, round(picture.height * scale)))
        picture = picture.resize(size, Image.Resampling.BILINEAR, reducing_gap=2.0)
    return picture


@dataclass(frozen=True)
class PhotoSet:
    """Decoded photographs, in the order of their names."""

    pictures: list[Image.Image]
    names: list[str]

    def __len__(self) -> int:
        return len(self.pictures)


def load_photos(sources: Iterable[Path], *, short_side: int, threads: int = 2) -> PhotoSet:
    """Every colour photograph of some folders and tar files, its short side brought down to `short_side` px.

    Unreadable and grey ones are left out, and said in the log. Raises TrainingError if none is left.
    """
    pictures: list[Image.Image] = []
    names: list[str] = []

    def decode(item: tuple[str, bytes]) -> tuple[str, Image.Image | None, str]:
        name, content = item
        try:
            picture = _decode(content, short_side)
        except (OSError, UnidentifiedImageError, ValueError, Image.DecompressionBombError) as error:
            return name, None, f"cannot be read ({error})"
        small = np.asarray(picture.resize((32, 32)), dtype=np.float32)
        if np.abs(small - small.mean(axis=2, keepdims=True)).mean() < LEAST_COLOUR:
            return name, None, "is grey"
        return name, picture, ""

    with ThreadPoolExecutor(threads) as pool:
        for name, picture, trouble in pool.map(decode, _files(sources)):
            if picture is None:
                _log.warning("left out: %s %s", name, trouble)
            else:
                pictures.append(picture)
                names.append(name)
    if not pictures:
        raise TrainingError(f"got no colour photograph in {', '.join(map(str, sources))}; wanted at least one")
    return PhotoSet(pictures, names)


def _crop(picture: Image.Image, size: int, augmentation: Augmentation, rng: np.random.Generator) -> NDArray[np.uint8]:
    width, height = picture.size
    w, h = (side * rng.uniform(augmentation.smallest_crop, 1.0) for side in (width, height))
    left, top = rng.uniform(0, width - w), rng.uniform(0, height - h)
    crop = picture.resize((size, size), Image.Resampling.BILINEAR, box=(left, top, left + w, top + h), reducing_gap=2.0)
    array = np.asarray(crop)
    return array[:, ::-1] if rng.random() < augmentation.flip else array


class Batches:
    """The batches of one phase, each a function of (seed, phase, step) alone: resuming needs no stored random state.

    Yields uint8 `(N, 3, size, size)` colour and float `(N, 4)` draws for `gray_input`, prepared ahead by a thread.
    """

    def __init__(self, photos: PhotoSet, phase: Phase, augmentation: Augmentation, *, seed: int, index: int) -> None:
        if phase.batch > len(photos):
            raise TrainingError(
                f"phase {phase.name!r} wants batches of {phase.batch}, and there are {len(photos)} photographs; "
                "give more photographs or a smaller batch"
            )
        self.photos, self.phase, self.augmentation = photos, phase, augmentation
        self.key = (seed, index)
        self.steps = phase.samples // phase.batch

    def batch(self, step: int) -> tuple[Tensor, Tensor]:
        per_epoch = len(self.photos) // self.phase.batch
        epoch, position = divmod(step, per_epoch)
        order = np.random.default_rng((*self.key, 1, epoch)).permutation(len(self.photos))
        rng = np.random.default_rng((*self.key, 2, step))
        chosen = order[position * self.phase.batch : (position + 1) * self.phase.batch]
        crops = [_crop(self.photos.pictures[i], self.phase.size, self.augmentation, rng) for i in chosen]
        colour = torch.from_numpy(np.ascontiguousarray(np.stack(crops))).permute(0, 3, 1, 2)
        draws = rng.random((len(crops), 4), dtype=np.float32)
        return colour, torch.from_numpy(draws)

    def from_step(self, first: int) -> Iterator[tuple[int, Tensor, Tensor]]:
        with ThreadPoolExecutor(1) as pool:
            ahead = [pool.submit(self.batch, step) for step in range(first, min(first + 3, self.steps))]
            for step in range(first, self.steps):
                colour, draws = ahead.pop(0).result()
                if step + 3 < self.steps:
                    ahead.append(pool.submit(self.batch, step + 3))
                yield step, colour, draws
