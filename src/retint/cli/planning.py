"""What commands over photographs and films share: inputs and where results go, contradictions told before any work."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

import click

from retint.errors import RetintError

if TYPE_CHECKING:
    from retint.pipelines.inputs import Source
    from retint.pipelines.outputs import Destination


class BareOptions(click.Command):
    """A command some of whose options may stand without their value, which needs a `=` then: `--restore[=STAGES]`.

    click would take the next argument for the value: in `--restore old.jpg` a photograph.
    """

    bare: dict[str, str] = {}  # noqa: RUF012 - option -> what it means alone; set by `bare_options`

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        rest = args.index("--") if "--" in args else len(args)
        whole = [f"{one}={self.bare[one]}" if one in self.bare else one for one in args[:rest]]
        return super().parse_args(ctx, whole + args[rest:])


def bare_options(**meanings: str) -> type[BareOptions]:
    """A command class in which `--name` alone means `--name=MEANING`; `_` in names stands for `-`."""
    bare = {"--" + name.replace("_", "-"): meaning for name, meaning in meanings.items()}
    return type("BareOptionsCommand", (BareOptions,), {"bare": bare})


def plan(
    inputs: tuple[str, ...], output: str | None, *, recursive: bool, made_here: Sequence[str] = ()
) -> tuple[list[Source], Destination]:
    """Gather the inputs, and tell where results go. Raises click.UsageError."""
    from retint.pipelines.inputs import gather
    from retint.pipelines.outputs import choose_destination

    try:
        avoid = None if output in (None, "-") else Path(output)
        sources = gather(inputs, recursive=recursive, avoid=avoid, made_here=made_here)
        return sources, choose_destination(output, sources)
    except RetintError as error:
        raise click.UsageError(str(error)) from error


def refuse_contradictions(
    sources: list[Source], destination: Destination, *, beside: dict[str, bool], as_json: bool
) -> None:
    """Tell of what cannot be meant. beside: options that write beside the result, and whether they are on."""
    if any(source.place == "stdin" for source in sources) and sys.stdin.isatty():
        raise click.UsageError(
            "- reads a picture or a film from stdin, which is a terminal; pipe one in, or name a file"
        )
    if destination.place != "stdout":
        return
    if as_json:
        raise click.UsageError("--json and a picture cannot share stdout; name a file with -o")
    for option in (option for option, is_on in beside.items() if is_on):
        raise click.UsageError(f"{option} lies beside the result, and stdout has no beside; name a file with -o")
    if sys.stdout.isatty():
        raise click.UsageError("the picture would go to the terminal; redirect stdout, or name a file with -o")


def unbuffered_stdin() -> BinaryIO:
    """Return stdin without Python's buffer, whose lock would make an interrupted read a crash at exit."""
    buffered = sys.stdin.buffer
    raw: BinaryIO = getattr(buffered, "raw", buffered)  # tests put a stream there that has none
    return raw
