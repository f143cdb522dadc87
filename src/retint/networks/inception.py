"""Inception v3 (arXiv 1512.00567) up to its pooled features, with torchvision's keys."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from retint.networks.states import require_fit

_Size = int | tuple[int, int]
_ROW, _COLUMN = (1, 7), (7, 1)


class _Conv(nn.Module):
    """Convolution, batch norm, ReLU. `same`: the size stays."""

    def __init__(self, inputs: int, outputs: int, size: _Size, *, stride: int = 1, same: bool = True) -> None:
        super().__init__()
        height, width = size if isinstance(size, tuple) else (size, size)
        padding = (height // 2, width // 2) if same else (0, 0)
        self.conv = nn.Conv2d(inputs, outputs, (height, width), stride, padding, bias=False)
        self.bn = nn.BatchNorm2d(outputs, eps=1e-3)

    def forward(self, x: Tensor) -> Tensor:
        return F.relu(self.bn(self.conv(x)))


def _smoothed(x: Tensor) -> Tensor:
    return F.avg_pool2d(x, 3, stride=1, padding=1)


def _halved(x: Tensor) -> Tensor:
    return F.max_pool2d(x, 3, stride=2)


class _Block(nn.Module):
    """Branches side by side. A branch is a row of convolutions by name; their names are torchvision's."""

    def run(self, x: Tensor, *names: str) -> Tensor:
        for name in names:
            x = getattr(self, name)(x)
        return x


class _A(_Block):
    """35x35: 1x1, 5x5, two 3x3, pooled."""

    def __init__(self, inputs: int, pooled: int) -> None:
        super().__init__()
        self.branch1x1 = _Conv(inputs, 64, 1)
        self.branch5x5_1 = _Conv(inputs, 48, 1)
        self.branch5x5_2 = _Conv(48, 64, 5)
        self.branch3x3dbl_1 = _Conv(inputs, 64, 1)
        self.branch3x3dbl_2 = _Conv(64, 96, 3)
        self.branch3x3dbl_3 = _Conv(96, 96, 3)
        self.branch_pool = _Conv(inputs, pooled, 1)

    def forward(self, x: Tensor) -> Tensor:
        return torch.cat(
            [
                self.branch1x1(x),
                self.run(x, "branch5x5_1", "branch5x5_2"),
                self.run(x, "branch3x3dbl_1", "branch3x3dbl_2", "branch3x3dbl_3"),
                self.branch_pool(_smoothed(x)),
            ],
            1,
        )


class _B(_Block):
    """35x35 to 17x17."""

    def __init__(self, inputs: int) -> None:
        super().__init__()
        self.branch3x3 = _Conv(inputs, 384, 3, stride=2, same=False)
        self.branch3x3dbl_1 = _Conv(inputs, 64, 1)
        self.branch3x3dbl_2 = _Conv(64, 96, 3)
        self.branch3x3dbl_3 = _Conv(96, 96, 3, stride=2, same=False)

    def forward(self, x: Tensor) -> Tensor:
        deep = self.run(x, "branch3x3dbl_1", "branch3x3dbl_2", "branch3x3dbl_3")
        return torch.cat([self.branch3x3(x), deep, _halved(x)], 1)


class _C(_Block):
    """17x17, with kernels of one row or one column."""

    def __init__(self, inner: int) -> None:
        super().__init__()
        self.branch1x1 = _Conv(768, 192, 1)
        self.branch7x7_1 = _Conv(768, inner, 1)
        self.branch7x7_2 = _Conv(inner, inner, _ROW)
        self.branch7x7_3 = _Conv(inner, 192, _COLUMN)
        self.branch7x7dbl_1 = _Conv(768, inner, 1)
        self.branch7x7dbl_2 = _Conv(inner, inner, _COLUMN)
        self.branch7x7dbl_3 = _Conv(inner, inner, _ROW)
        self.branch7x7dbl_4 = _Conv(inner, inner, _COLUMN)
        self.branch7x7dbl_5 = _Conv(inner, 192, _ROW)
        self.branch_pool = _Conv(768, 192, 1)

    def forward(self, x: Tensor) -> Tensor:
        return torch.cat(
            [
                self.branch1x1(x),
                self.run(x, "branch7x7_1", "branch7x7_2", "branch7x7_3"),
                self.run(x, *(f"branch7x7dbl_{number}" for number in range(1, 6))),
                self.branch_pool(_smoothed(x)),
            ],
            1,
        )


