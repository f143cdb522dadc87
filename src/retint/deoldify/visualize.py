"""DeOldify's `visualize`: colorizers for photographs and films, and showing what they made.

`from retint.deoldify.visualize import *` brings what notebooks got from it in DeOldify: these names, and `Path`, `plt`
and `torch`, which need the extras `notebook` and `torch`. Naming what is needed imports nothing else.
"""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

from retint.deoldify import device
from retint.deoldify.figures import pyplot
from retint.deoldify.photos import ModelImageVisualizer
from retint.deoldify.video import VideoColorizer
from retint.deoldify.weights import load
from retint.errors import MissingExtraError
from retint.notebook import Picture, play, show

if TYPE_CHECKING:
    import matplotlib.pyplot as plt
    import torch

__all__ = [
    "ModelImageVisualizer",
    "Path",
    "VideoColorizer",
    "get_artistic_image_colorizer",
    "get_artistic_video_colorizer",
    "get_image_colorizer",
    "get_stable_image_colorizer",
    "get_stable_video_colorizer",
    "get_video_colorizer",
    "plt",
    "show_image_in_notebook",
    "show_video_in_notebook",
    "torch",
]

_HERE = Path("./")
_RESULTS = "result_images"
_WHOLE_PICTURE, _WHOLE_FILM = 16 << 20, 64 << 20  # bytes of a result up to which a notebook gets the file itself


def get_image_colorizer(
    root_folder: str | Path = _HERE, render_factor: int = 35, artistic: bool = True
) -> ModelImageVisualizer:
    """A colorizer for photographs: `get_artistic_image_colorizer`, or `get_stable_image_colorizer`."""
    get = get_artistic_image_colorizer if artistic else get_stable_image_colorizer
    return get(root_folder=root_folder, render_factor=render_factor)


def get_artistic_image_colorizer(
    root_folder: str | Path = _HERE,
    weights_name: str = "ColorizeArtistic_gen",
    results_dir: str | Path = _RESULTS,
    render_factor: int = 35,
) -> ModelImageVisualizer:
    """A colorizer for photographs: vivid.

    Parameters
    ----------
    root_folder: what holds the folder `models` with the weights; those of DeOldify are downloaded where it has none
    weights_name: name of the file without `.pth`
    results_dir: folder of the results; made if need be
    render_factor: size of a render in units of 16 px, where none is given later

    Raises
    ------
    WeightsError and its kin, MissingExtraError: the weights cannot be had, or torch is not installed
    OutputError: results_dir cannot be made
    """
    return ModelImageVisualizer(load(root_folder, weights_name, device), results_dir, render_factor)


def get_stable_image_colorizer(
    root_folder: str | Path = _HERE,
    weights_name: str = "ColorizeStable_gen",
    results_dir: str | Path = _RESULTS,
    render_factor: int = 35,
) -> ModelImageVisualizer:
    """A colorizer for photographs: calmer, for people and landscapes. As `get_artistic_image_colorizer`."""
    return ModelImageVisualizer(load(root_folder, weights_name, device), results_dir, render_factor)


def get_video_colorizer(render_factor: int = 21) -> VideoColorizer:
    """A colorizer for films: `get_stable_video_colorizer`."""
    return get_stable_video_colorizer(render_factor=render_factor)


def get_stable_video_colorizer(
    root_folder: str | Path = _HERE,
    weights_name: str = "ColorizeVideo_gen",
    results_dir: str | Path = _RESULTS,
    render_factor: int = 21,
) -> VideoColorizer:
    """A colorizer for films: calm. Parameters and errors are those of `get_artistic_image_colorizer`.

    results_dir: of single frames, by `colorizer.vis`; films go to `video/result`
    """
    vis = ModelImageVisualizer(load(root_folder, weights_name, device), results_dir, render_factor)
    return VideoColorizer(vis)


def get_artistic_video_colorizer(
    root_folder: str | Path = _HERE,
    weights_name: str = "ColorizeArtistic_gen",
    results_dir: str | Path = _RESULTS,
    render_factor: int = 35,
) -> VideoColorizer:
    """A colorizer for films: vivid. As `get_stable_video_colorizer`."""
    vis = ModelImageVisualizer(load(root_folder, weights_name, device), results_dir, render_factor)
    return VideoColorizer(vis)


def show_image_in_notebook(image_path: str | Path) -> None:
    """Show a picture in the notebook: the file itself, to be saved from there, or a copy if it has over 16 MB.

    Raises InputError, MissingExtraError.
    """
    _display(show(image_path, whole_up_to=_WHOLE_PICTURE))


def show_video_in_notebook(video_path: str | Path) -> None:
    """Play a film in the notebook, again and again: the file itself, or a copy of the beginning if it has over 64 MB.

    Raises InputError, MissingExtraError.
    """
    _display(play(video_path, most_bytes=_WHOLE_FILM, autoplay=True, loop=True))


def _display(picture: Picture) -> None:
    try:
        display = import_module("IPython.display").display
    except ImportError as missing:
        raise MissingExtraError(
            "showing in a notebook needs IPython, which is not installed; do this: pip install 'retint[notebook]'"
        ) from missing
    display(picture)


def __getattr__(name: str) -> object:
    if name == "plt":
        return pyplot()
    if name == "torch":
        # Not by an import statement: nothing here imports torch before a notebook asks for it, and the check says so.
        try:
            return import_module("torch")
        except ImportError as missing:
            raise MissingExtraError(
                "DeOldify's weights need torch, which is not installed; do this: pip install 'retint[torch]'"
            ) from missing
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
