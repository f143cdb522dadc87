"""What `retint colorize` takes for films alone: options, raw frames, previews."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, Literal, cast

import click

from retint.errors import InputError, OutputError

if TYPE_CHECKING:
    from retint.pipelines.inputs import Source
    from retint.pipelines.outputs import Destination
    from retint.rendering import Colorizer

KeyFrames = int | Literal["auto", "off"]
_MOST_EVERY = 48  # pipelines.stabilizer's, which is not imported for --help


def keyframes_of(context: click.Context, parameter: click.Parameter, value: str) -> KeyFrames:
    """A number, `auto` or `off`."""
    if value in ("auto", "off"):
        return cast("KeyFrames", value)
    return click.IntRange(1, _MOST_EVERY)(value, parameter, context)


def _time(context: click.Context, parameter: click.Parameter, value: str | None) -> float | None:
    """Seconds, of `90`, `1:30` or `0:01:30.5`."""
    if value is None:
        return None
    try:
        parts = [float(part) for part in value.split(":")]
        if len(parts) > 3 or any(not 0 <= part < float("inf") for part in parts):
            raise ValueError
    except ValueError:
        raise click.BadParameter(f"got {value!r}, wanted seconds, or H:MM:SS", context, parameter) from None
    seconds = 0.0
    for part in parts:
        seconds = seconds * 60 + part
    return seconds


def _size(context: click.Context, parameter: click.Parameter, value: str | None) -> tuple[int, int] | None:
    """Width and height, of `640x480`."""
    if value is None:
        return None
    width, _, height = value.lower().partition("x")
    if not (width.isdecimal() and height.isdecimal() and int(width) and int(height)):
        raise click.BadParameter(f"got {value!r}, wanted WIDTHxHEIGHT in px, such as 640x480", context, parameter)
    return int(width), int(height)


_CODEC = click.option(
    "--codec",
    type=click.Choice(["h264", "h265", "av1", "ffv1", "prores"]),
    help="Film: of the result. By default H.264, and AV1 in .webm.",
)
_TIMES = (
    click.option("--start", callback=_time, metavar="TIME", help="Film: begin there; seconds, or H:MM:SS."),
    click.option("--end", callback=_time, metavar="TIME", help="Film: end there."),
    click.option(
        "--resume/--no-resume",
        default=True,
        show_default=True,
        help="Film: go on with what an interrupted run left in RESULT.partial.",
    ),
)
_OPTIONS = (
    _CODEC,
    click.option(
        "--stabilize",
        type=click.Choice(["off", "normal", "strong"]),
        default="normal",
        show_default=True,
        help="Film: how much colours of neighbouring frames are used, so that they hold still.",
    ),
    click.option(
        "--keyframes",
        callback=keyframes_of,
        default="auto",
        show_default=True,
        metavar="auto|N|off",
        help="Film: render as few frames as the motion allows, one in N at least, or every one (off).",
    ),
    *_TIMES,
    click.option(
        "--preview",
        "preview_frames",
        type=click.IntRange(1, 100),
        metavar="N",
        help="Film: only draw a sheet of N frames at three render factors, NAME-preview.png.",
    ),
    click.option(
        "--raw",
        callback=_size,
        metavar="WxH",
        help="Film: INPUT is -, raw rgb24 frames of that size on stdin; raw frames go to stdout.",
    ),
)


def film_options(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command the options above."""
    return _with(command, _OPTIONS)


def film_saving_options(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command those that are not about colours: `--codec`, `--start`, `--end`, `--resume`."""
    return _with(command, (_CODEC, *_TIMES))


def _with(command: Callable[..., None], options: Sequence[Callable[..., Any]]) -> Callable[..., None]:
    for option in reversed(options):
        command = option(command)
    return command


def color_raw(
    inputs: tuple[str, ...],
    output: str | None,
    size: tuple[int, int],
    load: Callable[[], Colorizer],
    stdin: BinaryIO,
    **how: Any,
) -> None:
    """Frames from stdin to stdout."""
    if inputs != ("-",) or output not in (None, "-"):
        raise click.UsageError("--raw takes frames from stdin to stdout: name - as INPUT, and no other -o")
    if sys.stdout.isatty():
        raise click.UsageError("raw frames would go to the terminal; redirect stdout")
    from tqdm import tqdm

    from retint.cli.report import quiet
    from retint.pipelines.raw_frames import colorize_raw

    with tqdm(unit="frame", disable=quiet(), dynamic_ncols=True, leave=False) as bar:

        def tell(done: int) -> None:
            bar.update(done - bar.n)

        colorize_raw(stdin, sys.stdout.buffer, size, load(), progress=tell, **how)


def preview(
    sources: list[Source],
    destination: Destination,
    count: int,
    render_factor: int | None,
    load: Callable[[], Colorizer],
    *,
    overwrite: bool,
) -> None:
    """Draw the sheet of one film."""
    if len(sources) != 1:
        raise click.UsageError(f"--preview is of one film, and there are {len(sources)} inputs")
    (source,) = sources
    if source.error is not None:
        raise source.error
    if source.path is None:
        raise InputError(f"{source.shown}: a preview looks into several places of a film; name a file")
    if destination.place == "stdout":
        raise OutputError("-o -: a preview is saved as a file; name one, such as preview.png")
    from retint.cli.report import quiet
    from retint.images.atomic import whole_file
    from retint.pipelines.film_preview import preview_film
    from retint.pipelines.inputs import PREVIEW_ENDING

    beside = Path(source.path.stem + PREVIEW_ENDING + ".png")
    target = {"file": destination.path, "folder": destination.path / beside}.get(
        destination.place, source.path.with_name(beside.name)
    )
    if target.exists() and not overwrite:
        raise OutputError(f"{target}: exists; name another with -o, or pass --overwrite")
    if target.suffix.lower() not in (".png", ".jpg", ".jpeg", ".webp"):
        raise OutputError(f"{target}: a preview is a picture; name a .png, .jpg or .webp")
    sheet = preview_film(source.path, load(), count, render_factor)
    target.parent.mkdir(parents=True, exist_ok=True)
    with whole_file(target, overwrite=overwrite) as file:
        sheet.save(file, format={".png": "PNG", ".webp": "WEBP"}.get(target.suffix.lower(), "JPEG"), quality=92)
    if not quiet():
        click.echo(f"saved {target}", err=True)
