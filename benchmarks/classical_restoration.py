"""What there was before networks: OpenCV's tools in a chain, each with its best parameters of a grid.

Morphology finds marks (what a small closing or opening takes away, above a threshold), Telea fills them, non-local
means take noise away, CLAHE evens the light out. Each tool may also be left out, where that is best.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import cv2
import numpy as np

from retint.evaluation.metrics import psnr

Gray = np.ndarray  # (H, W) uint8


@dataclass(frozen=True)
class Classical:
    """One setting of the chain. None: the tool is left out."""

    bright: int | None = None  # levels by which a pixel exceeds its opening
    dark: int | None = None  # levels by which its closing exceeds it
    kernel: int = 7  # px of both
    h: float | None = None  # of non-local means
    clip: float | None = None  # of CLAHE

    def mask(self, picture: Gray) -> np.ndarray:
        element = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (self.kernel, self.kernel))
        found = np.zeros(picture.shape, np.uint8)
        if self.bright is not None:
            found |= (cv2.morphologyEx(picture, cv2.MORPH_TOPHAT, element) > self.bright).astype(np.uint8)
        if self.dark is not None:
            found |= (cv2.morphologyEx(picture, cv2.MORPH_BLACKHAT, element) > self.dark).astype(np.uint8)
        return cv2.dilate(found, np.ones((3, 3), np.uint8)) > 0

    def restore(self, picture: Gray) -> Gray:
        mask = self.mask(picture)
        if mask.any():
            picture = cv2.inpaint(picture, mask.astype(np.uint8), 3, cv2.INPAINT_TELEA)
        if self.h is not None:
            picture = cv2.fastNlMeansDenoising(picture, None, self.h, 7, 21)
        if self.clip is not None:
            picture = cv2.createCLAHE(self.clip, (8, 8)).apply(picture)
        return picture

    def __str__(self) -> str:
        off = "left out"
        return "; ".join(
            (
                f"top hat above {self.bright or off}, black hat above {self.dark or off}, kernel {self.kernel} px",
                "Telea radius 3",
                f"non-local means h {self.h or off}",
                f"CLAHE clip {self.clip or off}",
            )
        )


_GRIDS: tuple[tuple[tuple[str, Sequence[object]], ...], ...] = (
    (("kernel", (5, 7, 11)), ("bright", (None, 30, 45, 60, 90)), ("dark", (None, 30, 45, 60, 90))),
    (("h", (None, 3.0, 5.0, 7.0, 10.0, 14.0)),),
    (("clip", (None, 0.5, 1.0, 1.5, 2.0, 3.0)),),
)


def tuned(pairs: Sequence[tuple[Gray, Gray]], tell: Callable[[str], None]) -> Classical:
    """The best chain for (damaged, clean) pairs by mean PSNR: tool by tool, each with what the ones before gave."""
    best = Classical()
    for grid in _GRIDS:
        candidates = [best]
        for name, values in grid:
            candidates = [replace(one, **{name: value}) for one in candidates for value in values]
        scores = [float(np.mean([psnr(one.restore(aged), clean) for aged, clean in pairs])) for one in candidates]
        best = candidates[int(np.argmax(scores))]
        tell(f"{', '.join(name for name, _ in grid)}: best of {len(candidates)}: {best}, {max(scores):.2f} dB")
    return best
