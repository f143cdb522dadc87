"""The trained networks of restoration on ONNX Runtime: what each takes and gives, and one place that loads them.

    tone      thumbnail (N, 1, 96, 96)  -> light (N, 2, 12, 12), gamma (N, 1), confidence (N, 1)
    damage    gray (N, 1, H, W)         -> damage (N, 1, H, W), the probability that a pixel is damaged
    restore   gray (N, 2, H, W)         -> luma (N, 1, H, W); channels: luma with 0 where damaged, and the mask
    upscale   gray (N, 1, H, W)         -> luma (N, 1, 2 H, 2 W)

All float32 in 0..1 (but gain and offset in `light`), H and W multiples of 16. A file may say in its metadata
`retint.margin`, how many px its network looks around itself, and `retint.version`.
"""

from __future__ import annotations

import hashlib
import importlib.resources
from pathlib import Path
from typing import Literal

import numpy as np
import onnxruntime as ort

from retint.errors import RenderError, RenderMemoryError, WeightsError
from retint.restoration.planes import Floats

ModelName = Literal["tone", "damage", "restore", "upscale"]
SCALES: dict[str, int] = {"upscale": 2}
_OUTPUTS: dict[ModelName, tuple[str, ...]] = {
    "tone": ("light", "gamma", "confidence"),
    "damage": ("damage",),
    "restore": ("luma",),
    "upscale": ("luma",),
}
MARGINS: dict[ModelName, int] = {"restore": 144}
"""px, where a file does not say. Tiles of the trained restorer differ by up to 10 levels with 96, 0.7 with 128, 0.03
with 144."""
MARGIN = 96  # px, of the others
_OUT_OF_MEMORY = ("allocate memory", "bad_alloc", "out of memory", "bad allocation")


class OnnxModel:
    """One network."""

    def __init__(self, path: Path, name: ModelName, *, threads: int = 0) -> None:
        """threads: of the CPU; 0: as ONNX Runtime likes. Raises WeightsError."""
        if not path.is_file():
            raise WeightsError(
                f"{path.name} is not in {path.parent}, and restoring needs it there; install retint again, "
                "or leave its stage out"
            )
        options = ort.SessionOptions()
        options.intra_op_num_threads = threads
        options.log_severity_level = 3
        try:
            self._session = ort.InferenceSession(path, options, providers=["CPUExecutionProvider"])
        except Exception as error:  # ONNX Runtime's own exceptions share no public base
            raise WeightsError(f"{path.name} is not a model that ONNX Runtime can load: {_line(error)}") from error
        outputs = {output.name for output in self._session.get_outputs()}
        if missing := [wanted for wanted in _OUTPUTS[name] if wanted not in outputs]:
            raise WeightsError(
                f"{path.name} gives {', '.join(sorted(outputs))}, wanted {', '.join(_OUTPUTS[name])}: "
                f"{missing[0]} is missing; take the file that came with retint"
            )
        said = self._session.get_modelmeta().custom_metadata_map
        self.name: ModelName = name
        self.scale = SCALES.get(name, 1)
        self.margin = int(said.get("retint.margin", MARGINS.get(name, MARGIN)))
        self.version = said.get("retint.version") or hashlib.sha256(path.read_bytes()).hexdigest()[:8]
        self._input = self._session.get_inputs()[0].name

    def answers(self, batch: Floats) -> list[Floats]:
        """The outputs, in the order of the table above, for (N, C, h, w). Raises RenderError, RenderMemoryError."""
        try:
            found = self._session.run(list(_OUTPUTS[self.name]), {self._input: batch})
        except Exception as error:  # as above
            text = _line(error)
            if isinstance(error, MemoryError) or any(word in text.lower() for word in _OUT_OF_MEMORY):
                raise RenderMemoryError(
                    f"{self.name} at {batch.shape[3]} x {batch.shape[2]} px does not fit into memory; "
                    "close other programs"
                ) from error
            raise RenderError(f"ONNX Runtime failed in {self.name} at {batch.shape}: {text}") from error
        arrays = [np.asarray(one, np.float32) for one in found]
        if not all(np.isfinite(one).all() for one in arrays):
            raise RenderError(f"the answer of {self.name} holds NaN; its weights or its engine are broken")
        return arrays

    def work(self, window: Floats) -> Floats:
        """(C, h, w) to (scale * h, scale * w): the network as `tiles.over_tiles` wants it."""
        (answer,) = self.answers(window[None])
        wanted = (1, 1, window.shape[1] * self.scale, window.shape[2] * self.scale)
        if answer.shape != wanted:
            raise RenderError(
                f"{self.name} gave an answer of shape {answer.shape}, wanted {wanted}; please report this"
            )
        return answer[0, 0]


class Models:
    """The networks of a folder, each loaded when it is first asked for."""

    def __init__(self, folder: Path | None = None, *, threads: int = 0) -> None:
        """folder: holds `tone.onnx` and the others; by default those in the package."""
        self._folder = folder or Path(str(importlib.resources.files("retint.weights")))
        self._threads = threads
        self._loaded: dict[ModelName, OnnxModel] = {}

    def get(self, name: ModelName) -> OnnxModel:
        """The network of that name. Raises WeightsError."""
        if name not in self._loaded:
            self._loaded[name] = OnnxModel(self._folder / f"{name}.onnx", name, threads=self._threads)
        return self._loaded[name]


def _line(error: Exception) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0]
