"""The command `retint`: one short module a subcommand, imported only when that one is run."""

from __future__ import annotations

from importlib import import_module

import click

import retint
from retint.errors import RetintError, UnknownModelError

EXIT_FAILED = 1  # some inputs failed, or what was asked for cannot be had
EXIT_WRONG_COMMAND = 2  # as click exits, too
EXIT_INTERRUPTED = 130  # 128 + SIGINT, as shells report it

# name -> (module with a click command of that name, one line of help)
_COMMANDS = {
    "colorize": (
        "retint.cli.colorize",
        "Colour photographs and films: files, folders, globs, http(s) addresses, or - (stdin).",
    ),
    "restore": (
        "retint.cli.restore",
        "Mend photographs and films, without colouring: scratches, dust, fading, noise, flicker.",
    ),
    "models": ("retint.cli.models", "List, fetch, show and export models."),
    "train": ("retint.cli.train", "Train a model from a recipe."),
    "evaluate": ("retint.cli.evaluate", "Measure a model's colours on photographs whose true colours are known."),
    "serve": ("retint.cli.serve", "Serve a page and an HTTP API, for this machine alone unless told otherwise."),
    "doctor": ("retint.cli.doctor", "Say what this machine offers: engines, devices, codecs, weights."),
}


class LazyGroup(click.Group):
    """Knows its subcommands by name and help alone, and imports the one that is run."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in _COMMANDS:
            return None
        command: object = getattr(import_module(_COMMANDS[cmd_name][0]), cmd_name)
        assert isinstance(command, click.Command)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, text) for name, (_, text) in _COMMANDS.items()])

    def invoke(self, ctx: click.Context) -> object:
        """Run the subcommand; errors that retint raises on purpose become one line on stderr and an exit code."""
        try:
            return super().invoke(ctx)
        except RetintError as error:
            click.echo(f"retint: {error}", err=True)
            ctx.exit(EXIT_WRONG_COMMAND if isinstance(error, UnknownModelError) else EXIT_FAILED)
        except KeyboardInterrupt as interrupted:
            click.echo(f"retint: {interrupted if interrupted.args else 'interrupted'}", err=True)
            ctx.exit(EXIT_INTERRUPTED)


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(retint.__version__, prog_name="retint")
def main() -> None:
    """Colour old black-and-white photographs and film."""
