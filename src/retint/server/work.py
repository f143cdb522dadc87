"""What is done with a photograph: bytes in, bytes out, through the same pipelines as the command's."""

from __future__ import annotations

import base64
import io
import tempfile
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Literal, TypeVar

import numpy as np
from PIL import Image

import retint.weights
from retint.errors import RetintError
from retint.images import FORMATS, Mark, Photograph, read_photo, result_format, write_photo
from retint.images.tones import to_8_bit
from retint.pipelines.inputs import COMPARE_ENDING, MASK_ENDING, RESTORED_ENDING, RESULT_ENDING
from retint.pipelines.photo import as_source, recognise, recognise_film, side_by_side
from retint.pipelines.room import MOST_PHOTOS, Room
from retint.rendering.memory import cores_available
from retint.server.models import Models
from retint.server.problems import Problem, problem_of
from retint.server.restoring import Restoring
from retint.server.settings import MIB, Settings
from retint.server.uploads import MASK_FIELD

if TYPE_CHECKING:
    from retint.rendering import Colorizer
    from retint.restoration.options import RestoreOptions
    from retint.restoration.photo import Restored
    from retint.restoration.planes import Mask

Result = TypeVar("Result")

_IN_MEMORY = 8 * MIB  # of a result; a larger one waits on the disk for its client
_STRIP_SIDE = 480  # px, of the pictures to choose from
_STRIP_SHARES = (1 / 2, 3 / 4, 1.0, 3 / 2, 2.0)  # of the model's render factor
_USUAL_SECONDS = 1.0  # of a photograph, before any was timed

_PACKAGE = str(Path(str(retint.weights.__file__)).parent)  # where networks of restoration lie, which is not for outside

# Advice that is for who calls the library, and what it is for who posts a file
_WORDS = {
    "scale it down, or raise max_pixels if you trust the file": "scale it down",
    "save one with --save-mask, and correct that": "get one with save_mask=true, and correct that",
}

MEDIA_TYPES = {
    "JPEG": "image/jpeg",
    "PNG": "image/png",
    "TIFF": "image/tiff",
    "WEBP": "image/webp",
    "AVIF": "image/avif",
    "HEIF": "image/heic",
}


class Dropped(Exception):  # noqa: N818 - not an error
    """Nobody waits for it any more."""


@dataclass(frozen=True)
class GivenMask:
    """A picture that says what is to be filled."""

    path: Path
    name: str  # that its sender gave it

    @property
    def shown(self) -> str:
        return self.name or "the mask"


@dataclass(frozen=True)
class PhotoTask:
    """One photograph to restore, to colour, or both."""

    path: Path
    name: str  # that its sender gave it
    model: str | None = None
    render_factor: int | Literal["auto"] | None = None
    watermark: bool = False
    quality: int | None = None
    compare: bool = False
    format: str | None = None  # Pillow's name; None: the photograph's own
    restore: RestoreOptions | None = None  # None: nothing is mended
    colour: bool = True
    mask: GivenMask | None = None  # what to fill, in place of what is found
    save_mask: bool = False  # what was filled is wanted, in place of the result

    @property
    def shown(self) -> str:
        return self.name or "the file"


@dataclass(frozen=True)
class Picture:
    """A result, encoded."""

    content: IO[bytes]  # stands at 0; without a name on the disk, so it is gone when it is closed
    size: int
    media_type: str
    name: str  # to offer it under
    width: int
    height: int
    notes: tuple[str, ...]
    model: str | None = None  # that coloured it; None: it was not coloured
    render_factor: int | None = None
    mended: tuple[str, ...] | None = None  # what was done, in words; None: nobody asked for it


