"""Weights in torch's format to one ONNX file that ONNX Runtime renders without torch.

The file holds the folded network with free batch, height and width, input "gray", output "render", and says of itself
in its metadata what `NetworkInfo` wants (`retint.variant`, `.head`, `.version`, `.name`, `.default_render_factor`).
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal, cast

import numpy as np

from retint.errors import MissingExtraError, WeightsError

try:
    import onnx
    import onnxscript
    import torch
except ImportError as missing:
    raise MissingExtraError(
        f"export to ONNX needs {missing.name}, which is not installed; do this: pip install 'retint[torch]'"
    ) from missing
from onnx import helper
from onnxscript import FLOAT
from torch import Tensor, nn

from retint.networks.blocks import SelfAttention
from retint.networks.checkpoints import load_generator
from retint.networks.folding import fold
from retint.rendering.network import UNIT, Floats
from retint.rendering.onnx_files import References, round_to_half, silent, store_as_half, strip, write
from retint.rendering.torch_backend import DEFAULT_RENDER_FACTORS, digest

OPSET = 18  # as `op`, below
_SAMPLE = (2, 3, 5 * UNIT, 7 * UNIT)  # odd multiples of 16, so that the trace holds the resize to the encoder's sizes
_CHECKED = ((1, 3, 4 * UNIT, 6 * UNIT), (2, 3, 7 * UNIT, 5 * UNIT), (1, 3, 21 * UNIT, 25 * UNIT))
_POSITIONS = 512  # of attention at a time
op: Any = onnxscript.opset18  # its stubs do not know that scripts work with numbers


# Self-attention as an operator of its own, so that the graph gets a loop over positions in place of the whole matrix.


@torch.library.custom_op("retint::attend", mutates_args=())
def _attend(query: Tensor, key: Tensor, value: Tensor) -> Tensor:
    """softmax(query key^T) value. `(N, T, D)`, `(N, S, D)`, `(N, S, C)` to `(N, T, C)`."""
    parts = [torch.softmax(part @ key.transpose(1, 2), dim=-1) @ value for part in query.split(_POSITIONS, dim=1)]
    return torch.cat(parts, dim=1)


@_attend.register_fake
def _attend_shape(query: Tensor, key: Tensor, value: Tensor) -> Tensor:
    return value.new_empty(query.shape[0], query.shape[1], value.shape[2])


@onnxscript.script()
def _onnx_attend(query: FLOAT[...], key: FLOAT[...], value: FLOAT[...]) -> FLOAT[...]:
    positions = op.Shape(query, start=1, end=2)
    turns = op.Squeeze((positions + 511) / 512)
    turned = op.Transpose(key, perm=[0, 2, 1])
    out = op.Slice(value, [0], [0], [1])
    for turn in range(turns):
        start = op.Unsqueeze(turn * 512, [0])
        part = op.Slice(query, start, start + 512, [1])
        weights = op.Softmax(op.MatMul(part, turned), axis=-1)
        out = op.Concat(out, op.MatMul(weights, value), axis=1)
    return out


class _LoopedAttention(nn.Module):
    """`SelfAttention`, folded, by the operator above."""

    def __init__(self, attention: SelfAttention) -> None:
        super().__init__()
        self.gamma = attention.gamma
        self.query, self.key, self.value = attention.query, attention.key, attention.value

    def forward(self, x: Tensor) -> Tensor:
        tokens = x.flatten(2)
        query, key, value = (part(tokens).transpose(1, 2) for part in (self.query, self.key, self.value))
        attended = torch.ops.retint.attend(key, query, value)  # named as in SelfAttention
        return self.gamma * attended.transpose(1, 2).reshape(x.shape) + x


class _Clamp(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return x.clamp(0, 6)


def export_onnx(
    weights: Path,
    target: Path,
    *,
    precision: Literal["fp16", "fp32"] = "fp16",
    name: str | None = None,
    version: str | None = None,
    default_render_factor: int | None = None,
    saturation: float = 1.0,
) -> Path:
    """Write the generator of a torch weights file as ONNX; returns `target`. It is whole and checked, or not there.

    precision: how the weights are stored; fp16 halves the file. They are computed with in fp32 either way
    name, version, default_render_factor: for the metadata; the file's stem, what it says or the head of its SHA-256,
        and the variant's default, if not given
    saturation: what the chroma is multiplied by, in the last convolution; of chroma generators alone

    Before the file takes its name, ONNX Runtime renders several sizes from it, and torch the same.

    Raises WeightsError for weights that are no generator, a saturation they cannot have or a target that cannot be
    written, RenderError where ONNX Runtime's renders differ from torch's.
    """
    generator = load_generator(weights)
    variant = generator.variant
    is_video = variant.name == "stable" and "video" in (name or weights.stem).lower()  # the same network and keys
    variant_name = "video" if is_video else variant.name
    metadata = {
        "retint.name": name or weights.stem,
        "retint.variant": variant_name,
        "retint.version": version or digest(weights),
        "retint.head": variant.head,
        "retint.default_render_factor": str(default_render_factor or DEFAULT_RENDER_FACTORS[variant_name]),
        "retint.saturation": f"{saturation:g}",
    }
    if saturation <= 0 or (saturation != 1 and variant.head != "chroma"):
        raise WeightsError(
            f"got saturation {saturation:g} for {variant.name!r}; "
            "wanted a number above 0, and 1 for networks that give RGB"
        )
    network = fold(generator)
    if saturation != 1:
        _saturate(network, saturation)
    if precision == "fp16":
        round_to_half(network)
    references: References = [(gray, (_render(network, gray),)) for gray in _grays()]
    model = _traced(network)
    del network
    if precision == "fp16":
        store_as_half(model)
    helper.set_model_props(model, metadata)
    write(model, target, references)
    return target


def _saturate(network: nn.Module, saturation: float) -> None:
    """Scale the last convolution, whose two channels are the chroma. network: a folded chroma generator."""
    *_, last = (module for module in network.modules() if isinstance(module, nn.Conv2d))
    assert last.out_channels == 2
    with torch.no_grad():
        for parameter in last.parameters():
            parameter.mul_(saturation)


def _grays() -> list[Floats]:
    """Seeded grey pictures of the sizes to be checked: smooth and rough, in the range of a photograph's."""
    random = np.random.RandomState(0)
    return [np.repeat(random.standard_normal((n, 1, h, w)), c, axis=1).astype(np.float32) for n, c, h, w in _CHECKED]


