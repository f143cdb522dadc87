"""Sheets of some frames of a film: at several render factors, before hours of work; before and after, behind them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from PIL import Image, ImageDraw, ImageFont

from retint.errors import InputError
from retint.images.atomic import whole_file
from retint.pipelines.media import Film, clock, gray8, open_film

if TYPE_CHECKING:
    from retint.rendering import Colorizer

MOST_FRAMES = 100
_COLUMN, _GAP, _CAPTION = 320, 6, 18  # px
_FACTORS = (2 / 3, 1.0, 3 / 2)  # of the render factor that is asked for
_SOON = 1e-3  # seconds: clocks of two containers differ by their units
_FROM, _TO = 4, 64  # render factors that are shown


@dataclass(frozen=True)
class _Picked:
    seconds: float
    picture: Image.Image  # RGB, grey, upright


def preview_film(
    source: str | Path, colorizer: Colorizer, frames: int = 6, render_factor: int | None = None
) -> Image.Image:
    """Draw a sheet: a line for each frame, evenly over the film, and in it the grey and the coloured frame.

    frames: 1 to 100; fewer lines where the film has fewer frames
    render_factor: the one in the middle of three; by default the model's own

    Raises
    ------
    InputError: the source is no film that can be read; a number of frames that is out of range
    """
    if not 1 <= frames <= MOST_FRAMES:
        raise InputError(f"got {frames} frames for a preview, wanted 1 to {MOST_FRAMES}")
    with open_film(source) as film:
        size = (film.info.width, film.info.height)
        middle = colorizer.resolve_render_factor(render_factor, size)
        factors = sorted({min(max(round(middle * share), _FROM), _TO) for share in _FACTORS} | {middle})
        picked = _pick(film, frames)
    lines = [(one, [colorizer.render(one.picture, factor) for factor in factors]) for one in picked]
    return _draw(lines, ["film", *(f"--render-factor {factor}" for factor in factors)])


def save_comparison(
    source: Path, result: Path, target: Path, *, frames: int = 6, start: float = 0.0, overwrite: bool = False
) -> None:
    """Save a sheet of frames before and after, as a JPEG.

    source, result: a film, and what it became
    start: seconds from the source's beginning, at which the result begins

    Raises
    ------
    InputError: one of the films cannot be read
    OutputError: the sheet cannot be saved
    """
    with open_film(result) as film:
        after = _pick(film, frames, in_colour=True)
    with open_film(source) as film:
        first = film.info.seconds(film.info.start_time or 0) + start
        before = [_at(film, first + one.seconds, in_colour=False) for one in after]
    sheet = _draw(
        [(was, [now.picture]) for was, now in zip(before, after, strict=True) if was is not None], ["before", "after"]
    )
    with whole_file(target, overwrite=overwrite) as file:
        sheet.save(file, format="JPEG", quality=92)


def _pick(film: Film, count: int, *, in_colour: bool = False) -> list[_Picked]:
    """The frames shown at the middles of `count` equal pieces of the film, each once."""
    first = film.info.seconds(film.info.start_time or 0)
    lasts = film.info.duration or 0.0
    picked: dict[float, _Picked] = {}
    for piece in range(count):
        one = _at(film, first + lasts * (piece + 0.5) / count, in_colour=in_colour)
        one = one or _at(film, first, in_colour=in_colour)
        if one is not None:
            picked[one.seconds] = one
    return [picked[seconds] for seconds in sorted(picked)]


def _at(film: Film, since: float, *, in_colour: bool) -> _Picked | None:
    """The first frame that is shown at that time of the film's own clock, or later."""
    if in_colour:
        found = film.picture(since - _SOON)
        if found is None:
            return None
        pts, picture = found[0], Image.fromarray(found[1])
    else:
        frame = next(film.frames(since=since - _SOON), None)
        if frame is None:
            return None
        pts, picture = frame.pts, Image.fromarray(gray8(frame, film.info)).convert("RGB")
    if film.info.rotation % 360:
        picture = picture.rotate(film.info.rotation, expand=True)
    return _Picked(film.info.seconds(pts) - film.info.seconds(film.info.start_time or 0), picture)


def _draw(lines: Sequence[tuple[_Picked, list[Image.Image]]], titles: Sequence[str]) -> Image.Image:
    width, height = lines[0][0].picture.size
    row = max(1, round(height * _COLUMN / width))
    columns = len(titles)
    sheet = Image.new(
        "RGB",
        (_GAP + columns * (_COLUMN + _GAP), _CAPTION + len(lines) * (row + _CAPTION) + _GAP),
        "white",
    )
    pen, font = ImageDraw.Draw(sheet), ImageFont.load_default()
    for column, text in enumerate(titles):
        pen.text((_GAP + column * (_COLUMN + _GAP), 3), text, "black", font)
    for line, (one, pictures) in enumerate(lines):
        top = _CAPTION + line * (row + _CAPTION)
        pen.text((_GAP, top + row + 2), clock(one.seconds), "black", font)
        for column, picture in enumerate([one.picture, *pictures]):
            small = picture.resize((_COLUMN, row), Image.Resampling.LANCZOS)
            sheet.paste(small, (_GAP + column * (_COLUMN + _GAP), top))
    return sheet
