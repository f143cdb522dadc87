"""Weights of full size in files of next to none: every tensor repeats one number, which tells it from the others."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from retint.networks.encoders import ResNet
from retint.networks.vgg import Vgg16

_TORCHVISION_NAMES = ("conv1", "bn1", "relu", "maxpool", "layer1", "layer2", "layer3", "layer4")


def number(index: int) -> float:
    """The number of the tensor at that place in the network's own state dict."""
    return (index + 1) / 1024


def torchvision_state(network: ResNet | Vgg16) -> dict[str, Tensor]:
    """What torchvision's file would hold: its names, a classifier, and no counters of batches."""
    state: dict[str, Tensor] = {}
    for index, (key, value) in enumerate(network.state_dict().items()):
        if not key.endswith("num_batches_tracked"):
            head, _, rest = key.partition(".")
            name = key if isinstance(network, Vgg16) else f"{_TORCHVISION_NAMES[int(head)]}.{rest}"
            state[name] = torch.full((), number(index)).expand(value.shape)
    classifier = "classifier.0" if isinstance(network, Vgg16) else "fc"
    return {**state, f"{classifier}.weight": torch.zeros(()).expand(1000, 512), f"{classifier}.bias": torch.zeros(1000)}


def holds_planted(network: nn.Module) -> bool:
    """Whether each tensor has its own number, and each counter of batches is 0."""
    wanted = {
        key: 0 if key.endswith("num_batches_tracked") else number(index)
        for index, key in enumerate(network.state_dict())
    }
    return all(bool((value == wanted[key]).all()) for key, value in network.state_dict().items())


def without(state: Mapping[str, Tensor], key: str) -> dict[str, Tensor]:
    return {name: value for name, value in state.items() if name != key}