@torch.inference_mode()
def _render(network: nn.Module, gray: Floats) -> Floats:
    return network(torch.from_numpy(gray)).numpy()


def _traced(network: nn.Module) -> onnx.ModelProto:
    _make_traceable(network)
    free = torch.export.Dim.DYNAMIC
    with silent():
        program = torch.onnx.export(
            network,
            (torch.zeros(_SAMPLE),),
            dynamo=True,
            verbose=False,
            opset_version=OPSET,
            input_names=["gray"],
            output_names=["render"],
            dynamic_shapes=({0: free, 2: free, 3: free},),
            custom_translation_table={torch.ops.retint.attend.default: cast("Any", _onnx_attend)},
        )
    assert program is not None
    model = program.model_proto
    del model.metadata_props[:]
    strip(model.graph)
    for value, axes in ((model.graph.input[0], "NHW"), (model.graph.output[0], "NHW")):
        dims = value.type.tensor_type.shape.dim
        for dim, axis in zip((dims[0], dims[2], dims[3]), axes, strict=True):
            dim.dim_param = axis
    return model


def _make_traceable(module: nn.Module) -> None:
    """Attention as a loop; ReLU6 as a clamp, which the tracer, unlike hardtanh, does not take apart for minutes."""
    for name, child in module.named_children():
        if isinstance(child, SelfAttention):
            setattr(module, name, _LoopedAttention(child))
        elif isinstance(child, nn.ReLU6):
            setattr(module, name, _Clamp())
        else:
            _make_traceable(child)
