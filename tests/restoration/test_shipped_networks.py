"""The networks in the package: their contract, and that tiles of them have no seams."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np

from retint.restoration.damage import find_damage
from retint.restoration.degradation import age
from retint.restoration.noise import enlarged, mended
from retint.restoration.onnx_models import Models
from retint.restoration.planes import Luma, luma_of
from retint.restoration.tone import read_light

SAMPLE = Path(__file__).parents[2] / "samples" / "rocket.jpg"


def picture(height: int = 208, width: int = 272) -> Luma:
    gray = cv2.imread(str(SAMPLE), cv2.IMREAD_GRAYSCALE)
    return luma_of(np.asarray(gray, np.uint8)[40 : 40 + height, 40 : 40 + width])


def levels_apart(one: Luma, other: Luma) -> float:
    return float(np.abs(one.astype(int) - other).max()) / 257


def test_tiles_of_the_restorer_have_no_seams():
    luma = picture()
    noise = np.random.default_rng(0).normal(0, 12 * 257, luma.shape)
    luma = np.clip(luma + noise, 0, 65535).astype(np.uint16)
    mask = np.zeros(luma.shape, np.bool_)
    mask[60:63, :] = mask[100:140, 130:170] = True
    model = Models().get("restore")
    pieces, whole = (mended(luma, mask, model, 1.0, core=core) for core in (96, 512))
    assert levels_apart(pieces, whole) <= 1


def test_tiles_of_the_enlarger_have_no_seams():
    model = Models().get("upscale")
    pieces, whole = (enlarged(picture(), model, core=core) for core in (96, 512))
    assert levels_apart(pieces, whole) <= 1


def test_tiles_of_the_detector_have_no_seams():
    gray = (picture() // 257).astype(np.uint8)
    luma = luma_of(age(gray, np.random.default_rng(1), ["scratches", "dust"]).picture)
    detector = Models().get("damage")
    small, whole = (find_damage(luma, detector, core=core).astype(int) for core in (48, 512))
    assert whole.max() > 200
    assert np.abs(small - whole).max() <= 2


def test_the_detector_gives_probabilities_of_every_pixel():
    window = np.zeros((1, 64, 96), np.float32)
    found = Models().get("damage").work(window)
    assert found.shape == (64, 96)
    assert found.min() >= 0 and found.max() <= 1


def test_the_light_of_a_picture():
    light = read_light(picture(), Models().get("tone"))
    assert 0 <= light.confidence <= 1
    assert 0.1 < light.gamma < 10
    assert (light.gain > 0).all()
