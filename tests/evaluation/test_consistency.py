from __future__ import annotations

import numpy as np
import pytest

from retint.evaluation.consistency import CHANGES, compressed, consistency, moved, noisy
from retint.evaluation.metrics import to_lab


def gray(seed: int = 0) -> np.ndarray:
    values = np.random.default_rng(seed).integers(60, 200, (24, 30, 1)).astype(np.uint8)
    return np.repeat(values, 3, axis=2)


def flat_colour(picture: np.ndarray) -> np.ndarray:
    """The same colour everywhere, whatever it sees."""
    return np.full_like(picture, (180, 90, 60))


def by_level(picture: np.ndarray) -> np.ndarray:
    """A colour for each grey level: moves along when the picture moves."""
    return np.stack([picture[..., 0], 255 - picture[..., 0], np.full_like(picture[..., 0], 99)], axis=-1)


def by_place(picture: np.ndarray) -> np.ndarray:
    """Stripes that stand still when the picture moves."""
    out = np.full_like(picture, (200, 60, 60))
    out[:, ::2] = (60, 60, 200)
    return out


def test_a_model_that_never_changes_its_mind_is_steady():
    picture = gray()
    found = consistency(picture, flat_colour(picture), flat_colour, flat_colour)
    assert set(found.distances) == set(CHANGES)
    assert list(found.distances.values()) == pytest.approx([0] * 4)
    lab = to_lab(np.array((180, 90, 60), np.uint8))
    assert found.chroma == pytest.approx(np.hypot(lab[1], lab[2]))


def test_moving_along_is_steady_and_standing_still_is_not():
    picture = gray()
    assert consistency(picture, by_level(picture), by_level).distances["shift"] == 0
    stripes = consistency(picture, by_place(picture), by_place).distances["shift"]
    red, blue = to_lab(np.array([(200, 60, 60), (60, 60, 200)], np.uint8))[:, 1:]
    assert stripes == pytest.approx(np.hypot(*(red - blue)))


def test_random_colours_are_as_far_apart_as_they_are_vivid():
    rng = np.random.default_rng(1)

    def random(picture: np.ndarray) -> np.ndarray:
        return rng.integers(0, 256, picture.shape).astype(np.uint8)

    picture = gray()
    found = consistency(picture, random(picture), random, random)
    assert all(distance > found.chroma for distance in found.distances.values())


def test_noise_moves_what_follows_the_grey_level_and_the_seed_decides_how():
    picture = gray()
    first, again, other = (consistency(picture, by_level(picture), by_level, seed=seed).distances for seed in (0, 0, 1))
    assert first == again
    assert first["noise"] != other["noise"]
    assert first["jpeg"] == other["jpeg"] > 0
    assert first["noise"] > 0
    assert "render_factor" not in first


def test_finer_is_compared_with_the_render_itself():
    picture = gray()
    found = consistency(picture, by_level(picture), by_level, flat_colour)
    wanted = to_lab(by_level(picture)) - to_lab(flat_colour(picture))
    assert found.distances["render_factor"] == pytest.approx(np.hypot(wanted[..., 1], wanted[..., 2]).mean())


def test_the_changes_are_small_and_grey():
    picture = np.full((64, 64, 3), 128, np.uint8)
    picture[20:40, 20:40] = 90
    assert (moved(picture)[21:41, 21:41] == 90).all()
    assert (moved(picture)[20] == 128).all()
    assert (moved(gray())[1:, 1:] == gray()[:-1, :-1]).all()
    assert noisy(picture).astype(int).std() > picture.std()
    assert (noisy(picture).astype(float) - picture).std() == pytest.approx(5, rel=0.05)
    assert 0 < np.abs(compressed(gray()).astype(int) - gray()).mean() < 20
    for change in (moved, noisy, compressed):
        changed = change(gray())
        assert changed.shape == (24, 30, 3) and changed.dtype == np.uint8
        assert (changed == changed[..., :1]).all()


def test_noise_stays_within_8_bits():
    white = noisy(np.full((64, 64, 3), 255, np.uint8))
    assert white.min() > 225
    assert (white == 255).mean() > 0.4
