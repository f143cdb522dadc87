"""What inputs of a batch hold: files where they lie; what can be read only once in memory, films of it on disk."""

from __future__ import annotations

import contextlib
import itertools
import shutil
import tempfile
from collections.abc import Generator, Iterable
from pathlib import Path
from typing import BinaryIO

from retint.errors import InputError, OutputError
from retint.pipelines.addresses import FILM, PICTURE, Limits, pieces
from retint.pipelines.inputs import Source
from retint.pipelines.kinds import HEAD_BYTES, film_kind

MAX_STDIN_BYTES = 2 * 1024**3  # of a picture, which is held in memory
_CHUNK_BYTES = 1024**2


class Contents:
    """Opens the inputs of one batch; to be closed when it ends, and then all files that were made for it are gone."""

    def __init__(self, *, offline: bool, stdin: BinaryIO | None) -> None:
        """offline: fetch no addresses; stdin: what is read for `-`"""
        self._offline = offline
        self._stdin = stdin
        self._folder: Path | None = None  # made when the first film wants it
        self._closed = False

    def open(self, source: Source) -> Path | bytes:
        """The file itself; of what can be read only once a picture's bytes, and a film in a file of its own.

        Raises InputError for an address that cannot be had or is not to be asked for, and for what is too large;
        OutputError where a film cannot be kept.
        """
        if source.place == "stdin":
            assert self._stdin is not None
            return self._landed(source.shown, _read("-", self._stdin))
        if source.place == "address":
            if self._offline:
                raise InputError(f"{source.shown}: is an address, and offline was asked for; name a file")
            with contextlib.closing(pieces(source.shown, _limits)) as parts:
                return self._landed(source.shown, parts)
        assert source.path is not None
        if source.path.is_file() or not source.path.exists():
            return source.path
        with source.path.open("rb") as pipe:  # or a device: say, the shell's <(...)
            return self._landed(source.shown, _read(source.shown, pipe))

    def leave(self, content: Path) -> None:
        """Remove a file that was made for a source; leave any other alone."""
        if content.parent == self._folder:
            with contextlib.suppress(OSError):
                content.unlink(missing_ok=True)

    def close(self) -> None:
        """Remove all that was made, also what is still coming in another thread."""
        self._closed = True
        if self._folder is not None:
            shutil.rmtree(self._folder, ignore_errors=True)

    def _landed(self, shown: str, parts: Iterable[bytes]) -> Path | bytes:
        """A picture in memory; a film on disk, for it is read from several places at once."""
        parts, content = iter(parts), bytearray()
        for part in parts:
            content += part
            if len(content) >= HEAD_BYTES and film_kind(bytes(content[:HEAD_BYTES])) is not None:
                return self._kept(shown, itertools.chain([bytes(content)], parts))
        return bytes(content) if film_kind(bytes(content[:HEAD_BYTES])) is None else self._kept(shown, [bytes(content)])

    def _kept(self, shown: str, parts: Iterable[bytes]) -> Path:
        path: Path | None = None
        try:
            if self._folder is None:
                self._folder = Path(tempfile.mkdtemp(prefix="retint-"))
            with tempfile.NamedTemporaryFile(dir=self._folder, suffix=".film", delete=False) as file:
                path = Path(file.name)
                for part in parts:
                    if self._closed:
                        raise InputError(f"{shown}: was given up before it was whole")
                    file.write(part)
        except BaseException as error:
            if path is not None:
                self.leave(path)
            if self._closed:
                self.close()  # of what could not be removed while it was open
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
