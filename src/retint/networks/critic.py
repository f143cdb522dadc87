"""The NoGAN critic: tells true pictures from coloured ones, patch by patch."""

from __future__ import annotations

from torch import nn

from retint.networks.blocks import SelfAttention, SpectralConv2d


def _conv(inputs: int, outputs: int, kernel: int, stride: int = 1, *, attention: bool = False) -> nn.Sequential:
    layers: list[nn.Module] = [
        SpectralConv2d(inputs, outputs, kernel, stride=stride, padding=1),
        nn.LeakyReLU(0.2, inplace=True),
    ]
    if attention:
        layers.append(SelfAttention(outputs))
    return nn.Sequential(*layers)


class Critic(nn.Sequential):
    """`(N, 3, H, W)` normalised RGB to `(N, patches)` logits, high for true pictures. H, W >= 64; 192 px: 81 patches.

    All convolutions are spectral-normed, no batch norm; keys and order are those of `ColorizeArtistic_crit.pth`.
    # DeOldify critics.py custom_gan_critic
    """

    def __init__(self, width: int = 256, blocks: int = 3, dropout: float = 0.15) -> None:
        layers: list[nn.Module] = [_conv(3, width, 4, 2), nn.Dropout2d(dropout / 2)]
        for index in range(blocks):
            layers += [
                _conv(width, width, 3),
                nn.Dropout2d(dropout),
                _conv(width, width * 2, 4, 2, attention=index == 0),
            ]
            width *= 2
        layers += [
            _conv(width, width, 3),
            nn.Sequential(SpectralConv2d(width, 1, 4, padding=0, bias=False)),
            nn.Flatten(),
        ]
        super().__init__(*layers)
