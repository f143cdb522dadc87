"""One run over a film in colour: from the first frame that no part has to the last."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from retint.color import Chroma
from retint.pipelines import film_pass
from retint.pipelines.film_colour import Coloured, EndOfPart, Gray, Seen, coloured, small_of
from retint.pipelines.film_encoding import Encoding
from retint.pipelines.film_info import FilmInfo
from retint.pipelines.film_luma import gray_of
from retint.pipelines.film_options import FilmOptions, FilmProgress, FilmResult, Turn
from retint.pipelines.film_pass import FilmPass, mended_mark
from retint.pipelines.film_stages import Handover
from retint.pipelines.film_watermark import FilmWatermark
from retint.pipelines.film_work import Part, WorkFolder
from retint.pipelines.film_writer import PartWriter
from retint.pipelines.media import Film, FilmFrame, gray8
from retint.pipelines.plane_chroma import PlaneChroma

if TYPE_CHECKING:
    from retint.rendering import Colorizer

MARK = "colours made by a machine: retint"  # how the comment in a film's metadata begins


@dataclass
class _Held(Seen):
    """A frame between decoding and encoding."""

    frame: FilmFrame


def job_of(source: Path, colorizer: Colorizer, factor: int, options: FilmOptions, encoding: Encoding) -> dict[str, Any]:
    """Everything that the frames depend on, by names that people understand."""
    return film_pass.job_of(source, options, encoding) | {
        "model": f"{colorizer.name} {colorizer.info.version}",
        "render factor": factor,
        "stabilize": options.stabilize,
        "key frames": options.keyframes,
        "watermark": options.watermark,
    }


def _seen_small(frame: FilmFrame, info: FilmInfo, side: int) -> Gray:
    """What the network sees of a frame."""
    if info.bit_depth > 8:
        return small_of(gray8(frame, info), side)
    small = small_of(frame.luma.astype(np.uint8, copy=False), side)  # levels are fewer to be changed once it is small
    return gray_of(small, depth=info.bit_depth, full_range=info.full_range)


class FilmRun(FilmPass):
    """Colours the frames that no part has yet, and puts the film together."""

    busy = ("decode", "restore", "motion", "render", "merge", "encode", "save")

    def __init__(
        self,
        film: Film,
        work: WorkFolder,
        colorizer: Colorizer,
        factor: int,
        options: FilmOptions,
        encoding: Encoding,
        progress: Callable[[FilmProgress], None] | None,
        turn: Turn | None = None,
    ) -> None:
        super().__init__(film, work, options, encoding, progress, turn)
        self._colorizer, self._factor = colorizer, factor
        self._decoded: Handover[_Held | None] = Handover(self._stages)
        self._coloured: Handover[Coloured[_Held] | EndOfPart | None] = Handover(self._stages)
        self._merge = PlaneChroma(encoding.merge_size)
        self._mark = FilmWatermark(encoding) if options.watermark else None

    # the caller's thread

    def colour(self) -> None:
        """Colour the frames that no part has yet. Raises what a stage raised; the parts that are finished stay."""
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
                self._tell_sometimes("colour")
            self._coloured.put(None)
            stages.wait()
        self._refuse_nothing()

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

    # the decoder's thread

    def _decode(self) -> None:
        info, side, size = self._film.info, self._factor * 16, self._encoding.merge_size
        for frame in self._frames():
            with self._stages.timed("decode"):
                held = _Held(gray8(frame, info, size), _seen_small(frame, info, side), frame)
            self._decoded.put(held)
        self._decoded.put(None)

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
        mark = self._colorizer.mark
        restored = f"; {mended_mark(self._options.restore)}" if self._options.restore else ""
        return self._put_together(target, {"comment": f"{MARK}, model {mark.model} {mark.version}{restored}"})

    def result(self, target: Path, notes: tuple[str, ...]) -> FilmResult:
        """What became of the film."""
        return self._result(target, notes, self._colorizer.name, self._factor)
