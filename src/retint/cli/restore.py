"""`retint restore`: photographs and films in, the same mended out."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import click

from retint.cli.film import film_saving_options
from retint.cli.planning import bare_options, plan, refuse_contradictions, unbuffered_stdin
from retint.cli.restore_film import film_stages
from retint.errors import RetintError

if TYPE_CHECKING:
    from retint.pipelines.film_encoding import Codec
    from retint.pipelines.inputs import Source
    from retint.restoration.options import RestoreOptions, Stage, Strength
    from retint.restoration.planes import Mask

_BESIDE = "*"  # of --save-mask alone; no file has that name


def stages_of(context: click.Context, parameter: click.Parameter, value: str | None) -> tuple[Stage, ...] | None:
    """Stages of `tone,damage,noise`."""
    from retint.restoration.options import parse_stages

    try:
        return None if value is None else parse_stages(value)
    except ValueError as error:
        raise click.BadParameter(str(error), context, parameter) from error


def _strengths(context: click.Context, parameter: click.Parameter, value: str) -> dict[Stage, Strength]:
    from retint.restoration.options import parse_strength

    try:
        return parse_strength(value)
    except ValueError as error:
        raise click.BadParameter(str(error), context, parameter) from error


@click.command(cls=bare_options(save_mask=_BESIDE), context_settings={"help_option_names": ["-h", "--help"]})
@click.argument("inputs", metavar="INPUT...", nargs=-1, required=True)
@click.option(
    "-o",
    "--output",
    metavar="PATH",
    help="A file for one input, a folder for several or for a folder, - for stdout. "
    "By default the result lies beside its input as NAME-restored.EXT (for an address: in the current folder).",
)
@click.option(
    "--stages",
    callback=stages_of,
    default="tone,damage,noise",
    show_default=True,
    help="Photographs: what is mended, of tone (fading, yellowing, uneven light), damage (scratches, creases, dust, "
    "spots, holes) and noise (noise, blur, JPEG blocks).",
)
@click.option(
    "--strength",
    callback=_strengths,
    default="auto",
    show_default=True,
    metavar="auto|0..1|STAGE=...",
    help="Photographs: how much, of every stage, or such as tone=0.5,noise=auto. auto does nothing where nothing is "
    "wrong.",
)
@click.option(
    "--mask",
    "mask_file",
    metavar="FILE",
    type=click.Path(path_type=Path),
    help="White where the one photograph is damaged, in place of what is found. Save one, and correct it.",
)
@click.option(
    "--save-mask",
    metavar="[=FILE]",
    help="Save what was filled, too, as NAME-mask.png beside the result, or as FILE.",
)
@click.option(
    "--grain",
    type=click.Choice(["clean", "keep"]),
    default="clean",
    show_default=True,
    help="Photographs: keep leaves it in.",
)
@click.option(
    "--cast",
    type=click.Choice(["auto", "keep"]),
    default="auto",
    show_default=True,
    help="Photographs: auto makes sepia and yellowed ones neutral grey with stage tone; those in colour keep their "
    "colours.",
)
@click.option(
    "--upscale", type=click.Choice(["1", "2"]), default="1", show_default=True, help="Photographs: times the size."
)
@click.option(
    "--compare",
    is_flag=True,
    help="Save before, mask and after side by side, too, as NAME-restored-compare.EXT beside the result; of a film, "
    "six frames.",
)
@click.option("--recursive", is_flag=True, help="Go into sub-folders; below -o they are mirrored.")
@click.option("--overwrite", is_flag=True, help="Replace results that exist; else these inputs are skipped as done.")
@click.option(
    "--quality",
    type=click.IntRange(1, 100),
    metavar="1..100",
    help="For JPEG, WebP, AVIF and HEIC: by default the input's, and 92 at least. For film: by default 80, which eyes "
    "do not tell from the source.",
)
@film_stages
@film_saving_options
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object a line on stdout for every input.")
@click.option("--offline", is_flag=True, help="Leave the network alone; so does RETINT_OFFLINE=1.")
@click.option("--debug", is_flag=True, help="Show where in the program an error arose.")
def restore(
    inputs: tuple[str, ...],
    output: str | None,
    stages: tuple[Stage, ...],
    strength: dict[Stage, Strength],
    mask_file: Path | None,
    save_mask: str | None,
    grain: Literal["clean", "keep"],
    cast: Literal["auto", "keep"],
    upscale: str,
    compare: bool,
    recursive: bool,
    overwrite: bool,
    quality: int | None,
    film_stages: str,
    codec: Codec | None,
    start: float | None,
    end: float | None,
    resume: bool,
    as_json: bool,
    offline: bool,
    debug: bool,
) -> None:
    """Mend damage without colouring.

    INPUT is a photograph (JPEG, PNG, TIFF, WebP, AVIF, HEIC, BMP, GIF), a film (MP4, MOV, MKV, WebM, AVI and others), a
    folder, a glob pattern, an http(s) address, or - for stdin, whose result goes to stdout. Results have the format and
    the metadata of their inputs (BMP and GIF become PNG), and say in their metadata what was mended. Films keep their
    timestamps, their sound and all else; one that is interrupted is gone on with.

    Exit codes: 0 all done; 1 some inputs failed, each with a line on stderr, and the others are done; 2 the command
    itself was wrong; 130 interrupted, and the same command goes on where it stopped.
    """
    from retint.pipelines.inputs import RESTORED_ENDING
    from retint.restoration.options import RestoreOptions
    from retint.weights.home import offline_asked

    if start is not None and end is not None and end <= start:
        raise click.UsageError(f"--end {end:g} is not after --start {start:g}; name a later end")
    sources, destination = plan(inputs, output, recursive=recursive, made_here=(RESTORED_ENDING,))
    beside = {"--compare": compare, "--save-mask": save_mask is not None}
    refuse_contradictions(sources, destination, beside=beside, as_json=as_json)
    options = RestoreOptions(stages=stages, grain=grain, cast=cast, upscale=2 if upscale == "2" else 1, **strength)
    mask = _given_mask(mask_file, sources, options)
    masks = _mask_target(save_mask, sources)

    from retint.cli.report import Report
    from retint.pipelines.batch import run_batch
    from retint.pipelines.film_options import FilmOptions
    from retint.pipelines.film_restore import RestoringFilms
    from retint.pipelines.outputs import Namer
    from retint.pipelines.restore import MOST_PHOTOS, MOST_PIXELS, Restoring, Saving
    from retint.pipelines.room import Room
    from retint.restoration.film import parse_film_stages

    films = RestoringFilms(
        FilmOptions(
            codec=codec,
            quality=quality,
            start=start,
            end=end,
            overwrite=overwrite,
            resume=resume,
            restore=parse_film_stages(film_stages),
        ),
        tuple(name for name, given in (*beside.items(), ("--mask", mask is not None)) if given and name != "--compare")
        + (("--upscale",) if options.upscale == 2 else ()),
    )
    report = Report(sources, as_json=as_json, debug=debug, done="restored")
    batch = run_batch(
        sources,
        Namer(destination, sources, compare=compare, mask=masks, ending=RESTORED_ENDING),
        Restoring(options, Saving(overwrite=overwrite, quality=quality), mask=mask, films=films),
        offline=offline or offline_asked(),
        stdin=unbuffered_stdin(),
        watch_film=report.film,
        room=Room(MOST_PHOTOS, MOST_PIXELS // options.upscale**2),
    )
    with closing(batch), report:
        try:
            for outcome in batch:
                report.add(outcome)
        except RetintError as error:
            report.give_up(error)
            raise
    if report.failed:
        raise click.exceptions.Exit(1)


def _given_mask(file: Path | None, sources: list[Source], options: RestoreOptions) -> Mask | None:
    if file is None:
        return None
    if len(sources) != 1 or sources[0].from_folder:
        raise click.UsageError("--mask is of one photograph, and there are more inputs; name one")
    if options.strength("damage") == 0:
        raise click.UsageError("--mask says where damage is, and stage damage is left out; add it to --stages")
    from retint.pipelines.restore import read_mask

    try:
        return read_mask(file)
    except RetintError as error:
        raise click.UsageError(f"--mask {file}: {error}") from error


def _mask_target(given: str | None, sources: list[Source]) -> bool | Path:
    """Where masks go: nowhere, beside the results, or to the file that is named for the only one."""
    if given in (None, _BESIDE):
        return given is not None
    assert given is not None
    path = Path(given)
    if path.suffix.lower() != ".png":
        raise click.UsageError(f"--save-mask={given}: a mask is saved as PNG; name a .png")
    if len(sources) != 1 or sources[0].from_folder:
        raise click.UsageError("--save-mask=FILE is of one photograph; --save-mask alone saves each beside its result")
    return path
