"""Figures of a film that is coloured in several ways at once, frame by frame, in bounded memory."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain, islice, tee
from pathlib import Path
from typing import TYPE_CHECKING, cast

import av.error
import cv2
import numpy as np
from av.container import InputContainer
from av.video.frame import VideoFrame
from numpy.typing import NDArray

from retint.color import Chroma, chroma_of, luma, merge_chroma
from retint.errors import UnreadableFilmError
from retint.evaluation.film import TRUE, FilmBenchmark, FilmFigures
from retint.evaluation.metrics import Rgb
from retint.pipelines.film_colour import Coloured, Gray, Seen, coloured, small_of
from retint.pipelines.film_file import demuxed, opened
from retint.pipelines.scenes import Scenes
from retint.pipelines.stabilizer import KeyFrames, Strength

if TYPE_CHECKING:
    from retint.rendering import Colorizer

LARGEST_SIDE = 640  # px, at which figures are measured
_LOOKED_AT = 25  # first frames, by which it is decided whether the film has a truth
_TINT = 3.0  # levels of chroma: spread within a frame. Tinted scans have about 1, film in colour 7 and more
_REMEMBERED = 64  # renders, which the ways share: no way is further behind another


@dataclass(frozen=True)
class Way:
    """A way of colouring a film."""

    strength: Strength
    keyframes: KeyFrames

    @property
    def name(self) -> str:
        """What the row is called."""
        if self.strength == "off" and self.keyframes in ("off", 1):
            return "frame by frame"
        frames = {"off": "every frame", "auto": "key frames"}.get(str(self.keyframes), f"one in {self.keyframes}")
        return f"{'not steadied' if self.strength == 'off' else self.strength}, {frames}"


FRAME_BY_FRAME = Way("off", "off")


@dataclass(frozen=True)
class FilmReport:
    """What was measured of one film, by the names of the rows."""

    path: Path
    scenes: int
    figures: dict[str, FilmFigures]  # "grey" first; "true" last, where the film is in colour
    rendered: dict[str, float]  # share of frames that the network saw, of the ways
    motion_seconds: dict[str, float]  # that a way took beside rendering

    @property
    def in_colour(self) -> bool:
        """Whether there is a truth."""
        return TRUE in self.figures


Watch = Callable[[int, Mapping[str, Rgb]], None]
"""Told of each frame: its number from 0, and how each row has it."""


def measure_film(
    path: str | Path,
    colorizer: Colorizer,
    ways: Sequence[Way],
    *,
    count: int | None = None,
    render_factor: int | None = None,
    watch: Watch | None = None,
) -> FilmReport:
    """Colour a film in each of these ways, from its luma alone, and measure how still and how true the colours are.

    path: of a film; one in colour is its own truth
    count: at most so many frames, the first ones

    Frames are measured at 640 px a side at most. Each is rendered once, whatever ways need it. Nothing is compared
    across the cuts that `Scenes` finds.

    Raises
    ------
    UnreadableFilmError: no film, or no frame in it that can be decoded
    InputError: frames change their size
    """
    path = Path(path)
    renders = _Renders(colorizer)
    side = colorizer.resolve_render_factor(render_factor, (1, 1)) * 16
    benchmark = FilmBenchmark()
    with opened(path) as container:
        frames = _read(container, path)
        first = list(islice(frames, _LOOKED_AT if count is None else min(count, _LOOKED_AT)))
        if not first:
            raise UnreadableFilmError(f"{path}: holds no frame that can be decoded; copy it again from where it came")
        has_truth = sum(map(_has_colours, first)) > len(first) / 2
        seen = _Timed(_seen(islice(chain(first, frames), count), side))
        own, *others = tee(seen, 1 + len(ways))
        lines = {way.name: _Line(way, branch, renders, seen) for way, branch in zip(ways, others, strict=True)}
        scenes = number = 0
        for number, (frame, begins) in enumerate(Scenes(own, lambda frame: frame.small)):
            scenes += begins
            shown = {name: next(line) for name, line in lines.items()}
            true = frame.true if has_truth else None
            benchmark.add(shown, true, cut=begins)
            if watch is not None:
                gray = np.repeat(frame.gray[..., None], 3, axis=2)
                watch(number, {"grey": gray, **shown} | ({} if true is None else {TRUE: true}))
    return FilmReport(
        path,
        scenes,
        benchmark.figures(),
        {name: line.rendered / (number + 1) for name, line in lines.items()},
        {name: line.seconds for name, line in lines.items()},
    )


@dataclass
class _Known(Seen):
    """A frame with its true colours."""

    true: Rgb


def _read(container: InputContainer, path: Path) -> Generator[Rgb]:
    if not container.streams.video:
        raise UnreadableFilmError(f"{path}: has no pictures; give a film, such as MP4, MKV, MOV or AVI")
    stream = container.streams.video[0]
    for packet in demuxed(container, [stream], lambda: None):
        try:
            decoded = packet.decode()
        except av.error.FFmpegError:  # figures of the other frames are right without it
            continue
        for frame in decoded:
            if type(frame) is VideoFrame:
                yield _rgb(frame)


def _has_colours(true: Rgb) -> bool:
    """Whether a frame has colours, and not one tint all over, as scans of grey film have."""
    small = np.asarray(cv2.resize(true, (64, 64), interpolation=cv2.INTER_AREA), np.uint8)
    _, spread = cv2.meanStdDev(chroma_of(small))
    return float(cv2.norm(spread)) * 255 > _TINT


def _rgb(frame: VideoFrame) -> Rgb:
    share = min(1.0, LARGEST_SIDE / max(frame.width, frame.height))
    width, height = (max(2, round(length * share / 2) * 2) for length in (frame.width, frame.height))
    return cast("Rgb", frame.to_ndarray(format="rgb24", width=width, height=height))


def _seen(frames: Iterable[Rgb], side: int) -> Generator[_Known]:
    for true in frames:
        gray = cast("Gray", luma(true))
        yield _Known(gray, small_of(gray, side), true)


class _Timed(Iterator[_Known]):
    """Frames, and the seconds that making them took."""

    def __init__(self, frames: Iterator[_Known]) -> None:
        self._frames = frames
        self.seconds = 0.0

    def __next__(self) -> _Known:
        began = time.perf_counter()
        try:
            return next(self._frames)
        finally:
            self.seconds += time.perf_counter() - began


class _Renders:
    """Chroma of pictures; the last ones are remembered."""

    def __init__(self, colorizer: Colorizer) -> None:
        self._colorizer = colorizer
        self._known: OrderedDict[bytes, Chroma] = OrderedDict()
        self.seconds = 0.0

    def __call__(self, grays: list[Gray]) -> list[Chroma]:
        began = time.perf_counter()
        out: list[Chroma] = []
        for gray in grays:
            key = gray.tobytes()
            chroma = self._known.get(key)
            if chroma is None:
                (chroma,) = self._colorizer.chroma_batch([gray])
                self._known[key] = chroma
                if len(self._known) > _REMEMBERED:
                    self._known.popitem(last=False)
            out.append(chroma)
        self.seconds += time.perf_counter() - began
        return out


class _Line(Iterator[NDArray[np.uint8]]):
    """The frames as one way colours them."""

    def __init__(self, way: Way, frames: Iterator[_Known], renders: _Renders, source: _Timed) -> None:
        self._items = coloured(frames, self._render, way.strength, way.keyframes)
        self._renders, self._source = renders, source
        self.rendered = 0
        self.seconds = 0.0

    def _render(self, grays: list[Gray]) -> list[Chroma]:
        self.rendered += len(grays)
        return self._renders(grays)

    def __next__(self) -> Rgb:
        elsewhere, began = self._renders.seconds + self._source.seconds, time.perf_counter()
        item = next(item for item in self._items if isinstance(item, Coloured))
        took = time.perf_counter() - began
        self.seconds += took - (self._renders.seconds + self._source.seconds - elsewhere)
        gray = np.repeat(item.frame.gray[..., None], 3, axis=2)
        return cast("Rgb", merge_chroma(gray, item.chroma, item.guide))
