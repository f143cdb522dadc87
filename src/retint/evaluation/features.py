"""What a network sees in pictures, for Frechet distances. Needs the `torch` extra; no other module here does."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from retint.errors import MissingExtraError

try:
    import torch
except ImportError as missing:
    raise MissingExtraError(
        "the Frechet distance needs torch, which is not installed; do this: pip install 'retint[torch]'"
    ) from missing
from torch import Tensor

from retint.evaluation.benchmark import FeatureSpace
from retint.evaluation.metrics import Rgb
from retint.networks.encoders import EfficientNetLite
from retint.networks.imagenet import feature_network


def lite_features(pictures: Iterable[Rgb], network: EfficientNetLite) -> NDArray[np.float64]:
    """Mean of the last map of `network` (with head) over height and width: `(pictures, 1280)`.

    pictures: (H, W, 3) uint8 RGB
    """
    rows: list[Tensor] = []
    with torch.no_grad():
        for picture in pictures:
            rgb = torch.tensor(picture).permute(2, 0, 1)[None].float()
            rows.append(network((rgb - 127) / 128)[-1].mean(dim=(2, 3))[0])
    return torch.stack(rows).double().numpy()


def efficientnet_lite0() -> FeatureSpace:
    """The 1280 pooled features of EfficientNet-Lite0 with its ImageNet weights.

    Raises MissingExtraError where the package of these weights is not installed.
    """
    network = feature_network("efficientnet_lite0", head=True)
    return FeatureSpace("EfficientNet-Lite0", lambda picture: lite_features([picture], network)[0])
