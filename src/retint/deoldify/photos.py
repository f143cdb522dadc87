"""Photographs by DeOldify's methods: what `get_image_colorizer` gives."""

from __future__ import annotations

import warnings
from dataclasses import replace
from pathlib import Path
from typing import BinaryIO, cast

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from retint.deoldify.figures import draw, pyplot
from retint.errors import OutputError
from retint.images import Photograph, Pixels, read_photo, result_format, result_suffix, write_photo
from retint.images.formats import format_of_name
from retint.images.tones import to_8_bit
from retint.pipelines.addresses import fetch
from retint.pipelines.photo import as_source, recognise
from retint.rendering import Colorizer
from retint.rendering.watermark import add_watermark

FIGURE_SIZE = (20, 20)  # inches
FETCHED = "test_images/image.png"  # what the picture of an address is saved as


class ModelImageVisualizer:
    """Colours photographs, shows them with matplotlib, and saves them. Made by `get_image_colorizer` and its kin."""

    def __init__(self, colorizer: Colorizer, results_dir: str | Path, render_factor: int) -> None:
        """Makes the folder results_dir.

        render_factor: the one that is used where none is given

        Raises OutputError.
        """
        self.colorizer = colorizer
        self.render_factor = render_factor
        self.results_dir = Path(results_dir)
        make_folder(self.results_dir)

    def plot_transformed_image_from_url(
        self,
        url: str,
        path: str | Path = FETCHED,
        results_dir: str | Path | None = None,
        figsize: tuple[float, float] = FIGURE_SIZE,
        render_factor: int | None = None,
        display_render_factor: bool = False,
        compare: bool = False,
        post_process: bool = True,
        watermarked: bool = True,
    ) -> Path:
        """Fetch a picture, save it as `path`, and go on as `plot_transformed_image`.

        url: an http(s) address of a picture itself
        path: its suffix chooses the format; a file that is there is replaced

        Raises InputError for what cannot be fetched or read, and as `plot_transformed_image`.
        """
        pyplot()
        content = fetch(url)
        recognise(content, url)
        target = Path(path)
        make_folder(target.parent)
        _tell(target, write_photo(read_photo(as_source(content, url)), target, overwrite=True))
        return self.plot_transformed_image(
            target,
            results_dir=results_dir,
            figsize=figsize,
            render_factor=render_factor,
            display_render_factor=display_render_factor,
            compare=compare,
            post_process=post_process,
            watermarked=watermarked,
        )

    def plot_transformed_image(
        self,
        path: str | Path,
        results_dir: str | Path | None = None,
        figsize: tuple[float, float] = FIGURE_SIZE,
        render_factor: int | None = None,
        display_render_factor: bool = False,
        compare: bool = False,
        post_process: bool = True,
        watermarked: bool = True,
    ) -> Path:
        """Colour a photograph, show it in a figure, save it, and return where.

        Parameters
        ----------
        path: of the photograph
        results_dir: folder of the result, which has the photograph's name; a result that is there is replaced. None for
            the one of this object
        figsize: of the figure, in inches
        render_factor: size of the render in units of 16 px; None for the one of this object
        display_render_factor: write it into the picture in the figure; not into the file
        compare: show the photograph beside it
        post_process: take luma from the photograph. Without, it is the network's own picture, enlarged
        watermarked: with a visible mark in the lower left corner

        Raises
        ------
        InputError: the photograph cannot be read
        RenderMemoryError, RenderError: it cannot be rendered; nothing is saved
        OutputError: the result cannot be saved, or would replace the photograph itself
        MissingExtraError: matplotlib is not installed
        """
        pyplot()
        factor = self.render_factor if render_factor is None else render_factor
        before = read_photo(path)
        folder = self.results_dir if results_dir is None else Path(results_dir)
        target = _target(Path(path), folder, before)
        after = self._colored(before, factor, post_process=post_process, watermarked=watermarked)
        make_folder(folder)
        _tell(target, before.notes + write_photo(after, target, overwrite=True, mark=self.colorizer.mark))
        shown = [_rgb_image(before), _rgb_image(after)] if compare else [_rgb_image(after)]
        draw(shown, figsize, f"render_factor: {factor}" if display_render_factor else None)
        return target

    def get_transformed_image(
        self,
        path: str | Path | BinaryIO,
        render_factor: int | None = None,
        post_process: bool = True,
        watermarked: bool = True,
    ) -> Image.Image:
        """The photograph in colour, as an image of mode RGB; nothing is shown or saved.

        Parameters are those of `plot_transformed_image`. Raises InputError, RenderError, RenderMemoryError.
        """
        factor = self.render_factor if render_factor is None else render_factor
        before = read_photo(path)
        _tell(path, before.notes)
        return _rgb_image(self._colored(before, factor, post_process=post_process, watermarked=watermarked))

    def _colored(self, before: Photograph, factor: int, *, post_process: bool, watermarked: bool) -> Photograph:
        if post_process:
            return self.colorizer.colorize(before, factor, watermark=watermarked)
        square = self.colorizer.render_square(_rgb_image(before), factor)
        # DeOldify filters.py:74: bilinear, and nothing of the photograph
        raw = np.asarray(square.resize((before.width, before.height), Image.Resampling.BILINEAR))
        alpha = None if before.alpha is None else _eight_bit(before.alpha)
        return replace(before, pixels=add_watermark(raw) if watermarked else raw, alpha=alpha)


def make_folder(folder: Path) -> None:
    """Make a folder, and those above it, where there is none. Raises OutputError."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"{folder}: cannot be made ({error.strerror or error}); name another folder") from error


def _target(source: Path, folder: Path, photo: Photograph) -> Path:
    """Where the result goes: the photograph's name, but for kinds of files that cannot say that it is coloured."""
    name = source.name
    if result_format(photo.format) != photo.format:
        name = source.stem + result_suffix(source, photo.format)
    target = folder / name
    format_of_name(target)  # raises now what would be raised after the work
    if target.exists() and target.samefile(source):
        raise OutputError(f"{target}: is the photograph itself; name another results_dir")
    return target


def _rgb_image(photo: Photograph) -> Image.Image:
    """Pillow's image of a photograph: RGB, 8 bit, without transparency."""
    return Image.fromarray(_eight_bit(photo.pixels)).convert("RGB")


def _eight_bit(pixels: Pixels) -> NDArray[np.uint8]:
    return to_8_bit(pixels) if pixels.dtype == np.uint16 else cast("NDArray[np.uint8]", pixels)


def _tell(of: object, notes: tuple[str, ...]) -> None:
    """Warn of what reading or writing dropped."""
    for note in notes:
        warnings.warn(f"{of}: {note}", stacklevel=3)
