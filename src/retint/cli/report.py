"""What `retint colorize` and `retint restore` say while they work: progress for people, JSON for programs."""

from __future__ import annotations

import errno
import json
import sys
import traceback
from types import TracebackType
from typing import TYPE_CHECKING, NoReturn, cast

import click
from tqdm import tqdm

from retint.errors import OutputError, RetintError

if TYPE_CHECKING:
    from retint.pipelines.batch import Outcome
    from retint.pipelines.film_options import FilmProgress, FilmResult
    from retint.pipelines.inputs import Source


def quiet() -> bool:
    """Whether nobody watches: progress is for terminals."""
    return not sys.stderr.isatty()


class Report:
    """Tells of outcomes as they come; a context, within which a progress bar is on the terminal.

    stdout has nothing but JSON lines, or the one picture that was asked for there. stderr has a line for each failure,
    and for what a person should know of a result; on a terminal also the progress, and at the end a summary.
    """

    def __init__(self, sources: list[Source], *, as_json: bool, debug: bool, done: str = "coloured") -> None:
        """done: the word for what was done, in the summary"""
        self._sources = sources
        self._as_json = as_json
        self._debug = debug
        self._done = done
        self._counts = {"done": 0, "skipped": 0, "failed": 0}
        self._last: Outcome | None = None
        self._bar = tqdm(total=len(sources), unit="file", disable=quiet(), dynamic_ncols=True, leave=False)
        self._film_bar: tqdm[NoReturn] | None = None  # of the film that is being coloured

    @property
    def failed(self) -> int:
        """Inputs that failed."""
        return self._counts["failed"]

    def __enter__(self) -> Report:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, where: TracebackType | None
    ) -> None:
        self._end_film()
        self._bar.close()
        if kind is None and not quiet():
            self._summarise()

    def add(self, outcome: Outcome) -> None:
        """Tell of one input.

        Raises
        ------
        OutputError: stdout does not take the picture. BrokenPipeError: nobody reads it.
        """
        shown = outcome.source.shown
        self._counts[outcome.status] += 1
        self._last = outcome
        self._end_film()
        self._bar.update()
        if outcome.encoded is not None:
            _to_stdout(outcome.encoded)
        if outcome.error is not None:
            self._say(_line(shown, outcome.error))
            if self._debug:
                self._say("".join(traceback.format_exception(outcome.error)).rstrip())
        elif outcome.status == "done" or self._is_alone():
            for note in outcome.notes:
                self._say(f"{shown}: {note}")
            if not quiet() and isinstance(frames := getattr(outcome.result, "frames", None), int):
                self._say(f"{shown}: {_told(cast('FilmResult', outcome.result), frames)}")
        if self._as_json:
            click.echo(json.dumps(_as_object(outcome)))

    def film(self, source: Source, progress: FilmProgress) -> None:
        """Tell how far a film is."""
        if self._film_bar is None:
            self._film_bar = tqdm(
                total=progress.of,
                initial=progress.frames,
                unit="frame",
                desc=source.relative.name,
                disable=quiet(),
                dynamic_ncols=True,
                leave=False,
                position=1,
            )
        self._film_bar.update(progress.frames - self._film_bar.n)
        self._film_bar.set_postfix_str("saving" if progress.stage == "save" else f"scene {progress.scene}")

    def _end_film(self) -> None:
        if self._film_bar is not None:
            self._film_bar.close()
            self._film_bar = None

    def give_up(self, error: RetintError) -> None:
        """Tell, for the inputs that were not come to, that nothing can be done about any of them."""
        done = sum(self._counts.values())
        for source in self._sources[done:] if self._as_json else ():
            click.echo(json.dumps(_object(source.shown, "failed", error=str(error))))

    def _is_alone(self) -> bool:
        return len(self._sources) == 1 and not self._sources[0].from_folder

    def _say(self, line: str) -> None:
        self._bar.clear()
        click.echo(line, err=True)
        self._bar.refresh()

    def _summarise(self) -> None:
        if self._is_alone():
            if self._last is not None and self._last.status == "done" and self._last.output is not None:
                click.echo(f"saved {self._last.output}", err=True)
            return
        words = {"done": self._done, "skipped": "skipped", "failed": "failed"}
        click.echo(", ".join(f"{count} {words[status]}" for status, count in self._counts.items() if count), err=True)


def _told(film: FilmResult, frames: int) -> str:
    """Where a film's time went."""
    rate = (frames - film.resumed) / max(film.seconds, 1e-6)
    busy = ", ".join(f"{name} {seconds:.1f}" for name, seconds in film.stages.items())
    mended = f", mended ({', '.join(film.restored)})" if film.restored else ""
    rendered = f", {film.rendered} of them rendered, scenes: {film.scenes}" if film.model is not None else ""
    return (
        f"{frames} frames{mended}{rendered}, {rate:.0f} frames a second; "
        f"seconds that each stage was busy, of {film.seconds:.1f}: {busy}"
    )


def _line(shown: str, error: Exception) -> str:
    """One line that names the input."""
    text = " ".join(str(error).split())
    if isinstance(error, MemoryError):
        text = "does not fit into this machine's memory; close other programs, or scale it down"
    elif not isinstance(error, RetintError):
        text = f"unexpected {type(error).__name__} ({text}); that is a fault of retint, and --debug shows where"
    return text if shown in text else f"{shown}: {text}"


def _as_object(outcome: Outcome) -> dict[str, str | int | float | None]:
    result, output = outcome.result, outcome.output
    found = _object(
        outcome.source.shown,
        outcome.status,
        output=None if output is None else str(output),
        error=None if outcome.error is None else _line(outcome.source.shown, outcome.error),
        note="; ".join(outcome.notes) or None,
    )
    if result is not None:
        found |= {"seconds": result.seconds, "width": result.width, "height": result.height}
        for key in ("model", "render_factor", "frames", "stages", "findings"):  # those that such a result has
            found[key] = getattr(result, key, None)
    return found


def _object(
    shown: str, status: str, *, output: str | None = None, error: str | None = None, note: str | None = None
) -> dict[str, str | int | float | None]:
    """One line of --json: the same keys always, null where there is nothing to say."""
    return {
        "input": shown,
        "output": output,
        "status": status,
        "seconds": None,
        "width": None,
        "height": None,
        "frames": None,
        "stages": None,
        "model": None,
        "render_factor": None,
        "findings": None,
        "error": error,
        "note": note,
    }


def _to_stdout(encoded: bytes) -> None:
    try:
        sys.stdout.buffer.write(encoded)
        sys.stdout.buffer.flush()
    except OSError as error:
        if error.errno == errno.EPIPE:
            raise
        raise OutputError(f"stdout: cannot be written ({error.strerror or error}); name a file with -o") from error
