"""Noise: what is measured, and when the restorer acts."""

from __future__ import annotations

import io
from pathlib import Path

import cv2
import numpy as np
import planted_models as planted
import pytest
from PIL import Image
from restoration_pictures import smooth, textured

from retint.restoration.noise import (
    Evidence,
    NoiseGate,
    blockiness,
    change_of,
    chosen_strength,
    evidence_of,
    mended,
    noise_level,
    sharpness,
    specks,
)
from retint.restoration.onnx_models import Models
from retint.restoration.planes import luma_of

NONE = np.zeros((192, 256), np.bool_)


def noisy(picture: np.ndarray, sigma: float, seed: int = 1) -> np.ndarray:
    noise = np.random.default_rng(seed).normal(0, sigma, picture.shape)
    return np.clip(np.rint(picture + noise), 0, 255).astype(np.uint8)


@pytest.mark.parametrize("sigma", [2.0, 5.0, 12.0, 25.0])
def test_the_level_of_planted_noise_is_found(sigma: float):
    assert noise_level(luma_of(noisy(smooth(192, 256), sigma))) == pytest.approx(sigma, rel=0.15, abs=0.3)


def test_texture_is_no_noise_where_something_is_flat():
    picture = smooth(192, 256)
    picture[:, 100:] = textured(192, 156)
    assert noise_level(luma_of(picture)) < 0.7
    assert noise_level(luma_of(noisy(picture, 8.0))) == pytest.approx(8, rel=0.2)


def test_black_and_white_say_nothing():
    picture = noisy(smooth(192, 256), 8.0)
    picture[:, :150] = 255
    assert noise_level(luma_of(picture)) == pytest.approx(8, rel=0.2)
    assert noise_level(luma_of(np.full((64, 64), 255, np.uint8))) == 0
    assert noise_level(luma_of(np.zeros((5, 5), np.uint8))) == 0


def jpeg(picture: np.ndarray, quality: int) -> np.ndarray:
    out = io.BytesIO()
    Image.fromarray(picture).save(out, "JPEG", quality=quality)
    return np.asarray(Image.open(out).convert("L"))


def test_blocks_are_found_wherever_the_grid_lies():
    clean = textured(192, 256)
    coded = jpeg(clean, 10)
    assert blockiness(luma_of(clean)) < 0.6
    assert blockiness(luma_of(coded)) > 1.5
    assert blockiness(luma_of(coded[3:, 5:])) > 1.5
    assert blockiness(luma_of(jpeg(clean, 95))) < 0.6


def test_a_fence_has_no_blocks():
    picture = smooth(192, 256).astype(int)
    picture[:, ::8] += 20
    assert blockiness(luma_of(picture.astype(np.uint8))) < 0.3
    assert blockiness(luma_of(np.zeros((20, 20), np.uint8))) == 0


def test_the_strongest_evidence_counts():
    gate = NoiseGate(change=(2, 4), specks=(0.1, 0.2), blocks=(1, 2))
    assert gate.strength(Evidence(0, 0, 0, 2.0)) == 0
    assert gate.strength(Evidence(2, 0.1, 1, 2.0)) == 0
    assert gate.strength(Evidence(3, 0, 0, 2.0)) == 0.5
    assert gate.strength(Evidence(3, 0, 1.8, 2.0)) == pytest.approx(0.8)
    assert gate.strength(Evidence(0, 0.3, 0, 2.0)) == 1
    assert gate.strength(Evidence(0, 0, 0, gate.sharpness[1])) == 1
    assert gate.strength(Evidence(0, 0, 0, sum(gate.sharpness) / 2)) == pytest.approx(0.5)
    assert gate.noisy(Evidence(3, 0, 9, 0.0)) == 0.5
    assert gate.noisy(Evidence(0, 0.15, 9, 0.0)) == pytest.approx(0.5)
    assert chosen_strength(Evidence(9, 9, 9, 2.0), 0.25, gate) == 0.25
    assert chosen_strength(Evidence(9, 9, 9, 2.0), "auto", gate) == 1


