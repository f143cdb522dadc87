"""Planted damage: it is where its mask says, it is what was asked for, and it is the same for the same seed."""

from __future__ import annotations

import numpy as np
import pytest

from retint.restoration.degradation import COPYING, KINDS, MARKS, ODDS, TONE, age


def gradient(height: int = 160, width: int = 208) -> np.ndarray:
    """A grey picture of smooth shades, none near black or white."""
    y, x = np.mgrid[0:height, 0:width]
    return (70 + 60 * np.sin(x / 40) ** 2 + 60 * np.cos(y / 50) ** 2).astype(np.uint8)


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


@pytest.mark.parametrize("kind", KINDS)
def test_each_kind_changes_the_picture_and_says_so(kind):
    clean = gradient()
    found = [age(clean, rng(seed), [kind]) for seed in range(3)]
    for aged in found:
        assert aged.kinds == (kind,)
        assert aged.picture.shape == aged.mask.shape == aged.toned.shape == clean.shape
        assert (aged.picture.dtype, aged.mask.dtype) == (np.uint8, np.bool_)
        assert np.abs(aged.picture.astype(int) - clean).max() > 0
        assert aged.mask.any() == (kind in MARKS)
        assert np.array_equal(aged.toned, clean) == (kind not in TONE)
    assert not np.array_equal(found[0].picture, found[1].picture)


@pytest.mark.parametrize("kind", MARKS)
def test_outside_the_mask_a_mark_changes_next_to_nothing(kind):
    clean = gradient()
    for seed in range(5):
        aged = age(clean, rng(seed), [kind])
        change = np.abs(aged.picture.astype(int) - clean)
        if kind == "creases":  # with a soft shadow beside them
            assert np.median(change[aged.mask]) > 3 * np.median(change[~aged.mask]) + 8
        else:
            assert change[aged.mask].min() >= 12
            assert np.percentile(change[~aged.mask], 99) <= 12


@pytest.mark.parametrize("kind", TONE)
def test_a_change_of_tone_is_all_there_is_in_toned(kind):
    aged = age(gradient(), rng(3), [kind])
    assert np.array_equal(aged.picture, aged.toned)


def test_the_same_seed_gives_the_same_and_another_does_not():
    clean = gradient()
    one, same, other = (age(clean, rng(seed)) for seed in (5, 5, 6))
    assert np.array_equal(one.picture, same.picture) and np.array_equal(one.mask, same.mask) and one.kinds == same.kinds
    assert not np.array_equal(one.picture, other.picture)


def test_the_mix_keeps_its_odds_and_its_order():
    clean = gradient(48, 48)
    kinds = [age(clean, rng(seed)).kinds for seed in range(400)]
    for kind in KINDS:
        assert abs(np.mean([kind in one for one in kinds]) - ODDS[kind]) < 0.08, kind
    orders = set()
    for one in kinds:
        tones = [kind for kind in one if kind in TONE]
        assert list(one[: len(tones)]) == tones
        where = [place for place, kind in enumerate(one) if kind in MARKS]
        assert not where or where == list(range(where[0], where[0] + len(where)))  # the marks come as one
        orders.add(tuple(kind for kind in one if kind in COPYING))
    assert len(orders) > 24


def test_marks_grow_with_the_picture():
    small = np.full((256, 256), 120, dtype=np.uint8)
    large = np.full((1024, 1024), 120, dtype=np.uint8)
    shares = [np.mean([age(one, rng(seed), ["dust"]).mask.mean() for seed in range(8)]) for one in (small, large)]
    assert 0.4 < shares[1] / shares[0] < 2.5


def test_holes_of_a_small_picture_are_as_large_as_those_of_the_usual_size():
    """Of as many px, or crops of a picture would have smaller holes than the picture."""
    px = [
        np.mean([age(np.full((side, side), 120, np.uint8), rng(seed), ["holes"]).mask.sum() for seed in range(30)])
        for side in (256, 128, 512)
    ]
    assert 0.6 < px[1] / px[0] < 1.1  # a little lies beyond its edges
    assert 2.5 < px[2] / px[0] < 6


@pytest.mark.parametrize(
    ("picture", "kinds", "words"),
    [
        (np.zeros((64, 64, 3), np.uint8), None, r"wanted \(H, W\) uint8"),
        (np.zeros((64, 64), np.float32), None, r"wanted \(H, W\) uint8"),
        (np.zeros((64, 16), np.uint8), None, "32 px"),
        (np.zeros((64, 64), np.uint8), ["rust"], "got damage rust, wanted some of"),
    ],
)
def test_what_cannot_be_aged_is_refused(picture, kinds, words):
    with pytest.raises(ValueError, match=words):
        age(picture, rng(), kinds)
