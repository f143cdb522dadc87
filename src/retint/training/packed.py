"""Photographs that stay compressed in memory, for sets that do not fit decoded: a batch is decoded at a time."""

from __future__ import annotations

import io
import threading
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

QUALITY = 95  # of JPEG, chroma not subsampled: a mean error of under 1 level
THREADS = 4  # Pillow decodes without holding the interpreter


def packed(picture: NDArray[np.uint8]) -> bytes:
    """`(H, W, 3)` as JPEG."""
    out = io.BytesIO()
    Image.fromarray(picture).save(out, "JPEG", quality=QUALITY, subsampling=0)
    return out.getvalue()


class PackedCanvas:
    """Stands where `PhotoSet` has a tensor `(N, 3, S, W)` uint8, and is read from as that is: by an index of pictures.

    What comes out is the same each time, whatever was decoded ahead.
    """

    def __init__(
        self,
        pictures: Sequence[bytes],
        size: tuple[int, int],
        device: torch.device | str = "cpu",
        pool: ThreadPoolExecutor | None = None,
    ) -> None:
        """pictures: JPEGs, of at most `size` (height, width), each of which belongs into an upper left corner"""
        self._pictures, self._size = pictures, size
        self.device = torch.device(device)
        self._pool = pool or ThreadPoolExecutor(THREADS, thread_name_prefix="retint-unpack")
        self._ahead: dict[int, Future[NDArray[np.uint8]]] = {}
        self._lock = threading.Lock()  # of `_ahead`: several threads may read

    @property
    def shape(self) -> torch.Size:
        """As of the tensor that this stands for."""
        return torch.Size((len(self._pictures), 3, *self._size))

    def to(self, device: torch.device | str) -> PackedCanvas:
        """The same, whose batches come out on another device."""
        return PackedCanvas(self._pictures, self._size, device, self._pool)

    def part(self, index: Sequence[int]) -> PackedCanvas:
        """Some of them."""
        return PackedCanvas([self._pictures[i] for i in index], self._size, self.device, self._pool)

    def prepare(self, index: Sequence[int]) -> None:
        """Begin to decode what will be asked for next; what was prepared before and not asked for is given up."""
        with self._lock:
            for number in self._ahead.keys() - set(index):
                self._ahead.pop(number).cancel()
            for number in index:
                if number not in self._ahead:
                    self._ahead[number] = self._pool.submit(_decoded, self._pictures[number])

    def __getitem__(self, index: Tensor) -> Tensor:
        """`(n, 3, S, W)` uint8 of an index (n,)."""
        numbers: list[int] = index.tolist()
        with self._lock:
            waiting = {
                number: self._ahead.pop(number, None) or self._pool.submit(_decoded, self._pictures[number])
                for number in set(numbers)
            }
        out = np.zeros((len(numbers), 3, *self._size), np.uint8)
        for place, number in enumerate(numbers):
            picture = waiting[number].result()
            out[place, :, : picture.shape[0], : picture.shape[1]] = picture.transpose(2, 0, 1)
        return torch.from_numpy(out).to(self.device)


def _decoded(content: bytes) -> NDArray[np.uint8]:
    with Image.open(io.BytesIO(content)) as image:
        return np.asarray(image.convert("RGB"))
