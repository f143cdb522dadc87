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


def differences(got: Image.Image, file: Path) -> np.ndarray:
    """Levels by which the values of two pictures differ, without alpha."""
    wanted = np.asarray(Image.open(file).convert("RGB"), dtype=int)
    return np.abs(np.asarray(got.convert("RGB"), dtype=int) - wanted)


def opened(recorded: Recorded) -> Image.Image:
    """The input; a JPEG as the original's decoder read it, since decoders differ."""
    folder, item = recorded
    path = folder / item["input"]
    decoded = path.with_name(f"{path.stem}_decoded.png")
    return Image.open(decoded if decoded.exists() else path)


def test_pictures_are_the_originals(recorded_picture: Recorded, colorizers: Callable[[str], Colorizer]) -> None:
    """Square: the original cuts values off to 8 bit, so the noise of float32, which each machine has its own of, moves
    one in ten thousand by a level. Picture: such a level may be a level of U, and two of them in B = Y + 2.03 U.
    """
    folder, item = recorded_picture
    image, colorizer = opened(recorded_picture), colorizers(item["model"])
    square = differences(colorizer.render_square(image, item["render_factor"]), folder / item["square"])
    assert square.max() <= 1
    assert (square == 0).mean() >= 0.9995
    picture = differences(colorizer.render(image, item["render_factor"]), folder / item["out"])
    assert picture.max() <= 3
    assert (picture == 0).mean() >= 0.995
    assert (picture <= 1).mean() >= 0.9995


class Eyes:
    """A network that keeps what it is shown, and puts out a given square."""

    info = NetworkInfo("eyes", "artistic", "0", "rgb", 35, "fake", "cpu")

    def __init__(self, square: Path) -> None:
        levels = np.moveaxis(np.asarray(Image.open(square).convert("RGB"), dtype=np.float32), -1, 0)
        mean, std = IMAGENET_MEAN[:, None, None], IMAGENET_STD[:, None, None]
        self.output = ((levels + 0.5) / 255 - mean) / std  # half a level, to be cut off
        self.seen: Floats | None = None

    def run(self, batch: Floats) -> Floats:
        self.seen = batch
        return self.output[None]

    def bytes_needed(self, side: int, pictures: int = 1) -> int:
        return 0

    def bytes_free(self) -> int | None:
        return None


def test_everything_but_the_network_is_exact(recorded_picture: Recorded) -> None:
    folder, item = recorded_picture
    eyes = Eyes(folder / item["square"])
    picture = Colorizer(eyes).render(opened(recorded_picture), item["render_factor"])
    assert eyes.seen is not None
    seen = (eyes.seen[0] * IMAGENET_STD[:, None, None] + IMAGENET_MEAN[:, None, None]) * 255
    ready = np.asarray(Image.open(folder / item["ready"]).convert("RGB"))
    np.testing.assert_allclose(np.moveaxis(seen, 0, -1), ready, atol=1e-3)
    assert differences(picture, folder / item["out"]).max() == 0