class _D(_Block):
    """17x17 to 8x8."""

    def __init__(self) -> None:
        super().__init__()
        self.branch3x3_1 = _Conv(768, 192, 1)
        self.branch3x3_2 = _Conv(192, 320, 3, stride=2, same=False)
        self.branch7x7x3_1 = _Conv(768, 192, 1)
        self.branch7x7x3_2 = _Conv(192, 192, _ROW)
        self.branch7x7x3_3 = _Conv(192, 192, _COLUMN)
        self.branch7x7x3_4 = _Conv(192, 192, 3, stride=2, same=False)

    def forward(self, x: Tensor) -> Tensor:
        deep = self.run(x, *(f"branch7x7x3_{number}" for number in range(1, 5)))
        return torch.cat([self.run(x, "branch3x3_1", "branch3x3_2"), deep, _halved(x)], 1)


class _E(_Block):
    """8x8, branches that fork."""

    def __init__(self, inputs: int) -> None:
        super().__init__()
        self.branch1x1 = _Conv(inputs, 320, 1)
        self.branch3x3_1 = _Conv(inputs, 384, 1)
        self.branch3x3_2a = _Conv(384, 384, (1, 3))
        self.branch3x3_2b = _Conv(384, 384, (3, 1))
        self.branch3x3dbl_1 = _Conv(inputs, 448, 1)
        self.branch3x3dbl_2 = _Conv(448, 384, 3)
        self.branch3x3dbl_3a = _Conv(384, 384, (1, 3))
        self.branch3x3dbl_3b = _Conv(384, 384, (3, 1))
        self.branch_pool = _Conv(inputs, 192, 1)

    def forward(self, x: Tensor) -> Tensor:
        flat, deep = self.branch3x3_1(x), self.run(x, "branch3x3dbl_1", "branch3x3dbl_2")
        return torch.cat(
            [
                self.branch1x1(x),
                self.branch3x3_2a(flat),
                self.branch3x3_2b(flat),
                self.branch3x3dbl_3a(deep),
                self.branch3x3dbl_3b(deep),
                self.branch_pool(_smoothed(x)),
            ],
            1,
        )


class InceptionV3(nn.Module):
    """Pictures to 2048 pooled features, frozen and always in eval mode."""

    features = 2048
    side = 299  # px that it was trained at
    _passed_over: ClassVar[tuple[str, ...]] = ("AuxLogits.", "fc.")

    def __init__(self) -> None:
        super().__init__()
        self.Conv2d_1a_3x3 = _Conv(3, 32, 3, stride=2, same=False)
        self.Conv2d_2a_3x3 = _Conv(32, 32, 3, same=False)
        self.Conv2d_2b_3x3 = _Conv(32, 64, 3)
        self.Conv2d_3b_1x1 = _Conv(64, 80, 1)
        self.Conv2d_4a_3x3 = _Conv(80, 192, 3, same=False)
        self.Mixed_5b, self.Mixed_5c, self.Mixed_5d = _A(192, 32), _A(256, 64), _A(288, 64)
        self.Mixed_6a = _B(288)
        self.Mixed_6b, self.Mixed_6c, self.Mixed_6d, self.Mixed_6e = _C(128), _C(160), _C(160), _C(192)
        self.Mixed_7a = _D()
        self.Mixed_7b, self.Mixed_7c = _E(1280), _E(2048)
        self.requires_grad_(False)
        self.train(False)

    def forward(self, x: Tensor) -> Tensor:
        """(N, 2048) of pictures `(N, 3, 299, 299)`: float RGB from -1 to 1."""
        x = _halved(self.Conv2d_2b_3x3(self.Conv2d_2a_3x3(self.Conv2d_1a_3x3(x))))
        x = _halved(self.Conv2d_4a_3x3(self.Conv2d_3b_1x1(x)))
        for name, block in self.named_children():
            if name.startswith("Mixed"):
                x = block(x)
        return x.mean(dim=(2, 3))

    def train(self, mode: bool = True) -> InceptionV3:
        """Stays in eval mode."""
        return super().train(False)

    def load_torchvision(self, state: Mapping[str, Tensor]) -> None:
        """Take over torchvision's `inception_v3_google-1a9a5a14.pth`; both classifiers' keys are passed over.

        Raises WeightsError where they do not fit.
        """
        kept = {key: value for key, value in state.items() if not key.startswith(self._passed_over)}
        require_fit(self.state_dict(), kept, "Inception v3")
        self.load_state_dict(kept)
