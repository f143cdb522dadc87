"""A network that needs no weights, for tests of programs that use retint."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from retint.errors import RenderMemoryError
from retint.rendering.network import Floats, NetworkInfo


class FakeNetwork:
    """Answers every batch with what `answer` makes of it; by default one flat chroma.

    >>> colorizer = Colorizer(FakeNetwork(u=-0.1, v=0.2))      # everything reddish
    """

    def __init__(
        self,
        *,
        u: float = -0.1,
        v: float = 0.2,
        answer: Callable[[Floats], Floats] | None = None,
        free: int | None = None,
        limit: int | None = None,
    ) -> None:
        """answer: head "chroma". free: bytes said to be free. limit: side in px above which `run` is out of memory."""
        self.info = NetworkInfo("fake", "lite", "0", "chroma", 10, "fake", "cpu")
        self.batches: list[Floats] = []
        self._u, self._v, self._answer, self._free, self._limit = u, v, answer, free, limit

    def run(self, batch: Floats) -> Floats:
        self.batches.append(batch)
        if self._limit is not None and batch.shape[-1] > self._limit:
            raise RenderMemoryError("planted")
        if self._answer is not None:
            return self._answer(batch)
        out = np.empty((len(batch), 2, *batch.shape[2:]), dtype=np.float32)
        out[:, 0], out[:, 1] = self._u, self._v
        return out

    def bytes_needed(self, side: int, pictures: int = 1) -> int:
        return 1000 * side * side * pictures

    def bytes_free(self) -> int | None:
        return self._free
