"""Tiny ONNX networks that do something known, with the names and shapes of the trained ones."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

OPSET = helper.make_opsetid("", 17)


def save(
    folder: Path,
    name: str,
    inputs: dict[str, Sequence[str | int]],
    outputs: dict[str, Sequence[str | int]],
    nodes: list[onnx.NodeProto],
    constants: dict[str, np.ndarray] | None = None,
    **said: str,
) -> Path:
    def described(of: dict[str, Sequence[str | int]]) -> list[onnx.ValueInfoProto]:
        return [helper.make_tensor_value_info(key, TensorProto.FLOAT, shape) for key, shape in of.items()]

    stored = [numpy_helper.from_array(value, key) for key, value in (constants or {}).items()]
    graph = helper.make_graph(nodes, name, described(inputs), described(outputs), stored)
    model = helper.make_model(graph, opset_imports=[OPSET], ir_version=8)
    helper.set_model_props(model, {f"retint.{key}": value for key, value in said.items()})
    folder.mkdir(exist_ok=True)
    path = folder / f"{name}.onnx"
    onnx.save(model, path)
    return path


PICTURE = ["N", 1, "H", "W"]


def f32(*values: float) -> np.ndarray:
    return np.array(values, np.float32)


TWO = ["N", 2, "H", "W"]
SPLIT = helper.make_node("Split", ["gray", "parts"], ["seen", "mask"], axis=1)
PARTS = {"parts": np.array([1, 1], np.int64)}


def box_blur(folder: Path, radius: int = 2, margin: int = 16) -> None:
    """restore: means over squares; looks `radius` px around itself, and sees zeros beyond a window's edges."""
    side = 2 * radius + 1
    kernel = np.full((1, 1, side, side), 1 / side**2, np.float32)
    node = helper.make_node("Conv", ["seen", "kernel"], ["luma"], pads=[radius] * 4)
    constants = PARTS | {"kernel": kernel}
    save(folder, "restore", {"gray": TWO}, {"luma": PICTURE}, [SPLIT, node], constants, margin=str(margin))


def stepped(folder: Path) -> None:
    """restore: each square of 16 x 16 px its own mean: shows any tile that is not on the grid."""
    nodes = [
        SPLIT,
        helper.make_node("AveragePool", ["seen"], ["small"], kernel_shape=[16, 16], strides=[16, 16]),
        helper.make_node("Resize", ["small", "", "scales"], ["luma"], mode="nearest"),
    ]
    constants = PARTS | {"scales": f32(1, 1, 16, 16)}
    save(folder, "restore", {"gray": TWO}, {"luma": PICTURE}, nodes, constants, margin="16")


def mean_of_sound(folder: Path, radius: int = 8, scale: float = 1.0, margin: int = 16) -> None:
    """restore: under the mask the mean of sound pixels within `radius` px, elsewhere `scale` times what is there."""
    side = 2 * radius + 1
    kernel = np.ones((1, 1, side, side), np.float32)
    nodes = [
        SPLIT,
        helper.make_node("Sub", ["one", "mask"], ["sound"]),
        helper.make_node("Conv", ["seen", "kernel"], ["sum"], pads=[radius] * 4),
        helper.make_node("Conv", ["sound", "kernel"], ["count"], pads=[radius] * 4),
        helper.make_node("Max", ["count", "one"], ["least"]),
        helper.make_node("Div", ["sum", "least"], ["mean"]),
        helper.make_node("Mul", ["mean", "mask"], ["under"]),
        helper.make_node("Mul", ["seen", "scale"], ["scaled"]),
        helper.make_node("Mul", ["scaled", "sound"], ["elsewhere"]),
        helper.make_node("Add", ["under", "elsewhere"], ["luma"]),
    ]
    constants = PARTS | {"kernel": kernel, "one": f32(1), "scale": f32(scale)}
    save(folder, "restore", {"gray": TWO}, {"luma": PICTURE}, nodes, constants, margin=str(margin), version="3")


def white_is_damage(folder: Path, above: float = 0.9) -> None:
    """damage: (gray - above) / (1 - above), clipped: white is certain."""
    nodes = [
        helper.make_node("Sub", ["gray", "above"], ["over"]),
        helper.make_node("Mul", ["over", "slope"], ["steep"]),
        helper.make_node("Clip", ["steep", "zero", "one"], ["damage"]),
    ]
    constants = {"above": f32(above), "slope": f32(1 / (1 - above))}
    constants |= {"zero": np.array(0, np.float32), "one": np.array(1, np.float32)}
    save(folder, "damage", {"gray": PICTURE}, {"damage": PICTURE}, nodes, constants, margin="0", version="7")


def constant_light(
    folder: Path, gain: float = 1.0, offset: float = 0.0, gamma: float = 1.0, confidence: float = 1.0
) -> None:
    """The same answer to every picture."""
    field = np.stack([np.full((12, 12), gain), np.full((12, 12), offset)])[None].astype(np.float32)
    light_from(folder, field, gamma, confidence)


def light_from(folder: Path, field: np.ndarray, gamma: float = 1.0, confidence: float = 1.0) -> None:
    shapes = {"light": ["N", 2, 12, 12], "gamma": ["N", 1], "confidence": ["N", 1]}
    nodes = [helper.make_node("Identity", [f"{name}_value"], [name]) for name in shapes]
    constants = {"light_value": field, "gamma_value": f32(gamma)[None], "confidence_value": f32(confidence)[None]}
    save(folder, "tone", {"thumbnail": ["N", 1, 96, 96]}, shapes, nodes, constants, version="2")


def identity(folder: Path, name: str) -> None:
    """luma: the input."""
    node = helper.make_node("Identity", ["gray"], ["luma"])
    save(folder, name, {"gray": PICTURE}, {"luma": PICTURE}, [node])


def doubled(folder: Path) -> None:
    node = helper.make_node("Resize", ["gray", "", "scales"], ["luma"], mode="nearest")
    large = ["N", 1, "H2", "W2"]
    save(folder, "upscale", {"gray": PICTURE}, {"luma": large}, [node], {"scales": f32(1, 1, 2, 2)}, margin="0")


def all_of_them(folder: Path) -> Path:
    """One of each: a light that does nothing and is unsure, a restorer that only fills, white as damage."""
    constant_light(folder, confidence=0.0)
    white_is_damage(folder)
    mean_of_sound(folder)
    doubled(folder)
    return folder
