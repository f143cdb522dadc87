"""Whole pictures against those that the original DeOldify made with the same weights."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from retint.rendering.colorizer import Colorizer, load_colorizer
from retint.rendering.network import IMAGENET_MEAN, IMAGENET_STD, Floats, NetworkInfo

Recorded = tuple[Path, dict[str, Any]]


@pytest.fixture(scope="module")
def colorizers(seeded_file: Callable[[str], Path]) -> Iterator[Callable[[str], Colorizer]]:
    """One network at a time in memory: the pictures come sorted by model."""
    pytest.importorskip("torch")
    held: dict[str, Colorizer] = {}

    def get(model: str) -> Colorizer:
        if model not in held:
            held.clear()
            held[model] = load_colorizer(seeded_file(model), device="cpu")
        return held[model]

    yield get
    held.clear()


def assert_equal_within_a_level(got: Image.Image, file: Path) -> None:
    """No pixel off by more than one level, 99.5 % of all values equal."""
    wanted = np.asarray(Image.open(file)).astype(int)
    difference = np.abs(np.asarray(got).astype(int)[..., :3] - wanted[..., :3])
    assert got.size == (wanted.shape[1], wanted.shape[0])
    assert difference.max() <= 1
    assert (difference == 0).mean() >= 0.995


def opened(recorded: Recorded) -> Image.Image:
    """The input; a JPEG as the original's decoder read it, since decoders differ."""
    folder, item = recorded
    path = folder / item["input"]
    decoded = path.with_name(f"{path.stem}_decoded.png")
    return Image.open(decoded if decoded.exists() else path)


def test_pictures_are_the_originals(recorded_picture: Recorded, colorizers: Callable[[str], Colorizer]) -> None:
    folder, item = recorded_picture
    image, colorizer = opened(recorded_picture), colorizers(item["model"])
    assert_equal_within_a_level(colorizer.render_square(image, item["render_factor"]), folder / item["square"])
    assert_equal_within_a_level(colorizer.render(image, item["render_factor"]), folder / item["out"])


class Eyes:
    """A network that keeps what it is shown."""

    info = NetworkInfo("eyes", "artistic", "0", "rgb", 35, "fake", "cpu")

    def __init__(self) -> None:
        self.seen: Floats | None = None

    def run(self, batch: Floats) -> Floats:
        self.seen = batch
        return np.stack([np.zeros_like(batch[:, 0]), batch[:, 1], batch[:, 2]], axis=1)

    def bytes_needed(self, side: int) -> int:
        return 0

    def bytes_free(self) -> int | None:
        return None


def test_the_network_sees_what_the_original_saw(recorded_picture: Recorded) -> None:
    folder, item = recorded_picture
    eyes = Eyes()
    Colorizer(eyes).render(opened(recorded_picture), item["render_factor"])
    assert eyes.seen is not None
    seen = (eyes.seen[0] * IMAGENET_STD[:, None, None] + IMAGENET_MEAN[:, None, None]) * 255
    wanted = np.asarray(Image.open(folder / item["ready"]).convert("RGB"))
    np.testing.assert_allclose(np.moveaxis(seen, 0, -1), wanted, atol=1e-3)
