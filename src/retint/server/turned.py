"""The networks of restoration, whose runs wait for their turn as all others on the device do."""

from __future__ import annotations

from collections.abc import Callable

from retint.restoration.onnx_models import ModelName, Models, OnnxModel
from retint.restoration.planes import Floats
from retint.server.turns import Turns


class TurnedModels(Models):
    """Those of `models`, for one photograph."""

    def __init__(self, models: Models, turns: Turns, check: Callable[[], None]) -> None:
        """check: called before every run; what it raises ends the work."""
        self._models, self._turns, self._check = models, turns, check

    def get(self, name: ModelName) -> OnnxModel:
        return _TurnedModel(self._models.get(name), self._turns, self._check)


class _TurnedModel(OnnxModel):
    def __init__(self, model: OnnxModel, turns: Turns, check: Callable[[], None]) -> None:
        self._model, self._turns, self._check = model, turns, check
        self.name, self.scale, self.margin, self.version = model.name, model.scale, model.margin, model.version

    def answers(self, batch: Floats) -> list[Floats]:
        self._check()
        with self._turns.one():
            return self._model.answers(batch)
