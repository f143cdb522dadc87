"""One render at a time on a device, in the order of asking; what waits for the same network goes together.

Every network that is loaded lies behind one `Turns`, so photographs, strips and the frames of a film take turns by the
render. On a GPU, pictures of one size that wait for the same network become one run. On a CPU they would take as long.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass, field

import numpy as np

from retint.errors import RenderMemoryError
from retint.rendering.colorizer import AT_ONCE
from retint.rendering.network import Floats, Network, NetworkInfo


class _Turn:
    """A place in the queue."""


@dataclass(eq=False)
class _Ask(_Turn):
    network: Network
    batch: Floats
    done: bool = False
    result: Floats | None = None
    error: Exception | None = None


@dataclass
class Turns:
    """Those who wait for a device. Thread-safe."""

    _waiting: deque[_Turn] = field(default_factory=deque[_Turn])
    _busy: bool = False
    _changed: threading.Condition = field(default_factory=threading.Condition)

    def run(self, network: Network, batch: Floats) -> Floats:
        """What `network.run(batch)` gives, when it is its turn. Raises what that raises."""
        ask = _Ask(network, batch)
        with self._changed:
            self._waiting.append(ask)
            self._changed.wait_for(lambda: ask.done or (not self._busy and self._waiting[0] is ask))
            group: list[_Ask] = []
            if not ask.done:
                self._busy = True
                group = self._group(ask)
        if group:  # this thread runs it for all of them
            try:
                _run(group)
            finally:
                with self._changed:
                    self._busy = False
                    for one in group:
                        one.done = True
                    self._changed.notify_all()
        if ask.error is not None:
            raise ask.error
        assert ask.result is not None
        return ask.result

    @contextmanager
    def one(self) -> Generator[None]:
        """A turn for other work than a network's run."""
        turn = _Turn()
        with self._changed:
            self._waiting.append(turn)
            self._changed.wait_for(lambda: not self._busy and self._waiting[0] is turn)
            self._busy = True
            self._waiting.popleft()
        try:
            yield
        finally:
            with self._changed:
                self._busy = False
                self._changed.notify_all()

    def _group(self, first: _Ask) -> list[_Ask]:
        """Take `first` from the queue, and what can go with it."""
        group = [first]
        if first.network.info.device != "cpu":
            room = AT_ONCE - len(first.batch)
            for ask in list(self._waiting)[1:]:
                if not isinstance(ask, _Ask):
                    continue
                fits = ask.network is first.network and ask.batch.shape[1:] == first.batch.shape[1:]
                if fits and len(ask.batch) <= room and _fits(first, sum(len(one.batch) for one in [*group, ask])):
                    group.append(ask)
                    room -= len(ask.batch)
        for ask in group:
            self._waiting.remove(ask)
        return group


def _fits(ask: _Ask, pictures: int) -> bool:
    free = ask.network.bytes_free()
    return free is None or ask.network.bytes_needed(ask.batch.shape[-1], pictures) <= free


def _run(group: list[_Ask]) -> None:
    if len(group) > 1:
        try:
            whole = group[0].network.run(np.concatenate([ask.batch for ask in group]))
        except RenderMemoryError:
            pass  # one by one, then
        except Exception as error:
            for ask in group:
                ask.error = error
            return
        else:
            first = 0
            for ask in group:
                ask.result = whole[first : first + len(ask.batch)]
                first += len(ask.batch)
            return
    for ask in group:
        try:
            ask.result = ask.network.run(ask.batch)
        except Exception as error:
            ask.error = error


class SharedNetwork:
    """A network whose runs wait for their turn."""

    def __init__(self, network: Network, turns: Turns) -> None:
        self._network, self._turns = network, turns

    @property
    def info(self) -> NetworkInfo:
        return self._network.info

    def run(self, batch: Floats) -> Floats:
        return self._turns.run(self._network, batch)

    def bytes_needed(self, side: int, pictures: int = 1) -> int:
        return self._network.bytes_needed(side, pictures)

    def bytes_free(self) -> int | None:
        return self._network.bytes_free()
