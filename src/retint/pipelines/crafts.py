"""What a batch does with its inputs, as it sees it: colouring is one craft, restoring another."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Literal, Protocol

from retint.images import Photograph
from retint.pipelines.outputs import Targets

if TYPE_CHECKING:
    from retint.pipelines.film_options import FilmProgress, FilmResult
    from retint.pipelines.photo import PhotoResult
    from retint.pipelines.restore import RestoreResult


class Piece(Protocol):
    """One photograph that has been worked on and is to be written."""

    def save(self, to: Targets | BinaryIO) -> tuple[str, ...]:
        """Write all of `to`, the result last, and return what its format could not hold. Raises OutputError."""
        ...

    def describe(self, targets: Targets, *, notes: tuple[str, ...], seconds: float) -> PhotoResult | RestoreResult:
        """Say what became of it. notes: those of writing. seconds: of work"""
        ...


class FilmCraft(Protocol):
    """What is done with films."""

    def suffix(self, given: Path) -> str:
        """The suffix of the result of a film with that name. Raises OutputError."""
        ...

    def is_result(self, path: Path) -> bool:
        """Whether the film's metadata says that this has been done to it already."""
        ...

    def run(
        self, path: Path, output: Path, targets: Targets, watch: Callable[[FilmProgress], None] | None
    ) -> FilmResult | None:
        """Make what `targets` has of the film; `output` is where the result is in the end, be it there already.

        Returns None where only a comparison was missing. Raises RetintError.
        """
        ...


class Craft(Protocol):
    """What is done with photographs, and, by `films`, with films."""

    @property
    def verb(self) -> str:
        """For messages: `colour`, `restore`."""
        ...

    @property
    def overwrite(self) -> bool:
        """Whether results that exist are replaced."""
        ...

    @property
    def films(self) -> FilmCraft | None:
        """None: films cannot be done."""
        ...

    def load(self, kind: Literal["photo", "film"]) -> None:
        """Get ready for that kind of input.

        Called once for each kind, when the first of it comes, from the thread that works. Raises RetintError.
        """
        ...

    def is_result(self, photo: Photograph) -> bool:
        """Whether the photograph's metadata says that this has been done to it already."""
        ...

    def work(self, photo: Photograph) -> Piece:
        """Do it to one photograph. Raises RetintError."""
        ...
