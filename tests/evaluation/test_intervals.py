from __future__ import annotations

import math

import numpy as np
import pytest

from retint.evaluation.intervals import mean_of, ratio_of


def test_the_interval_of_a_normal_sample_is_the_textbook_one():
    values = np.random.default_rng(0).normal(20, 3, 400)
    found = mean_of(list(values))
    assert found.mean == pytest.approx(values.mean())
    half = 1.96 * values.std(ddof=1) / np.sqrt(400)
    assert found.low == pytest.approx(values.mean() - half, abs=half / 5)
    assert found.high == pytest.approx(values.mean() + half, abs=half / 5)


def test_the_same_values_have_the_same_interval():
    assert mean_of([1.0, 2.0, 4.0]) == mean_of([1.0, 2.0, 4.0])


def test_a_single_picture_and_an_infinite_value_have_no_interval():
    assert mean_of([3.0]).low is mean_of([3.0]).high is None
    assert mean_of([3.0, math.inf]).mean == math.inf
    assert mean_of([3.0, math.inf]).low is None


def test_a_ratio_is_of_means_and_knows_which_pictures_belong_together():
    found = ratio_of([1.0, 30.0], [10.0, 100.0])
    assert found.mean == pytest.approx(31 / 110)
    fixed = ratio_of([1.0, 10.0, 5.0], [2.0, 20.0, 10.0])
    assert (fixed.low, fixed.high) == (pytest.approx(0.5), pytest.approx(0.5))
