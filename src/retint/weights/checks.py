"""Whether a file is what the catalogue says."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import re
from pathlib import Path

from retint.errors import ChecksumError, WeightsError
from retint.weights.catalog import Entry

WEB_PAGE = "a web page, not weights"

_CHUNK = 1 << 20  # bytes


def looks_like_web_page(head: bytes) -> bool:
    """Whether the first bytes of a file are those of HTML; no weights format begins with `<`."""
    head = head.removeprefix(b"\xef\xbb\xbf").lstrip()[:64].lower()
    return re.match(rb"<(!doctype|!--|html|head|body|title|meta|script|\?xml)", head) is not None


def sha256_of(path: Path) -> str:
    """SHA-256 of a file, 64 lower-case hex digits. Raises OSError."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            digest.update(chunk)
    return digest.hexdigest()


def verify(path: Path, entry: Entry) -> None:
    """Check that a file is the one of the catalogue: no web page, the size, the SHA-256, as far as they are known.

    Raises
    ------
    ChecksumError
        It is another file; the text says in what it differs.
    WeightsError
        It cannot be read.
    """
    try:
        size = path.stat().st_size
        with path.open("rb") as file:
            head = file.read(512)
        if looks_like_web_page(head):
            raise ChecksumError(f"{path.name} is {WEB_PAGE}")
        if entry.size is not None and size != entry.size:
            raise ChecksumError(f"{path.name} has {size} bytes, wanted {entry.size}")
        if entry.sha256 is not None and not (digest := sha256_of(path)).startswith(entry.sha256):
            got = digest[: max(len(entry.sha256), 8)]
            raise ChecksumError(f"{path.name} has SHA-256 {got}, wanted {entry.sha256}")
    except OSError as error:
        raise WeightsError(f"cannot read {path}: {error.strerror}.") from error


def verify_once(path: Path, entry: Entry) -> None:
    """As `verify`, but a file that passed and was not touched since is not read again (hashing takes seconds).

    What was checked is noted beside it in `FILE.verified`; in a folder that cannot be written, it is checked each time.
    """
    if not _is_noted(path, entry):
        verify(path, entry)
        note_verified(path, entry)


def note_verified(path: Path, entry: Entry) -> None:
    """Remember that this file passed `verify`."""
    note = _note_of(path)
    temporary = note.with_name(f"{note.name}.{os.getpid()}.tmp")
    with contextlib.suppress(OSError):
        temporary.write_text(json.dumps(_signature(path, entry)), encoding="utf-8")
        os.replace(temporary, note)


def _is_noted(path: Path, entry: Entry) -> bool:
    try:
        return json.loads(_note_of(path).read_text(encoding="utf-8")) == _signature(path, entry)
    except (OSError, ValueError):
        return False


def _note_of(path: Path) -> Path:
    return path.with_name(f"{path.name}.verified")


def _signature(path: Path, entry: Entry) -> dict[str, int | str | None]:
    state = path.stat()
    return {"size": state.st_size, "mtime_ns": state.st_mtime_ns, "sha256": entry.sha256}