class Studio:
    """Restores and colours photographs in a few threads. What they render goes one by one (`turns`)."""

    def __init__(self, settings: Settings, models: Models) -> None:
        self._settings = settings
        self.models = models
        self._room = Room()
        self._restoring = Restoring(models.turns)
        # one reads or writes while another renders; more than there are cores get in each other's way
        self._count = min(max(cores_available(), 2), MOST_PHOTOS)
        self._workers = ThreadPoolExecutor(self._count, "retint-photo")
        self._usual = _USUAL_SECONDS
        self._lock = threading.Lock()

    def submit(self, work: Callable[[threading.Event], Result]) -> tuple[Any, threading.Event]:
        """Have a worker do it. Returns the future, and what to set when nobody waits any more."""
        dropped = threading.Event()

        def run() -> Result:
            if dropped.is_set():
                raise Dropped
            began = time.monotonic()
            result = work(dropped)
            with self._lock:
                self._usual += 0.2 * (time.monotonic() - began - self._usual)
            if dropped.is_set() and isinstance(result, Picture):
                result.content.close()
                raise Dropped
            return result

        return self._workers.submit(run), dropped

    def seconds_for(self, waiting: int) -> float:
        """How long so many photographs take, as far as can be told."""
        return self._usual * waiting / self._count

    def stop(self) -> None:
        """Take nothing more on, and let the threads end."""
        self._room.close()
        self._restoring.close()
        self._workers.shutdown(wait=False, cancel_futures=True)

    # in a worker's thread

    def picture(self, task: PhotoTask, dropped: threading.Event) -> Picture:
        """What the task asks for. Raises Problem, Dropped."""
        try:
            return self._with_photo(task, dropped, lambda photo: self._picture(task, photo, dropped))
        except RetintError as error:
            raise _told(error, task) from error

    def strip(self, task: PhotoTask, dropped: threading.Event) -> list[dict[str, Any]]:
        """The picture at five render factors, small: what `POST /v1/strip` says. Raises Problem, Dropped."""
        try:
            return self._with_photo(task, dropped, lambda photo: self._strip(task, photo, dropped))
        except RetintError as error:
            raise _told(error, task) from error

    def _with_photo(self, task: PhotoTask, dropped: threading.Event, work: Callable[[Photograph], Result]) -> Result:
        if task.colour:
            self.models.require(task.model)
        kind = recognise_film(task.path, task.shown)
        if kind is not None:
            raise Problem(
                415, "IsFilm", f"{task.shown}: is a film ({kind}) and no photograph; POST /v1/jobs takes films"
            )
        recognise(task.path, task.shown)
        room = self._room if task.restore is None else self._restoring.room
        held = room.enter()
        try:
            if dropped.is_set():
                raise Dropped
            with task.path.open("rb") as file:
                source = as_source(file.read(), task.shown)
            photo = read_photo(source, max_pixels=self._settings.photo_pixels)
            held = room.correct(held, _pixels_of(task, photo, self._settings.photo_pixels))
            return work(photo)
        finally:
            room.leave(held)

    def _picture(self, task: PhotoTask, photo: Photograph, dropped: threading.Event) -> Picture:
        mask = None if task.mask is None else self._mask(task.mask)
        restored = self._restored(task, photo, mask, dropped)
        if restored is not None and task.save_mask:
            return self._saved_mask(task, restored)
        after = photo if restored is None else restored.photo
        marks: list[Mark] = [] if restored is None else [restored.findings.mark]
        colorizer, factor = self.models.get(task.model) if task.colour else None, None
        if colorizer is not None:
            if dropped.is_set():
                raise Dropped
            factor = colorizer.resolve_render_factor(task.render_factor, (photo.width, photo.height))
            after = colorizer.colorize(after, factor, watermark=task.watermark)
            marks.append(colorizer.mark)
        if task.compare:
            after = _compared(photo, restored, after, coloured=task.colour)
        ending = COMPARE_ENDING if task.compare else RESULT_ENDING if task.colour else RESTORED_ENDING
        return self._encoded(
            task,
            after,
            marks,
            ending,
            model=None if colorizer is None else colorizer.name,
            render_factor=factor,
            mended=None if restored is None else restored.findings.changed,
        )

    def _mask(self, given: GivenMask) -> Mask:
        """Raises Problem, which says that it is the mask."""
        from retint.pipelines.restore import read_mask

        try:
            recognise(given.path, given.shown)
            with given.path.open("rb") as file:
                source = as_source(file.read(), given.shown)
            return read_mask(source, max_pixels=self._settings.photo_pixels)
        except RetintError as error:
            told = problem_of(error, {str(given.path): given.shown, **_WORDS})
            detail = f"{MASK_FIELD}: {told.detail}"
            raise Problem(told.status, told.code, detail, fields=[(MASK_FIELD, told.detail)]) from error

    def _saved_mask(self, task: PhotoTask, restored: Restored) -> Picture:
        from retint.pipelines.restore import mask_photo

        saved = replace(task, format=task.format or "PNG")
        return self._encoded(saved, mask_photo(restored.mask, np.uint8), [], MASK_ENDING)

    def _restored(
        self, task: PhotoTask, photo: Photograph, mask: Mask | None, dropped: threading.Event
    ) -> Restored | None:
        if task.restore is None:
            return None

        def check() -> None:
            if dropped.is_set():
                raise Dropped

        return self._restoring.restorer(task.restore, check).restore(photo, task.restore, mask)

    def _encoded(self, task: PhotoTask, after: Photograph, marks: list[Mark], ending: str, **said: Any) -> Picture:
        format = task.format or result_format(after.format)
        content = tempfile.SpooledTemporaryFile(_IN_MEMORY, dir=str(self._settings.data / "incoming"))  # noqa: SIM115
        try:
            notes = write_photo(after, content, format=format, quality=task.quality, mark=marks)  # pyright: ignore[reportArgumentType]
            size = content.tell()
            content.seek(0)
        except BaseException:
            content.close()
            raise
        return Picture(
            content=content,  # pyright: ignore[reportArgumentType]
            size=size,
            media_type=MEDIA_TYPES[format],
            name=(Path(task.name).stem or "photograph") + ending + FORMATS[format].suffixes[0],
            width=after.width,
            height=after.height,
            notes=(*after.notes, *notes),
            **said,
        )

    def _strip(self, task: PhotoTask, photo: Photograph, dropped: threading.Event) -> list[dict[str, Any]]:
        colorizer = self.models.get(task.model)
        factors = strip_factors(colorizer, self._settings.largest_render_factor)
        image = _for_strip(photo, max(max(factors) * 16, _STRIP_SIDE))
        strip: list[dict[str, Any]] = []
        for factor in factors:
            if dropped.is_set():
                raise Dropped
            coloured = colorizer.render(image, factor)
            coloured.thumbnail((_STRIP_SIDE, _STRIP_SIDE), Image.Resampling.LANCZOS)
            out = io.BytesIO()
            coloured.save(out, "JPEG", quality=88)
            strip.append(
                {
                    "render_factor": factor,
                    "default": factor == colorizer.default_render_factor,
                    "media_type": "image/jpeg",
                    "image": base64.b64encode(out.getvalue()).decode(),
                }
            )
        return strip


