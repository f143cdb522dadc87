"""What a colorizer asks of an engine: one Protocol, satisfied by ONNX Runtime, by torch, and by the fake of tests."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, Protocol

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]

IMAGENET_MEAN: Floats = np.array((0.485, 0.456, 0.406), dtype=np.float32)  # of RGB in 0..1, torchvision's
IMAGENET_STD: Floats = np.array((0.229, 0.224, 0.225), dtype=np.float32)
UNIT = 16  # px of render per unit of render factor


@dataclass(frozen=True)
class NetworkInfo:
    """What weights say of themselves."""

    name: str  # catalogue name or file stem, for people and for metadata
    variant: str  # row of the table of variants
    version: str  # of the weights: a number for ours, the head of the SHA-256 for files
    head: Literal["rgb", "chroma"]
    default_render_factor: int
    engine: str  # "onnxruntime", "torch"
    device: str  # "cpu", "cuda", "mps"


class Network(Protocol):
    """A loaded generator on some engine and device."""

    @property
    def info(self) -> NetworkInfo: ...

    def run(self, batch: Floats) -> Floats:
        """(N, 3, S, S) grey as RGB, ImageNet-normalised, to (N, 3, S, S) for head "rgb" or (N, 2, S, S) for "chroma".

        Raises RenderMemoryError (text without advice: the colorizer adds it), RenderError.
        """
        ...

    def bytes_needed(self, side: int, pictures: int = 1) -> int:
        """Estimated memory of a batch of side x side px beyond what is held already; grows with side * side."""
        ...

    def bytes_free(self) -> int | None:
        """Memory that the device could still give; None where it cannot be told."""
        ...
