"""Pictures and films in Jupyter: before and after under a slider, a player, progress.

>>> from retint.notebook import before_after, film_progress, play, show
>>> before_after("grandma.jpg", "grandma-color.jpg")
>>> with film_progress() as progress:
...     retint.colorize_film("reel.mp4", "reel-color.mp4", progress=progress)
>>> play("reel-color.mp4")

What these return shows itself as the last value of a cell, or through IPython's `display`. It is one piece of HTML that
holds all it needs, so it works in JupyterLab, the classic notebook, VS Code and Colab, and with the network off. What
goes into the notebook are small copies; the files stay as they are. No widgets and no extra are needed.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from retint.notebook.films import Player, film_frame, play
    from retint.notebook.pictures import Picture, Slider, before_after, show
    from retint.notebook.progress import fetch_weights, film_progress

__all__ = [
    "Picture",
    "Player",
    "Slider",
    "before_after",
    "fetch_weights",
    "film_frame",
    "film_progress",
    "play",
    "show",
]

_HOMES = {
    "Picture": "pictures",
    "Player": "films",
    "Slider": "pictures",
    "before_after": "pictures",
    "fetch_weights": "progress",
    "film_frame": "films",
    "film_progress": "progress",
    "play": "films",
    "show": "pictures",
}


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value: object = getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