def _told(error: RetintError, task: PhotoTask) -> Problem:
    return problem_of(error, {str(task.path): task.shown, _PACKAGE: "the server's package", **_WORDS})


def _pixels_of(task: PhotoTask, photo: Photograph, most: int) -> int:
    """How many px the larger of the photograph and its result has. Raises Problem (422) for more than `most`."""
    times = 1 if task.restore is None else task.restore.upscale
    pixels = photo.width * photo.height * times**2
    if pixels > most:
        raise Problem(
            422,
            "WrongOption",
            f"upscale: {times} makes {photo.width * times} x {photo.height * times} px of it, and at most "
            f"{most / 1e6:g} megapixels are wanted; leave it out",
        )
    return pixels


def _compared(photo: Photograph, restored: Restored | None, after: Photograph, *, coloured: bool) -> Photograph:
    """As the command's comparisons: what was filled, or what was coloured, stands between before and after."""
    if restored is None:
        return side_by_side(photo, after)
    if coloured:
        return side_by_side(photo, restored.photo, after)
    from retint.pipelines.restore import mask_photo

    return side_by_side(photo, mask_photo(restored.mask, after.pixels.dtype.type), after)


def strip_factors(colorizer: Colorizer, largest: int) -> list[int]:
    """The model's own render factor, and two below and above it."""
    usual = colorizer.default_render_factor
    return sorted({min(max(round(usual * share), 4), largest) for share in _STRIP_SHARES})


def _for_strip(photo: Photograph, side: int) -> Image.Image:
    """The photograph as RGB of 8 bits, made smaller to `side` px where it is longer: renders see no more of it."""
    pixels = photo.pixels if photo.pixels.dtype == np.uint8 else to_8_bit(photo.pixels)
    image = Image.fromarray(pixels)
    image.thumbnail((side, side), Image.Resampling.BILINEAR, reducing_gap=2.0)
    return image.convert("RGB")


def accepted_format(accept: str | None) -> str | None:
    """The format that an Accept header prefers, by Pillow's name; None: the photograph's own.

    Raises Problem (406) where it takes nothing that is written here.
    """
    if not accept or not accept.strip():
        return None
    names = {media_type: name for name, media_type in MEDIA_TYPES.items()} | {"image/heif": "HEIF"}
    wanted: list[tuple[float, int, str | None]] = []
    for place, entry in enumerate(accept.split(",")[:64]):
        kind, *options = (part.strip().lower() for part in entry.split(";"))
        weight = _weight(options)
        if weight > 0 and (kind in names or kind in ("*/*", "image/*")):
            wanted.append((-weight, place, names.get(kind)))
    if not wanted:
        raise Problem(
            406,
            "WrongFormat",
            f"got Accept {accept[:200]!r}, wanted one of {', '.join(MEDIA_TYPES.values())}, or */* for the "
            "photograph's own",
        )
    return min(wanted, key=lambda one: one[:2])[2]


def _weight(options: list[str]) -> float:
    for option in options:
        name, _, value = option.partition("=")
        if name.strip() == "q":
            try:
                return float(value)
            except ValueError:
                return 0.0
    return 1.0
