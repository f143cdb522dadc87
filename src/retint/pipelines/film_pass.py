"""One run over a film, whatever is done to its frames: which are to be done, mended on the way in, kept in parts, and
put together in the end."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal, TypeVar

import numpy as np

from retint.errors import InputError, OutputError
from retint.pipelines.film_encoding import Encoding
from retint.pipelines.film_options import FilmOptions, FilmProgress, FilmResult, Turn
from retint.pipelines.film_stages import Stages
from retint.pipelines.film_work import WorkFolder, fingerprint
from retint.pipelines.film_writer import assemble, read_part
from retint.pipelines.media import Film, FilmFrame, clock
from retint.restoration.film import FilmStage, mend, reach
from retint.restoration.film_weave import shifted

PROGRESS_SECONDS = 0.2
Frame = TypeVar("Frame")
MENDED_MARK = "mended by a machine: retint"  # how the comment in a mended film's metadata begins


def mended_mark(stages: Sequence[FilmStage]) -> str:
    """What the metadata of a mended film says."""
    import retint

    return f"{MENDED_MARK} {retint.__version__}: {', '.join(stage.name for stage in stages)}"


def job_of(source: Path, options: FilmOptions, encoding: Encoding) -> dict[str, Any]:
    """Everything that mended frames depend on, by names that people understand."""
    import retint

    return {
        "film": fingerprint(source),
        "retint": retint.__version__,
        "restore": [str(stage) for stage in options.restore],
        "start": options.start,
        "end": options.end,
        "stages": [getattr(stage, "__name__", repr(stage)) for stage in options.stages],
        "encoding": encoding.describe(),
    }


def _nothing(_: FilmProgress) -> None:
    """Nobody watches."""


class FilmPass:
    """What colouring and mending share."""

    busy: tuple[str, ...] = ("decode", "restore", "encode", "save")  # names of the stages' times

    def __init__(
        self,
        film: Film,
        work: WorkFolder,
        options: FilmOptions,
        encoding: Encoding,
        progress: Callable[[FilmProgress], None] | None,
        turn: Turn | None = None,
    ) -> None:
        self._film, self._work = film, work
        self._options, self._encoding = options, encoding
        self._turn: Turn = turn or contextlib.nullcontext
        self._tell = progress or _nothing
        self._told = 0.0
        self._began = time.monotonic()
        self._resumed = work.frames
        self._done = self._rendered = 0  # in this run
        self._stages = Stages()
        first = film.info.seconds(film.info.start_time or 0)
        self._start = None if options.start is None else first + options.start
        self._end = None if options.end is None else first + options.end

    @property
    def of(self) -> int | None:
        """Frames that there will be, as the header says."""
        info, options = self._film.info, self._options
        if options.start is None and options.end is None:
            return info.frames
        if info.average_rate is None or info.duration is None:
            return None
        seconds = min(options.end or info.duration, info.duration) - (options.start or 0)
        return max(0, round(seconds * info.average_rate))

    def _progress(self, stage: Literal["colour", "restore", "save"]) -> FilmProgress:
        of, rate = self.of, self._done / max(time.monotonic() - self._began, 1e-6)
        left = None if of is None or not self._done else max(0, of - self._resumed - self._done) / rate
        scene = len({part.scene for part in self._work.parts}) + bool(not self._work.parts)
        return FilmProgress(stage, self._resumed + self._done, of, scene, rate, left)

    def _tell_sometimes(self, stage: Literal["colour", "restore"]) -> None:
        if time.monotonic() - self._told > PROGRESS_SECONDS:
            self._told = time.monotonic()
            self._tell(self._progress(stage))

    def _refuse_nothing(self) -> None:
        if not self._work.parts:
            raise InputError(
                f"{self._film.info.path}: no frame is shown between {clock(self._options.start or 0)} and "
                f"{'the end' if self._options.end is None else clock(self._options.end)}; choose other times"
            )

    # frames in, for the decoder's thread

    def _frames(self, *, chroma: bool = False) -> Iterator[FilmFrame]:
        """The frames that no part has yet, mended, up to the end that was asked for.

        chroma: with the film's own

        Times are counted as `decode` and `restore`.
        """
        info, seconds = self._film.info, self._stages.seconds
        frames = self._mended(self._timed(self._raw(chroma=chroma)))
        for stage in self._options.stages:
            frames = stage(frames)
        while True:
            decoding, began = seconds["decode"], time.perf_counter()
            frame = next(frames, None)
            seconds["restore"] += time.perf_counter() - began - (seconds["decode"] - decoding)
            if frame is None or (self._end is not None and info.seconds(frame.pts) >= self._end):
                return
            yield frame

    def _timed(self, frames: Iterator[FilmFrame]) -> Iterator[FilmFrame]:
        while True:
            with self._stages.timed("decode"):
                frame = next(frames, None)
            if frame is None:
                return
            yield frame

    def _raw(self, *, chroma: bool) -> Iterator[FilmFrame]:
        """The frames to be done, and before them those that have a say in what becomes of these."""
        before = reach(self._options.restore) if self._options.restore else 0
        if self._work.parts and self._resumed > before:
            after = self._shown(self._resumed - before - 1) if before else self._work.parts[-1].last_pts
            return self._film.frames(self._resumed - before, after_pts=after, chroma=chroma)
        return self._film.frames(since=self._start, chroma=chroma)

    def _shown(self, number: int) -> int:
        """When a frame that is done is shown, counted from 0."""
        for part, file in zip(self._work.parts, self._work.files, strict=True):
            if number < part.first + part.frames:
                return int(np.sort(read_part(file).packets["pts"])[number - part.first])
        raise ValueError(f"frame {number} is not done")

    def _mended(self, frames: Iterator[FilmFrame]) -> Iterator[FilmFrame]:
        if not self._options.restore:
            yield from frames
            return
        last = self._work.parts[-1].last_pts if self._work.parts else None
        turns = _TurnByTurn(self._turn)
        moments = mend(turns.between(frames), self._options.restore, self._film.info.bit_depth)
        for moment in turns.over(moments):
            frame = moment.frame
            if last is not None and frame.pts <= last:
                continue
            chroma = frame.chroma
            if chroma is not None and moment.shift != (0.0, 0.0):  # colours go where their things go
                across = chroma.shape[1] / frame.luma.shape[1], chroma.shape[0] / frame.luma.shape[0]
                by = moment.shift[0] * across[0], moment.shift[1] * across[1]
                chroma = shifted(chroma, by)
            yield replace(frame, luma=moment.luma, chroma=chroma)

    # the whole

    def _put_together(self, target: Path, tags: Mapping[str, str]) -> tuple[str, ...]:
        """Returns what the container does not hold as the source does, a line each."""
        self._tell(self._progress("save"))
        with self._stages.timed("save"):
            return assemble(
                self._encoding,
                self._work.files,
                target=target,
                tags=tags,
                start=self._start,
                end=self._end,
                overwrite=self._options.overwrite,
            )

    def save_so_far(self, target: Path) -> Path | None:
        """What the finished parts are, as a film that plays; None where there is none."""
        if not self._work.parts:
            return None
        so_far = self._work.path / f"so-far{target.suffix}"
        last = self._film.info.seconds(self._work.parts[-1].last_pts)
        try:
            assemble(self._encoding, self._work.files, target=so_far, start=self._start, end=last, overwrite=True)
        except (InputError, OutputError):  # the parts are safe, which is what counts now
            return None
        return so_far

    def _result(self, target: Path, notes: tuple[str, ...], model: str | None, factor: int | None) -> FilmResult:
        info, seconds, busy = self._film.info, time.monotonic() - self._began, self._stages.seconds
        return FilmResult(
            target=target,
            frames=self._work.frames,
            rendered=self._rendered,
            resumed=self._resumed,
            scenes=len({part.scene for part in self._work.parts}),
            width=info.width,
            height=info.height,
            model=model,
            render_factor=factor,
            seconds=round(seconds, 3),
            stages={name: round(busy[name], 3) for name in self.busy},
            notes=(*self._film.notes, *notes),
            restored=tuple(str(stage) for stage in self._options.restore),
        )


class _TurnByTurn:
    """Mends frames in turns with whoever else works on the machine: a turn is what is done between two frames read.

    Stages look some dozens of frames ahead, so that a turn from one mended frame to the next could be a long one.
    """

    def __init__(self, turn: Turn) -> None:
        self._turn = turn
        self._held = contextlib.ExitStack()  # the turn, while it is this film's
        self._ended = False  # nothing is read any more

    def between(self, frames: Iterator[Frame]) -> Iterator[Frame]:
        """The frames that go in: no turn is held while one is read."""
        while True:
            self._held.close()
            frame = next(frames, None)
            self._held.enter_context(self._turn())
            if frame is None:
                self._ended = True
                return
            yield frame

    def over(self, mended: Iterator[Frame]) -> Iterator[Frame]:
        """The frames that come out: no turn is held while one is taken away."""
        with self._held:
            while True:
                if self._ended:
                    self._held.enter_context(self._turn())
                frame = next(mended, None)
                self._held.close()
                if frame is None:
                    return
                yield frame
