"""Damage: gates on probabilities, masks, filling."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import planted_models as planted
import pytest
from restoration_pictures import smooth

from retint.restoration.damage import (
    DamageGate,
    Filling,
    chroma_filled,
    deep_filled,
    evidence_of,
    find_damage,
    grown,
    mask_of,
    patches,
)
from retint.restoration.noise import mended
from retint.restoration.onnx_models import Models
from retint.restoration.planes import luma_of


def probability(*marks: tuple[slice, slice, float]) -> np.ndarray:
    found = np.zeros((40, 60), np.uint8)
    for rows, columns, value in marks:
        found[rows, columns] = round(255 * value)
    return found


def test_a_patch_counts_whole_once_it_is_certain_somewhere():
    found = probability((slice(5, 6), slice(2, 30), 0.4), (slice(5, 6), slice(10, 12), 0.9))
    mask = mask_of(found, DamageGate(high=0.6, low=0.3, grow=0, evidence=0))
    assert mask.sum() == 28
    assert mask[5, 2:30].all()


def test_what_is_nowhere_certain_does_not_count():
    found = probability((slice(5, 6), slice(2, 30), 0.55))
    assert not mask_of(found, DamageGate(high=0.6, low=0.3, evidence=0)).any()
    assert mask_of(found, DamageGate(high=0.5, low=0.3, evidence=0)).any()


def test_what_is_too_small_does_not_count():
    found = probability((slice(5, 6), slice(2, 4), 1.0), (slice(20, 22), slice(2, 4), 1.0))
    mask = mask_of(found, DamageGate(least_area=3, grow=0, evidence=0))
    assert not mask[5].any()
    assert mask[20:22, 2:4].all()
    assert patches(mask) == 1


def test_diagonal_lines_are_one_patch_and_the_mask_grows():
    found = np.diag(np.full(40, 255, np.uint8))
    mask = mask_of(found, DamageGate(least_area=40, grow=0, evidence=0))
    assert mask.sum() == 40
    assert patches(mask) == 1
    assert grown(mask, 1).sum() > 100
    assert grown(mask, 1)[10, 11]


def test_strength_is_how_readily_something_counts():
    found = probability((slice(5, 8), slice(2, 30), 0.5))
    gate = DamageGate(high=0.6, low=0.3)
    assert gate.at("auto") == gate
    assert gate.at(0.5) == replace(gate, evidence=0.0)
    assert mask_of(found, gate.at(0.8)).any()
    assert not mask_of(found, gate.at(0.2)).any()
    assert gate.at(1.0).high == gate.at(1.0).low == 0.05


def test_auto_wants_evidence_in_the_picture_as_a_whole():
    """Two specks are none; a third, or one large patch, is; a number does not ask."""
    gate = DamageGate(high=0.6, low=0.3, least_area=1, grow=0, evidence=3, share=0.1)
    specks = [(slice(5, 7), slice(10 * at, 10 * at + 2), 0.9) for at in range(3)]  # 1.1 each
    assert not mask_of(probability(*specks[:2]), gate).any()
    assert mask_of(probability(*specks[:2]), gate.at(0.5)).sum() == 8
    assert mask_of(probability(*specks), gate).sum() == 12
    assert mask_of(probability((slice(0, 12), slice(0, 20), 0.9)), gate).sum() == 240


def test_evidence_grows_as_doubt_goes():
    gate = DamageGate(least_area=4, sure=0.85)
    sure, fairly, unsure, small = slice(2, 4), slice(12, 14), slice(17, 19), slice(22, 23)
    found = probability(
        (sure, slice(5, 10), 0.9), (fairly, slice(5, 10), 0.8), (unsure, slice(5, 10), 0.65), (small, slice(5, 8), 0.9)
    )
    evidence, share = evidence_of(found, gate)
    assert evidence == pytest.approx(np.log(3) + np.log(1.5), rel=0.02)
    assert share == 10 / found.size
    certain, _ = evidence_of(probability((sure, slice(5, 10), 1.0)), gate)
    assert certain == pytest.approx(np.log(15))  # never beyond doubt
    assert evidence_of(probability(), gate) == (0.0, 0.0)


def test_many_marks_speak_for_damage_though_none_is_sure():
    gate = DamageGate(least_area=1, grow=0, evidence=2.4, share=0.5)
    fairly_sure = [(slice(5, 7), slice(5 * at, 5 * at + 2), 0.8) for at in range(6)]  # 0.4 each
    assert not mask_of(probability(*fairly_sure[:5]), gate).any()
    assert mask_of(probability(*fairly_sure), gate).sum() == 24


def test_on_auto_one_mark_is_left_alone_though_it_is_certain():
    """Three are filled, two in an old print; of marks that are less sure it takes more. In a picture of usual size."""
    found = np.zeros((256, 256), np.uint8)
    found[20:22, 20:22] = 255
    assert not mask_of(found, DamageGate()).any()
    assert not mask_of(found, DamageGate().for_old()).any()
    found[60:62, 20:22] = 255
    assert not mask_of(found, DamageGate()).any()
    assert mask_of(found, DamageGate().for_old()).any()
    found[90:92, 20:22] = 255
    assert mask_of(found, DamageGate()).any()
    fairly_sure = np.zeros((256, 256), np.uint8)
    for at in range(5):
        fairly_sure[20:22, 20 * at : 20 * at + 2] = round(0.9 * 255)
    assert not mask_of(fairly_sure, DamageGate()).any()
    assert mask_of(fairly_sure, DamageGate().for_old()).any()


def test_an_old_print_wants_less_evidence():
    gate = DamageGate(least_area=1, grow=0, evidence=2, share=0.06, sure=0.9, evidence_of_old=0.8, sure_of_old=0.7)
    specks = probability(*[(slice(5, 7), slice(10 * at, 10 * at + 2), 0.8) for at in range(2)])  # 0.4 each
    assert not mask_of(specks, gate).any()
    assert mask_of(specks, gate.for_old()).sum() == 8
    crease = probability((slice(5, 9), slice(0, 40), 0.8))
    assert not mask_of(crease, gate).any()
    assert mask_of(crease, gate.for_old()).sum() == 160


def test_larger_pictures_want_more_marks_as_their_sides_grow():
    large = np.zeros((768, 800), np.uint8)
    gate = DamageGate(high=0.6, low=0.3, least_area=1, grow=0, evidence=7.9, share=0.1)
    for at in range(8):
        large[10, 10 * at] = 255  # 2.7 each, and 23.7 are wanted
    assert not mask_of(large, gate).any()
    large[20, 20] = 255
    assert mask_of(large, gate).sum() == 9


def test_an_empty_probability_is_no_damage():
    assert not mask_of(probability(), DamageGate()).any()


def test_a_wide_mark_is_found_at_half_size(folder: Path):
    planted.save(  # damage: where the mean of 9 x 9 px is white, which a line of 6 px is only at half size
        folder,
        "damage",
        {"gray": planted.PICTURE},
        {"damage": planted.PICTURE},
        [
            planted.helper.make_node("Sub", ["gray", "edge"], ["over"]),
            planted.helper.make_node("Relu", ["over"], ["white"]),
            planted.helper.make_node("Conv", ["white", "kernel"], ["thick"], pads=[4, 4, 4, 4]),
            planted.helper.make_node("Conv", ["white", "one"], ["here"]),
            planted.helper.make_node("Sub", ["here", "thick"], ["thin"]),
            planted.helper.make_node("Relu", ["thin"], ["damage"]),
        ],
        {
            "edge": planted.f32(0.9),
            "kernel": np.full((1, 1, 9, 9), 30 / 81, np.float32),
            "one": np.full((1, 1, 1, 1), 10, np.float32),
        },
        margin="16",
    )
    picture = np.full((300, 300), 100, np.uint8)
    picture[140:144, 20:280] = 255
    detector = Models(folder).get("damage")
    alone = find_damage(luma_of(picture), detector, coarsest=512)
    halved = find_damage(luma_of(picture), detector, coarsest=150)
    assert alone[142, 100] == 0
    assert halved[142, 100] > 50
    assert halved.shape == picture.shape


def scratched() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    clean = smooth()
    mask = np.zeros(clean.shape, np.bool_)
    mask[40:43, 5:120] = True
    mask[10:90, 64:66] = True
    return clean, np.where(mask, 255, clean).astype(np.uint8), mask


@pytest.mark.parametrize("method", ["network", "telea"])
def test_marks_are_filled_from_around_and_nothing_else_is_touched(folder: Path, method):
    planted.mean_of_sound(folder)
    clean, damaged, mask = scratched()
    model = Models(folder).get("restore")
    luma, rest = deep_filled(luma_of(damaged), mask, Filling(method), model, core=32)
    assert rest.any() == (method == "network")
    result = mended(luma, rest, model, core=32)
    error = np.abs(result.astype(int) - luma_of(clean)) / 257
    assert error[mask].mean() < 8, "and paint was about 130 away"
    assert error[~mask].max() == 0


def test_filling_does_not_depend_on_the_tiling(folder: Path):
    planted.mean_of_sound(folder)
    _, damaged, mask = scratched()
    model = Models(folder).get("restore")
    small, large = (mended(luma_of(damaged), mask, model, core=core).astype(int) for core in (16, 512))
    assert np.abs(small - large).max() <= 2


def test_a_large_hole_is_filled_from_half_size_and_farther(folder: Path):
    planted.mean_of_sound(folder, radius=8)
    clean = smooth(256, 256)
    mask = np.zeros(clean.shape, np.bool_)
    mask[:120, :120] = True  # a corner, whose middle no sound pixel is near enough to
    model = Models(folder).get("restore")
    luma = luma_of(np.where(mask, 255, clean).astype(np.uint8))
    alone = mended(luma, mask, model)
    assert alone[20, 20] == 0, "the network alone has nothing to go by there"
    deep, rest = deep_filled(luma, mask, Filling(reach=6), model)
    result = mended(deep, rest, model)
    assert (result[mask] > 20 * 257).all()
    assert np.array_equal(result[~mask], luma[~mask])
    assert not (rest & ~mask).any()


def test_a_picture_that_is_damaged_all_over_is_no_crash(folder: Path):
    planted.mean_of_sound(folder)
    model = Models(folder).get("restore")
    mask = np.ones((64, 64), np.bool_)
    luma, rest = deep_filled(luma_of(smooth(64, 64)), mask, Filling(reach=4), model)
    assert mended(luma, rest, model).shape == (64, 64)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_colour_under_marks_comes_from_around(dtype: type):
    most = np.iinfo(dtype).max
    picture = np.empty((60, 80, 3), dtype)
    picture[:] = np.array([0.7, 0.4, 0.3]) * most
    mask = np.zeros((60, 80), np.bool_)
    mask[30:32, 10:70] = True
    damaged = picture.copy()
    damaged[mask] = most
    result = chroma_filled(damaged, mask).astype(float) / most
    assert np.array_equal(chroma_filled(damaged, mask)[~mask], damaged[~mask])
    away = result[31, 40] - result[31, 40] @ [0.299, 0.587, 0.114]
    assert away[0] > away[1] and away[0] > away[2], "as reddish as white allows"


def test_many_crossing_lines_are_filled_at_once():
    picture = luma_of(smooth(200, 200))
    mask = np.zeros(picture.shape, np.bool_)
    for at in range(10, 190, 20):
        cv2.line(canvas := np.zeros(picture.shape, np.uint8), (at, 0), (199 - at, 199), 1, 1)
        mask |= canvas > 0
    luma, rest = deep_filled(np.where(mask, 0, picture).astype(np.uint16), mask, Filling("telea"), None)
    assert not rest.any()
    assert np.abs(luma.astype(int) - picture)[mask].mean() / 257 < 3
