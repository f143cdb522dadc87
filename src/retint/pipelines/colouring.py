"""Colouring as a craft: photographs and films in colour, restored before where that was asked for."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Literal

from retint.images import Photograph, was_coloured
from retint.pipelines import photo as photos
from retint.pipelines.outputs import Targets
from retint.pipelines.photo import PhotoOptions, PhotoResult

if TYPE_CHECKING:
    from retint.pipelines.film_options import FilmOptions, FilmProgress, FilmResult
    from retint.rendering import Colorizer
    from retint.restoration.photo import Restored, Restorer


@dataclass(frozen=True, eq=False)
class ColouredPiece:
    """One photograph in colour."""

    before: Photograph
    after: Photograph
    colorizer: Colorizer
    options: PhotoOptions
    restored: Restored | None = None  # what was coloured, where it was restored first

    def save(self, to: Targets | BinaryIO) -> tuple[str, ...]:
        return photos.save(self.before, self.after, to, self.colorizer, self.options, self.restored)

    def describe(self, targets: Targets, *, notes: tuple[str, ...], seconds: float) -> PhotoResult:
        return photos.describe(
            self.after, targets, self.colorizer, self.options, notes=notes, seconds=seconds, restored=self.restored
        )


class Colouring:
    """The craft of colouring."""

    verb = "colour"

    def __init__(
        self, load: Callable[[], Colorizer], options: PhotoOptions, film_options: FilmOptions | None = None
    ) -> None:
        """load: gives the colorizer, when the first input needs it. film_options: by default as `options` say."""
        self._load = load
        self._options = options
        self._film_options = film_options
        self._colorizer: Colorizer | None = None
        self._restorer: Restorer | None = None

    @property
    def overwrite(self) -> bool:
        return self._options.overwrite

    @property
    def films(self) -> ColouringFilms:
        return ColouringFilms(self)

    @property
    def colorizer(self) -> Colorizer:
        assert self._colorizer is not None  # load comes before
        return self._colorizer

    def load(self, kind: Literal["photo", "film"]) -> None:
        if kind == "photo" and self._options.restore is not None:
            from retint.pipelines.restore import load_restorer

            self._restorer = load_restorer(self._options.restore)
        if self._colorizer is None:
            self._colorizer = self._load()

    def is_result(self, photo: Photograph) -> bool:
        return was_coloured(photo.metadata)

    def work(self, photo: Photograph) -> ColouredPiece:
        options = self._options
        restored = None if self._restorer is None else self._restorer.restore(photo, options.restore)
        gray = photo if restored is None else restored.photo
        after = self.colorizer.colorize(gray, options.render_factor, watermark=options.watermark)
        return ColouredPiece(photo, after, self.colorizer, options, restored)

    def film_options(self) -> FilmOptions:
        """What was asked for of films, or what photographs' options mean for them."""
        from retint.pipelines.film_options import FilmOptions
        from retint.restoration.film import USUAL

        options = self._options
        return self._film_options or FilmOptions(
            render_factor=options.render_factor,
            watermark=options.watermark,
            overwrite=options.overwrite,
            quality=options.quality,
            restore=() if options.restore is None else USUAL,
        )


class ColouringFilms:
    """Films in colour."""

    def __init__(self, colouring: Colouring) -> None:
        self._colouring = colouring

    def suffix(self, given: Path) -> str:
        from retint.pipelines.film import film_suffix

        return film_suffix(given, self._colouring.film_options().codec)

    def is_result(self, path: Path) -> bool:
        from retint.pipelines.film import is_film_result

        return is_film_result(path)

    def run(
        self, path: Path, output: Path, targets: Targets, watch: Callable[[FilmProgress], None] | None
    ) -> FilmResult | None:
        from retint.pipelines.film import run_film
        from retint.pipelines.film_preview import save_comparison

        options, result = self._colouring.film_options(), None
        if targets.result is not None:
            result = run_film(path, output, self._colouring.colorizer, options, progress=watch)
        if targets.compare is not None:
            save_comparison(path, output, targets.compare, start=options.start or 0.0, overwrite=options.overwrite)
        return result
