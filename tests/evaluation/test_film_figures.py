"""Figures of film with answers that are known beforehand."""

from __future__ import annotations

import math

import cv2
import numpy as np
import pytest

from retint.color import merge_chroma
from retint.errors import InputError
from retint.evaluation.film import (
    FilmBenchmark,
    FilmFigures,
    divergence,
    histograms,
    motion_between,
    over_films,
    warp_error,
)
from retint.evaluation.film_report import film_object, film_table, in_all

SIDE = 96


def pan(count: int, speed: int = 2) -> list[np.ndarray]:
    coarse = np.random.default_rng(0).integers(90, 170, (16, 40)).astype(np.uint8)
    wide = cv2.resize(coarse, (240, SIDE), interpolation=cv2.INTER_CUBIC)
    return [np.ascontiguousarray(wide[:, speed * number : speed * number + SIDE]) for number in range(count)]


def in_colour(gray: np.ndarray, u: float, v: float) -> np.ndarray:
    chroma = np.broadcast_to(np.array([u, v], np.float32), (8, 8, 2))
    return merge_chroma(np.repeat(gray[..., None], 3, axis=2), chroma)


def test_divergence_is_that_of_jensen_and_shannon():
    half, whole = np.array([0.5, 0.5, 0]), np.array([1.0, 0, 0])
    middle = np.array([0.75, 0.25, 0])
    by_hand = (0.5 * math.log(0.5 / 0.75) + 0.5 * math.log(0.5 / 0.25) + math.log(1 / middle[0])) / 2
    assert divergence(half, whole) == pytest.approx(by_hand)
    assert divergence(whole, whole) == 0
    assert divergence(whole, np.array([0, 0, 1.0])) == pytest.approx(math.log(2))


def test_histograms_are_shares_of_each_channel():
    frame = np.zeros((2, 2, 3), np.uint8)
    frame[0, :, 2] = 255
    shares = histograms(frame)
    assert shares[0, 0] == 1
    assert (shares[2, 0], shares[2, 255]) == (0.5, 0.5)


def test_colours_that_stick_to_things_have_no_warp_error():
    before, now = pan(2)
    motion = motion_between(now, before)
    wave = np.sin(np.arange(240) / 20).astype(np.float32) * 0.1
    wide = np.stack([np.tile(wave, (SIDE, 1))] * 2, axis=-1)
    stuck = warp_error(wide[:, 2 : 2 + SIDE], wide[:, :SIDE], motion)
    left = warp_error(wide[:, :SIDE], wide[:, :SIDE], motion)
    assert stuck is not None
    assert left is not None
    assert stuck < 0.15 * left


def test_warp_error_is_a_distance_in_levels():
    before, now = pan(2)
    one = np.zeros((SIDE, SIDE, 2), np.float32)
    assert warp_error(one + np.float32([3 / 255, 4 / 255]), one, motion_between(now, before)) == pytest.approx(5)


def test_where_no_flow_holds_nothing_is_measured():
    before, now = pan(2)
    motion = motion_between(now, before)
    nowhere = type(motion)(motion.flow, np.zeros_like(motion.held))
    assert warp_error(np.zeros((SIDE, SIDE, 2), np.float32), np.zeros((SIDE, SIDE, 2), np.float32), nowhere) is None


def test_a_film_that_flickers_beside_one_that_does_not():
    benchmark = FilmBenchmark()
    for number, gray in enumerate(pan(8)):
        true = in_colour(gray, -0.05, 0.08)
        benchmark.add({"still": true, "flickers": in_colour(gray, 0.03 * (-1) ** number, 0.05)}, true)
    figures = benchmark.figures()
    assert list(figures) == ["grey", "still", "flickers", "true"]
    assert all(one.frames == 8 for one in figures.values())
    assert figures["still"].warp_error == pytest.approx(0, abs=0.8)  # 8-bit rounding
    assert figures["flickers"].warp_error == pytest.approx(0.06 * 255, abs=1)
    assert figures["flickers"].cdc > 2 * figures["still"].cdc  # type: ignore[operator]
    assert figures["still"].psnr == figures["true"].psnr == math.inf
    assert figures["grey"].psnr is not None
    assert figures["grey"].cf == 0 < figures["still"].cf


def test_nothing_is_compared_across_a_cut():
    benchmark = FilmBenchmark()
    gray = pan(1)[0]
    for number in range(4):
        benchmark.add({"a": in_colour(gray, 0.05 * (-1) ** (number // 2), 0)}, cut=number == 2)
    assert benchmark.figures()["a"].warp_error == pytest.approx(0, abs=1e-3)
    assert benchmark.figures()["a"].cdc == 0


def test_one_frame_has_no_figures_of_change():
    benchmark = FilmBenchmark()
    benchmark.add({"a": in_colour(pan(1)[0], 0.1, 0)})
    found = benchmark.figures()["a"]
    assert (found.frames, found.cdc, found.warp_error, found.psnr) == (1, None, None, None)


def test_means_over_films_leave_out_what_was_not_measured():
    films = [FilmFigures(10, 0.2, 1.0, 20, None), FilmFigures(30, 0.4, None, 10, 25.0)]
    assert over_films(films) == FilmFigures(40, pytest.approx(0.3), 1.0, 15, 25.0)


def test_what_cannot_be_measured_is_told():
    benchmark = FilmBenchmark()
    with pytest.raises(InputError, match="no frame to measure"):
        benchmark.figures()
    with pytest.raises(InputError, match="neither a colouring nor the truth"):
        benchmark.add({})
    benchmark.add({"a": np.zeros((32, 32, 3), np.uint8)})
    with pytest.raises(InputError, match=r"shape \(32, 31, 3\), wanted \(32, 32, 3\)"):
        benchmark.add({"a": np.zeros((32, 31, 3), np.uint8)})
    with pytest.raises(InputError, match=r"wanted those of \['a', 'grey'\]"):
        benchmark.add({"b": np.zeros((32, 32, 3), np.uint8)})
    with pytest.raises(InputError, match="no film to average"):
        over_films([])


def test_a_table_tells_how_a_way_differs():
    figures = {
        "grey": FilmFigures(9, 0.001, 0.0, 0.0, 30.0),
        "frame by frame": FilmFigures(9, 0.004, 2.0, 20.0, 25.0),
        "normal": FilmFigures(9, 0.003, 0.5, 19.0, 25.5),
        "true": FilmFigures(9, 0.002, 0.6, 18.0, math.inf),
    }
    rendered = {"frame by frame": 1.0, "normal": 0.1}
    lines = film_table(figures, rendered, "frame by frame").splitlines()
    assert lines[4] == "| normal | 10 % | 0.500 (-75 %) | 3.00 (-25 %) | 19.0 (-5 %) | 25.50 |"
    assert lines[5] == "| true |  | 0.600 | 2.00 | 18.0 |  |"
    assert film_object(figures, rendered)["true"]["psnr"] is None
    assert film_object(figures, rendered)["normal"]["rendered"] == 0.1


def test_in_all_has_the_rows_that_every_film_has():
    one = {"grey": FilmFigures(2, 0.1, 0.0, 0, 20.0), "true": FilmFigures(2, 0.1, 1.0, 9, math.inf)}
    other = {"grey": FilmFigures(4, 0.3, 0.0, 0, None)}
    figures, rendered = in_all([(one, {"grey": 0.5}), (other, {"grey": 1.0})])
    assert figures == {"grey": FilmFigures(6, pytest.approx(0.2), 0.0, 0, 20.0)}
    assert rendered == {"grey": 0.75}
