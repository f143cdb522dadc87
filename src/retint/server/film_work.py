"""What is done with a film: looked at when it comes, then mended and coloured through the command's own pipelines."""

from __future__ import annotations

import io
import time
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from retint.color import Chroma, merge_chroma
from retint.errors import RetintError
from retint.images import sniff_format
from retint.pipelines.film_options import FilmOptions, FilmProgress, FilmResult
from retint.pipelines.kinds import HEAD_BYTES, film_kind
from retint.rendering import Colorizer
from retint.server.job import Job
from retint.server.models import Models
from retint.server.problems import Problem, problem_of
from retint.server.settings import Settings

if TYPE_CHECKING:
    from retint.pipelines.film_info import FilmInfo
    from retint.pipelines.media import FilmFrame

_PREVIEW_SIDE = 640  # px
_PREVIEW_SECONDS = 0.5  # between previews
_SUFFIXES = {"MP4": ".mp4", "QuickTime": ".mov", "Matroska or WebM": ".mkv", "AVI": ".avi"}


class Stopped(Exception):  # noqa: N818 - not an error
    """The film is to be stopped here; what is done of it stays."""


@dataclass(frozen=True)
class Look:
    """What a film that has come is."""

    source_suffix: str
    target_suffix: str
    width: int  # px, as shown
    height: int
    frames: int | None


def look_at(path: Path, name: str, options: dict[str, Any]) -> Look:
    """Refuse now what could not be coloured later. Raises Problem."""
    shown = name or "the file"
    with path.open("rb") as file:
        head = file.read(HEAD_BYTES)
    if sniff_format(head) is not None:
        raise Problem(
            415, "IsPhotograph", f"{shown}: is a photograph and no film; POST /v1/colorize colours photographs"
        )
    start, end = options.get("start"), options.get("end")
    if start is not None and end is not None and end <= start:
        raise Problem(422, "WrongOption", f"end: {end:g} is not after start {start:g}; name a later end")
    from retint.pipelines.film_encoding import Target, choose_codec, plan_encoding
    from retint.pipelines.media import open_film

    source_suffix = _SUFFIXES.get(film_kind(head) or "", ".mkv")
    container = options.get("container")
    target = Path(f"result.{container}" if container else "result" + source_suffix)
    try:
        with open_film(path) as film:
            codec = choose_codec(target, options.get("codec"))
            plan_encoding(film.info, Target(target, codec, options.get("quality")))
            width, height = shown_size(film.info)
            return Look(source_suffix, target.suffix, width, height, film.info.frames)
    except RetintError as error:
        raise problem_of(error, {str(path): shown, f"{target}: ": ""}) from error


def shown_size(info: FilmInfo) -> tuple[int, int]:
    """Width and height of a film as players show it, in px."""
    width, height = round(info.width * (info.sample_aspect or Fraction(1))), info.height
    return (height, width) if info.rotation % 180 else (width, height)


def work_on(job: Job, models: Models, settings: Settings) -> FilmResult:
    """Mend it, colour it, or go on with it. Raises Stopped as soon as `job.stop` is set, RetintError."""
    from retint.pipelines.film import run_film
    from retint.pipelines.film_restore import run_restore
    from retint.pipelines.media import open_film

    until = time.monotonic() + settings.film_seconds

    def check() -> None:
        if job.stop is None and time.monotonic() > until:
            job.stop = "time"
        if job.stop is not None:
            raise Stopped

    def progress(now: FilmProgress) -> None:
        check()
        job.show(now)

    @contextmanager
    def turn() -> Generator[None]:
        check()
        with models.turns.one():
            yield

    options = _options(job.options)
    check()
    with open_film(job.source_path) as film:
        previews = _Previews(job, film.info)
    how: dict[str, Any] = {"progress": progress, "turn": turn}
    if not job.is_coloured:
        options = replace(options, stages=(previews.watch,))
        return run_restore(job.source_path, job.target_path, options, **how)
    colorizer = _Watched(models.get(job.options.get("model")), check, previews.show)
    return run_film(job.source_path, job.target_path, colorizer, options, **how)


def _options(said: dict[str, Any]) -> FilmOptions:
    """What a job asks for, or what is usual."""
    from retint.restoration.film import parse_film_stages

    stages = said.get("restore")
    return FilmOptions(
        render_factor=said.get("render_factor"),
        stabilize=said.get("stabilize", "normal"),
        keyframes=said.get("keyframes", "auto"),
        codec=said.get("codec"),
        quality=said.get("quality"),
        watermark=said.get("watermark", False),
        start=said.get("start"),
        end=said.get("end"),
        overwrite=True,
        restore=() if stages is None else parse_film_stages(stages),
    )


class _Watched(Colorizer):
    """A colorizer that looks, at every render, whether to stop, and shows what it made."""

    def __init__(
        self,
        colorizer: Colorizer,
        check: Callable[[], None],
        show: Callable[[NDArray[np.uint8], Chroma], None],
    ) -> None:
        super().__init__(colorizer.network)
        self._check, self._show = check, show

    def chroma_batch(self, grays: Sequence[NDArray[np.uint8]]) -> list[Chroma]:
        self._check()
        result = super().chroma_batch(grays)
        if result:
            self._show(grays[-1], result[-1])
        return result


class _Previews:
    """The frames that were done last, as JPEGs."""

    def __init__(self, job: Job, info: FilmInfo) -> None:
        self._job, self._info = job, info
        width, height = (job.height, job.width) if info.rotation % 180 else (job.width, job.height)
        scale = _PREVIEW_SIDE / max(width, height)
        self._size = max(1, round(width * scale)), max(1, round(height * scale))  # before it is turned
        self._last = 0.0

    def watch(self, frames: Iterator[FilmFrame]) -> Iterator[FilmFrame]:
        """Show frames that go by, as they are."""
        from retint.pipelines.media import gray8

        for frame in frames:
            if self._is_time():
                gray = gray8(frame, self._info, self._size)
                self._show(gray if frame.chroma is None else merge_chroma(gray, frame.chroma))
            yield frame

    def show(self, gray: NDArray[np.uint8], chroma: Chroma) -> None:
        """Show what the network has just seen, in colour: no render is made for it.

        gray: (S, S) uint8, the frame squeezed into a square; chroma: (S, S, 2)
        """
        if self._is_time():
            self._show(merge_chroma(gray, chroma))

    def _is_time(self) -> bool:
        is_time = time.monotonic() - self._last >= _PREVIEW_SECONDS
        if is_time:
            self._last = time.monotonic()
        return is_time

    def _show(self, pixels: NDArray[Any]) -> None:
        """pixels: (h, w) or (h, w, 3) uint8, of whatever shape"""
        job = self._job
        picture = Image.fromarray(np.asarray(pixels, dtype=np.uint8)).resize(self._size)
        out = io.BytesIO()
        picture.rotate(self._info.rotation, expand=True).save(out, "JPEG", quality=85)
        job.preview = out.getvalue()
        job.preview_count += 1
        job.changed()
