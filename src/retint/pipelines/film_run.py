"""One run over a film: from the first frame that no part has to the last."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from retint.color import Chroma
from retint.errors import InputError, OutputError
from retint.pipelines.film_colour import Coloured, EndOfPart, Gray, Seen, coloured, small_of
from retint.pipelines.film_encoding import Encoding
from retint.pipelines.film_info import FilmInfo
from retint.pipelines.film_luma import gray_of
from retint.pipelines.film_options import FilmOptions, FilmProgress, FilmResult
from retint.pipelines.film_stages import Handover, Stages
from retint.pipelines.film_watermark import FilmWatermark
from retint.pipelines.film_work import Part, WorkFolder, fingerprint
from retint.pipelines.film_writer import PartWriter, assemble
from retint.pipelines.media import Film, FilmFrame, clock, gray8
from retint.pipelines.plane_chroma import PlaneChroma

if TYPE_CHECKING:
    from retint.rendering import Colorizer

MARK = "colours made by a machine: retint"  # how the comment in a film's metadata begins
_PROGRESS_SECONDS = 0.2


@dataclass
class _Held(Seen):
    """A frame between decoding and encoding."""

    frame: FilmFrame


def job_of(source: Path, colorizer: Colorizer, factor: int, options: FilmOptions, encoding: Encoding) -> dict[str, Any]:
    """Everything that the frames depend on, by names that people understand."""
    import retint

    return {
        "film": fingerprint(source),
        "retint": retint.__version__,
        "model": f"{colorizer.name} {colorizer.info.version}",
        "render factor": factor,
        "stabilize": options.stabilize,
        "key frames": options.keyframes,
        "watermark": options.watermark,
        "start": options.start,
        "end": options.end,
        "stages": [getattr(stage, "__name__", repr(stage)) for stage in options.stages],
        "encoding": encoding.describe(),
    }


def _seen_small(frame: FilmFrame, info: FilmInfo, side: int) -> Gray:
    """What the network sees of a frame."""
    if info.bit_depth > 8:
        return small_of(gray8(frame, info), side)
    small = small_of(frame.luma.astype(np.uint8, copy=False), side)  # levels are fewer to be changed once it is small
    return gray_of(small, depth=info.bit_depth, full_range=info.full_range)


def _nothing(_: FilmProgress) -> None:
    """Nobody watches."""


class FilmRun:
    """Colours the frames that no part has yet, and puts the film together."""

    def __init__(
        self,
        film: Film,
        work: WorkFolder,
        colorizer: Colorizer,
        factor: int,
        options: FilmOptions,
        encoding: Encoding,
        progress: Callable[[FilmProgress], None] | None,
    ) -> None:
        self._film, self._work, self._colorizer = film, work, colorizer
        self._factor, self._options, self._encoding = factor, options, encoding
        self._tell = progress or _nothing
        self._began = time.monotonic()
        self._resumed = work.frames
        self._done = self._rendered = 0  # in this run
        self._stages = Stages()
        self._decoded: Handover[_Held | None] = Handover(self._stages)
        self._coloured: Handover[Coloured[_Held] | EndOfPart | None] = Handover(self._stages)
        self._merge = PlaneChroma(encoding.merge_size)
        self._mark = FilmWatermark(encoding) if options.watermark else None
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

    # the caller's thread

    def colour(self) -> None:
        """Colour the frames that no part has yet. Raises what a stage raised; the parts that are finished stay."""
        told = 0.0
        stages = self._stages
        state = self._work.last_state()
        with stages:
            stages.start("decode", self._decode)
            stages.start("encode", self._encode)
            options = self._options
            items = coloured(self._incoming(), self._render, options.stabilize, options.keyframes, state=state)
            while (item := self._next(items)) is not None:
                self._coloured.put(item)
                self._done += isinstance(item, Coloured)
                if time.monotonic() - told > _PROGRESS_SECONDS:
                    told = time.monotonic()
                    self._tell(self._progress("colour"))
            self._coloured.put(None)
            stages.wait()
        if not self._work.parts:
            raise InputError(
                f"{self._film.info.path}: no frame is shown between {clock(self._options.start or 0)} and "
                f"{'the end' if self._options.end is None else clock(self._options.end)}; choose other times"
            )

    def _next(self, items: Iterator[Coloured[_Held] | EndOfPart]) -> Coloured[_Held] | EndOfPart | None:
        """The next item; what it took besides rendering and waiting for frames is counted as `motion`."""
        busy = self._stages.seconds
        elsewhere, began = busy["render"] + busy["wait"], time.perf_counter()
        item = next(items, None)
        busy["motion"] += time.perf_counter() - began - (busy["render"] + busy["wait"] - elsewhere)
        return item

    def _incoming(self) -> Iterator[_Held]:
        while True:
            with self._stages.timed("wait"):
                held = self._decoded.get()
            if held is None:
                return
            yield held

    def _render(self, grays: list[Gray]) -> list[Chroma]:
        self._stages.check()
        with self._stages.timed("render"):
            self._rendered += len(grays)
            return self._colorizer.chroma_batch(grays)

    def _progress(self, stage: Literal["colour", "save"]) -> FilmProgress:
        of, rate = self.of, self._done / max(time.monotonic() - self._began, 1e-6)
        left = None if of is None or not self._done else max(0, of - self._resumed - self._done) / rate
        scene = len({part.scene for part in self._work.parts}) + bool(not self._work.parts)
        return FilmProgress(stage, self._resumed + self._done, of, scene, rate, left)

    # the decoder's thread

    def _decode(self) -> None:
        timed, info, side = self._stages.timed, self._film.info, self._factor * 16
        frames = self._frames()
        while True:
            with timed("decode"):
                frame = next(frames, None)
                if frame is None or (self._end is not None and info.seconds(frame.pts) >= self._end):
                    break
                held = _Held(gray8(frame, info, self._encoding.merge_size), _seen_small(frame, info, side), frame)
            self._decoded.put(held)
        self._decoded.put(None)

    def _frames(self) -> Iterator[FilmFrame]:
        if self._work.parts:
            frames = self._film.frames(self._resumed, after_pts=self._work.parts[-1].last_pts)
        else:
            frames = self._film.frames(since=self._start)
        through: Iterator[FilmFrame] = frames
        for stage in self._options.stages:
            through = stage(through)
        return through

    # the encoder's thread

    def _encode(self) -> None:
        while (item := self._coloured.get()) is not None:
            index, first = len(self._work.parts), self._work.frames
            before = self._work.parts[-1] if self._work.parts else None
            count, last = 0, 0
            with PartWriter(self._work.file_of(index), self._encoding) as writer:
                while isinstance(item, Coloured):
                    self._write(writer, item)
                    count, last = count + 1, item.frame.frame.pts
                    item = self._coloured.get()
            assert item is not None  # a part ends before the film does
            scene = 0 if before is None else before.scene + before.ends_scene
            self._work.add(Part(index, first, count, last, scene, item.ends_scene), item.state)

    def _write(self, writer: PartWriter, item: Coloured[_Held]) -> None:
        held, timed = item.frame, self._stages.timed
        frame = held.frame
        with timed("merge"):
            planes = self._merge(held.gray, item.chroma, item.guide)
            if self._mark is not None:
                frame, planes = self._mark.put(frame, planes)
        with timed("encode"):
            writer.write(frame, planes)

    # the whole

    def save(self, target: Path) -> tuple[str, ...]:
        """Put the film together at `target`. Returns what it does not hold as the source does, a line each."""
        self._tell(self._progress("save"))
        mark = self._colorizer.mark
        tags = {"comment": f"{MARK}, model {mark.model} {mark.version}"}
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

    def result(self, target: Path, notes: tuple[str, ...]) -> FilmResult:
        """What became of the film."""
        info, seconds, busy = self._film.info, time.monotonic() - self._began, self._stages.seconds
        stages = {name: round(busy[name], 3) for name in ("decode", "motion", "render", "merge", "encode", "save")}
        return FilmResult(
            target=target,
            frames=self._work.frames,
            rendered=self._rendered,
            resumed=self._resumed,
            scenes=len({part.scene for part in self._work.parts}),
            width=info.width,
            height=info.height,
            model=self._colorizer.name,
            render_factor=self._factor,
            seconds=round(seconds, 3),
            stages=stages,
            notes=(*self._film.notes, *notes),
        )
