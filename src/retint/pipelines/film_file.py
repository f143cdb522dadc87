"""A film's file: opened with what can be wrong with it told, and read past damaged places."""

from __future__ import annotations

import os
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import av
import av.error
from av.container import InputContainer
from av.packet import Packet
from av.stream import Stream

from retint.errors import InputError, UnreadableFilmError
from retint.pipelines.kinds import HEAD_BYTES, film_kind

# What FFmpeg opens beside films: lists of other files, pictures, and any text at all as the screen of a terminal.
_NO_FILMS = {"hls", "dash", "concat", "imf", "image2", "tty", "bin", "xbin", "idf", "adf"}
_RETRIES = 32  # damaged places in a row at which reading ends


@contextmanager
def opened(path: Path) -> Generator[InputContainer]:
    """Open a film's file, and close it with the block. Raises as `open_film` does for what is no film at all."""
    kind = film_kind(_head_of(path))
    cut = UnreadableFilmError(
        f"{path}: is cut off or damaged: it begins as {kind}, and lacks what is needed to read it; "
        "copy it again from where it came"
    )
    no_film = UnreadableFilmError(f"{path}: is not a film; give a film, such as MP4, MKV, MOV or AVI")
    # Bytes of titles that are no UTF-8 go through as they are. Nothing but files is opened, whatever this one names.
    options = {"protocol_whitelist": "file"}
    try:
        container = av.open(os.path.abspath(path), "r", metadata_errors="surrogateescape", container_options=options)
    except av.error.FFmpegError as error:
        raise no_film if kind is None else cut from error
    with container:
        name = container.format.name
        if kind is None and (name in _NO_FILMS or name.endswith("_pipe")):
            raise no_film
        if not len(container.streams):
            raise cut
        yield container


def demuxed(
    container: InputContainer, streams: Sequence[Stream], damaged: Callable[[], None]
) -> Generator[Packet[Any]]:
    """Read the packets of streams, past damaged places, each of which is told by calling `damaged`.

    The last packets are empty ones without timestamps, if the end of the file was reached. Raises UnreadableFilmError
    where the disk gives no more.
    """
    failures = 0
    while failures < _RETRIES:
        try:
            for packet in container.demux(*streams):
                failures = 0
                yield packet
            return
        except av.error.FFmpegError as error:
            if isinstance(error, OSError):
                raise UnreadableFilmError(
                    f"{container.name}: cannot be read on ({error.strerror}); check the disk it lies on"
                ) from error
            failures += 1
            damaged()


def _head_of(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            head = file.read(HEAD_BYTES)
    except OSError as error:
        advice = "check its permissions" if isinstance(error, PermissionError) else "check the name"
        raise InputError(f"{path}: cannot be opened ({error.strerror or error}); {advice}") from error
    if not head:
        raise UnreadableFilmError(f"{path}: is empty (0 bytes); copy it again from where it came")
    return head
