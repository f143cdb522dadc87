"""retint colours and restores old black-and-white photographs and film.

>>> import retint
>>> retint.colorize_photo("grandma.jpg", "grandma-color.jpg")
>>> retint.colorize_film("reel.mp4", "reel-color.mp4")
>>> retint.restore_photo("torn.tif", "mended.tif")
>>> retint.restore_film("reel.mp4", "reel-restored.mp4")

Names are imported when they are first used, so that `import retint` alone costs nothing.
"""

from __future__ import annotations

import os
from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from retint.errors import RetintError
    from retint.pipelines.film import colorize_film
    from retint.pipelines.film_restore import restore_film
    from retint.pipelines.photo import colorize_photo
    from retint.pipelines.restore import restore_photo
    from retint.rendering import Colorizer, load_colorizer

# ONNX Runtime's wheels for Linux and macOS report their use to Microsoft, and keep an identifier in the home folder,
# unless told otherwise before they are imported. Releases differ in the name.  # onnxruntime, pulls 27379 and 29843
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
os.environ.setdefault("ORT_TELEMETRY_DISABLED", "1")

__version__ = "0.1.0"

__all__ = [
    "Colorizer",
    "RetintError",
    "__version__",
    "colorize_film",
    "colorize_photo",
    "load_colorizer",
    "restore_film",
    "restore_photo",
]

_HOMES = {
    "Colorizer": "retint.rendering",
    "RetintError": "retint.errors",
    "colorize_film": "retint.pipelines.film",
    "colorize_photo": "retint.pipelines.photo",
    "load_colorizer": "retint.rendering",
    "restore_film": "retint.pipelines.film_restore",
    "restore_photo": "retint.pipelines.restore",
}


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value: object = getattr(import_module(_HOMES[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
