"""The inflection point of a GAN phase, found.

Jason Antic chose it by eye: up to it the critic hands on all that is useful, after it "orangish skin, overly red lips",
and rendering gets glitchy. Each checkpoint colours the same probes, photographs that no phase trains on; what can be
measured of those symptoms makes one number, its cost. The cost of a single checkpoint is noisy, so it is smoothed over
its neighbours; the point is where the smoothed cost is lowest, and the phase ends when it has not fallen for a while.
docs/inflection.md shows how close that comes to the best checkpoint.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Scores:
    """What the probes say of one checkpoint. Lower is better but for psnr, cf and critic."""

    psnr: float  # dB, mean over the probes
    cf: float  # colourfulness; the truth's is no aim in itself, only a scale
    fd_share: float  # FD(EfficientNet-Lite0) over the same of the grey probes
    hue: float  # Jensen-Shannon divergence, in bits, between hues of the probes and of the truth, weighted by chroma
    skin: float  # where the truth is of skin's hue: how far chroma overshoots it, as a share of it
    shift: float  # change of chroma under a shift by one pixel, as a share of chroma
    noise: float  # the same under weak noise
    render_factor: float  # the same at the next render factor
    critic: float  # probability of being true that the pretrained critic, not the one that plays, gives the probes

    @property
    def unsteadiness(self) -> float:
        """Mean change of chroma under small changes of the input, as a share of chroma."""
        return (self.shift + self.noise + self.render_factor) / 3


# What a checkpoint costs, each in units of the state before the GAN. Distances of feature statistics speak for the
# whole of the picture; the rest are the symptoms that they are slow to see.
WEIGHTS = {"fd_share": 1.0, "hue": 0.1, "skin": 0.1, "unsteadiness": 0.3}


def cost(scores: Scores, before: Scores) -> float:
    """One number for a checkpoint, 1.5 for the state before the GAN, lower is better."""
    floor = 1e-3  # a share of almost nothing must not make a term explode
    return sum(
        weight * max(getattr(scores, name), floor) / max(getattr(before, name), floor)
        for name, weight in WEIGHTS.items()
    )


def smoothed(costs: Sequence[float]) -> list[float]:
    """Each cost averaged with its neighbours, 1 2 1; the ends with their one neighbour, 2 1."""
    out: list[float] = []
    for index, value in enumerate(costs):
        around = [costs[i] for i in (index - 1, index + 1) if 0 <= i < len(costs)]
        out.append((2 * value + sum(around)) / (2 + len(around)))
    return out


@dataclass(frozen=True)
class Choice:
    """Which checkpoint, and why."""

    index: int  # into the scores; 0 is the state before the GAN
    why: str


def choose(scores: Sequence[Scores]) -> Choice:
    """The inflection point among the checkpoints so far; the first scores are those of the state before the GAN.

    Raises ValueError for no scores.
    """
    if not scores:
        raise ValueError("got no scores, wanted those of the state before the GAN at least")
    costs = smoothed([cost(one, scores[0]) for one in scores])
    best = min(range(len(costs)), key=lambda index: costs[index])
    one, before = scores[best], scores[0]
    if best == 0:
        return Choice(0, f"no checkpoint cost less than the state before the GAN ({costs[0]:.3f}): it brought nothing")
    return Choice(
        best,
        f"lowest smoothed cost, {costs[best]:.3f} against {costs[0]:.3f} before: "
        f"FD share {one.fd_share:.3f} ({before.fd_share:.3f}), CF {one.cf:.1f} ({before.cf:.1f}), "
        f"unsteadiness {one.unsteadiness:.3f} ({before.unsteadiness:.3f}), "
        f"skin {one.skin:.3f} ({before.skin:.3f}), hue {one.hue:.3f} ({before.hue:.3f})",
    )


def is_past(scores: Sequence[Scores], patience: int) -> bool:
    """Whether the point lies `patience` checkpoints or more behind. patience 0: never."""
    return patience > 0 and len(scores) - 1 - choose(scores).index >= patience
