"""Restoring photographs for requests: networks that all share and that run in turns, and room for few at once."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import TYPE_CHECKING

from retint.pipelines.room import Room
from retint.restoration.options import RestoreOptions
from retint.server.turns import Turns

if TYPE_CHECKING:
    from retint.restoration.onnx_models import Models
    from retint.restoration.photo import Restorer


class Restoring:
    """What is loaded when somebody first wants it, and then kept. Thread-safe."""

    def __init__(self, turns: Turns) -> None:
        self._turns = turns
        self._loaded: tuple[Models, Room] | None = None
        self._closed = False
        self._lock = threading.Lock()

    def restorer(self, options: RestoreOptions, check: Callable[[], None]) -> Restorer:
        """A restorer that has what these options need.

        check: called before every run of a network; what it raises ends the work. Raises WeightsError.
        """
        from retint.restoration.photo import Restorer
        from retint.server.turned import TurnedModels

        restorer = Restorer(TurnedModels(self._get()[0], self._turns, check))
        with self._lock:  # two that ask for it would load a network twice
            restorer.load(options)
        return restorer

    @property
    def room(self) -> Room:
        """For those that are restored: they hold more a pixel than those that are only coloured."""
        return self._get()[1]

    def close(self) -> None:
        """Let everybody in who waits: the work is being given up."""
        with self._lock:
            self._closed = True
            if self._loaded is not None:
                self._loaded[1].close()

    def _get(self) -> tuple[Models, Room]:
        with self._lock:
            if self._loaded is None:
                from retint.pipelines.restore import MOST_PHOTOS, MOST_PIXELS
                from retint.rendering.memory import cores_available
                from retint.restoration import onnx_models

                room = Room(MOST_PHOTOS, MOST_PIXELS)
                if self._closed:
                    room.close()
                self._loaded = onnx_models.Models(threads=cores_available()), room
            return self._loaded
