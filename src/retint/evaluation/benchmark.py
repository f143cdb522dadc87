"""Figures of models on true photographs, one photograph at a time: nothing is kept but figures and features.

Two places take more figures: `more_figures` of `Benchmark` (a number for each picture, averaged with an interval,
beside `PICTURE_FIGURES`) and its `spaces` (a Frechet distance each, over all pictures at once).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np

from retint.errors import InputError
from retint.evaluation.ciede2000 import ciede2000
from retint.evaluation.consistency import CHANGES, Consistency, consistency
from retint.evaluation.intervals import Estimate, mean_of, ratio_of
from retint.evaluation.metrics import Floats, Rgb, colourfulness, frechet_distance, psnr, with_true_lightness
from retint.evaluation.protocol import Render, gray_of
from retint.evaluation.ssim import ssim

GRAY, TRUE = "grey", "true"
LEAST_CHROMA = 0.01  # of Lab: below it a render has no colour that could be unsteady


@dataclass(frozen=True)
class PictureFigure:
    """A number that a coloured picture gets by itself, beside its true one."""

    key: str  # in JSON
    title: str  # in tables, with its unit
    measure: Callable[[Rgb, Rgb], float]  # (picture, true), both (256, 256, 3), of the same lightness
    digits: int  # after the point, in tables
    of_true: float | None = None  # of the true picture itself; None: to be measured


PICTURE_FIGURES = (
    PictureFigure("psnr", "PSNR dB", psnr, 2, of_true=math.inf),
    PictureFigure("ssim", "SSIM", ssim, 4, of_true=1.0),
    PictureFigure("cf", "CF", lambda picture, _true: colourfulness(picture), 1),
    PictureFigure("ciede2000", "CIEDE2000", ciede2000, 2, of_true=0.0),
)


@dataclass(frozen=True)
class FeatureSpace:
    """What a network sees in a picture: a Frechet distance is taken over it."""

    name: str  # the distance is called FD(name), unless it has a title
    describe: Callable[[Rgb], Floats]  # (256, 256, 3) to (features,)
    title: str = ""  # of its column, where the distance has a name of its own


@dataclass(frozen=True)
class Candidate:
    """A model at one render factor: what gets a row."""

    name: str
    render: Render
    finer: Render | None = None  # the same at the next render factor, for consistency
    render_factor: int | None = None


@dataclass(frozen=True)
class Distance:
    """A Frechet distance from the true pictures. Without an interval: see docs/evaluate.md."""

    value: float
    of_gray: float | None  # the same of the grey pictures is 1; None where that is 0
    title: str  # of its column


@dataclass(frozen=True)
class Steadiness:
    """How far one small change of the pictures moves the colours; 0 is steady."""

    distance: Estimate  # in Lab (a, b)
    share: Estimate | None  # over the mean chroma of the renders; None for renders without colour


@dataclass(frozen=True)
class Row:
    """Figures of one model at one render factor, of the grey pictures, or of the true ones."""

    name: str
    render_factor: int | None
    values: dict[str, list[float]]  # key of the figure: one for each picture
    figures: dict[str, Estimate]  # their means
    dcf: float  # |mean CF of the true pictures - mean CF of these|
    distances: dict[str, Distance]  # name of the feature space; empty for a single picture
    steadiness: dict[str, Steadiness] | None  # name of the change; None where it was not asked, and for the true ones


@dataclass(frozen=True)
class Report:
    """Rows over the same pictures: grey, one for each candidate, true."""

    names: list[str]
    figures: tuple[PictureFigure, ...]
    rows: list[Row]

    @property
    def candidates(self) -> list[Row]:
        return self.rows[1:-1]


@dataclass
class _Tally:
    """What is kept of the pictures of one row."""

    name: str
    render_factor: int | None = None
    values: dict[str, list[float]] = field(default_factory=dict[str, list[float]])
    features: dict[str, list[Floats]] = field(default_factory=dict[str, list[Floats]])
    changes: list[Consistency] = field(default_factory=list[Consistency])


class Benchmark:
    """Takes true pictures one by one, and gives the report on all of them."""

    def __init__(
        self,
        candidates: Sequence[Candidate],
        *,
        spaces: Sequence[FeatureSpace] = (),
        more_figures: Sequence[PictureFigure] = (),
        with_consistency: bool = True,
    ) -> None:
        """with_consistency: renders each picture three or four times more."""
        self._candidates, self._spaces, self._figures = tuple(candidates), tuple(spaces), PICTURE_FIGURES
        self._figures += tuple(more_figures)
        self._with_consistency = with_consistency
        self._names: list[str] = []
        self._gray, self._true = _Tally(GRAY), _Tally(TRUE)
        self._tallies = [_Tally(one.name, one.render_factor) for one in self._candidates]

    def __len__(self) -> int:
        return len(self._names)

    def add(self, name: str, true: Rgb) -> None:
        """Measure one picture, (256, 256, 3) in colour, under a name of its own. Raises what a candidate raises."""
        gray = gray_of(true)
        rendered = [candidate.render(gray) for candidate in self._candidates]
        if self._with_consistency:
            for candidate, tally, result in zip(self._candidates, self._tallies, rendered, strict=True):
                tally.changes.append(consistency(gray, result, candidate.render, candidate.finer, seed=len(self)))
        for tally, result in zip(self._tallies, rendered, strict=True):
            self._measure(tally, with_true_lightness(result, true), true)
        self._measure(self._gray, with_true_lightness(gray, true), true)
        self._measure(self._true, true, true)
        self._names.append(name)

    def report(self) -> Report:
        """Figures over all pictures so far. Raises InputError where there was none."""
        if not self._names:
            raise InputError("got no photograph to evaluate on; give at least one that is in colour")
        rows = [self._row(tally) for tally in (self._gray, *self._tallies, self._true)]
        return Report(list(self._names), self._figures, rows)

    def _measure(self, tally: _Tally, picture: Rgb, true: Rgb) -> None:
        for figure in self._figures:
            known = figure.of_true if tally is self._true else None
            value = figure.measure(picture, true) if known is None else known
            tally.values.setdefault(figure.key, []).append(value)
        for space in self._spaces:
            tally.features.setdefault(space.name, []).append(space.describe(picture))

    def _row(self, tally: _Tally) -> Row:
        true_cf, cf = (float(np.mean(one.values["cf"])) for one in (self._true, tally))
        return Row(
            name=tally.name,
            render_factor=tally.render_factor,
            values=tally.values,
            figures={key: mean_of(values) for key, values in tally.values.items()},
            dcf=abs(true_cf - cf),
            distances=self._distances(tally) if len(self) > 1 else {},
            steadiness=self._steadiness(tally),
        )

    def _distances(self, tally: _Tally) -> dict[str, Distance]:
        found: dict[str, Distance] = {}
        for space in self._spaces:
            true, gray, own = (np.stack(one.features[space.name]) for one in (self._true, self._gray, tally))
            value, of_gray = max(0.0, frechet_distance(true, own)), frechet_distance(true, gray)
            title = space.title or f"FD({space.name})"
            found[space.name] = Distance(value, value / of_gray if of_gray > 0 else None, title)
        return found

    def _steadiness(self, tally: _Tally) -> dict[str, Steadiness] | None:
        if not self._with_consistency or tally is self._true:
            return None
        if tally is self._gray:  # no colour, so none that moves
            return {change: Steadiness(Estimate(0.0, 0.0, 0.0), None) for change in CHANGES}
        chroma = [one.chroma for one in tally.changes]
        coloured = float(np.mean(chroma)) >= LEAST_CHROMA
        found: dict[str, Steadiness] = {}
        for change in tally.changes[0].distances:
            distances = [one.distances[change] for one in tally.changes]
            # Mean over mean, not mean of ratios: a picture that is right to stay nearly grey would count without end.
            found[change] = Steadiness(mean_of(distances), ratio_of(distances, chroma) if coloured else None)
        return found
