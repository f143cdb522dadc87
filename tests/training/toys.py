"""Players small enough for sums by hand."""

from __future__ import annotations

import copy

import torch
from torch import Tensor, nn

from retint.networks.encoders import ResNet
from retint.networks.generator import VARIANTS
from retint.training.players import Players
from retint.training.processes import Processes


class ToyEncoder(ResNet):
    """One convolution, one batch norm, one convolution; its halves are the first two and the last."""

    def __init__(self) -> None:
        nn.Module.__init__(self)
        self.early = nn.Conv2d(3, 2, 1, bias=False)
        self.norm = nn.BatchNorm2d(2)
        self.late = nn.Conv2d(2, 2, 1, bias=False)

    def halves(self) -> tuple[list[nn.Module], list[nn.Module]]:
        return [self.early, self.norm], [self.late]

    def forward(self, input: Tensor) -> list[Tensor]:
        return [self.late(self.norm(self.early(input)))]


class ToyGenerator(nn.Module):
    """Grey to two chroma planes; remembers the mode of every forward pass."""

    variant = VARIANTS["lite"]

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.ModuleList([ToyEncoder(), nn.Conv2d(2, 2, 1)])
        self.modes: list[bool] = []

    def forward(self, x: Tensor) -> Tensor:
        self.modes.append(self.training)
        return 0.1 * self.layers[1](self.layers[0](x)[0])


class ToyCritic(nn.Module):
    """A linear verdict on the mean of each channel; remembers its modes. Dropout, which eval mode has to stop."""

    def __init__(self, dropout: float = 0.0) -> None:
        super().__init__()
        self.linear = nn.Linear(3, 2)
        self.dropout = nn.Dropout(dropout)
        self.modes: list[bool] = []

    def forward(self, rgb: Tensor) -> Tensor:
        self.modes.append(self.training)
        return self.linear(self.dropout(rgb.mean(dim=(2, 3))))


def toy_players(*, seed: int = 0, dropout: float = 0.0) -> Players:
    torch.manual_seed(seed)
    generator = ToyGenerator()
    return Players(generator, copy.deepcopy(generator), ToyCritic(dropout), None, Processes("cpu"))  # type: ignore[arg-type]
