from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """A folder of twelve coloured pictures: smooth gradients between seeded colours, so that they are no noise."""
    folder = tmp_path / "photos"
    folder.mkdir()
    rng = np.random.default_rng(0)
    for index in range(12):
        corners = rng.integers(0, 256, (2, 2, 3)).astype(np.uint8)
        Image.fromarray(corners).resize((96, 80), Image.Resampling.BILINEAR).save(folder / f"{index:02}.png")
    return folder
