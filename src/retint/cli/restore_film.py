"""What commands take for films that are mended."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from retint.errors import InputError

if TYPE_CHECKING:
    from retint.restoration.film import FilmStage

USUAL_FILM_STAGES = "dust,flicker,scratches"  # restoration.film's, which is not imported for --help


def film_stages_of(context: click.Context, parameter: click.Parameter, value: str) -> tuple[FilmStage, ...]:
    """Stages of `dust,flicker=0.5`."""
    from retint.restoration.film import parse_film_stages

    try:
        return parse_film_stages(value)
    except InputError as error:
        raise click.BadParameter(str(error), context, parameter) from error


film_stages = click.option(
    "--film-stages",
    callback=film_stages_of,
    default=USUAL_FILM_STAGES,
    show_default=True,
    metavar="STAGE[=0..1],...",
    help="Film: what is mended, of dust (seen in one frame), flicker (of brightness), scratches (upright, that stay), "
    "weave (in the gate) and noise. Each may have a strength; else auto, which does nothing where nothing is wrong.",
)
