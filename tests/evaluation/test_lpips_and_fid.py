"""LPIPS and FID over networks with planted weights, and the published files' names and shapes."""

from __future__ import annotations

import hashlib
import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")

import torch.nn.functional as F  # noqa: E402
from torch import nn  # noqa: E402

from retint.errors import WeightsError  # noqa: E402
from retint.evaluation.benchmark import Benchmark, Candidate  # noqa: E402
from retint.evaluation.perceptual import Lpips, fid_space, inception_features, lpips_figure  # noqa: E402
from retint.evaluation.report import Subject, to_json, to_markdown  # noqa: E402
from retint.networks.alexnet import AlexNet  # noqa: E402
from retint.networks.inception import InceptionV3  # noqa: E402


def seeded(network: Any) -> Any:
    generator = torch.Generator().manual_seed(0)
    for key, value in network.state_dict().items():
        if key.endswith("running_var"):
            value.uniform_(0.5, 1.5, generator=generator)
        elif value.is_floating_point():
            fan = value[0].numel() if value.ndim > 1 else 4
            value.normal_(0, (2 / fan) ** 0.5, generator=generator)
    return network


def picture(seed: int, side: int = 64) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (side, side, 3)).astype(np.uint8)


def digest(network: nn.Module) -> tuple[int, str]:
    lines = sorted(f"{key} {tuple(value.shape)}" for key, value in network.state_dict().items())
    return len(lines), hashlib.sha256("\n".join(lines).encode()).hexdigest()[:16]


def test_keys_and_shapes_are_those_of_torchvision():
    """Digests of torchvision 0.29's AlexNet and Inception3, without their classifiers."""
    assert digest(AlexNet()) == (10, "b1e207d270dfe02f")
    assert digest(InceptionV3()) == (564, "5c5cb906421dd921")


@pytest.mark.parametrize("network", [AlexNet(), InceptionV3()])
def test_networks_are_frozen_and_in_eval_mode_for_good(network: nn.Module):
    nn.Sequential(network).train()
    assert not any(module.training for module in network.modules())
    assert not any(parameter.requires_grad for parameter in network.parameters())


# LPIPS


def linear(fill: float | None = None) -> list[Any]:
    rng = torch.Generator().manual_seed(1)
    return [
        torch.full((channels,), fill) if fill is not None else torch.rand(channels, generator=rng)
        for channels in AlexNet.channels
    ]


def test_lpips_is_the_weighted_distance_of_unit_features():
    network, weights = seeded(AlexNet()), linear()
    one, other = picture(0), picture(1)
    by_hand = 0.0
    features = []
    for pixels in (one, other):
        x = torch.tensor(pixels / 127.5 - 1).permute(2, 0, 1)[None].float()
        x = (x - torch.tensor([-0.030, -0.088, -0.188]).view(1, 3, 1, 1)) / torch.tensor([0.458, 0.448, 0.450]).view(
            1, 3, 1, 1
        )
        features.append([part[0].double().numpy() for part in network(x)])
    for a, b, weight in zip(*features, weights, strict=True):
        a, b = (part / np.sqrt((part**2).sum(axis=0)) for part in (a, b))
        by_hand += float((weight.numpy()[:, None, None] * (a - b) ** 2).sum(axis=0).mean())
    lpips = Lpips(network, weights)
    assert lpips(one, other) == pytest.approx(by_hand, rel=1e-4)
    assert lpips(other, one) == pytest.approx(by_hand, rel=1e-4)


def test_a_picture_is_not_unlike_itself():
    assert Lpips(seeded(AlexNet()), linear())(picture(0), picture(0)) == 0


def test_weights_count_channels():
    network = seeded(AlexNet())
    assert Lpips(network, linear(0.0))(picture(0), picture(1)) == 0
    once, twice = (Lpips(network, linear(fill))(picture(0), picture(1)) for fill in (1.0, 2.0))
    assert twice == pytest.approx(2 * once, rel=1e-5)


# FID


def test_features_are_those_of_a_picture_from_minus_one_to_one_at_299_px():
    network = seeded(InceptionV3())
    shown = picture(3, 256)
    x = torch.tensor(shown).permute(2, 0, 1)[None].float() / 127.5 - 1
    x = F.interpolate(x, size=(299, 299), mode="bilinear", align_corners=False)
    assert x.min() >= -1
    with torch.no_grad():
        wanted = network(x)[0].numpy()
    got = inception_features(shown, network)
    assert got.shape == (2048,)
    assert np.abs(got - wanted).max() < 1e-5
    assert np.ptp(got) > 1e-3


# files


@pytest.fixture
def fetch(tmp_path: Path) -> Any:
    """Brings seeded weights in files as they are published."""
    network: Any
    for name, network in (("alexnet", AlexNet()), ("inception_v3", InceptionV3())):
        state = dict(seeded(network).state_dict())
        if name == "alexnet":
            state |= {"classifier.1.weight": torch.zeros(2, 2)}
        else:
            state |= {"fc.bias": torch.zeros(2), "AuxLogits.fc.bias": torch.zeros(2)}
        torch.save(state, tmp_path / name)
    lin = {f"lin{index}.model.1.weight": weight.view(1, -1, 1, 1) for index, weight in enumerate(linear())}
    torch.save(lin, tmp_path / "lpips-alex")
    return lambda name: tmp_path / name


def test_both_are_columns_of_a_report(fetch: Any):
    benchmark = Benchmark(
        [Candidate("true", lambda gray: gray)],
        spaces=[fid_space(fetch)],
        more_figures=[lpips_figure(fetch)],
        with_consistency=False,
    )
    for seed in range(3):
        benchmark.add(str(seed), picture(seed, 256))
    report = benchmark.report()
    grey, true = report.rows[0], report.rows[-1]
    assert true.figures["lpips"].mean == 0
    assert grey.figures["lpips"].mean > 0
    assert true.distances["Inception v3"].value == pytest.approx(0, abs=1e-6)
    assert grey.distances["Inception v3"].value > 0
    text = to_markdown(report, Subject("a", "b", "c", "d", "e"), [])
    head = next(line for line in text.splitlines() if "PSNR" in line)
    assert "| LPIPS |" in head
    assert "| FID |" in head
    found = to_json(report, Subject("a", "b", "c", "d", "e"), [], software="x")
    assert "Inception v3" in found["rows"][0]["frechet_distances"]


@pytest.mark.parametrize(
    ("name", "build"), [("alexnet", lpips_figure), ("lpips-alex", lpips_figure), ("inception_v3", fid_space)]
)
@pytest.mark.parametrize("content", ["web page", "others"])
def test_files_that_are_something_else_are_told(fetch: Any, name: str, build: Any, content: str):
    if content == "web page":
        fetch(name).write_text("<!doctype html><title>Not found</title>")
    else:
        buffer = io.BytesIO()
        torch.save({"features.0.weight": torch.zeros(3)}, buffer)
        fetch(name).write_bytes(buffer.getvalue())
    with pytest.raises(WeightsError, match=f"retint models fetch {name}") as caught:
        build(fetch)
    assert name in str(caught.value)
    assert "\n" not in str(caught.value)
