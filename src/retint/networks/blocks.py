"""The layers that DeOldify's networks are made of, with its state-dict keys and its quirks.

Source of every layer: jantic/DeOldify at 5f86c289, which vendors fastai 1.0.56.dev0. Key names are those of the old
`torch.nn.utils.spectral_norm` and `weight_norm` (`weight_orig`, `weight_u`, `weight_v`, `weight_g`), so that published
checkpoints load without renaming; the deprecated functions themselves are not used.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

SPECTRAL_EPS = 1e-12  # torch.nn.utils.spectral_norm's default


class _SpectralWeight(nn.Module):
    """A weight divided by its largest singular value (spectral normalisation, arXiv 1802.05957).

    Train mode makes one step of power iteration in place before each use. Eval mode takes sigma = u . (W v) from the
    stored vectors, unit length or not: that is what the published weights were saved with.
    """

    weight_orig: nn.Parameter
    weight_u: Tensor
    weight_v: Tensor

    def _add_spectral_weight(self, shape: tuple[int, ...]) -> None:
        weight = torch.empty(shape)
        nn.init.kaiming_normal_(weight)
        self.weight_orig = nn.Parameter(weight)
        matrix = weight.reshape(shape[0], -1)
        self.register_buffer("weight_u", F.normalize(torch.randn(matrix.shape[0]), dim=0, eps=SPECTRAL_EPS))
        self.register_buffer("weight_v", F.normalize(torch.randn(matrix.shape[1]), dim=0, eps=SPECTRAL_EPS))

    def normalized_weight(self) -> Tensor:
        """The weight over sigma, shaped as `weight_orig`; in full precision also where autocast is on."""
        with torch.autocast(self.weight_orig.device.type, enabled=False):
            return self._over_sigma()

    def _over_sigma(self) -> Tensor:
        matrix = self.weight_orig.reshape(self.weight_orig.shape[0], -1)
        if self.training:
            with torch.no_grad():
                self.weight_v.copy_(F.normalize(matrix.t() @ self.weight_u, dim=0, eps=SPECTRAL_EPS))
                self.weight_u.copy_(F.normalize(matrix @ self.weight_v, dim=0, eps=SPECTRAL_EPS))
            u, v = self.weight_u.clone(), self.weight_v.clone()  # the next forward changes them in place
        else:
            u, v = self.weight_u, self.weight_v
        return self.weight_orig / torch.dot(u, matrix @ v)


class SpectralConv2d(_SpectralWeight):
    """2-d convolution with spectral normalisation. `(N, in, H, W)` to `(N, out, H', W')`, zero padding."""

    def __init__(
        self, inputs: int, outputs: int, kernel: int, *, stride: int = 1, padding: int | None = None, bias: bool = True
    ) -> None:
        super().__init__()
        self._add_spectral_weight((outputs, inputs, kernel, kernel))
        self.bias = nn.Parameter(torch.zeros(outputs)) if bias else None
        self.stride = stride
        self.padding = (kernel - 1) // 2 if padding is None else padding

    def forward(self, x: Tensor) -> Tensor:
        return F.conv2d(x, self.normalized_weight(), self.bias, self.stride, self.padding)


class SpectralConv1d(_SpectralWeight):
    """1x1 convolution over tokens with spectral normalisation, no bias. `(N, in, T)` to `(N, out, T)`."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self._add_spectral_weight((outputs, inputs, 1))

    def forward(self, x: Tensor) -> Tensor:
        return F.conv1d(x, self.normalized_weight())


