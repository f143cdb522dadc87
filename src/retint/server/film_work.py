"""What is done with a film: looked at when it comes, then coloured through the same pipeline as the command's."""

from __future__ import annotations

import io
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
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


def colour_film(job: Job, models: Models, settings: Settings) -> FilmResult:
    """Colour it, or go on with it. Raises Stopped as soon as `job.stop` is set, RetintError."""
    from retint.pipelines.film import run_film
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

    said = job.options
    options = FilmOptions(
        render_factor=said.get("render_factor"),
        stabilize=said.get("stabilize", "normal"),
        keyframes=said.get("keyframes", "auto"),
        codec=said.get("codec"),
        quality=said.get("quality"),
        watermark=said.get("watermark", False),
        start=said.get("start"),
        end=said.get("end"),
        overwrite=True,
    )
    check()
    with open_film(job.source_path) as film:
        turned = film.info.rotation
    colorizer = _Watched(models.get(said.get("model")), check, _Previews(job, turned).show)
    return run_film(job.source_path, job.target_path, colorizer, options, progress=progress)


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
    """The frames that the network has just seen, in colour: no render is made for them."""

    def __init__(self, job: Job, turned: int) -> None:
        self._job, self._turned = job, turned
        self._last = 0.0

    def show(self, gray: NDArray[np.uint8], chroma: Chroma) -> None:
        """gray: (S, S) uint8, the frame squeezed into a square; chroma: (S, S, 2)"""
        if time.monotonic() - self._last < _PREVIEW_SECONDS:
            return
        self._last = time.monotonic()
        job = self._job
        size = (job.height, job.width) if self._turned % 180 else (job.width, job.height)
        scale = _PREVIEW_SIDE / max(size)
        picture = Image.fromarray(np.asarray(merge_chroma(gray, chroma), dtype=np.uint8))
        picture = picture.resize((max(1, round(size[0] * scale)), max(1, round(size[1] * scale))))
        out = io.BytesIO()
        picture.rotate(self._turned, expand=True).save(out, "JPEG", quality=85)
        job.preview = out.getvalue()
        job.preview_count += 1
        job.changed()
