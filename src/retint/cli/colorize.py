"""`retint colorize`: photographs and films in, the same in colour out."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from typing import TYPE_CHECKING, Literal

import click

from retint.cli.chosen import download, refuse_unknown
from retint.cli.film import KeyFrames, color_raw, film_options, preview
from retint.cli.planning import bare_options, plan, refuse_contradictions, unbuffered_stdin
from retint.cli.restore import stages_of
from retint.cli.restore_film import film_stages
from retint.errors import RetintError

if TYPE_CHECKING:
    from retint.rendering import Colorizer
    from retint.restoration.film import FilmStage
    from retint.restoration.options import Stage

_RENDER_FACTORS = (4, 128)  # retint.rendering's, which is not imported for --help


def _render_factor(
    context: click.Context, parameter: click.Parameter, value: str | None
) -> int | Literal["auto"] | None:
    """A number, or `auto`."""
    if value is None or value == "auto":
        return value
    return click.IntRange(*_RENDER_FACTORS)(value, parameter, context)


@click.command(cls=bare_options(restore="tone,damage,noise"), context_settings={"help_option_names": ["-h", "--help"]})
@click.argument("inputs", metavar="INPUT...", nargs=-1, required=True)
@click.option(
    "-o",
    "--output",
    metavar="PATH",
    help="A file for one input, a folder for several or for a folder, - for stdout. "
    "By default the result lies beside its input as NAME-color.EXT (for an address: in the current folder).",
)
@click.option(
    "-m", "--model", default="lite", show_default=True, help="lite, artistic, stable, video, or a weights file."
)
@click.option(
    "-r",
    "--render-factor",
    callback=_render_factor,
    metavar="N|auto",
    help="Size of the square that the network sees, in units of 16 px; larger shows it more detail and takes longer. "
    "By default the model's own; auto: less for very small pictures.",
)
@click.option("--device", type=click.Choice(["auto", "cpu", "cuda", "mps"]), default="auto", show_default=True)
@click.option(
    "--restore",
    "restored",
    callback=stages_of,
    metavar="[=STAGES]",
    help="Mend first: all that `retint restore` mends, or, in photographs, some of its stages.",
)
@film_stages
@click.option(
    "--compare",
    is_flag=True,
    help="Save before and after side by side, too, as NAME-compare.EXT beside the result; of a film, six frames.",
)
@click.option("--watermark", is_flag=True, help="Put a visible mark into a corner. (The metadata always has one.)")
@click.option("--recursive", is_flag=True, help="Go into sub-folders; below -o they are mirrored.")
@click.option("--overwrite", is_flag=True, help="Replace results that exist; else these inputs are skipped as done.")
@click.option(
    "--quality",
    type=click.IntRange(1, 100),
    metavar="1..100",
    help="For JPEG, WebP, AVIF and HEIC: by default the input's, and 92 at least. For film: by default 80, which eyes "
    "do not tell from the source.",
)
@film_options
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object a line on stdout for every input.")
@click.option("--offline", is_flag=True, help="Leave the network alone; so does RETINT_OFFLINE=1.")
@click.option("--debug", is_flag=True, help="Show where in the program an error arose.")
def colorize(
    inputs: tuple[str, ...],
    output: str | None,
    model: str,
    render_factor: int | Literal["auto"] | None,
    device: Literal["auto", "cpu", "cuda", "mps"],
    restored: tuple[Stage, ...] | None,
    film_stages: str,
    compare: bool,
    watermark: bool,
    recursive: bool,
    overwrite: bool,
    quality: int | None,
    codec: Literal["h264", "h265", "av1", "ffv1", "prores"] | None,
    stabilize: Literal["off", "normal", "strong"],
    keyframes: KeyFrames,
    start: float | None,
    end: float | None,
    resume: bool,
    preview_frames: int | None,
    raw: tuple[int, int] | None,
    as_json: bool,
    offline: bool,
    debug: bool,
) -> None:
    """Colour photographs and films.

    INPUT is a photograph (JPEG, PNG, TIFF, WebP, AVIF, HEIC, BMP, GIF), a film (MP4, MOV, MKV, WebM, AVI and others), a
    folder, a glob pattern, an http(s) address, or - for stdin, whose result goes to stdout. Results have the size, the
    format and the metadata of their inputs (BMP and GIF become PNG), and say in their metadata that a machine made the
    colours. Films keep their timestamps, their sound and all else; one that is interrupted is gone on with.

    Exit codes: 0 all done; 1 some inputs failed, each with a line on stderr, and the others are done; 2 the command
    itself was wrong; 130 interrupted, and the same command goes on where it stopped.
    """
    from retint.weights.home import offline_asked

    offline = offline or offline_asked()
    load = _loader(model, device, offline=offline)
    if raw is not None:
        refuse_unknown(model)
        how = {"render_factor": _number(render_factor, "--raw"), "stabilize": stabilize, "keyframes": keyframes}
        color_raw(inputs, output, raw, load, unbuffered_stdin(), **how)
        return
    if start is not None and end is not None and end <= start:
        raise click.UsageError(f"--end {end:g} is not after --start {start:g}; name a later end")
    sources, destination = plan(inputs, output, recursive=recursive)
    if preview_frames is not None:
        refuse_unknown(model)
        factor = _number(render_factor, "--preview")
        preview(sources, destination, preview_frames, factor, load, overwrite=overwrite)
        return
    refuse_contradictions(sources, destination, beside={"--compare": compare}, as_json=as_json)
    refuse_unknown(model)

    from retint.cli.report import Report
    from retint.pipelines.batch import colorize_batch
    from retint.pipelines.film_options import FilmOptions
    from retint.pipelines.outputs import Namer
    from retint.pipelines.photo import PhotoOptions
    from retint.restoration.options import RestoreOptions

    mended: tuple[FilmStage, ...] = ()
    if restored is not None:
        from retint.restoration.film import parse_film_stages

        mended = parse_film_stages(film_stages)
    report = Report(sources, as_json=as_json, debug=debug)
    batch = colorize_batch(
        sources,
        Namer(destination, sources, compare=compare),
        load,
        PhotoOptions(
            render_factor=render_factor,
            watermark=watermark,
            overwrite=overwrite,
            quality=quality,
            restore=None if restored is None else RestoreOptions(stages=restored),
        ),
        FilmOptions(
            render_factor=render_factor,
            stabilize=stabilize,
            keyframes=keyframes,
            codec=codec,
            quality=quality,
            watermark=watermark,
            start=start,
            end=end,
            overwrite=overwrite,
            resume=resume,
            restore=mended,
        ),
        offline=offline,
        stdin=unbuffered_stdin(),
        watch_film=report.film,
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


def _number(render_factor: int | Literal["auto"] | None, option: str) -> int | None:
    if render_factor == "auto":
        raise click.UsageError(f"{option} takes a number for --render-factor, or none")
    return render_factor


def _loader(model: str, device: Literal["auto", "cpu", "cuda", "mps"], *, offline: bool) -> Callable[[], Colorizer]:
    """Return what loads the model, after a download with a progress bar where it is not here yet."""

    def load() -> Colorizer:
        from retint.rendering import load_colorizer

        download(model, offline=offline)
        return load_colorizer(model, device=device, offline=offline)

    return load
