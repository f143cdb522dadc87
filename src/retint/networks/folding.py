"""A generator without its norms: the same numbers from fewer layers.

Spectral and weight norm become plain weights. A batch norm y = scale * x + shift folds

    backward   into the convolution before it, where nothing lies between:  W -> scale W, b -> scale b + shift
    forward    into a 1x1 convolution after it:                             W -> W scale, b -> b + W shift

Those that follow a ReLU and precede a 3x3 convolution stay (zero padding happens after the shift, so folding the shift
would change the border), as do those before a ReLU or on a skip.
"""

from __future__ import annotations

import itertools
from typing import cast

import torch
from torch import Tensor, nn

from retint.networks.blocks import SpectralConv1d, SpectralConv2d, WeightNormConv1x1
from retint.networks.generator import Generator


def fold(generator: Generator) -> Generator:
    """Fold all norms that can be, in place; returns `generator`, in eval mode, without gradients.

    In place because two copies of the weights would be more than the render itself needs. Afterwards the keys are no
    longer DeOldify's: such a generator renders, and is neither trained nor saved.
    """
    generator.eval().requires_grad_(False)
    _replace_normalized_weights(generator)
    _fold_backward(generator)
    _fold_forward(generator)
    return generator


def _replace_normalized_weights(module: nn.Module) -> None:
    for name, child in module.named_children():
        if isinstance(child, SpectralConv2d):
            setattr(module, name, _plain(child.normalized_weight(), child.bias, child.stride, child.padding))
        elif isinstance(child, WeightNormConv1x1):
            setattr(module, name, _plain(child.normalized_weight(), child.bias, 1, 0))
        elif isinstance(child, SpectralConv1d):
            weight = child.normalized_weight()
            with torch.device("meta"):
                plain = nn.Conv1d(weight.shape[1], weight.shape[0], 1, bias=False)
            plain.weight = nn.Parameter(weight, requires_grad=False)
            setattr(module, name, plain)
        else:
            _replace_normalized_weights(child)


def _plain(weight: Tensor, bias: Tensor | None, stride: int, padding: int) -> nn.Conv2d:
    outputs, inputs, kernel, _ = weight.shape
    with torch.device("meta"):  # its fresh weights are replaced at once
        plain = nn.Conv2d(inputs, outputs, kernel, stride, padding, bias=bias is not None)
    plain.weight = nn.Parameter(weight, requires_grad=False)
    plain.bias = None if bias is None else nn.Parameter(bias, requires_grad=False)
    return plain


def _fold_backward(module: nn.Module) -> None:
    """Fold each batch norm that comes right after a convolution: as neighbours in a Sequential, or as convN and bnN."""
    names = [name for name, _ in module.named_children()]
    pairs = list(itertools.pairwise(names)) if isinstance(module, nn.Sequential) else []
    pairs += [(f"conv{index}", f"bn{index}") for index in (1, 2, 3)]  # of ResNet's blocks
    for first, second in pairs:
        convolution, norm = getattr(module, first, None), getattr(module, second, None)
        if isinstance(convolution, nn.Conv2d) and isinstance(norm, nn.BatchNorm2d):
            scale, shift = scale_and_shift(norm)
            convolution.weight.mul_(scale[:, None, None, None])
            if convolution.bias is not None:
                shift = shift + convolution.bias * scale
            convolution.bias = nn.Parameter(shift, requires_grad=False)
            setattr(module, second, nn.Identity())
    for child in module.children():
        _fold_backward(child)


def _fold_forward(generator: Generator) -> None:
    """Fold the norm that ends the middle, or a block, into the pixel shuffle's 1x1 convolution that comes next."""
    layers = generator.layers
    stages = [layers[3], *layers[4:8]]
    for stage, following in zip(stages, layers[4:9], strict=True):
        ending = _last_sequential(stage)
        norm = None if ending is None else ending[-1]
        if ending is None or not isinstance(norm, nn.BatchNorm2d):
            continue  # no middle, or self-attention at the end
        shuffle = following.shuf if hasattr(following, "shuf") else following
        convolution = cast("nn.Conv2d", cast("nn.Sequential", cast("nn.Module", shuffle).conv)[0])
        scale, shift = scale_and_shift(norm)
        moved = convolution.weight[:, :, 0, 0] @ shift
        bias = moved if convolution.bias is None else convolution.bias + moved
        convolution.bias = nn.Parameter(bias, requires_grad=False)
        convolution.weight.mul_(scale[:, None, None])
        ending[-1] = nn.Identity()


def _last_sequential(stage: nn.Module) -> nn.Sequential | None:
    """The convolution layers that `stage` ends with."""
    if isinstance(stage, nn.Sequential):
        return cast("nn.Sequential", stage[-1])
    for name in ("conv", "conv2"):
        if hasattr(stage, name):
            return cast("nn.Sequential", getattr(stage, name))
    return None


def scale_and_shift(norm: nn.BatchNorm2d) -> tuple[Tensor, Tensor]:
    """What a batch norm does in eval mode: x to scale * x + shift, per channel."""
    mean, variance = cast("Tensor", norm.running_mean), cast("Tensor", norm.running_var)
    scale = norm.weight / (variance + norm.eps).sqrt()
    return scale, norm.bias - mean * scale