class WeightNormConv1x1(nn.Module):
    """1x1 convolution with bias whose weight is g * v / ||v||, norm per output channel (arXiv 1602.07868)."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.bias = nn.Parameter(torch.zeros(outputs))
        direction = torch.empty(outputs, inputs, 1, 1)
        nn.init.kaiming_normal_(direction)
        self.weight_g = nn.Parameter(direction.norm(dim=1, keepdim=True))
        self.weight_v = nn.Parameter(direction)

    def normalized_weight(self) -> Tensor:
        """The weight, shaped (outputs, inputs, 1, 1)."""
        return self.weight_v * (self.weight_g / self.weight_v.flatten(1).norm(dim=1).view(-1, 1, 1, 1))

    def forward(self, x: Tensor) -> Tensor:
        return F.conv2d(x, self.normalized_weight(), self.bias)


class SelfAttention(nn.Module):
    """Self-attention over pixels (SAGAN, arXiv 1805.08318), as fastai wrote it. `(N, C, H, W)` to the same shape.

    There is no 1/sqrt(d), and the softmax runs over dim 1 of the (query, key) matrix: "key" positions are the outputs,
    "query" positions are what is attended over.  # fastai layers.py SelfAttention
    In the terms of `scaled_dot_product_attention`: its query is our key, its key is our query, scale 1. The full
    (T, T) matrix is never kept, so memory grows with T, not with its square.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.gamma = nn.Parameter(torch.zeros(1))
        self.query = SpectralConv1d(channels, channels // 8)
        self.key = SpectralConv1d(channels, channels // 8)
        self.value = SpectralConv1d(channels, channels)

    def forward(self, x: Tensor) -> Tensor:
        tokens = x.flatten(2)
        query, key, value = (part(tokens).transpose(1, 2) for part in (self.query, self.key, self.value))
        attended = attend(key, query, value)
        return self.gamma * attended.transpose(1, 2).reshape(x.shape) + x


def attend(query: Tensor, key: Tensor, value: Tensor) -> Tensor:
    """softmax(query key^T) value, unscaled. `(N, T, D)`, `(N, S, D)`, `(N, S, C)` to `(N, T, C)`.

    Torch's fused CPU kernel wants one depth for all three, so query and key are padded with zeros up to the value's
    depth: the products stay the same. Where no fused kernel exists torch falls back to the plain form.
    """
    depth = value.shape[-1] - query.shape[-1]
    query, key = F.pad(query, (0, depth)), F.pad(key, (0, depth))
    return F.scaled_dot_product_attention(query[:, None], key[:, None], value[:, None], scale=1.0)[:, 0]


def blur(x: Tensor) -> Tensor:
    """Mean of each 2x2 neighbourhood after repeating the first row and column: same size, no checkerboard.

    (arXiv 1806.02658, section 3.) ALWAYS applied, also where DeOldify asked for `blur=False`: its test
    `if self.blur` sees a module, which is always true.  # fastai layers.py PixelShuffle_ICNR
    """
    return F.avg_pool2d(F.pad(x, (1, 0, 1, 0), mode="replicate"), 2, stride=1)


def icnr_(weight: Tensor) -> Tensor:
    """Fill a pixel-shuffle convolution so that its four sub-pixels start equal (ICNR, arXiv 1707.02937). In place."""
    outputs, inputs, height, width = weight.shape
    base = torch.empty(outputs // 4, inputs, height, width)
    nn.init.kaiming_normal_(base)
    with torch.no_grad():
        return weight.copy_(base.repeat_interleave(4, dim=0))


class ShuffleUp(nn.Module):
    """Doubles height and width: 1x1 spectral convolution, batch norm, ReLU, pixel shuffle, blur."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        convolution = SpectralConv2d(inputs, outputs * 4, 1, bias=False)
        icnr_(convolution.weight_orig)
        self.conv = nn.Sequential(convolution, nn.BatchNorm2d(outputs * 4))

    def forward(self, x: Tensor) -> Tensor:
        return blur(F.pixel_shuffle(F.relu(self.conv(x), inplace=True), 2))


class LastShuffleUp(nn.Module):
    """The generator's last doubling: 1x1 weight-norm convolution with bias, ReLU, pixel shuffle, blur. No batch norm.

    ICNR has no effect here in the original (weight norm recomputes the weight), and is not applied.
    """

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.conv = nn.Sequential(WeightNormConv1x1(inputs, outputs * 4))

    def forward(self, x: Tensor) -> Tensor:
        return blur(F.pixel_shuffle(F.relu(self.conv(x), inplace=True), 2))


def conv_relu_norm(inputs: int, outputs: int, *, attention: bool = False) -> nn.Sequential:
    """3x3 spectral convolution without bias, ReLU, then batch norm, in this order; self-attention on request."""
    layers: list[nn.Module] = [
        SpectralConv2d(inputs, outputs, 3, bias=False),
        nn.ReLU(inplace=True),
        nn.BatchNorm2d(outputs),
    ]
    if attention:
        layers.append(SelfAttention(outputs))
    return nn.Sequential(*layers)


def skip_norm(channels: int) -> nn.BatchNorm2d:
    """Batch norm that starts with weight 1 and bias 1e-3.  # fastai layers.py batchnorm_2d"""
    norm = nn.BatchNorm2d(channels)
    nn.init.constant_(norm.bias, 1e-3)
    return norm


class UnetBlock(nn.Module):
    """One step up: the deeper map doubled, the encoder's skip normalised, both through ReLU and 3x3 convolutions.

    `deep` has two convolutions (keys conv1, conv2), `wide` one (key conv).
    """

    def __init__(self, inputs: int, skip: int, up: int, outputs: int, *, convolutions: int, attention: bool) -> None:
        super().__init__()
        self.shuf = ShuffleUp(inputs, up)
        self.bn = skip_norm(skip)
        if convolutions == 1:
            self.conv = conv_relu_norm(up + skip, outputs, attention=attention)
        else:
            self.conv1 = conv_relu_norm(up + skip, outputs)
            self.conv2 = conv_relu_norm(outputs, outputs, attention=attention)
        self.convolutions = convolutions

    def forward(self, x: Tensor, skip: Tensor) -> Tensor:
        up = self.shuf(x)
        if up.shape[-2:] != skip.shape[-2:]:  # sizes that are no multiple of 32 round up in the encoder
            up = F.interpolate(up, skip.shape[-2:], mode="nearest")
        merged = F.relu(torch.cat([up, self.bn(skip)], dim=1), inplace=True)
        return self.conv(merged) if self.convolutions == 1 else self.conv2(self.conv1(merged))


class ResidualBlock(nn.Module):
    """Two 3x3 spectral convolutions with bias, ReLU after each, plus the input. No norm."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Sequential(SpectralConv2d(channels, channels, 3), nn.ReLU(inplace=True)),
            nn.Sequential(SpectralConv2d(channels, channels, 3), nn.ReLU(inplace=True)),
        )

    def forward(self, x: Tensor) -> Tensor:
        return self.layers(x) + x
