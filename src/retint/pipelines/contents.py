"""What inputs of a batch hold: files where they lie; what can be read only once in memory, films of it on disk."""

from __future__ import annotations

import contextlib
import io
import itertools
import shutil
import tempfile
import threading
from collections.abc import Generator, Iterable
from pathlib import Path
from typing import BinaryIO

from retint.errors import InputError, OutputError, UnsupportedInputError
from retint.pipelines.addresses import FILM, PICTURE, Limits, pieces
from retint.pipelines.inputs import Source
from retint.pipelines.kinds import HEAD_BYTES, film_kind

MAX_STDIN_BYTES = 2 * 1024**3  # of a picture, which is held in memory
_CHUNK_BYTES = 1024**2


class Contents:
    """Opens the inputs of one batch; to be closed when it ends, and then all files that were made for it are gone."""

    def __init__(self, *, offline: bool, stdin: BinaryIO | None, films: bool = True) -> None:
        """offline: fetch no addresses; stdin: what is read for `-`; films: False refuses those that would be kept"""
        self._offline = offline
        self._stdin = stdin
        self._films = films
        self._folder: Path | None = None  # made when the first film wants it
        self._kept: set[Path] = set()
        self._left = threading.Condition()
        self._given_up = False

    def open(self, source: Source) -> Path | bytes:
        """The file itself; of what can be read only once a picture's bytes, and a film in a file of its own.

        While such a file of a film is there, no other address is asked: one at a time lies on the disk.

        Raises InputError for an address that cannot be had or is not to be asked for, for what is too large, and once
        all is given up; UnsupportedInputError for a film where films are refused; OutputError where it cannot be kept.
        """
        if source.place == "stdin":
            assert self._stdin is not None
            return self._landed(source.shown, _read("-", self._stdin))
        if source.place == "address":
            if self._offline:
                raise InputError(f"{source.shown}: is an address, and offline was asked for; name a file")
            with self._left:
                self._left.wait_for(lambda: self._given_up or not self._kept)
            self._go_on(source.shown)
            with contextlib.closing(pieces(source.shown, _limits)) as parts:
                return self._landed(source.shown, parts)
        assert source.path is not None
        if source.path.is_file() or not source.path.exists():
            return source.path
        with source.path.open("rb") as pipe:  # or a device: say, the shell's <(...)
            return self._landed(source.shown, _read(source.shown, pipe))

    def leave(self, content: Path | bytes) -> None:
        """Remove a file that was made for a source; leave all else alone."""
        if isinstance(content, Path) and content in self._kept:
            with contextlib.suppress(OSError):
                content.unlink(missing_ok=True)
            with self._left:
                self._kept.discard(content)
                self._left.notify_all()

    def give_up(self) -> None:
        """End, at its next piece, what is still coming in another thread."""
        with self._left:
            self._given_up = True
            self._left.notify_all()

    def close(self) -> None:
        """Give up, and remove all files that were made."""
        self.give_up()
        if self._folder is not None:
            shutil.rmtree(self._folder, ignore_errors=True)

    def _go_on(self, shown: str) -> None:
        if self._given_up:
            raise InputError(f"{shown}: was given up before it was whole")

    def _landed(self, shown: str, parts: Iterable[bytes]) -> Path | bytes:
        """A picture in memory; a film on disk, for it is read from several places at once."""
        parts, content, head = iter(parts), io.BytesIO(), b""
        for part in parts:
            self._go_on(shown)
            content.write(part)
            if len(head) < HEAD_BYTES:
                head += part[: HEAD_BYTES - len(head)]
                if len(head) == HEAD_BYTES and film_kind(head) is not None:
                    return self._film(shown, itertools.chain([content.getvalue()], parts))
        return content.getvalue() if film_kind(head) is None else self._film(shown, [content.getvalue()])

    def _film(self, shown: str, parts: Iterable[bytes]) -> Path:
        if not self._films:
            raise UnsupportedInputError(f"{shown}: is a film; this is done with photographs alone")
        path: Path | None = None
        try:
            if self._folder is None:
                self._folder = Path(tempfile.mkdtemp(prefix="retint-"))
            with tempfile.NamedTemporaryFile(dir=self._folder, suffix=".film", delete=False) as file:
                path = Path(file.name)
                self._kept.add(path)
                for part in parts:
                    self._go_on(shown)
                    file.write(part)
        except BaseException as error:
            if path is not None:
                self.leave(path)
            if self._given_up:
                self.close()  # its folder, which may be in use no more
            if not isinstance(error, OSError):
                raise
            where = self._folder or tempfile.gettempdir()
            raise OutputError(f"{where}: cannot be written ({error.strerror}); make room there") from error
        return path


def _limits(head: bytes) -> Limits:
    return PICTURE if film_kind(head) is None else FILM


def _read(shown: str, stream: BinaryIO) -> Generator[bytes]:
    """What a stream holds, within the limits."""
    head, received = b"", 0
    while piece := _next_of(shown, stream):
        received += len(piece)
        head += piece[: HEAD_BYTES - len(head)]
        most = MAX_STDIN_BYTES if film_kind(head) is None else FILM.max_bytes
        if received > most:
            raise InputError(f"{shown}: more than {most / 1024**3:g} GiB came in; name a file instead")
        yield piece


def _next_of(shown: str, stream: BinaryIO) -> bytes:
    try:
        return stream.read(_CHUNK_BYTES)
    except OSError as error:
        raise InputError(f"{shown}: cannot be read ({error.strerror}); name a file instead") from error
