"""One process at a time downloads a file.

The lock is the operating system's, so that it ends with the process that holds it, however that process ends.
"""

from __future__ import annotations

import contextlib
import errno
import os
import sys
import time
from collections.abc import Callable, Generator
from pathlib import Path

_POLL = 0.1  # seconds
_UNSUPPORTED = {errno.ENOSYS, errno.EOPNOTSUPP, errno.ENOTSUP, errno.ENOLCK}


@contextlib.contextmanager
def exclusive(path: Path, while_waiting: Callable[[], None]) -> Generator[bool, None, None]:
    """Hold the lock file `path` within the block; wait for it as long as another process has it.

    Yields True when held, False where the file system has no locks (some network file systems): the caller must then
    use files that no other process uses. `while_waiting` is called some times a second. Raises OSError.
    """
    while True:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
        try:
            held = _lock(descriptor)
        except OSError as error:
            os.close(descriptor)
            if error.errno in _UNSUPPORTED:
                yield False
                return
            raise
        if held and _still_names(path, descriptor):
            break
        os.close(descriptor)
        if not held:
            while_waiting()
            time.sleep(_POLL)
    try:
        yield True
    finally:
        # removed while held; who waits for it sees by _still_names that this file is no longer the lock
        with contextlib.suppress(OSError):  # Windows does not remove an open file: there it stays
            path.unlink()
        os.close(descriptor)


def _still_names(path: Path, descriptor: int) -> bool:
    try:
        return os.path.samestat(os.stat(path), os.fstat(descriptor))
    except FileNotFoundError:
        return False


def _lock(descriptor: int) -> bool:
    """Take the lock if it is free. Raises OSError for any other reason than that it is not."""
    if sys.platform == "win32":
        import msvcrt

        try:
            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
        except OSError as error:
            if error.errno in (errno.EACCES, errno.EDEADLK):
                return False
            raise
        return True
    import fcntl

    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
