"""What is mended, and how much."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, cast

Stage = Literal["tone", "damage", "noise"]
Strength = float | Literal["auto"]

STAGES: tuple[Stage, ...] = ("tone", "damage", "noise")
"""All stages, as people name them. Whatever their order here, marks go first and the tone last."""


@dataclass(frozen=True)
class RestoreOptions:
    """What is mended in a photograph.

    Each stage has a strength: "auto" measures the picture and does nothing where nothing is wrong; 0 does nothing, 1
    everything. For tone and noise it is the share of the correction that is applied. For damage, of which half a
    filling is worth nothing, it is how readily something counts as damage: 0.5 at the probabilities of "auto" (which
    asks for many marks or large ones besides), 1 at the least suspicion.

    Raises ValueError for what is not as below.
    """

    stages: tuple[Stage, ...] = STAGES
    tone: Strength = "auto"  # fading, yellowing, uneven exposure
    damage: Strength = "auto"  # scratches, creases, dust, spots, holes
    noise: Strength = "auto"  # noise, blur, JPEG blocks
    grain: Literal["clean", "keep"] = "clean"  # keep: the noise stage mends blur and blocks, and leaves the grain
    cast: Literal["auto", "keep"] = "auto"  # auto: the tone stage makes sepia and yellowed monochrome pictures neutral
    upscale: Literal[1, 2] = 1  # times the size

    def __post_init__(self) -> None:
        if unknown := [stage for stage in self.stages if stage not in STAGES]:
            raise ValueError(f"got stage {unknown[0]!r}, wanted some of {', '.join(STAGES)}")
        for stage in STAGES:
            strength = getattr(self, stage)
            if strength != "auto" and not 0 <= strength <= 1:
                raise ValueError(f"got strength {strength!r} of {stage}, wanted auto or 0 to 1")
        if self.grain not in ("clean", "keep"):
            raise ValueError(f"got grain {self.grain!r}, wanted clean or keep")
        if self.cast not in ("auto", "keep"):
            raise ValueError(f"got cast {self.cast!r}, wanted auto or keep")
        if self.upscale not in (1, 2):
            raise ValueError(f"got upscale {self.upscale!r}, wanted 1 or 2")

    def strength(self, stage: Stage) -> Strength:
        """The strength of a stage; 0 for one that is not chosen."""
        return cast("Strength", getattr(self, stage)) if stage in self.stages else 0.0


def ramp(value: float, ends: tuple[float, float]) -> float:
    """How evidence becomes a strength: 0 at the first of `ends` and before, 1 at the second and beyond.

    The first may be the larger one. Where both are equal it is a step.
    """
    low, high = ends
    return float(value >= high) if low == high else min(1.0, max(0.0, (value - low) / (high - low)))


def parse_stages(text: str) -> tuple[Stage, ...]:
    """Stages of `tone,damage,noise`. Raises ValueError."""
    names = [name.strip() for name in text.split(",") if name.strip()]
    if not names or any(name not in STAGES for name in names):
        raise ValueError(f"got stages {text!r}, wanted some of {', '.join(STAGES)}, with commas between")
    return tuple(stage for stage in STAGES if stage in names)


def parse_strength(text: str) -> dict[Stage, Strength]:
    """Strengths of `auto`, `0.5` (of every stage), or `tone=0.5,noise=auto`. Raises ValueError."""
    found: dict[Stage, Strength] = {}
    for part in text.split(","):
        name, equals, value = part.strip().rpartition("=")
        if equals and name not in STAGES:
            raise ValueError(f"got a strength of {name!r}, wanted one of {', '.join(STAGES)}")
        stages = (cast("Stage", name),) if equals else STAGES
        found |= dict.fromkeys(stages, _number(value))
    return found


def _number(text: str) -> Strength:
    if text == "auto":
        return "auto"
    try:
        value = float(text)
        if not 0 <= value <= 1:
            raise ValueError
    except ValueError:
        raise ValueError(f"got strength {text!r}, wanted auto, 0 to 1, or such as tone=0.5,noise=auto") from None
    return value
