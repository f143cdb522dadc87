"""The networks that restore: U-Nets over luma at native resolution, and one over a thumbnail for tone.

The U-Nets share one body: the picture's 2x2 squares as channels, plain residual blocks without norms at 1/2 to 1/16 of
the size, pixel shuffle on the way up, skips added (after EDSR, arXiv 1707.02921, and U-Net, arXiv 1505.04597). What
they differ in is a row of `MENDERS`.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from retint.networks.encoders import build_encoder

STRIDE = 16  # px: heights and widths that the U-Nets take are multiples of it
THUMBNAIL = 96  # px a side, what the tone network sees
FIELD = 12  # cells a side of the field that it gives


@dataclass(frozen=True)
class MenderVariant:
    """One row of the table. Widths are channels at 1/2, 1/4, 1/8, 1/16; blocks are those of each level and way.

    Of `tone`: widths of its field and of what it knows of the whole picture; the rest is its encoder's.
    """

    name: str
    inputs: Literal[1, 2]  # luma; luma and mask
    widths: tuple[int, ...]
    blocks: tuple[int, ...]
    head: Literal["luma", "mask", "tone"]
    scale: Literal[1, 2] = 1  # of the picture that comes out
    encoder: str = ""  # name of the body that it sees with, and of the ImageNet weights that this one starts from


MENDERS = {
    variant.name: variant
    for variant in (
        MenderVariant("restore", 2, (32, 64, 96, 128), (1, 1, 2, 2), "luma"),
        MenderVariant("damage", 1, (32, 48, 80, 112), (1, 1, 2, 2), "mask"),
        MenderVariant("upscale", 1, (32, 64, 96, 128), (2, 1, 1, 1), "luma", scale=2),
        MenderVariant("tone", 1, (96, 192), (), "tone", encoder="efficientnet_lite0"),
    )
}


class _Block(nn.Module):
    """x + conv(relu(conv(x))), 3x3."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(channels, channels, 3, padding=1)
        self.second = nn.Conv2d(channels, channels, 3, padding=1)
        with torch.no_grad():  # a block begins as nearly nothing, so that depth does not blow numbers up
            self.second.weight.mul_(0.1)

    def forward(self, x: Tensor) -> Tensor:
        return x + self.second(torch.relu(self.first(x)))


def _blocks(channels: int, count: int) -> nn.Sequential:
    return nn.Sequential(*(_Block(channels) for _ in range(count)))


