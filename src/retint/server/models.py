"""The models that a server offers, loaded when they are first asked for. Nothing is ever downloaded for a request."""

from __future__ import annotations

import contextlib
import threading
from collections import OrderedDict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from retint.errors import RetintError, UnknownModelError, WeightsError
from retint.server.settings import Settings
from retint.server.turns import SharedNetwork, Turns
from retint.weights import CATALOG, status

if TYPE_CHECKING:
    from retint.rendering import Colorizer

_WARM_SECONDS = 10.0
_LOADED = 2  # networks in memory at once: those of DeOldify have up to a gigabyte


class Models:
    """By the names that requests use: those of the catalogue, and stems of files named at the start. Thread-safe."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._files = {Path(file).stem: Path(file) for file in settings.models}
        self.turns = Turns()
        self._loaded: OrderedDict[str, Colorizer] = OrderedDict()
        self._lock = threading.Lock()
        self._warm = threading.Event()
        self.default = settings.model

    def warm(self) -> None:
        """Load the default, so that the first photograph does not wait. Raises nothing: who asks for it is told."""
        with contextlib.suppress(RetintError):
            self.get(None)
        self._warm.set()

    def get(self, name: str | None) -> Colorizer:
        """The colorizer of that name, or of the default.

        Raises UnknownModelError, WeightsError, MissingExtraError, RenderError.
        """
        name = name or self.default
        self.require(name)
        with self._lock:
            if name not in self._loaded:
                from retint.rendering import Colorizer, load_colorizer

                while len(self._loaded) >= _LOADED:
                    self._loaded.popitem(last=False)
                model = self._files.get(name, name)
                loaded = load_colorizer(model, device=self._settings.device, offline=True)
                self._loaded[name] = Colorizer(SharedNetwork(loaded.network, self.turns))
            self._loaded.move_to_end(name)
            return self._loaded[name]

    def require(self, name: str | None) -> None:
        """Refuse a name that is not offered, before a file is looked at. Raises UnknownModelError, WeightsError."""
        name = name or self.default
        offered = {model["name"]: model for model in self.offered()}
        if name not in offered:
            raise UnknownModelError(f"no model {name!r} here; choose from {', '.join(offered)}")
        if not offered[name]["available"]:
            raise WeightsError(
                f"the weights of {name} are not on this machine; who runs this server can fetch them with: "
                f"retint models fetch {name}"
            )

    def listed(self) -> list[dict[str, Any]]:
        """What `GET /v1/models` says: when the default is loaded, for only then its render factor is known."""
        self._warm.wait(_WARM_SECONDS)
        return self.offered()

    def offered(self) -> list[dict[str, Any]]:
        """The models, and whether they are here."""
        found: list[dict[str, Any]] = [
            {
                "name": entry.name,
                "about": entry.about,
                "licence": entry.licence,
                "default_render_factor": entry.default_render_factor or self._factor(entry.name),
                "available": status(entry).state in ("embedded", "here"),
                "default": entry.name == self.default,
            }
            for entry in CATALOG.values()
            if entry.role == "generator" and not entry.name.endswith("-pretrained")
        ]
        for name in self._files:
            found.append(
                {
                    "name": name,
                    "about": "a weights file of this server's",
                    "licence": None,
                    "default_render_factor": self._factor(name),
                    "available": True,
                    "default": name == self.default,
                }
            )
        return found

    def _factor(self, name: str) -> int | None:
        """Of a model that is loaded; None: not known before it is."""
        colorizer = self._loaded.get(name)
        return None if colorizer is None else colorizer.default_render_factor
