"""Stages of a pipeline, a thread each, with bounded queues between them. What one of them raises ends all."""

from __future__ import annotations

import contextlib
import queue
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Generator
from contextlib import contextmanager
from types import TracebackType
from typing import Generic, TypeVar

Item = TypeVar("Item")

_POLL_SECONDS = 0.1  # between looks at whether another stage failed; a wait without an end cannot be interrupted
_LAST_SECONDS = 120.0  # for a stage that is at its last item


class _Stopped(Exception):  # noqa: N818 - not an error
    """Another stage failed, or the run is given up."""


class Stages:
    """A context in which stages run. Leaving it ends them; what one of them raised is raised then.

    >>> with Stages() as stages:
    ...     numbers: Handover[int] = Handover(stages)
    ...     stages.start("count", lambda: [numbers.put(number) for number in range(3)])
    ...     print(numbers.get())
    ...     stages.wait()
    """

    def __init__(self) -> None:
        self.seconds: defaultdict[str, float] = defaultdict(float)  # by the names given to `timed`
        self._threads: list[threading.Thread] = []
        self._stop = threading.Event()
        self._failure: BaseException | None = None

    def start(self, name: str, work: Callable[[], object]) -> None:
        """Begin a stage. Its queues may raise in it when the run is given up: clean up with `with` and `finally`."""
        # a daemon: a file system that hangs may not keep the program from ending
        thread = threading.Thread(target=self._guarded, args=(work,), name=f"retint-{name}", daemon=True)
        self._threads.append(thread)
        thread.start()

    def wait(self) -> None:
        """Until all stages have ended well; else their error is raised as the context is left."""
        while any(thread.is_alive() for thread in self._threads):
            self.check()
            time.sleep(_POLL_SECONDS / 10)
        self.check()

    def check(self) -> None:
        """End here where another stage failed."""
        if self._stop.is_set():
            raise _Stopped

    @contextmanager
    def timed(self, name: str) -> Generator[None]:
        """Count the block's time for a stage."""
        began = time.perf_counter()
        try:
            yield
        finally:
            self.seconds[name] += time.perf_counter() - began

    def _guarded(self, work: Callable[[], object]) -> None:
        try:
            work()
        except _Stopped:
            pass
        except BaseException as error:
            self._failure = self._failure or error
            self._stop.set()

    def __enter__(self) -> Stages:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        deadline = time.monotonic() + _LAST_SECONDS
        for thread in self._threads:
            while thread.is_alive() and time.monotonic() < deadline:
                thread.join(_POLL_SECONDS)
        if self._failure is not None and (error is None or isinstance(error, _Stopped)):
            raise self._failure from None


class Handover(Generic[Item]):
    """A bounded queue between two stages, which ends both when a third fails."""

    def __init__(self, stages: Stages, size: int = 8) -> None:
        self._stages = stages
        self._queue: queue.Queue[Item] = queue.Queue(size)

    def put(self, item: Item) -> None:
        """Hand on, when there is room."""
        while True:
            self._stages.check()
            with contextlib.suppress(queue.Full):
                self._queue.put(item, timeout=_POLL_SECONDS)
                return

    def get(self) -> Item:
        """Take the next, when there is one."""
        while True:
            self._stages.check()
            with contextlib.suppress(queue.Empty):
                return self._queue.get(timeout=_POLL_SECONDS)
