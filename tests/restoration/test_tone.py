"""Tone: the field of light, and when it is applied."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import planted_models as planted
import pytest
from restoration_pictures import smooth, textured

from retint.errors import RenderError
from retint.restoration.onnx_models import Models
from retint.restoration.planes import luma_of
from retint.restoration.tone import Light, ToneGate, chosen_strength, limited, read_light, relit, thumbnail


def light(gain: float = 1.0, offset: float = 0.0, gamma: float = 1.0, confidence: float = 1.0) -> Light:
    return Light(np.full((12, 12), gain, np.float32), np.full((12, 12), offset, np.float32), gamma, confidence)


def test_fading_is_undone_to_the_level():
    clean = smooth()
    faded = np.rint(255 * (0.2 + 0.5 * (clean / 255) ** 0.8)).astype(np.uint8)
    result = relit(luma_of(faded), light(gain=2.0, offset=-0.4, gamma=1.25), 1.0) / 257
    assert np.abs(result - clean).max() < 3, "rounding to 8 bit, twice"


def test_the_field_is_bilinear_between_the_middles_of_cells_and_constant_outside():
    field = np.tile(np.linspace(0.5, 1.6, 12, dtype=np.float32), (12, 1))
    sloped = Light(field, np.zeros((12, 12), np.float32), 1.0, 1.0)
    picture = np.full((600, 1200), 30000, np.uint16)
    result = relit(picture, sloped, 1.0) / 30000
    assert np.allclose(result[:, 100 * np.arange(12) + 50], field[0], atol=1e-3), "between two middle pixels, nearly"
    assert np.allclose(result[:, 100], 0.55, atol=1e-3)
    assert (result[:, :50] == result[0, 0]).all() and result[0, 0] == pytest.approx(0.5, abs=1e-4)
    assert (result == result[0]).all(), "the same in every row, strips or not"


def test_torch_would_bring_the_field_to_size_in_the_same_way():
    torch = pytest.importorskip("torch")  # the network is trained with it
    field = np.random.default_rng(0).uniform(0.5, 1.5, (12, 12)).astype(np.float32)
    picture = np.full((77, 130), 20000, np.uint16)
    wanted = torch.nn.functional.interpolate(
        torch.tensor(field)[None, None], (77, 130), mode="bilinear", align_corners=False
    )[0, 0].numpy()
    result = relit(picture, Light(field, np.zeros((12, 12), np.float32), 1.0, 1.0), 1.0) / 20000
    assert np.abs(result - wanted).max() < 1e-3


def test_strength_is_the_share_of_the_correction():
    picture = luma_of(smooth())
    whole, half = (relit(picture, light(offset=0.1), strength).astype(int) for strength in (1.0, 0.5))
    assert np.abs((whole - picture) - 2 * (half - picture)).max() <= 2
    assert np.array_equal(relit(picture, light(offset=0.1), 0.0), picture)


@pytest.mark.parametrize(
    ("confidence", "sound", "damaged"),
    [(0.0, 0, 0), (0.5, 0, 0), (0.625, 0, 0.5), (0.75, 0.5, 1), (1.0, 1, 1)],
)
def test_auto_acts_when_the_network_is_sure_and_sooner_on_old_prints(confidence: float, sound: float, damaged: float):
    gate, picture, found = (
        ToneGate(sound=(0.7, 0.8), old=(0.5, 0.75)),
        luma_of(smooth()),
        light(confidence=confidence),
    )
    for old, wanted in ((False, sound), (True, damaged)):
        assert gate.strength(confidence, old=old) == pytest.approx(wanted)
        assert chosen_strength(picture, found, "auto", gate, old=old) == pytest.approx(wanted)
        assert chosen_strength(picture, found, 0.3, gate, old=old) == 0.3


def test_nothing_is_blown_out():
    picture = luma_of(textured())
    bright = light(gain=2.5)
    assert (relit(picture, bright, 1.0) == 65535).mean() > 0.3, "it would be"
    strength = limited(picture, bright, 1.0, 0.01)
    assert 0 < strength < 0.7
    assert (thumbnail(relit(picture, bright, strength)) >= 254 / 255).mean() < 0.02
    assert limited(picture, light(), 1.0, 0.01) == 1.0


def test_the_networks_answer_is_read(folder: Path):
    field = np.arange(288, dtype=np.float32).reshape(1, 2, 12, 12)
    planted.light_from(folder, field, gamma=0.8, confidence=0.9)
    found = read_light(luma_of(smooth()), Models(folder).get("tone"))
    assert np.array_equal(found.gain, field[0, 0])
    assert np.array_equal(found.offset, field[0, 1])
    assert (found.gamma, found.confidence) == (pytest.approx(0.8), pytest.approx(0.9))


def test_an_answer_of_another_shape_is_an_error(folder: Path):
    planted.light_from(folder, np.zeros((1, 2, 6, 6), np.float32))
    with pytest.raises(RenderError, match=r"field of \(1, 2, 6, 6\), wanted \(1, 2, 12, 12\)"):
        read_light(luma_of(smooth()), Models(folder).get("tone"))


def test_the_thumbnail_is_of_means():
    picture = np.zeros((96 * 4, 96 * 2), np.uint16)
    picture[::2] = 65535
    assert np.allclose(thumbnail(picture), 0.5, atol=1e-4)
