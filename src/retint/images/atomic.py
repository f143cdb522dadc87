"""Files that appear under their name only when they are whole."""

from __future__ import annotations

import contextlib
import errno
import os
import secrets
import stat
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from retint.errors import OutputError, OutputExistsError

_NO_LINKS = {errno.EPERM, errno.ENOSYS, errno.EOPNOTSUPP, errno.ENOTSUP, errno.EMLINK, errno.EINVAL}
"""What file systems without hard links (FAT, exFAT, some network shares) answer to link()."""


@contextmanager
def whole_file(target: str | Path, *, overwrite: bool) -> Generator[BinaryIO]:
    """A file to write and read, which takes the name `target` when the block ends well, and vanishes when it does not.

    It lies in the same folder under a name of its own until then, and is on the disk before it is renamed. Without
    `overwrite`, a file that comes to exist meanwhile is not replaced either. A link is followed, not replaced. An
    OSError in the block counts as a failed write.

    Raises OutputExistsError if `target` exists and `overwrite` is not set, OutputError if it cannot be written.
    """
    final = Path(target)
    mode = _check(final, overwrite)
    if final.is_symlink():
        final = Path(os.path.realpath(final))
    part = final.parent / f".retint-{secrets.token_hex(8)}.part"
    try:
        # Not tempfile: here the umask applies, so the result is as readable as any file that the person makes.
        file = open(part, "x+b")  # noqa: SIM115 - closed below, after which it still has to be renamed
    except OSError as error:
        raise _failure(target, error) from error
    try:
        with file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        if mode is not None:
            part.chmod(mode)
        if overwrite:
            os.replace(part, final)
        else:
            _rename_to_new(part, final)
        _sync_folder(final.parent)
    except FileExistsError as error:
        raise _exists(target) from error
    except OSError as error:
        raise _failure(target, error) from error
    finally:
        with contextlib.suppress(OSError):  # it has its final name, or nothing is left to do about it
            part.unlink()


def _check(target: Path, overwrite: bool) -> int | None:
    """Fail early where the end would fail. The permissions of the file to be replaced, or None."""
    try:
        found = target.stat()
    except FileNotFoundError:
        if target.is_symlink() and not overwrite:
            raise _exists(target) from None
        if not target.parent.is_dir():
            raise OutputError(f"{target}: there is no folder {target.parent}; make it first") from None
        return None
    except OSError as error:
        raise _failure(target, error) from error
    if not stat.S_ISREG(found.st_mode):
        kind = "a folder" if stat.S_ISDIR(found.st_mode) else "no ordinary file"
        raise OutputError(f"{target}: this is {kind}; give the name of a file")
    if not overwrite:
        raise _exists(target)
    return stat.S_IMODE(found.st_mode)


def _rename_to_new(part: Path, final: Path) -> None:
    """Rename unless `final` exists. Raises FileExistsError."""
    if os.name == "nt":
        os.rename(part, final)  # on Windows this never replaces
        return
    try:
        os.link(part, final)  # unlike rename, link fails on an existing name, even one made this instant
    except OSError as error:
        if error.errno not in _NO_LINKS:
            raise
        if os.path.lexists(final):  # no hard links here: the moment between this look and the rename stays open
            raise FileExistsError(errno.EEXIST, "exists", str(final)) from None
        os.rename(part, final)


def _sync_folder(folder: Path) -> None:
    """Put the new name itself on the disk. Not every system lets a folder be opened; the file is whole anyway."""
    with contextlib.suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def _exists(target: str | Path) -> OutputExistsError:
    return OutputExistsError(f"{target}: the file exists; choose another name, or allow overwriting")


def _failure(target: str | Path, error: OSError) -> OutputError:
    advice = {
        errno.ENOSPC: "make room on the disk",
        errno.EDQUOT: "make room in your quota",
        errno.EACCES: "choose a folder you may write to",
        errno.EPERM: "choose a folder you may write to",
        errno.EROFS: "choose a disk that can be written to",
        errno.ENAMETOOLONG: "choose a shorter name",
    }.get(error.errno or 0, "choose another place")
    return OutputError(f"{target}: could not be written ({error.strerror or error}); {advice}")
