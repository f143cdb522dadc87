"""Figures of coloured film: how still the colours hold, how many there are, how near the truth. A frame at a time.

* **CDC**, colour distribution consistency (Liu et al. 2021, TCVC, arXiv 2110.04562): the Jensen-Shannon divergence
  between the histograms of two frames, 256 bins a channel. Steadier is lower. It sees brightness too, so a film has
  a floor that no colouring gets under: the CDC of its grey frames, which stands beside it.
* **Warp error** of chroma: what lies on a frame's pixels is compared with what lay on the same things one frame
  before, found by optical flow on the luma. 0 for colours that stick to things.
* **CF** and **PSNR** of `metrics`, averaged over frames.

None means anything alone: a grey film holds perfectly still.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import cast

import numpy as np
from numpy.typing import NDArray

from retint.color import Chroma, chroma_of, luma
from retint.errors import InputError
from retint.evaluation.metrics import Floats, Rgb, colourfulness, psnr
from retint.motion import Gray, path_between, warp

CDC_STEPS = (1, 2, 4)  # frames apart
GRAY, TRUE = "grey", "true"


@dataclass(frozen=True)
class FilmFigures:
    """Of one film, or means over several. None where there was nothing to measure."""

    frames: int
    cdc: float | None
    """Natural logarithm; mean over pairs, then over steps 1, 2, 4, then over channels. 0 to ln 2."""
    warp_error: float | None
    """Mean distance in (U, V), in levels of 255, where the flow holds; mean over pairs of frames."""
    cf: float
    """`metrics.colourfulness`, mean over frames."""
    psnr: float | None
    """dB over 8-bit RGB against the truth, mean over frames; None without a truth, infinite for the truth itself."""


@dataclass(frozen=True)
class Motion:
    """From one frame back to the one before."""

    flow: NDArray[np.float32]  # (H, W, 2)
    held: NDArray[np.bool_]  # (H, W): passes the forward-backward check


def motion_between(now: Gray, before: Gray) -> Motion:
    """Flow on two lumas (H, W) of one size (OpenCV's DIS, preset medium), and where it holds (`motion.Path.holds`)."""
    path = path_between(now, before)
    return Motion(path.there, path.holds())


def warp_error(now: Chroma, before: Chroma, motion: Motion) -> float | None:
    """Mean of |now - warped before| over the pixels where the flow holds, in levels of 255; None where it never does.

    now, before: (H, W, 2), U and V in units of full scale
    """
    if not motion.held.any():
        return None
    gap = (now - warp(before, motion.flow))[motion.held].astype(np.float64)
    return float(np.hypot(gap[:, 0], gap[:, 1]).mean() * 255)


def histograms(frame: Rgb) -> Floats:
    """(3, 256): for each channel the share of pixels at each level."""
    planes = frame.reshape(-1, 3)
    return np.stack([np.bincount(planes[:, channel], minlength=256) for channel in range(3)]) / len(planes)


def divergence(one: Floats, other: Floats) -> Floats:
    """Jensen-Shannon divergence, natural logarithm, of distributions (..., bins) that add up to 1: (...), 0 to ln 2."""
    middle = (one + other) / 2
    return (_relative_entropy(one, middle) + _relative_entropy(other, middle)) / 2


def _relative_entropy(one: Floats, other: Floats) -> Floats:
    ratio = np.divide(one, other, out=np.ones_like(one), where=one > 0)
    return np.where(one > 0, one * np.log(ratio), 0.0).sum(axis=-1)


@dataclass
class _Tally:
    """Sums over the frames of one film, and the little that the next frame is compared with."""

    recent: deque[Floats] = field(default_factory=lambda: deque[Floats](maxlen=max(CDC_STEPS)))
    chroma: Chroma | None = None
    apart: dict[int, list[float]] = field(default_factory=lambda: {step: [0.0, 0] for step in CDC_STEPS})
    errors: list[float] = field(default_factory=lambda: [0.0, 0])
    cf: list[float] = field(default_factory=lambda: [0.0, 0])
    psnr: list[float] = field(default_factory=lambda: [0.0, 0])

    def figures(self) -> FilmFigures:
        steps = [total / count for total, count in self.apart.values() if count]
        return FilmFigures(
            frames=int(self.cf[1]),
            cdc=float(np.mean(steps)) if steps else None,
            warp_error=_mean(self.errors),
            cf=self.cf[0] / self.cf[1],
            psnr=_mean(self.psnr),
        )


def _mean(tally: Sequence[float]) -> float | None:
    total, count = tally
    return total / count if count else None


def _count(tally: list[float], value: float) -> None:
    tally[0] += value
    tally[1] += 1


class FilmBenchmark:
    """Takes one film frame by frame, in several colourings at once, and gives the figures of each.

    Motion is found once a frame for all of them. It keeps one frame of chroma a colouring and four histograms.
    """

    def __init__(self) -> None:
        self._tallies: dict[str, _Tally] = {}
        self._before: Gray | None = None

    def add(self, frames: Mapping[str, Rgb], true: Rgb | None = None, *, cut: bool = False) -> None:
        """The next frame, as each colouring has it.

        frames: name of the colouring to (H, W, 3); the same names each time. They share their luma, and the motion
            is read from the truth's, or without one from the first's. Rows "grey" and, where there is a truth, "true"
            come by themselves
        true: (H, W, 3) in its true colours
        cut: a new scene begins; it is compared with nothing before it

        Raises InputError for frames of another size or other names than before, and for none at all.
        """
        gray = self._check(frames, true)
        rows = {GRAY: np.repeat(gray[..., None], 3, axis=2), **frames} | ({} if true is None else {TRUE: true})
        if cut:
            self._before = None
        motion = None if self._before is None else motion_between(gray, self._before)
        for name, frame in rows.items():
            tally = self._tallies.setdefault(name, _Tally())
            if motion is None:
                tally.recent.clear()
            self._measure(tally, frame, true, motion)
        self._before = gray

    def figures(self) -> dict[str, FilmFigures]:
        """By name of the colouring, "grey" first and "true" last. Raises InputError where there was no frame."""
        if not self._tallies:
            raise InputError("got no frame to measure; give at least one")
        return {name: tally.figures() for name, tally in self._tallies.items()}

    def _check(self, frames: Mapping[str, Rgb], true: Rgb | None) -> Gray:
        pictures = [*([] if true is None else [true]), *frames.values()]
        if not pictures:
            raise InputError("got neither a colouring nor the truth to measure; give at least one")
        gray = cast("Gray", luma(pictures[0]))
        wanted = gray.shape if self._before is None else self._before.shape
        wrong = [one.shape for one in pictures if one.shape != (*wanted, 3) or one.dtype != np.uint8]
        if wrong:
            raise InputError(f"got a frame of shape {wrong[0]}, wanted {(*wanted, 3)} in 8 bit, as the others")
        names = {GRAY, *frames, *([] if true is None else [TRUE])}
        if self._tallies and names != set(self._tallies):
            raise InputError(f"got frames of {sorted(names)}, wanted those of {sorted(self._tallies)}, as before")
        return gray

    def _measure(self, tally: _Tally, frame: Rgb, true: Rgb | None, motion: Motion | None) -> None:
        shares = histograms(frame)
        for step in CDC_STEPS:
            if step <= len(tally.recent):
                _count(tally.apart[step], float(divergence(shares, tally.recent[-step]).mean()))
        tally.recent.append(shares)
        chroma = chroma_of(frame)
        if motion is not None and tally.chroma is not None:
            error = warp_error(chroma, tally.chroma, motion)
            if error is not None:
                _count(tally.errors, error)
        tally.chroma = chroma
        _count(tally.cf, colourfulness(frame))
        if true is not None:
            _count(tally.psnr, psnr(frame, true))


def over_films(films: Sequence[FilmFigures]) -> FilmFigures:
    """Means over films, each counting alike however long it is; a film without a figure is left out of that one.

    Raises InputError where there is no film.
    """
    if not films:
        raise InputError("got no film to average over; give at least one")

    def mean(values: list[float | None]) -> float | None:
        found = [value for value in values if value is not None]
        return float(np.mean(found)) if found else None

    cf = mean([film.cf for film in films])
    return FilmFigures(
        frames=sum(film.frames for film in films),
        cdc=mean([film.cdc for film in films]),
        warp_error=mean([film.warp_error for film in films]),
        cf=cf if cf is not None else 0.0,
        psnr=mean([film.psnr for film in films]),
    )
