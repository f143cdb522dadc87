"""DeOldify's own names over retint, so that a notebook written for DeOldify runs with its import lines changed.

    from deoldify import device                   from retint.deoldify import device
    from deoldify.device_id import DeviceId       from retint.deoldify.device_id import DeviceId
    from deoldify.visualize import *              from retint.deoldify.visualize import *
    import fastai                                 (nothing)

The same weights, the same pictures. What is different, and why: docs/deoldify.md. New code is better off with `retint`
itself.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from retint.deoldify.devices import Device

if TYPE_CHECKING:
    from retint.deoldify.video import VideoColorizer
    from retint.deoldify.visualize import (
        ModelImageVisualizer,
        get_artistic_image_colorizer,
        get_artistic_video_colorizer,
        get_image_colorizer,
        get_stable_image_colorizer,
        get_stable_video_colorizer,
        get_video_colorizer,
        show_image_in_notebook,
        show_video_in_notebook,
    )

__all__ = [
    "ModelImageVisualizer",
    "VideoColorizer",
    "device",
    "get_artistic_image_colorizer",
    "get_artistic_video_colorizer",
    "get_image_colorizer",
    "get_stable_image_colorizer",
    "get_stable_video_colorizer",
    "get_video_colorizer",
    "show_image_in_notebook",
    "show_video_in_notebook",
]

device = Device()
"""What colours: `device.set(DeviceId.GPU0)`. The CPU unless something else is set, as in DeOldify."""


def __getattr__(name: str) -> object:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value: object = getattr(import_module(f"{__name__}.visualize"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
