"""ONNX Runtime as an engine: the default, without torch."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import numpy as np
import onnxruntime as ort

from retint.errors import RenderError, RenderMemoryError, WeightsError
from retint.rendering.memory import cores_available, memory_available
from retint.rendering.network import Floats, NetworkInfo

ort.disable_telemetry_events()  # on Windows this is the switch; elsewhere, see retint/__init__.py

Device = Literal["auto", "cpu", "cuda", "mps"]
_PROVIDERS = {"cpu": "CPUExecutionProvider", "cuda": "CUDAExecutionProvider", "mps": "CoreMLExecutionProvider"}
# Peak bytes per pixel of a render, beyond the loaded session: measured 200 (lite) and up to 5900 (artistic), with room
_BYTES_PER_PIXEL = {"lite": 300, "artistic": 6500, "stable": 6500, "video": 6500}
_OUT_OF_MEMORY = ("allocate memory", "bad_alloc", "out of memory", "bad allocation")


class OnnxNetwork:
    """A generator in an ONNX file made by `retint models export`, on ONNX Runtime."""

    def __init__(self, path: Path, *, name: str | None = None, device: Device = "auto", threads: int = 0) -> None:
        """threads: of the CPU; 0 for all cores that are free to use.

        Raises WeightsError for a file that is no retint ONNX model, RenderError for a device that is not there.
        """
        chosen = _choose_device(device)
        options = ort.SessionOptions()
        options.intra_op_num_threads = threads or cores_available()
        options.log_severity_level = 3
        try:
            self._session = ort.InferenceSession(path, options, providers=[_PROVIDERS[chosen]])
        except Exception as error:  # ONNX Runtime's own exceptions share no public base
            raise WeightsError(
                f"{path.name} is not a model that ONNX Runtime can load: {_first_line(error)}"
            ) from error
        said = self._session.get_modelmeta().custom_metadata_map
        if said.get("retint.head") not in ("rgb", "chroma"):
            raise WeightsError(
                f"{path.name} is not a retint model (no retint.head in its metadata); "
                "make one with: retint models export"
            )
        self.info = NetworkInfo(
            name=name or said["retint.name"],
            variant=said["retint.variant"],
            version=said["retint.version"],
            head="rgb" if said["retint.head"] == "rgb" else "chroma",
            default_render_factor=int(said["retint.default_render_factor"]),
            engine="onnxruntime",
            device=chosen,
        )
        self._input = self._session.get_inputs()[0].name

    def run(self, batch: Floats) -> Floats:
        try:
            (output,) = self._session.run(None, {self._input: batch})
        except Exception as error:  # as above
            text = _first_line(error)
            if isinstance(error, MemoryError) or any(word in text.lower() for word in _OUT_OF_MEMORY):
                raise RenderMemoryError(text) from error
            raise RenderError(f"ONNX Runtime failed on a render of {batch.shape[-1]} px: {text}") from error
        return np.asarray(output, dtype=np.float32)

    def bytes_needed(self, side: int, pictures: int = 1) -> int:
        return _BYTES_PER_PIXEL[self.info.variant] * side * side * pictures

    def bytes_free(self) -> int | None:
        return memory_available() if self.info.device == "cpu" else None


def _choose_device(device: Device) -> Literal["cpu", "cuda", "mps"]:
    available = ort.get_available_providers()
    if device == "auto":
        return "cuda" if _PROVIDERS["cuda"] in available else "cpu"
    if _PROVIDERS[device] not in available:
        advice = {"cuda": "pip install onnxruntime-gpu in place of onnxruntime", "mps": "use the torch extra"}.get(
            device, ""
        )
        raise RenderError(
            f"got device {device!r}, and this ONNX Runtime offers {', '.join(available)}; {advice}, or take device cpu"
        )
    return device


def _first_line(error: Exception) -> str:
    return str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
