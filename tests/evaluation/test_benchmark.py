"""Rows with answers that are known beforehand: the truth itself, grey, one colour for everything."""

from __future__ import annotations

import math

import numpy as np
import pytest
from PIL import Image

from retint.errors import InputError
from retint.evaluation.benchmark import Benchmark, Candidate, FeatureSpace, PictureFigure, Report
from retint.evaluation.ciede2000 import ciede2000
from retint.evaluation.consistency import consistency
from retint.evaluation.metrics import colourfulness, frechet_distance, psnr, with_true_lightness
from retint.evaluation.protocol import gray_of
from retint.evaluation.ssim import ssim


def picture(seed: int) -> np.ndarray:
    corners = np.random.default_rng(seed).integers(30, 226, (3, 3, 3)).astype(np.uint8)
    return np.asarray(Image.fromarray(corners).resize((48, 48), Image.Resampling.BILINEAR))


PICTURES = [picture(seed) for seed in range(5)]
MEANS = FeatureSpace("means", lambda one: one.reshape(-1, 3).mean(axis=0))


def oracle(gray: np.ndarray) -> np.ndarray:
    """Knows the true colours of the five pictures."""
    return next(one for one in PICTURES if (gray_of(one) == gray).all())


def warm(gray: np.ndarray) -> np.ndarray:
    return (gray * np.array([1, 0.8, 0.6])).astype(np.uint8)


def run(*candidates: Candidate, pictures: list[np.ndarray] = PICTURES, consistency: bool = False) -> Report:
    benchmark = Benchmark(candidates, spaces=[MEANS], with_consistency=consistency)
    for index, one in enumerate(pictures):
        benchmark.add(f"{index}.jpg", one)
    return benchmark.report()


def test_rows_are_grey_the_candidates_and_true():
    report = run(Candidate("a", warm, render_factor=3), Candidate("a", oracle, render_factor=4))
    assert [(row.name, row.render_factor) for row in report.rows] == [
        ("grey", None),
        ("a", 3),
        ("a", 4),
        ("true", None),
    ]
    assert report.candidates == report.rows[1:3]
    assert report.names == ["0.jpg", "1.jpg", "2.jpg", "3.jpg", "4.jpg"]


def test_a_model_that_knows_the_truth_is_the_row_of_the_truth():
    report = run(Candidate("oracle", oracle))
    row, true = report.rows[1:]
    # Lightness goes to Lab and back, which may round one level; these pictures come back whole
    assert row.figures["psnr"].mean == true.figures["psnr"].mean == math.inf
    assert row.figures["psnr"].low is None
    assert row.figures["ssim"].mean == true.figures["ssim"].mean == pytest.approx(1)
    assert row.figures["ciede2000"].mean == true.figures["ciede2000"].mean == 0
    assert row.values["cf"] == true.values["cf"] == [colourfulness(one) for one in PICTURES]
    assert row.dcf == true.dcf == 0
    for one in (row, true):
        assert one.distances["means"].value == pytest.approx(0, abs=1e-9)
        assert one.distances["means"].of_gray == pytest.approx(0, abs=1e-9)


def test_a_model_that_leaves_pictures_grey_is_the_row_of_grey():
    gray, row, _ = run(Candidate("lazy", lambda gray: gray)).rows
    assert row.values == gray.values
    assert gray.figures["cf"].mean == 0
    assert row.distances["means"].of_gray == pytest.approx(1)
    assert row.dcf == pytest.approx(np.mean([colourfulness(one) for one in PICTURES]))


def test_figures_are_means_over_pictures_with_the_true_lightness():
    row = run(Candidate("warm", warm)).rows[1]
    results = [with_true_lightness(warm(gray_of(one)), one) for one in PICTURES]
    for key, measure in (("psnr", psnr), ("ssim", ssim), ("ciede2000", ciede2000)):
        wanted = [measure(result, true) for result, true in zip(results, PICTURES, strict=True)]
        assert row.values[key] == wanted
        assert row.figures[key].mean == pytest.approx(np.mean(wanted))
        assert min(wanted) <= row.figures[key].low < row.figures[key].mean < row.figures[key].high <= max(wanted)
    features = [np.stack([MEANS.describe(one) for one in group]) for group in (PICTURES, results)]
    assert row.distances["means"].value == pytest.approx(frechet_distance(*features))
    true_cf = np.mean([colourfulness(one) for one in PICTURES])
    assert row.dcf == pytest.approx(abs(true_cf - row.figures["cf"].mean))


def test_further_figures_and_spaces_get_their_columns():
    red = PictureFigure("red", "red", lambda one, true: float(one[..., 0].mean() - true[..., 0].mean()), 1, of_true=0.0)
    benchmark = Benchmark([Candidate("warm", warm)], spaces=[MEANS, FeatureSpace("reds", lambda one: one[0, :, 0])],
                          more_figures=[red])  # fmt: skip
    for index, one in enumerate(PICTURES):
        benchmark.add(str(index), one)
    report = benchmark.report()
    assert report.figures[-1] == red
    assert report.rows[1].values["red"][0] == pytest.approx(
        with_true_lightness(warm(gray_of(PICTURES[0])), PICTURES[0])[..., 0].mean() - PICTURES[0][..., 0].mean()
    )
    assert all(set(row.distances) == {"means", "reds"} for row in report.rows)


def test_consistency_is_the_mean_over_pictures_and_a_share_of_the_mean_chroma():
    report = run(Candidate("warm", warm, finer=lambda gray: warm(gray)[::-1]), consistency=True)
    gray, row, true = report.rows
    assert true.steadiness is None
    assert gray.steadiness is not None and row.steadiness is not None
    assert all(one.distance.mean == 0 and one.share is None for one in gray.steadiness.values())
    found = [
        consistency(gray_of(one), warm(gray_of(one)), warm, lambda gray: warm(gray)[::-1], seed=index)
        for index, one in enumerate(PICTURES)
    ]
    chroma = np.mean([one.chroma for one in found])
    for change in ("shift", "noise", "jpeg", "render_factor"):
        wanted = np.mean([one.distances[change] for one in found])
        assert row.steadiness[change].distance.mean == pytest.approx(wanted)
        assert row.steadiness[change].share.mean == pytest.approx(wanted / chroma)


def test_a_grey_model_has_no_share_to_win_by():
    row = run(Candidate("lazy", lambda gray: gray), consistency=True).rows[1]
    assert row.steadiness is not None
    assert row.steadiness["shift"].distance.mean == pytest.approx(0, abs=1e-6)
    assert row.steadiness["shift"].share is None
    assert "render_factor" not in row.steadiness


def test_consistency_not_asked_renders_once():
    calls: list[int] = []

    def counted(gray: np.ndarray) -> np.ndarray:
        calls.append(1)
        return warm(gray)

    report = run(Candidate("a", counted, counted))
    assert len(calls) == len(PICTURES)
    assert report.rows[0].steadiness is report.rows[1].steadiness is None


def test_one_picture_has_neither_distance_nor_interval():
    report = run(Candidate("warm", warm), pictures=PICTURES[:1], consistency=True)
    assert report.rows[1].distances == {}
    assert report.rows[1].figures["psnr"].low is None


def test_no_picture_is_an_error():
    with pytest.raises(InputError, match="got no photograph"):
        run(Candidate("warm", warm), pictures=[])
