from __future__ import annotations

import numpy as np
import pytest

from retint.evaluation.metrics import colourfulness, frechet_distance, from_lab, psnr, to_lab, with_true_lightness


def picture(seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (16, 17, 3)).astype(np.uint8)


@pytest.mark.parametrize(
    ("rgb", "lab"),
    [
        ((255, 255, 255), (100, 0, 0)),
        ((0, 0, 0), (0, 0, 0)),
        ((255, 0, 0), (53.24, 80.09, 67.20)),
        ((0, 0, 255), (32.30, 79.19, -107.86)),
    ],
)
def test_lab_of_known_colours(rgb: tuple[int, ...], lab: tuple[float, ...]):
    assert np.allclose(to_lab(np.array(rgb, np.uint8)), lab, atol=0.05)


def test_lab_round_trip():
    assert np.abs(from_lab(to_lab(picture())).astype(int) - picture()).max() <= 1


def test_true_lightness_replaces_only_lightness():
    rendered = np.full((16, 17, 3), (150, 120, 110), np.uint8)
    true = np.repeat(np.random.default_rng(1).integers(90, 160, (16, 17, 1)), 3, axis=2).astype(np.uint8)
    merged = to_lab(with_true_lightness(rendered, true))
    assert np.abs(merged[..., 0] - to_lab(true)[..., 0]).max() < 0.5
    assert np.abs(merged[..., 1:] - to_lab(rendered)[..., 1:]).max() < 1


def test_psnr_by_hand():
    other = picture().astype(int)
    other[0, 0, 0] += 50 if other[0, 0, 0] < 128 else -50
    assert psnr(other.astype(np.uint8), picture()) == pytest.approx(10 * np.log10(255**2 / (2500 / picture().size)))
    assert psnr(picture(), picture()) == float("inf")


def test_colourfulness_by_hand():
    assert colourfulness(np.full((4, 4, 3), 77, np.uint8)) == 0
    half = np.zeros((2, 2, 3), np.uint8)
    half[0] = (100, 0, 0)  # rg 100, yb 50 on half the pixels
    assert colourfulness(half) == pytest.approx(np.hypot(50, 25) + 0.3 * np.hypot(50, 25))


def test_frechet_distance_of_gaussians_known_in_closed_form():
    rng = np.random.default_rng(2)
    one = rng.standard_normal((4000, 3))
    assert frechet_distance(one, one) == pytest.approx(0, abs=1e-9)
    assert frechet_distance(one, one + 2) == pytest.approx(12)
    assert frechet_distance(one, one * 3) == pytest.approx(
        4 * one.var(axis=0, ddof=1).sum() + 4 * (one.mean(axis=0) ** 2).sum()
    )


def test_frechet_distance_with_fewer_pictures_than_features_matches_the_textbook():
    rng = np.random.default_rng(3)
    one, other = rng.standard_normal((12, 6)), rng.standard_normal((15, 6)) @ rng.standard_normal((6, 6))
    c1, c2 = np.cov(one, rowvar=False), np.cov(other, rowvar=False)
    eigenvalues = np.linalg.eigvals(c1 @ c2)
    trace = np.sqrt(eigenvalues.real.clip(0)).sum()
    textbook = ((one.mean(0) - other.mean(0)) ** 2).sum() + np.trace(c1) + np.trace(c2) - 2 * trace
    assert frechet_distance(one, other) == pytest.approx(textbook)
