from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from retint.rendering import Colorizer
from retint.rendering.fake import FakeNetwork

MakePhoto = Callable[..., Path]


@pytest.fixture
def colorizer() -> Colorizer:
    """Makes everything reddish: U -0.1, V 0.2."""
    return Colorizer(FakeNetwork())


@pytest.fixture
def make_photo(tmp_path: Path) -> MakePhoto:
    def make(name: str = "old.jpg", format: str | None = None, size: tuple[int, int] = (48, 32), seed: int = 0) -> Path:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(encoded(format or Image.registered_extensions()[path.suffix.lower()], size, seed))
        return path

    return make


def encoded(format: str = "JPEG", size: tuple[int, int] = (48, 32), seed: int = 0) -> bytes:
    """A grey picture whose noise is coarse, so that JPEG keeps it."""
    small = np.random.default_rng(seed).integers(40, 216, (4, 6)).astype(np.uint8)
    out = io.BytesIO()
    Image.fromarray(small).resize(size, Image.Resampling.BICUBIC).save(out, format)
    return out.getvalue()


@pytest.fixture
def photo_bytes() -> Callable[..., bytes]:
    return encoded
