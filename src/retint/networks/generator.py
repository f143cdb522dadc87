"""The generator: one U-Net, and the table of its variants."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn

from retint.networks.blocks import (
    LastShuffleUp,
    ResidualBlock,
    SpectralConv2d,
    UnetBlock,
    conv_relu_norm,
    skip_norm,
)
from retint.networks.encoders import build_encoder

IMAGENET_MEAN = (0.485, 0.456, 0.406)  # of RGB in 0..1, torchvision's
IMAGENET_STD = (0.229, 0.224, 0.225)
CHROMA_SCALE = 0.1  # about the deviation of photographs' chroma, so that the last layer works in units near 1


@dataclass(frozen=True)
class Variant:
    """One row of the table. Widths are channels, deepest block first."""

    name: str
    encoder: str
    middle: int  # hidden channels of the two convolutions below the deepest block; 0: none
    up: tuple[int, int, int, int]  # what each block's pixel shuffle puts out
    outputs: tuple[int, int, int, int]  # what each block puts out
    convolutions: Literal[1, 2]  # per block: 1 is DeOldify's wide decoder, 2 its deep one
    attention: int  # the block that ends with self-attention
    last: int  # channels after the last pixel shuffle, before the input is merged in
    head: Literal["rgb", "chroma"]


# DeOldify's numbers: deep  up = inputs // 2, out = 1.5 * (up + skip), the last 300;  wide  up = n_out // 2, out = 512,
# the last 256, with n_out = 1024 but for the last block.  # DeOldify unet.py DynamicUnetDeep, DynamicUnetWide
VARIANTS = {
    variant.name: variant
    for variant in (
        Variant("artistic", "resnet34", 1024, (256, 384, 384, 336), (768, 768, 672, 300), 2, 1, 300, "rgb"),
        Variant("stable", "resnet101", 4096, (512, 512, 512, 256), (512, 512, 512, 256), 1, 1, 256, "rgb"),
        Variant("video", "resnet101", 4096, (512, 512, 512, 256), (512, 512, 512, 256), 1, 1, 256, "rgb"),
        Variant("lite", "efficientnet_lite1", 0, (256, 128, 64, 24), (256, 160, 64, 32), 1, 0, 5, "chroma"),
    )
}


class Generator(nn.Module):
    """Turns a grey picture into colour.

    in   (N, 3, H, W) float, the grey picture as RGB, normalised with ImageNet's mean and deviation; H, W >= 32
    out  head "rgb":    (N, 3, H, W) in -3..3, the coloured picture in the same normalisation
         head "chroma": (N, 2, H, W) BT.601 U and V around 0, in units of full scale (within -0.44..0.44, -0.62..0.62)

    `layers` keeps DeOldify's indices (0 encoder, 1 norm, 2 ReLU, 3 middle, 4..7 blocks, 8 last shuffle, 9 merge of the
    input, 10 residual block, 11 1x1 convolution, 12 range), so that its keys are ours.
    """

    def __init__(self, variant: Variant) -> None:
        super().__init__()
        self.variant = variant
        encoder = build_encoder(variant.encoder)
        *skips, deepest = encoder.channels
        middle: nn.Module = nn.Identity()
        if variant.middle:
            middle = nn.Sequential(conv_relu_norm(deepest, variant.middle), conv_relu_norm(variant.middle, deepest))
        blocks: list[nn.Module] = []
        inputs = deepest
        for index, (skip, up, outputs) in enumerate(zip(reversed(skips), variant.up, variant.outputs, strict=True)):
            attention = index == variant.attention
            blocks.append(UnetBlock(inputs, skip, up, outputs, convolutions=variant.convolutions, attention=attention))
            inputs = outputs
        merged = variant.last + 3
        self.layers = nn.ModuleList(
            [
                encoder,
                skip_norm(deepest),
                nn.ReLU(),
                middle,
                *blocks,
                LastShuffleUp(inputs, variant.last),
                nn.Identity(),
                ResidualBlock(merged),
                nn.Sequential(SpectralConv2d(merged, 3 if variant.head == "rgb" else 2, 1)),
            ]
        )

    def forward(self, x: Tensor) -> Tensor:
        layers = self.layers
        *skips, deepest = layers[0](x)
        y = layers[3](torch.relu(layers[1](deepest)))
        for block, skip in zip(layers[4:8], reversed(skips), strict=True):
            y = block(y, skip)
        y = layers[8](y)
        if y.shape[-2:] != x.shape[-2:]:
            y = nn.functional.interpolate(y, x.shape[-2:], mode="nearest")
        y = layers[11](layers[10](torch.cat([y, x], dim=1)))
        if self.variant.head == "rgb":
            return torch.sigmoid(y) * 6 - 3  # SigmoidRange(-3, 3)
        return y * CHROMA_SCALE


def build_generator(name: str) -> Generator:
    """The variant of that name with fresh weights. Raises KeyError for a name that is not in VARIANTS."""
    return Generator(VARIANTS[name])
