"""What commands take for films that are mended."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import click

from retint.errors import InputError

if TYPE_CHECKING:
    from retint.pipelines.film_encoding import Codec
    from retint.pipelines.film_options import FilmProgress, FilmResult
    from retint.restoration.film import FilmStage

USUAL_FILM_STAGES = "dust,flicker,scratches"  # restoration.film's, which is not imported for --help
FILM_STAGES_HELP = (
    "Film: what is mended, of dust (seen in one frame), flicker (of brightness), scratches (upright, that stay), weave "
    "(in the gate) and noise. Each may have a strength, such as dust=0.7; else auto, which does nothing where nothing "
    "is wrong."
)


def film_stages_of(
    context: click.Context, parameter: click.Parameter, value: str | None
) -> tuple[FilmStage, ...] | None:
    """Stages of `dust,flicker=0.5`."""
    from retint.restoration.film import parse_film_stages

    try:
        return None if value is None else parse_film_stages(value)
    except InputError as error:
        raise click.BadParameter(str(error), context, parameter) from error


def restore_one_film(
    source: Path,
    target: Path,
    stages: tuple[FilmStage, ...],
    *,
    codec: Codec | None = None,
    quality: int | None = None,
    start: float | None = None,
    end: float | None = None,
    overwrite: bool = False,
    resume: bool = True,
    watch: Callable[[FilmProgress], None] | None = None,
) -> FilmResult:
    """Mend one film. Raises as `retint.restore_film` does."""
    from retint.pipelines.film_restore import restore_film

    return restore_film(
        source,
        target,
        stages=stages,
        codec=codec,
        quality=quality,
        start=start,
        end=end,
        overwrite=overwrite,
        resume=resume,
        progress=watch,
    )
