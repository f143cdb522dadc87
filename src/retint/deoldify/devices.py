"""Which device colours. Importing this imports no torch, so that a GPU can be chosen before torch looks for them."""

from __future__ import annotations

import os
import re
import sys
import warnings
from typing import Any

from retint.deoldify.device_id import DeviceId
from retint.errors import InputError, RenderError
from retint.pipelines.photo import Device as Where
from retint.rendering import Colorizer

_VISIBLE = "CUDA_VISIBLE_DEVICES"  # read by CUDA when it is first used


class Device:
    """The device that colorizers are made for from now on; one object for all, `retint.deoldify.device`."""

    def __init__(self) -> None:
        self._current = DeviceId.CPU

    def is_gpu(self) -> bool:
        """Whether a GPU is set."""
        return self._current is not DeviceId.CPU

    def current(self) -> DeviceId:
        """The device that is set."""
        return self._current

    def set(self, device: DeviceId | str) -> DeviceId:
        """Choose the device.

        device: one of `DeviceId`; or "cpu", "cuda", "cuda:1", as DeOldify took it in 2019

        A GPU with a number is chosen as DeOldify does it, by showing this process no other: CUDA_VISIBLE_DEVICES. Where
        there is no GPU, making a colorizer warns, and takes the CPU.

        Raises
        ------
        InputError: no such device
        RenderError: torch uses another GPU already, and goes on with it whatever is set
        """
        chosen = _named(device)
        if chosen is not DeviceId.CPU:
            number = str(chosen.value)
            torch: Any = sys.modules.get("torch")
            if torch is not None and torch.cuda.is_initialized() and os.environ.get(_VISIBLE, "0") != number:
                raise RenderError(
                    f"got {chosen.name}, and torch uses the GPUs of {_VISIBLE}={os.environ.get(_VISIBLE, '(all)')} "
                    "already; restart, and set the device first"
                )
            os.environ[_VISIBLE] = number
        self._current = chosen
        return chosen

    @property
    def place(self) -> Where:
        """The device in retint's words."""
        return "auto" if self.is_gpu() else "cpu"

    def check(self, colorizer: Colorizer) -> Colorizer:
        """The colorizer; with a warning if a GPU is set and it got none."""
        if self.is_gpu() and colorizer.info.device == "cpu":
            warnings.warn(
                f"{self._current.name} is set, and no GPU is found here: {colorizer.name} colours on the CPU, slower",
                stacklevel=4,  # whoever asked for a colorizer
            )
        return colorizer


def _named(device: DeviceId | str) -> DeviceId:
    if isinstance(device, DeviceId):
        return device
    if device == "cpu":
        return DeviceId.CPU
    match = re.fullmatch(r"cuda(?::([0-7]))?", device)
    if match is None:
        raise InputError(f"got device {device!r}, wanted one of DeviceId, such as DeviceId.GPU0 or DeviceId.CPU")
    return DeviceId(int(match[1] or 0))
