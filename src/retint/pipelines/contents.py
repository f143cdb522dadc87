"""What an input of a batch holds: files where they lie, stdin and addresses as bytes."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import BinaryIO

from retint.errors import InputError, OutputError
from retint.pipelines.addresses import fetch
from retint.pipelines.inputs import Source

MAX_STDIN_BYTES = 2 * 1024**3
_CHUNK_BYTES = 1024**2


def content_of_source(source: Source, *, offline: bool, stdin: BinaryIO | None) -> Path | bytes:
    """The file itself, or all bytes of what can be read only once. stdin: wanted where the source is `-`.

    Raises InputError for an address that cannot be had or is not to be asked for, and for more than 2 GiB of stdin.
    """
    if source.place == "stdin":
        assert stdin is not None
        return _read_stdin(stdin)
    if source.place == "address":
        if offline:
            raise InputError(f"{source.shown}: is an address, and offline was asked for; name a file")
        return fetch(source.shown)
    assert source.path is not None
    # Pipes and devices, say the shell's <(...), give what they hold only once.
    return source.path if source.path.is_file() or not source.path.exists() else source.path.read_bytes()


def _read_stdin(stdin: BinaryIO) -> bytes:
    content = bytearray()
    while chunk := stdin.read(_CHUNK_BYTES):
        content += chunk
        if len(content) > MAX_STDIN_BYTES:
            raise InputError(f"-: more than {MAX_STDIN_BYTES / 1024**3:g} GiB came in; name the file instead")
    return bytes(content)


def kept(content: bytes) -> Path:
    """A file with that content: films are read from several places at once. Raises OutputError."""
    try:
        with tempfile.NamedTemporaryFile(prefix="retint-", suffix=".film", delete=False) as file:
            file.write(content)
    except OSError as error:
        raise OutputError(f"{tempfile.gettempdir()}: cannot be written ({error.strerror}); make room there") from error
    return Path(file.name)
