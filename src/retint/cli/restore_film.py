"""What commands take for films that are mended."""

from __future__ import annotations

import click

from retint.errors import InputError

USUAL_FILM_STAGES = "dust,flicker,scratches"  # restoration.film's, which is not imported for --help


def film_stages_of(context: click.Context, parameter: click.Parameter, value: str) -> str:
    """Stages such as `dust,flicker=0.5`, refused here where they are wrong; the usual ones load nothing."""
    if value != USUAL_FILM_STAGES:
        from retint.restoration.film import parse_film_stages

        try:
            parse_film_stages(value)
        except InputError as error:
            raise click.BadParameter(str(error), context, parameter) from error
    return value


film_stages = click.option(
    "--film-stages",
    callback=film_stages_of,
    default=USUAL_FILM_STAGES,
    show_default=True,
    metavar="STAGE[=0..1],...",
    help="Film: what is mended, of dust (seen in one frame), flicker (of brightness), scratches (upright, that stay), "
    "weave (in the gate) and noise. Each may have a strength; else auto, which does nothing where nothing is wrong.",
)
