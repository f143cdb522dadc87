"""VGG-16's feature part: its maps, its keys, and the files that it takes."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

torch = pytest.importorskip("torch")

from planted_weights import holds_planted, torchvision_state, without  # noqa: E402
from torch import nn  # noqa: E402

from retint.errors import WeightsError  # noqa: E402
from retint.networks.vgg import Vgg16, load_vgg  # noqa: E402

PARITY = Path(__file__).parents[1] / "parity"


@pytest.fixture(scope="module")
def vgg() -> Vgg16:
    return Vgg16()


@pytest.fixture(scope="module")
def planted(vgg: Vgg16):
    return torchvision_state(vgg)


def test_keys_and_shapes_are_torchvisions(vgg):
    wanted = {key: tuple(shape) for key, shape, _ in json.loads((PARITY / "keys_vgg16_bn.json").read_text())["keys"]}
    assert {key: tuple(value.shape) for key, value in vgg.state_dict().items()} == wanted


def test_maps_come_from_the_relus_before_the_last_three_pools(vgg):
    recorded = json.loads((PARITY / "loss.json").read_text())["FeatureLoss"]
    assert list(vgg.taps) == recorded["layer_ids"] and len(vgg.features) == vgg.taps[-1] + 1
    for tap in vgg.taps:
        assert isinstance(vgg.features[tap], nn.ReLU)
        assert tap + 1 == len(vgg.features) or isinstance(vgg.features[tap + 1], nn.MaxPool2d)


@pytest.mark.parametrize("size", [(64, 96), (70, 33), (16, 16)])
def test_what_is_published_is_true(vgg, size):
    with torch.no_grad():
        maps = vgg(torch.randn(2, 3, *size))
    wanted = [
        (2, channels, size[0] // stride, size[1] // stride)
        for channels, stride in zip(vgg.channels, vgg.strides, strict=True)
    ]
    assert [tuple(part.shape) for part in maps] == wanted


def test_frozen_and_in_eval_mode_for_good(vgg):
    nn.Sequential(vgg).train()
    assert not any(module.training for module in vgg.modules())
    assert not any(parameter.requires_grad for parameter in vgg.parameters())


@pytest.mark.parametrize("zipped", [True, False])
@pytest.mark.parametrize("as_parameters", [True, False])
def test_torchvisions_file_lands_in_its_places(planted, tmp_path, zipped, as_parameters):
    """Old files hold parameters in place of tensors, a classifier, and no counters of batches."""
    state = {key: nn.Parameter(value) if as_parameters else value for key, value in planted.items()}
    torch.save(state, tmp_path / "vgg.pth", _use_new_zipfile_serialization=zipped)
    network = load_vgg(tmp_path / "vgg.pth")
    assert holds_planted(network)
    assert not network.training and not any(parameter.requires_grad for parameter in network.parameters())


def test_other_files_are_refused_with_what_to_do(planted, tmp_path):
    path = tmp_path / "vgg.pth"
    plain = {"features.0.weight": torch.zeros(64, 3, 3, 3), "features.2.weight": torch.zeros(64, 64, 3, 3)}
    for content, words in [
        (without(planted, "features.7.bias"), r"1 missing \(features.7.bias\)"),
        (planted | {"features.0.weight": torch.zeros(8, 3, 3, 3)}, r"features.0.weight is \(8, 3, 3, 3\), not \(64"),
        (plain, "that do not fit VGG-16 with batch norm"),
        ({"layer1.0.conv1.weight": torch.zeros(1)}, "got the weights of a plain ResNet"),
        ([1], "holds a list"),
    ]:
        torch.save(content, path)
        with pytest.raises(WeightsError, match=words) as caught:
            load_vgg(path)
        assert "wanted" in str(caught.value) and "retint models fetch vgg16_bn" in str(caught.value)
    path.write_bytes(b"<html>")
    with pytest.raises(WeightsError, match="web page"):
        load_vgg(path)
