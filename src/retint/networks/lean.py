"""A folded generator on a CPU in float32: the same picture in less time and much less memory.

Plain evaluation at render factor 35 spends more than half of its time, and most of its memory, on the last layers:
maps of 303 channels at 560 x 560 px, 380 MB each, several at once. Here

    maps lie as (rows, columns, channels), and every layer writes where the next one reads: no concatenation, no copies;
    the last layers are computed in bands of rows, each with the few rows around it that its 3x3 kernels reach;
    3x3 convolutions are Winograd's (`retint.networks.winograd`), 1x1 convolutions plain matrix products;
    attention goes over a few hundred positions at a time;
    threads share the work in large pieces (`retint.networks.threads`).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from retint.networks.blocks import SelfAttention, UnetBlock
from retint.networks.folding import scale_and_shift
from retint.networks.generator import Generator
from retint.networks.threads import spread
from retint.networks.winograd import WinogradConv, padded

_BAND = 64  # rows of the full-size render at a time, at least; each band repeats 4 of its neighbours' rows
_BAND_PER_THREAD = 16  # 4 rows of tiles, so that threads seldom wait for the last one
_STRIP_FLOATS = 1 << 20  # of the pixel shuffle's rows that a thread works on: 4 MB
_POSITIONS = 256  # of attention that a thread works on


class LeanGenerator(nn.Module):
    """Satisfies the contract of a generator with a ResNet and head "rgb". Made from a folded one, which it takes apart.

    `lite` gains nothing from it: its last layers are narrow.
    """

    def __init__(self, folded: Generator) -> None:
        super().__init__()
        layers = folded.layers
        self.encoder = layers[0].to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.deepest = nn.Sequential(*layers[1:4]).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.blocks: list[_Block] = []
        for index in range(4, 8):
            self.blocks.append(_Block(cast("UnetBlock", layers[index])))
            layers[index] = nn.Identity()  # one copy of the weights at a time
        self.tail = _Tail(layers[8], layers[10], layers[11])

    @torch.inference_mode()
    def forward(self, x: Tensor) -> Tensor:
        pictures = [self._render(picture[None]) for picture in x]
        return torch.sigmoid(torch.stack(pictures).permute(0, 3, 1, 2)) * 6 - 3

    def _render(self, picture: Tensor) -> Tensor:
        """(1, 3, H, W) to (H, W, 3), before the sigmoid."""
        *skips, y = self.encoder(picture.contiguous(memory_format=torch.channels_last))
        y = _rows(self.deepest(y))
        for block in self.blocks:
            y = block(y, _rows(skips.pop()))
        return self.tail(y, _rows(picture))


class _ShuffleUp:
    """1x1 convolution, ReLU, pixel shuffle and blur, for any rows of the doubled map.

    The convolution's outputs are put in the order (row, column, channel) of the shuffle, so that shuffling moves whole
    pixels; the blur's mean of four is a quarter in the weights and three additions in two.
    """

    def __init__(self, module: nn.Module) -> None:
        convolution = cast("nn.Conv2d", cast("nn.Sequential", module.conv)[0])
        outputs, inputs = convolution.weight.shape[:2]
        self.outputs = outputs // 4
        weight = convolution.weight.view(self.outputs, 4, inputs).permute(2, 1, 0).reshape(inputs, outputs) / 4
        self._weight = weight.new_zeros(padded(inputs), outputs)
        self._weight[:inputs] = weight
        assert convolution.bias is not None  # a norm has been folded in
        self._bias = convolution.bias.view(self.outputs, 4).t().reshape(-1) / 4

    def __call__(self, y: Tensor, target: Tensor, *, first: int = 0) -> None:
        """Fill `target`, (n, width, outputs), with rows `first` to `first + n` of the map of `y`, doubled."""
        step = max(2, _STRIP_FLOATS // (target.shape[1] * self.outputs) // 2 * 2)

        def work(pieces: Iterator[int]) -> None:
            for piece in pieces:
                self._strip(y, target[piece * step : (piece + 1) * step], first + piece * step)

        spread(-(-len(target) // step), work)

    def _strip(self, y: Tensor, rows: Tensor, first: int) -> None:
        columns, width = y.shape[1], rows.shape[1]
        start, stop = first - 1, first + len(rows)  # the blur reaches one row up
        low, high = max(start, 0) // 2, -(-stop // 2)
        convolved = torch.addmm(self._bias, y[low:high].flatten(0, 1), self._weight).relu_()
        quarters = convolved.view(high - low, columns, 2, 2, self.outputs).transpose(1, 2)
        shuffled = y.new_empty(2 * (high - low), 2 * columns + 1, self.outputs)  # with the first column twice
        shuffled[:, 1:].view(high - low, 2, columns, 2, self.outputs).copy_(quarters)
        shuffled[:, 0] = shuffled[:, 1]
        shuffled = shuffled[max(start, 0) - 2 * low : stop - 2 * low]
        if start < 0:  # the first row twice
            rows[0] = (shuffled[0, 1 : 1 + width] + shuffled[0, :width]) * 2
            rows = rows[1:]
        pairs = shuffled[1:] + shuffled[:-1]
        torch.add(pairs[:, 1 : 1 + width], pairs[:, :width], out=rows)


class _Block:
    """`UnetBlock` on rows."""

    def __init__(self, block: UnetBlock) -> None:
        self._shuffle = _ShuffleUp(block.shuf)
        self._scale, self._shift = scale_and_shift(block.bn)
        layers = [block.conv] if block.convolutions == 1 else [block.conv1, block.conv2]
        self._steps = [_Step(layer) for layer in layers]

    def __call__(self, y: Tensor, skip: Tensor) -> Tensor:
        up, (height, width, channels) = self._shuffle.outputs, skip.shape
        merged = y.new_empty(height, width, padded(up + channels))
        merged[..., up + channels :].zero_()
        self._shuffle(y, merged[..., :up])  # cut where the skip is a pixel smaller: what a nearest resize comes to
        torch.mul(skip, self._scale, out=merged[..., up : up + channels]).add_(self._shift).relu_()
        del y, skip
        for step in self._steps:
            merged = step(merged)
        return merged


class _Step:
    """3x3 convolution, ReLU, what is left of the batch norm, self-attention where there is one."""

    def __init__(self, layers: nn.Sequential) -> None:
        self._convolution = WinogradConv(cast("nn.Conv2d", layers[0]))
        self._affine: tuple[Tensor, Tensor] | None = None
        norm = layers[2]
        if isinstance(norm, nn.BatchNorm2d):
            scale, shift = scale_and_shift(norm)
            room = self._convolution.outputs - len(scale)
            self._affine = (F.pad(scale, (0, room)), F.pad(shift, (0, room)))
        self._attention = cast("SelfAttention", layers[3]) if len(layers) > 3 else None

    def __call__(self, source: Tensor) -> Tensor:
        y = self._convolution(source, source.new_empty(*source.shape[:2], self._convolution.outputs))
        if self._affine is not None:
            y.mul_(self._affine[0]).add_(self._affine[1])
        if self._attention is not None:
            _attend(self._attention, y.flatten(0, 1))
        return y


def _attend(attention: SelfAttention, tokens: Tensor) -> None:
    """Self-attention in place on `tokens` (T, C), C a multiple of 8, some positions at a time."""
    parts = (attention.query, attention.key, attention.value)
    query, key, value = (tokens @ cast("Tensor", part.weight)[:, :, 0].t() for part in parts)

    def work(pieces: Iterator[int]) -> None:
        for piece in pieces:
            positions = slice(piece * _POSITIONS, (piece + 1) * _POSITIONS)
            weights = torch.softmax(key[positions] @ query.t(), dim=1)
            tokens[positions] += attention.gamma * (weights @ value)

    spread(-(-len(tokens) // _POSITIONS), work)


class _Tail:
    """From the last block's map to the picture: pixel shuffle, merge of the input, residual block, 1x1 convolution."""

    def __init__(self, shuffle: nn.Module, residual: nn.Module, last: nn.Module) -> None:
        self._shuffle = _ShuffleUp(shuffle)
        first, second = (cast("nn.Sequential", layer)[0] for layer in cast("nn.Sequential", residual.layers))
        self._first, self._second = WinogradConv(cast("nn.Conv2d", first)), WinogradConv(cast("nn.Conv2d", second))
        final = cast("nn.Conv2d", cast("nn.Sequential", last)[0])
        outputs, inputs = final.weight.shape[:2]
        self._weight = final.weight.new_zeros(padded(inputs), outputs)
        self._weight[:inputs] = final.weight[:, :, 0, 0].t()
        assert final.bias is not None
        self._bias = final.bias

    def __call__(self, y: Tensor, picture: Tensor) -> Tensor:
        """(h, w, C) and (H, W, 3) to (H, W, 3), before the sigmoid. H, W are 2h, 2w, or one less."""
        height, width = picture.shape[:2]
        channels = self._shuffle.outputs
        kernels = self._first.transformed(), self._second.transformed()
        out = picture.new_empty(height, width, len(self._bias))
        tall = min(max(_BAND, _BAND_PER_THREAD * torch.get_num_threads()), height)
        # one memory for all bands: fresh pages cost time
        merged_rows = y.new_zeros(tall + 4, width, self._first.inputs)
        inner_rows = y.new_empty(tall + 2, width, self._first.outputs)
        band_rows = y.new_empty(tall, width, self._second.outputs)
        for top in range(0, height, tall):
            bottom = min(top + tall, height)
            above, below = min(2, top), min(2, height - bottom)  # rows that two 3x3 kernels reach beyond the band
            rows = slice(top - above, bottom + below)
            merged = merged_rows[: rows.stop - rows.start]
            self._shuffle(y, merged[..., :channels], first=rows.start)
            merged[..., channels : channels + 3] = picture[rows]
            start, stop = top - min(1, top), bottom + min(1, height - bottom)
            inner = self._first(merged, inner_rows[: stop - start], first=start - rows.start, transformed=kernels[0])
            band = self._second(inner, band_rows[: bottom - top], first=top - start, transformed=kernels[1])
            band += merged[above : above + len(band)]
            torch.addmm(self._bias, band.flatten(0, 1), self._weight, out=out[top:bottom].flatten(0, 1))
        return out


def _rows(maps: Tensor) -> Tensor:
    """(1, C, H, W) to (H, W, C), a view where the memory is channels-last."""
    return maps[0].permute(1, 2, 0)
