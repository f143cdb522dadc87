"""Choosing a device by DeOldify's names."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import replace
from types import SimpleNamespace

import pytest

from retint.deoldify import device
from retint.deoldify.device_id import DeviceId
from retint.deoldify.devices import Device
from retint.errors import InputError, RenderError
from retint.rendering import Colorizer
from retint.rendering.fake import FakeNetwork


def test_the_cpu_unless_something_is_set():
    fresh = Device()
    assert fresh.current() is DeviceId.CPU
    assert not fresh.is_gpu()
    assert fresh.place == "cpu"


def test_a_gpu_is_chosen_by_showing_no_other():
    assert device.set(device=DeviceId.GPU3) is DeviceId.GPU3
    assert device.current() is DeviceId.GPU3
    assert device.is_gpu()
    assert device.place == "auto"
    assert os.environ["CUDA_VISIBLE_DEVICES"] == "3"
    device.set(DeviceId.CPU)
    assert device.place == "cpu"


@pytest.mark.parametrize(
    ("text", "wanted"), [("cpu", DeviceId.CPU), ("cuda", DeviceId.GPU0), ("cuda:5", DeviceId.GPU5)]
)
def test_names_of_2019(text: str, wanted: DeviceId):
    assert device.set(device=text) is wanted


@pytest.mark.parametrize("text", ["gpu", "cuda:9", "cuda:"])
def test_other_names_are_told(text: str):
    with pytest.raises(InputError, match=r"wanted one of DeviceId, such as DeviceId\.GPU0"):
        device.set(text)


def test_too_late_is_told(monkeypatch: pytest.MonkeyPatch):
    busy = SimpleNamespace(cuda=SimpleNamespace(is_initialized=lambda: True))
    monkeypatch.setitem(sys.modules, "torch", busy)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0")
    assert device.set(DeviceId.GPU0) is DeviceId.GPU0  # the one it uses
    with pytest.raises(RenderError, match="got GPU1, and torch uses the GPUs of CUDA_VISIBLE_DEVICES=0 already"):
        device.set(DeviceId.GPU1)
    assert device.current() is DeviceId.GPU0


def test_without_a_gpu_it_warns():
    colorizer = Colorizer(FakeNetwork())
    device.set(DeviceId.GPU0)
    with pytest.warns(UserWarning, match="GPU0 is set, and no GPU is found here: fake colours on the CPU"):
        assert device.check(colorizer) is colorizer
    device.set(DeviceId.CPU)
    device.check(colorizer)  # a warning would be an error


def test_on_a_gpu_it_does_not_warn():
    network = FakeNetwork()
    network.info = replace(network.info, device="cuda")
    device.set(DeviceId.GPU0)
    device.check(Colorizer(network))


def test_importing_brings_no_torch_and_no_matplotlib():
    code = """
import sys
from retint.deoldify import device
from retint.deoldify.device_id import DeviceId
device.set(device=DeviceId.GPU0)
from retint.deoldify.visualize import get_image_colorizer
from retint.deoldify import get_video_colorizer
print(*(set(sys.modules) & {"torch", "matplotlib", "IPython", "fastai"}))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == ""
