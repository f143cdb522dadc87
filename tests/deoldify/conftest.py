from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import matplotlib
import pytest

from retint.deoldify import device
from retint.deoldify.device_id import DeviceId
from retint.deoldify.photos import ModelImageVisualizer
from retint.rendering import Colorizer
from retint.rendering.fake import FakeNetwork

matplotlib.use("Agg")


@pytest.fixture(autouse=True)
def as_before(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Each test in a folder of its own, on the CPU, and without figures of others."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", os.environ.get("CUDA_VISIBLE_DEVICES", "0"))  # put back behind it
    device.set(DeviceId.CPU)
    yield
    device.set(DeviceId.CPU)
    from matplotlib import pyplot

    pyplot.close("all")


@pytest.fixture
def visualizer() -> ModelImageVisualizer:
    """Makes everything reddish, U -0.1, V 0.2, into result_images."""
    return ModelImageVisualizer(Colorizer(FakeNetwork()), "result_images", 10)