def test_salt_and_pepper_are_specks_and_edges_are_none():
    picture = smooth(192, 256)
    picture[:, 100:102] = 255
    picture[60:63, 40:43] = 0
    assert specks(luma_of(picture), NONE) == 0
    at = np.random.default_rng(3).random(picture.shape)
    peppered = np.where(at < 0.005, 0, np.where(at > 0.995, 255, picture)).astype(np.uint8)
    assert specks(luma_of(peppered), NONE) == pytest.approx(0.01, rel=0.3)
    assert specks(luma_of(peppered), ~NONE) == 0, "what is damage is mended as such"
    evidence = Evidence(0, specks(luma_of(peppered), NONE), 0, 2.0)
    assert NoiseGate().strength(evidence) == 1


@pytest.mark.parametrize("size", [(192, 256), (250, 1333), (40, 1000)])
def test_change_is_what_is_changed_nearly_everywhere(folder: Path, size: tuple[int, int]):
    planted.mean_of_sound(folder, scale=0.5)  # the change of a pixel is half of it
    model = Models(folder).get("restore")
    flat, nothing = np.full(size, 100, np.uint8), np.zeros(size, np.bool_)
    assert change_of(luma_of(flat), nothing, model) == pytest.approx(50, abs=0.1)
    narrow, wide = flat.copy(), flat.copy()
    narrow[:, : size[1] // 10] = 0
    wide[:, : size[1] // 2] = 0
    assert change_of(luma_of(narrow), nothing, model) == pytest.approx(50, abs=0.1)
    assert change_of(luma_of(wide), nothing, model) == 0
    marked = nothing.copy()
    marked[:, : size[1] // 2] = True
    assert change_of(luma_of(wide), marked, model) == pytest.approx(50, abs=0.1), "damage does not count"
    assert change_of(luma_of(flat), ~nothing, model) == 0, "nothing is left to look at"


def test_evidence_is_of_the_picture(folder: Path):
    planted.mean_of_sound(folder, scale=0.5)
    luma = luma_of(jpeg(textured(192, 256), 10))
    model = Models(folder).get("restore")
    found = evidence_of(luma, NONE, model)
    assert found == Evidence(change_of(luma, NONE, model), specks(luma, NONE), blockiness(luma), sharpness(luma))
    assert found.change > 20 and found.blocks > 1.5


def test_strength_is_the_share_of_the_change(folder: Path):
    planted.mean_of_sound(folder, scale=0.5)
    model = Models(folder).get("restore")
    luma = luma_of(smooth(192, 256))
    assert np.abs(mended(luma, NONE, model, 0.5) - 0.75 * luma.astype(float)).max() <= 1
    assert np.array_equal(mended(luma, NONE, model, 0.0), luma)


def test_grain_can_stay_and_blur_of_edges_goes(folder: Path):
    planted.box_blur(folder, radius=3)
    model = Models(folder).get("restore")
    grainy = luma_of(noisy(smooth(192, 256), 6.0))
    clean = mended(grainy, NONE, model, 1.0)
    kept = mended(grainy, NONE, model, 1.0, grain="keep", noise=noise_level(grainy))
    assert noise_level(clean) < 1.5
    assert noise_level(kept) == pytest.approx(6, rel=0.25)


def test_grain_of_nothing_is_nothing(folder: Path):
    planted.box_blur(folder, radius=3)
    model = Models(folder).get("restore")
    edges = luma_of((cv2.resize(np.eye(6, dtype=np.uint8), (256, 192), interpolation=0) * 200).astype(np.uint8))
    whole = mended(edges, NONE, model, 1.0).astype(int)
    kept = mended(edges, NONE, model, 1.0, grain="keep", noise=0.0).astype(int)
    assert np.array_equal(whole, kept)


def test_blur_lowers_sharpness_and_contrast_does_not():
    rng = np.random.default_rng(0)
    detail = cv2.GaussianBlur(rng.random((200, 300)).astype(np.float32), (0, 0), 0.8)
    detail = (detail - detail.mean()) / detail.std()
    sharp, faint = ((128 + scale * detail).clip(0, 255) for scale in (40, 10))
    soft = cv2.GaussianBlur(sharp, (0, 0), 2.5)
    found = [sharpness((picture * 257).astype(np.uint16)) for picture in (sharp, faint, soft)]
    assert found[0] == pytest.approx(found[1], rel=0.02)
    assert found[2] < 0.6 and found[0] > 1.0
    assert sharpness(np.full((64, 64), 30000, np.uint16)) >= 1.5, "an empty picture is not blurred"
