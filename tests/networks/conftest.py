"""Small generators of every shape, with norms that do something."""

from __future__ import annotations

from dataclasses import replace

import pytest

torch = pytest.importorskip("torch")

from torch import nn  # noqa: E402

from retint.networks.generator import VARIANTS, Generator  # noqa: E402

SMALL = {
    "deep": replace(VARIANTS["artistic"], middle=24, up=(16, 24, 24, 16), outputs=(24, 24, 20, 20), last=13),
    "wide": replace(
        VARIANTS["stable"], encoder="resnet34", middle=24, up=(16, 24, 24, 16), outputs=(24, 24, 20, 20), last=13
    ),
    "lite": replace(VARIANTS["lite"], up=(16, 24, 24, 16), outputs=(24, 24, 20, 20), last=6),
}


def shake(network: nn.Module) -> None:
    """Give norms, biases and attention values that a fresh network would hide errors behind."""
    torch.manual_seed(3)
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            nn.init.normal_(module.running_mean, 0, 0.2)
            nn.init.uniform_(module.running_var, 0.5, 1.5)
            nn.init.uniform_(module.weight, -1.0, 1.5)  # some negative: a ReLU does not commute with these
            nn.init.normal_(module.bias, 0, 0.2)
        elif hasattr(module, "gamma"):
            nn.init.constant_(module.gamma, 0.5)
        elif getattr(module, "bias", None) is not None:
            nn.init.normal_(module.bias, 0, 0.1)


@pytest.fixture(params=sorted(SMALL))
def small_generator(request: pytest.FixtureRequest) -> Generator:
    torch.manual_seed(2)
    generator = Generator(SMALL[request.param]).eval()
    shake(generator)
    return generator
