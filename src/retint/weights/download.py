"""A file from the first of several addresses that has it, over as many connections as it takes.

What has come lies in `FILE.partial`, with a note of where it came from in `FILE.partial.json`, and stays there when a
download ends early. The next one goes on behind it: at the same address with If-Range, so that a file that has changed
begins anew; at another address only where the size is pinned. A splice of two different files fails the checks, and is
begun anew once.
"""

from __future__ import annotations

import errno
import json
import os
import shutil
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from retint.errors import ChecksumError, DownloadError, WeightsError
from retint.weights.catalog import Entry
from retint.weights.checks import note_verified, verify
from retint.weights.connection import AddressError, Answer, Patience, ask

Progress = Callable[[int, int], None]
"""Called with the bytes that are here and the bytes of the whole file (0 while not known)."""

_MOST_BYTES = 4 << 30  # of a file whose size is not known: what sends more is no weights file
_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}


@dataclass(frozen=True)
class Origin:
    """Where the bytes of a partial file came from."""

    address: str
    validator: str | None
    total: int | None  # bytes of the whole file


class Partial:
    """The bytes that have come so far."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._note = path.with_name(f"{path.name}.json")

    @property
    def size(self) -> int:
        """Bytes that are here."""
        try:
            return self.path.stat().st_size
        except FileNotFoundError:
            return 0

    @property
    def origin(self) -> Origin | None:
        """Where they came from; None where that was not noted."""
        try:
            return Origin(**json.loads(self._note.read_text(encoding="utf-8")))
        except (OSError, ValueError, TypeError):
            return None

    def begin(self, origin: Origin) -> None:
        """Forget what is here, and note where the new bytes come from."""
        self.discard()
        self._note.write_text(json.dumps(asdict(origin)), encoding="utf-8")

    def discard(self) -> None:
        """Remove it."""
        self.path.unlink(missing_ok=True)
        self._note.unlink(missing_ok=True)

    def become(self, target: Path) -> None:
        """Give it its final name."""
        with self.path.open("rb+") as file:
            os.fsync(file.fileno())
        os.replace(self.path, target)
        self._note.unlink(missing_ok=True)


def download(
    entry: Entry, target: Path, partial: Partial, addresses: Sequence[str], patience: Patience, progress: Progress
) -> None:
    """Bring the file of an entry to `target`, checked. The caller sees to it that nobody else writes `partial`.

    Raises
    ------
    DownloadError
        No address delivered. What has come is kept.
    ChecksumError
        Every address delivered something else.
    WeightsError
        The disk is full, or the folder cannot be written.
    """
    try:
        _require_room(entry, partial)
        if not _is_whole(entry, partial):
            _try_all(entry, partial, addresses, patience, progress)
        partial.become(target)
        note_verified(target, entry)
    except OSError as error:
        raise _folder_error(error, entry, target.parent) from error


def _is_whole(entry: Entry, partial: Partial) -> bool:
    """Whether a download that ended early had all bytes already."""
    origin = partial.origin
    wanted = entry.size or (origin and origin.total)
    if not wanted or partial.size < wanted:
        return False
    return _passes_or_goes(entry, partial)


def _passes_or_goes(entry: Entry, partial: Partial) -> bool:
    """Whether what is here passes the checks; if not, it is thrown away."""
    try:
        verify(partial.path, entry)
    except ChecksumError:
        partial.discard()
        return False
    return True


def _try_all(entry: Entry, partial: Partial, addresses: Sequence[str], patience: Patience, progress: Progress) -> None:
    failures: dict[str, AddressError] = {}
    for turn in range(patience.rounds):
        if turn:
            time.sleep(patience.pause * 2 ** (turn - 1))
        for address in dict.fromkeys(addresses):
            if address in failures and failures[address].lasting:
                continue
            try:
                _exhaust(address, entry, partial, patience, progress)
                return
            except AddressError as failure:
                failures[address] = failure
        if all(failure.lasting for failure in failures.values()):
            break
    reasons = "; ".join(f"{address}: {failure}" for address, failure in failures.items())
    kind = ChecksumError if all(failure.other_file for failure in failures.values()) else DownloadError
    kept = f" {partial.size} bytes are kept, the next try goes on from there." if partial.size else ""
    raise kind(
        f"{entry.name} could not be downloaded ({reasons}).{kept}"
        f" Try again later, or put {entry.file} into {partial.path.parent} by hand."
    )


def _exhaust(address: str, entry: Entry, partial: Partial, patience: Patience, progress: Progress) -> None:
    """Take the file from one address, going on after each cut for as long as that brings more."""
    best = partial.size
    may_restart = True
    while True:
        spliced = partial.size > 0  # what comes next is put behind bytes of another connection
        try:
            spliced = _transfer(address, entry, partial, patience, progress)
            verify(partial.path, entry)
            return
        except ChecksumError as error:
            partial.discard()
            if not (spliced and may_restart):
                raise AddressError(str(error), lasting=True, other_file=True) from error
            may_restart, best = False, 0
        except AddressError as failure:
            if failure.restart and may_restart and spliced:
                if _passes_or_goes(entry, partial):  # the length told was a lie, there is no more
                    return
                may_restart, best = False, 0
            elif failure.lasting or partial.size < best + patience.stride:
                raise
            else:
                best = partial.size


def _transfer(address: str, entry: Entry, partial: Partial, patience: Patience, progress: Progress) -> bool:
    """One connection. True if its bytes were put behind those of another; returns when the file has all its bytes."""
    start, validator = _resume_point(address, entry, partial)
    with ask(address, start, validator, patience) as answer:
        if entry.size is not None and answer.total is not None and answer.total != entry.size:
            raise AddressError(f"offers {answer.total} bytes, wanted {entry.size}", lasting=True, other_file=True)
        if answer.start == 0:
            partial.begin(Origin(address, answer.validator, answer.total))
        total = entry.size or answer.total
        _append(answer, entry, partial, total, progress)
    if total is not None and partial.size < total:
        raise AddressError(f"cut off after {partial.size} of {total} bytes")
    return answer.start > 0


def _append(answer: Answer, entry: Entry, partial: Partial, total: int | None, progress: Progress) -> None:
    most = entry.size or _MOST_BYTES
    here = answer.start
    with partial.path.open("ab", buffering=0) as file:
        progress(here, total or 0)
        for chunk in answer.chunks():
            if here + len(chunk) > most:
                raise AddressError(f"sends more than {most} bytes", lasting=True, other_file=True)
            written = memoryview(chunk)
            while written:
                written = written[file.write(written) :]
            here += len(chunk)
            progress(here, total or 0)


def _resume_point(address: str, entry: Entry, partial: Partial) -> tuple[int, str | None]:
    """The byte to ask for, and the If-Range that goes with it."""
    start, origin = partial.size, partial.origin
    if start and origin and origin.address == address:
        return start, origin.validator
    if start and entry.size is not None and start < entry.size:
        return start, None
    return 0, None


def _require_room(entry: Entry, partial: Partial) -> None:
    if entry.size is None:
        return
    free, wanted = shutil.disk_usage(partial.path.parent).free, entry.size - partial.size
    if free < wanted:
        raise WeightsError(
            f"{entry.name} needs {megabytes(wanted)} in {partial.path.parent}, and {megabytes(free)} are free there."
            " Make room, or set RETINT_HOME to a folder on another disk."
        )


def _folder_error(error: OSError, entry: Entry, folder: Path) -> WeightsError:
    if error.errno in _FULL:
        why = f"the disk is full ({error.strerror}); what has come is kept. Make room"
    else:
        why = f"{error.strerror or error}. Make the folder writable"
    return WeightsError(f"cannot write {entry.file} to {folder}: {why}, or set RETINT_HOME to another folder.")


def megabytes(count: int) -> str:
    """A number of bytes for a person."""
    return f"{count / 1e6:.0f} MB" if count >= 1e6 else f"{count / 1e3:.0f} kB"
