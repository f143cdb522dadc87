"""Figures of the field's papers that need downloaded networks: LPIPS and FID. Needs the `torch` extra.

* **LPIPS** (Zhang et al. 2018, arXiv 1801.03924), version 0.1 over AlexNet: how unlike two pictures look; 0 is alike.
* **FID** (Heusel et al. 2017, arXiv 1706.08500) over torchvision's Inception v3, as the papers on colouring have it. It
  compares with no figure of pytorch-fid or clean-fid, whose networks and resizing are others.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from retint.errors import MissingExtraError, WeightsError

try:
    import torch
except ImportError as missing:
    raise MissingExtraError(
        "LPIPS and FID need torch, which is not installed; do this: pip install 'retint[torch]'"
    ) from missing
import torch.nn.functional as F
from torch import Tensor

from retint.evaluation.benchmark import FeatureSpace, PictureFigure
from retint.evaluation.metrics import Floats, Rgb
from retint.networks.alexnet import AlexNet
from retint.networks.files import read_state
from retint.networks.imagenet import Fetch
from retint.networks.inception import InceptionV3

LPIPS_WEIGHTS = ("alexnet", "lpips-alex")
FID_WEIGHTS = "inception_v3"

# What LPIPS takes off and divides by, of pictures from -1 to 1  # richzhang/PerceptualSimilarity, ScalingLayer
_SHIFT, _SCALE = (-0.030, -0.088, -0.188), (0.458, 0.448, 0.450)
_TINY = 1e-10


class Lpips:
    """Distance of two pictures."""

    def __init__(self, network: AlexNet, weights: Sequence[Tensor]) -> None:
        """weights: one for each of the network's five maps, (channels,), not negative"""
        self._network = network
        self._weights = [weight.float()[:, None, None] for weight in weights]

    def __call__(self, one: Rgb, other: Rgb) -> float:
        """Of two pictures (H, W, 3) uint8 of one size, 64 px or more a side."""
        with torch.inference_mode():
            maps = self._network(_scaled(torch.stack([_tensor(one), _tensor(other)])))
            apart = 0.0
            for features, weight in zip(maps, self._weights, strict=True):
                unit = features / (features.square().sum(dim=1, keepdim=True).sqrt() + _TINY)
                apart += float((weight * (unit[0] - unit[1]).square()).sum(dim=0).mean())
        return apart


def lpips_figure(fetch: Fetch) -> PictureFigure:
    """LPIPS for a benchmark, with weights that `fetch` brings.

    Raises what `fetch` raises, and WeightsError where a file is something else.
    """
    network = AlexNet()
    _load(network, "alexnet", fetch)
    path = fetch("lpips-alex")
    state = _state(path, "the linear weights of LPIPS over AlexNet", "lpips-alex")
    return PictureFigure("lpips", "LPIPS", Lpips(network, _linear(state, path)), 4, of_true=0.0)


def fid_space(fetch: Fetch) -> FeatureSpace:
    """Features for FID, with weights that `fetch` brings. Raises as `lpips_figure`."""
    network = InceptionV3()
    _load(network, FID_WEIGHTS, fetch)
    return FeatureSpace("Inception v3", lambda picture: inception_features(picture, network), title="FID")


def inception_features(picture: Rgb, network: InceptionV3) -> Floats:
    """(2048,) of a picture (H, W, 3) uint8, which is resized to 299x299 bilinearly."""
    with torch.inference_mode():
        pixels = F.interpolate(_tensor(picture)[None], size=(network.side, network.side), mode="bilinear")
        return np.asarray(network(pixels)[0].double().numpy())


def _tensor(picture: Rgb) -> Tensor:
    """(3, H, W) from -1 to 1."""
    return torch.tensor(picture).permute(2, 0, 1).float() / 127.5 - 1


def _scaled(pictures: Tensor) -> Tensor:
    shift, scale = (torch.tensor(values)[:, None, None] for values in (_SHIFT, _SCALE))
    return (pictures - shift) / scale


def _load(network: AlexNet | InceptionV3, name: str, fetch: Fetch) -> None:
    path = fetch(name)
    state = _state(path, f"torchvision's weights of {name}", name)
    try:
        network.load_torchvision(state)
    except WeightsError as error:
        raise WeightsError(f"{path.name}: {error}; {_advice(name)}") from None


def _state(path: Path, wanted: str, name: str) -> Mapping[str, Tensor]:
    return read_state(path, wanted=f"wanted {wanted}", advice=_advice(name)).state


def _advice(name: str) -> str:
    return f'delete it and run "retint models fetch {name}"'


def _linear(state: Mapping[str, Tensor], path: Path) -> list[Tensor]:
    wanted = {f"lin{index}.model.1.weight": (1, channels, 1, 1) for index, channels in enumerate(AlexNet.channels)}
    got = {key: tuple(value.shape) for key, value in state.items()}
    if got != wanted:
        raise WeightsError(
            f"{path.name}: got {len(got)} tensors, such as {next(iter(got.items()), None)}, wanted the linear weights "
            f"of LPIPS over AlexNet; {_advice('lpips-alex')}"
        )
    return [state[key].flatten() for key in wanted]
