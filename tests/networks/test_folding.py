"""Folded and lean generators put out what the generator they were made from puts out."""

from __future__ import annotations

import copy

import pytest

torch = pytest.importorskip("torch")

from torch import Tensor, nn  # noqa: E402

from retint.networks.blocks import SpectralConv1d, SpectralConv2d, WeightNormConv1x1  # noqa: E402
from retint.networks.folding import fold  # noqa: E402
from retint.networks.generator import Generator  # noqa: E402
from retint.networks.lean import LeanGenerator  # noqa: E402
from retint.networks.winograd import WinogradConv, padded  # noqa: E402

SIZES = [(1, 64, 64), (2, 80, 112), (1, 160, 48)]  # odd multiples of 16 among them
ODD_SIZES = [(1, 51, 67), (1, 33, 65)]


def gray(n: int, height: int, width: int) -> Tensor:
    return torch.randn((n, 1, height, width), generator=torch.Generator().manual_seed(5)).repeat(1, 3, 1, 1)


def relative_error(got: Tensor, wanted: Tensor) -> float:
    assert got.shape == wanted.shape
    return float((got - wanted).norm() / wanted.norm())


@pytest.mark.parametrize("size", SIZES + ODD_SIZES)
@torch.inference_mode()
def test_folding_changes_nothing(small_generator: Generator, size: tuple[int, int, int]) -> None:
    wanted = small_generator(gray(*size))
    assert relative_error(fold(copy.deepcopy(small_generator))(gray(*size)), wanted) < 1e-5


@torch.inference_mode()
def test_folding_leaves_no_weight_norms_and_few_batch_norms(small_generator: Generator) -> None:
    before = sum(isinstance(module, nn.BatchNorm2d) for module in small_generator.modules())
    folded = fold(small_generator)
    assert not any(isinstance(m, SpectralConv1d | SpectralConv2d | WeightNormConv1x1) for m in folded.modules())
    assert sum(isinstance(module, nn.BatchNorm2d) for module in folded.modules()) <= before / 2
    assert not any(parameter.requires_grad for parameter in folded.parameters())


LEAN = pytest.mark.parametrize("small_generator", ["deep", "wide"], indirect=True)  # those behind a ResNet


@LEAN
@pytest.mark.parametrize("size", SIZES + ODD_SIZES)
@torch.inference_mode()
def test_lean_equals_plain(small_generator: Generator, size: tuple[int, int, int]) -> None:
    wanted = small_generator(gray(*size))
    assert relative_error(LeanGenerator(fold(small_generator))(gray(*size)), wanted) < 1e-5


@LEAN
@torch.inference_mode()
def test_lean_in_many_bands(small_generator: Generator, monkeypatch: pytest.MonkeyPatch) -> None:
    wanted = small_generator(gray(1, 96, 80))
    monkeypatch.setattr("retint.networks.lean._BAND", 12)
    monkeypatch.setattr("retint.networks.lean._BAND_PER_THREAD", 0)
    monkeypatch.setattr("retint.networks.lean._STRIP_FLOATS", 1)
    monkeypatch.setattr("retint.networks.lean._POSITIONS", 7)
    monkeypatch.setattr("retint.networks.winograd._TILES", 1)
    monkeypatch.setattr("retint.networks.winograd._FEW", 0)
    assert relative_error(LeanGenerator(fold(small_generator))(gray(1, 96, 80)), wanted) < 1e-5


@LEAN
@pytest.mark.parametrize("threads", [1, 3])
@torch.inference_mode()
def test_lean_on_threads(small_generator: Generator, threads: int) -> None:
    before = torch.get_num_threads()
    wanted = small_generator(gray(1, 96, 80))
    try:
        torch.set_num_threads(threads)
        assert relative_error(LeanGenerator(fold(small_generator))(gray(1, 96, 80)), wanted) < 1e-5
        assert torch.get_num_threads() == threads
    finally:
        torch.set_num_threads(before)


@pytest.mark.parametrize("few", [0, 64])
@pytest.mark.parametrize(("inputs", "outputs", "height", "width"), [(8, 16, 12, 16), (5, 3, 9, 14), (40, 21, 1, 1)])
@torch.inference_mode()
def test_winograd_is_convolution(
    inputs: int, outputs: int, height: int, width: int, few: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("retint.networks.winograd._FEW", few)
    torch.manual_seed(1)
    convolution = nn.Conv2d(inputs, outputs, 3, padding=1)
    x = torch.randn(1, inputs, height, width)
    wanted = torch.relu(convolution.double()(x.double()))[0].permute(1, 2, 0)
    rows = torch.zeros(height, width, padded(inputs))
    rows[..., :inputs] = x[0].permute(1, 2, 0)
    winograd = WinogradConv(convolution.float())
    got = winograd(rows, torch.empty(height, width, winograd.outputs))
    torch.testing.assert_close(got[..., :outputs].double(), wanted, atol=1e-5, rtol=0)
    assert not got[..., outputs:].any()


@torch.inference_mode()
def test_winograd_for_some_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("retint.networks.winograd._FEW", 0)
    torch.manual_seed(1)
    winograd = WinogradConv(nn.Conv2d(8, 8, 3, padding=1))
    x = torch.randn(20, 13, 8)
    whole = winograd(x, torch.empty(20, 13, 8))
    torch.testing.assert_close(winograd(x, torch.empty(7, 13, 8), first=6), whole[6:13], atol=1e-5, rtol=0)
