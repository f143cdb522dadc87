"""Means, and how far chance in the choice of photographs may have moved them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from retint.evaluation.metrics import Floats

RESAMPLES = 1000
LEVEL = 0.95


@dataclass(frozen=True)
class Estimate:
    """A mean over pictures, and its 95 % interval where it has one."""

    mean: float
    low: float | None
    high: float | None


def mean_of(values: Sequence[float]) -> Estimate:
    """Mean of one figure a picture, with a percentile bootstrap interval (Efron and Tibshirani 1993, chapter 13).

    No interval for a single picture, nor where a value is infinite. Seeded: the same values give the same interval.
    """
    return ratio_of(values, [1.0] * len(values))


def ratio_of(above: Sequence[float], below: Sequence[float]) -> Estimate:
    """The mean of one figure over the mean of another of the same pictures, with its interval; `below` positive."""
    one, other = np.asarray(above, np.float64), np.asarray(below, np.float64)
    ratio = float(one.mean() / other.mean())
    if len(one) < 2 or not np.isfinite(one).all():
        return Estimate(ratio, None, None)
    low, high = np.quantile(_resampled(one, other), [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return Estimate(ratio, float(low), float(high))


def _resampled(one: Floats, other: Floats) -> Floats:
    """The ratio for each of `RESAMPLES` draws of as many pictures, with replacement."""
    rng = np.random.default_rng(0)
    draws = (rng.integers(len(one), size=len(one)) for _ in range(RESAMPLES))
    return np.array([one[draw].sum() / other[draw].sum() for draw in draws])
