"""Networks that restore, from torch's format to one ONNX file each that ONNX Runtime runs without torch.

Free batch, height and width. Input "gray" (`tone`: "thumbnail"), outputs:

    restore, upscale    "luma" (N, 1, H, W), of twice the size for `upscale`
    damage              "damage" (N, 1, H, W), a probability
    tone                "light" (N, 2, 12, 12), "gamma" (N, 1), "confidence" (N, 1), a probability
"""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import numpy as np
import torch
from onnx import helper
from torch import Tensor, nn

from retint.networks.mender import THUMBNAIL, Mender, Toner
from retint.networks.mender_files import load_mender
from retint.rendering.export import OPSET
from retint.rendering.network import Floats
from retint.rendering.onnx_files import round_to_half, silent, store_as_half, strip, write
from retint.rendering.torch_backend import digest

_SIDES = ((1, 64, 96), (2, 160, 48), (1, 256, 272))  # checked: pictures, height, width


class _Probability(nn.Module):
    """A network whose logits become probabilities."""

    def __init__(self, network: Mender) -> None:
        super().__init__()
        self.network = network

    def forward(self, gray: Tensor) -> Tensor:
        return torch.sigmoid(self.network(gray))


class _Tone(nn.Module):
    """As above, for the tone's last output."""

    def __init__(self, network: Toner) -> None:
        super().__init__()
        self.network = network

    def forward(self, thumbnail: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        light, gamma, says = self.network(thumbnail)
        return light, gamma, torch.sigmoid(says)


def export_mender(
    weights: Path, target: Path, *, precision: Literal["fp16", "fp32"] = "fp16", version: str | None = None
) -> Path:
    """Write a network that restores as ONNX; returns `target`. It is whole and checked, or not there.

    precision: how the weights are stored; computed with in fp32 either way
    version: for the metadata (`retint.version`); the head of the file's SHA-256, if not given

    Raises WeightsError for weights that are no such network or a target that cannot be written, RenderError where
    ONNX Runtime's numbers differ from torch's.
    """
    network = load_mender(weights)
    variant = network.variant
    if precision == "fp16":
        round_to_half(network)
    references = [(given, _run(_ready(network), given)) for given in _pictures(network)]
    batch = torch.export.Dim.DYNAMIC
    axes = {0: batch} if isinstance(network, Toner) else {0: batch, 2: batch, 3: batch}
    names = {"luma": ["luma"], "mask": ["damage"], "tone": ["light", "gamma", "confidence"]}[variant.head]
    with silent():
        program = torch.onnx.export(
            _ready(network),
            (torch.from_numpy(_pictures(network)[1]),),
            dynamo=True,
            verbose=False,
            opset_version=OPSET,
            input_names=["thumbnail" if isinstance(network, Toner) else "gray"],
            output_names=names,
            dynamic_shapes=(axes,),
        )
    assert program is not None
    model = program.model_proto
    del model.metadata_props[:]
    strip(model.graph)
    if precision == "fp16":
        store_as_half(model)
    said = {"retint.name": variant.name, "retint.restores": variant.head, "retint.version": version or digest(weights)}
    helper.set_model_props(model, said)
    write(model, target, references)
    return target


def _ready(network: Mender | Toner) -> nn.Module:
    if isinstance(network, Toner):
        return _Tone(network).eval()
    return (_Probability(network) if network.variant.head == "mask" else network).eval()


def _pictures(network: Mender | Toner) -> list[Floats]:
    """Seeded pictures of the sizes to be checked, and masks where the network takes them."""
    random = np.random.default_rng(0)
    out: list[Floats] = []
    for count, height, width in _SIDES:
        if isinstance(network, Toner):
            height = width = THUMBNAIL
        gray = random.random((count, 1, height, width), dtype=np.float32)
        if network.variant.inputs == 2:
            mask = (random.random(gray.shape) < 0.1).astype(np.float32)
            gray = np.concatenate([gray * (1 - mask), mask], axis=1)
        out.append(gray)
    return out


@torch.inference_mode()
def _run(network: nn.Module, given: Floats) -> tuple[Floats, ...]:
    out = network(torch.from_numpy(given))
    parts = out if isinstance(out, tuple) else (out,)
    return tuple(part.numpy() for part in parts)
