"""`retint evaluate` for films: how still the colours hold, how many there are, how near the truth."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import click

import retint
from retint.errors import InputError

if TYPE_CHECKING:
    from retint.cli.film import KeyFrames
    from retint.evaluation.contact_sheet import Strip
    from retint.evaluation.metrics import Rgb
    from retint.pipelines.film_figures import FilmReport
    from retint.rendering import Colorizer

_SHOWN = 3  # frames of a film on the sheet


def are_films(paths: tuple[Path, ...]) -> bool:
    """Whether the inputs are films; of a mixture the command is wrong."""
    from retint.pipelines.kinds import HEAD_BYTES, film_kind

    films = 0
    for path in paths:
        with contextlib.suppress(OSError), path.open("rb") as file:  # what cannot be opened is told where it is read
            films += film_kind(file.read(HEAD_BYTES)) is not None
    if films not in (0, len(paths)):
        raise click.UsageError("photographs and films have figures of their own; evaluate them one after the other")
    return films > 0


class FilmEvaluation:
    """Measures films one by one."""

    def __init__(
        self,
        colorizer: Colorizer,
        how: tuple[Literal["off", "normal", "strong"], KeyFrames],
        render_factor: int | None,
        count: int | None,
    ) -> None:
        """
        how: strength and key frames of the way that is compared with frame by frame
        count: at most so many frames of each film
        """
        from retint.pipelines.film_figures import FRAME_BY_FRAME, Way

        self._colorizer = colorizer
        self._ways = list(dict.fromkeys((FRAME_BY_FRAME, Way(*how))))
        self._render_factor, self._count = render_factor, count
        self._reports: list[FilmReport] = []
        self._strips: list[Strip] = []

    def add(self, path: Path) -> None:
        """Measure one. Raises InputError for what cannot be read."""
        from tqdm import tqdm

        from retint.cli.report import quiet
        from retint.pipelines.film_figures import measure_film
        from retint.pipelines.media import open_film

        with open_film(path) as film:
            frames = film.info.frames or 0
        frames = min(frames, self._count) if self._count else frames
        with tqdm(total=frames or None, unit="frame", desc=path.name, disable=quiet(), leave=False) as bar:

            def watch(number: int, rows: Mapping[str, Rgb]) -> None:
                bar.update()
                if number in {frames * (2 * place + 1) // (2 * _SHOWN) for place in range(_SHOWN)}:
                    self._strips.append(_strip(f"{path.name}, frame {number}: {', '.join(rows)}", rows))

            report = measure_film(
                path, self._colorizer, self._ways, count=self._count, render_factor=self._render_factor, watch=watch
            )
        self._reports.append(report)

    def as_object(self, failed: list[str]) -> dict[str, Any]:
        """All figures, as JSON's types."""
        from retint.evaluation.film_report import film_object, in_all
        from retint.pipelines.film_figures import LARGEST_SIDE

        info = self._colorizer.info
        return {
            "software": f"retint {retint.__version__}",
            "model": {"name": info.name, "variant": info.variant, "version": info.version, "engine": info.engine},
            "protocol": {"largest_side": LARGEST_SIDE, "cdc_steps": [1, 2, 4], "flow": "DIS medium on luma"},
            "failed": failed,
            "films": [
                {
                    "name": str(one.path),
                    "scenes": one.scenes,
                    "in_colour": one.in_colour,
                    "rows": film_object(one.figures, one.rendered),
                }
                for one in self._reports
            ],
            "in_all": film_object(*in_all([(one.figures, one.rendered) for one in self._reports])),
        }

    def as_text(self) -> str:
        """The same as Markdown."""
        from retint.evaluation.film_report import film_table, in_all
        from retint.pipelines.film_figures import FRAME_BY_FRAME, LARGEST_SIDE

        info, base = self._colorizer.info, FRAME_BY_FRAME.name
        parts = [
            f"# {info.name}, evaluated on film",
            f"Model {info.name} (variant {info.variant}, version {info.version}) on {info.engine}. Frames at "
            f"{LARGEST_SIDE} px a side at most; in brackets, against frame by frame.",
        ]
        for one in self._reports:
            frames = one.figures[base].frames
            size = f"{_count(frames, 'frame')}, {_count(one.scenes, 'scene')}"
            parts.append(f"## {one.path.name}: {size}")
            parts.append(film_table(one.figures, one.rendered, base))
        if len(self._reports) > 1:
            parts.append(f"## In all: means over {len(self._reports)} films")
            parts.append(film_table(*in_all([(one.figures, one.rendered) for one in self._reports]), base))
        return "\n\n".join(parts) + "\n"

    def sheet(self) -> Rgb:
        """Some frames of each film: grey, each way, true."""
        from retint.evaluation.contact_sheet import draw

        if not self._strips:
            raise InputError("no frame was shown; give a longer film")
        return draw(f"{self._colorizer.name} on film", self._strips)


def evaluate_films(evaluation: FilmEvaluation, paths: tuple[Path, ...]) -> list[str]:
    """Measure all. Returns what could not be read, which is told on stderr.

    Raises InputError where nothing could be measured.
    """
    failed: list[str] = []
    for path in paths:
        try:
            evaluation.add(path)
        except InputError as error:
            failed.append(str(error))
            click.echo(str(error), err=True)
    if len(failed) == len(paths):
        raise InputError("none of these could be evaluated; give at least one film that plays")
    return failed


def _strip(caption: str, rows: Mapping[str, Rgb]) -> Strip:
    import numpy as np
    from PIL import Image, ImageOps

    from retint.evaluation.contact_sheet import Strip
    from retint.evaluation.protocol import SIDE

    pictures = [np.asarray(ImageOps.pad(Image.fromarray(row), (SIDE, SIDE), color="white")) for row in rows.values()]
    return Strip(caption.encode("ascii", "replace").decode(), pictures)


def _count(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"