class _Body(nn.Module):
    """`(N, C, H, W)` to `(N, outputs, H / 2, W / 2)`; H and W multiples of 16."""

    def __init__(self, inputs: int, outputs: int, variant: MenderVariant) -> None:
        super().__init__()
        widths, counts = variant.widths, variant.blocks
        pairs = list(pairwise(widths))
        self.enter = nn.Conv2d(4 * inputs, widths[0], 3, padding=1)
        self.down = nn.ModuleList(_blocks(width, count) for width, count in zip(widths, counts, strict=True))
        self.shrink = nn.ModuleList(nn.Conv2d(fine, coarse, 2, stride=2) for fine, coarse in pairs)
        self.grow = nn.ModuleList(nn.Conv2d(coarse, 4 * fine, 1) for fine, coarse in pairs)
        self.up = nn.ModuleList(_blocks(fine, count) for (fine, _), count in zip(pairs, counts, strict=False))
        self.leave = nn.Conv2d(widths[0], outputs, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        y = self.enter(F.pixel_unshuffle(x, 2))
        skips: list[Tensor] = []
        for level, blocks in enumerate(self.down):
            y = blocks(y)
            if level < len(self.shrink):
                skips.append(y)
                y = self.shrink[level](y)
        for level in reversed(range(len(self.up))):
            y = self.up[level](F.pixel_shuffle(self.grow[level](y), 2) + skips[level])
        return self.leave(y)


class Mender(nn.Module):
    """A U-Net over luma. H and W are multiples of 16.

    in   (N, 1, H, W) float, luma in 0..1; for `restore` (N, 2, H, W): with it a mask, 1 where luma is not to be used
    out  head "luma": (N, 1, scale H, scale W), luma around 0..1, not clamped
         head "mask": (N, 1, H, W), the logit of each pixel's being damaged
    """

    def __init__(self, variant: MenderVariant) -> None:
        super().__init__()
        self.variant = variant
        self.body = _Body(variant.inputs, 4 * variant.scale**2, variant)

    def forward(self, x: Tensor) -> Tensor:
        scale = self.variant.scale
        if self.variant.inputs == 2:
            gray, mask = x[:, :1], x[:, 1:]
            gray = fill(gray, mask)
            x = torch.cat([gray, mask], dim=1)
        else:
            gray = x
        y = F.pixel_shuffle(self.body(x), 2 * scale)
        if self.variant.head == "mask":
            return y
        if scale > 1:
            gray = F.interpolate(gray, scale_factor=scale, mode="bilinear", align_corners=False)
        return gray + y


def fill(gray: Tensor, mask: Tensor) -> Tensor:
    """Masked luma replaced by means of what is near, coarse to fine (push-pull, Gortler et al. 1996, section 3.4).

    gray, mask: `(N, 1, H, W)`, H and W multiples of 16. What is not masked stays as it is.
    """
    known = 1 - mask
    levels = [(gray * known, known)]
    for _ in range(4):
        levels.append((F.avg_pool2d(levels[-1][0], 2), F.avg_pool2d(levels[-1][1], 2)))
    value, weight = levels.pop()
    estimate = value / weight.clamp(min=1e-6)
    for _ in range(3):  # cells without a known pixel take those around them, three cells of 16 px away at most
        wide_value, wide_weight = (F.avg_pool2d(part, 3, 1, 1) for part in (value, weight))
        near = wide_value / wide_weight.clamp(min=1e-6)
        estimate = torch.where(weight > 1e-6, estimate, near)
        value, weight = wide_value, wide_weight
    for value, weight in reversed(levels):
        coarse = F.interpolate(estimate, scale_factor=2, mode="bilinear", align_corners=False)
        estimate = value + (1 - weight) * coarse
    return estimate


class Toner(nn.Module):
    """Finds what fading and uneven light did to a picture's tone, from its thumbnail.

    in   (N, 1, 96, 96) float, luma in 0..1: the whole picture, its proportions not kept
    out  (N, 2, 12, 12) gain and offset, whose bilinear field undoes it: clip(gain * luma + offset) ** gamma;
         (N, 1) gamma; (N, 1) the logit of its helping

    What it answers is a change of a plain stretch from the darkest to the lightest levels: how much of that stretch,
    how much beyond, and a field of light. So it need not learn to read levels off, only when they are to be trusted.
    What it sees is the picture stretched so, with the eyes of an EfficientNet-Lite0: whether a wall is lit unevenly or
    a sky is dull depends on what they are.
    """

    def __init__(self, variant: MenderVariant) -> None:
        super().__init__()
        self.variant = variant
        width, whole = variant.widths
        self.encoder = build_encoder(variant.encoder)
        *_, eighth, sixteenth, last = self.encoder.channels
        self.level = nn.LayerNorm(2 * last)  # of one picture's features: their sizes are the encoder's affair
        self.whole = nn.Sequential(
            nn.Linear(2 * last + len(SHARES), whole), nn.ReLU(), nn.Linear(whole, whole), nn.ReLU()
        )
        self.spread = nn.Linear(whole, width)
        self.fine, self.coarse = nn.Conv2d(eighth, width, 1), nn.Conv2d(sixteenth, width, 1)
        light = nn.Conv2d(width, 2, 3, padding=1)
        self.local = nn.Sequential(nn.GroupNorm(1, width), _Block(width), nn.ReLU(), light)
        self.say = nn.Linear(whole, 7)
        with torch.no_grad():  # begins near the picture as it is
            light.weight.mul_(0.1)
            self.say.weight.mul_(0.1)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        levels = levels_of(x)
        low, high = levels[:, DARKEST, None], levels[:, LIGHTEST, None]
        span = (high - low).clamp(min=0.05)[:, :, None, None]
        stretched = ((x - low[:, :, None, None]) / span).clamp(-0.5, 1.5)
        *_, eighth, sixteenth, last = self.encoder(((255 * stretched - 127) / 128).expand(-1, 3, -1, -1))
        seen = self.level(torch.cat([last.mean(dim=(2, 3)), last.amax(dim=(2, 3))], dim=1))
        whole = self.whole(torch.cat([seen, 4 * (levels - 0.5)], dim=1))
        gamma, says, stretch, darker, lighter, gain, offset = self.say(whole).split(1, dim=1)
        stretch = torch.sigmoid(stretch - 2)
        black = stretch * low + 0.2 * torch.tanh(darker)
        white = 1 - stretch * (1 - high) + 0.2 * torch.tanh(lighter)
        span = (white - black).clamp(min=0.1)[:, :, None, None]
        coarse = F.interpolate(self.coarse(sixteenth), scale_factor=2, mode="bilinear", align_corners=False)
        field = self.local(self.fine(eighth) + coarse + self.spread(whole)[:, :, None, None])
        light = torch.exp((field[:, :1] + gain[:, :, None, None]).clamp(-2, 2))
        offsets = field[:, 1:] + (offset - black)[:, :, None, None]
        return torch.cat([light / span, offsets / span], dim=1), torch.exp(gamma.clamp(-1, 1)), says


SHARES = (
    0,
    0.002,
    0.005,
    0.01,
    0.02,
    0.05,
    0.1,
    0.2,
    0.3,
    0.4,
    0.5,
    0.6,
    0.7,
    0.8,
    0.9,
    0.95,
    0.98,
    0.99,
    0.995,
    0.998,
    1,
)
DARKEST, LIGHTEST = SHARES.index(0.005), SHARES.index(0.995)  # what a plain stretch goes by


def levels_of(x: Tensor) -> Tensor:
    """The luma under which each of `SHARES` of a picture lies: `(N, 1, H, W)` to `(N, len(SHARES))`."""
    flat = x.flatten(1)
    ordered = torch.topk(flat, flat.shape[1], dim=1).values
    at = [round((1 - share) * (flat.shape[1] - 1)) for share in SHARES]
    return torch.stack([ordered[:, place] for place in at], dim=1)


def relight(gray: Tensor, light: Tensor, gamma: Tensor) -> Tensor:
    """Apply what `Toner` gives: `(N, 1, H, W)` in 0..1 to the same, differentiable beyond the clipping point too."""
    field = F.interpolate(light, gray.shape[-2:], mode="bilinear", align_corners=False)
    value = field[:, :1] * gray + field[:, 1:]
    inside = value.clamp(1e-4, 1) ** gamma[:, :, None, None]
    return inside + (value - value.clamp(1e-4, 1)) * 0.1  # a little slope outside, so that gradients live on


def build_mender(name: str) -> Mender | Toner:
    """The network of that name with fresh weights. Raises KeyError for a name that is not in MENDERS."""
    variant = MENDERS[name]
    return Toner(variant) if variant.head == "tone" else Mender(variant)
