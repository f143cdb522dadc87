"""Mending films: stages over frames, one after another, in bounded memory.

    flicker    brightness that goes up and down from frame to frame
    dust       what is seen in one frame alone
    scratches  thin upright lines that stay
    noise      grain, by what neighbouring frames show of the same thing
    weave      the picture that wanders in the gate

What becomes of a frame depends on the frames around it alone, `reach` of them before it at most. So who begins so many
frames earlier than he needs to, and leaves these out, gets the same frames, bit for bit.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal, TypeVar, cast, get_args

from retint.errors import InputError
from retint.restoration import film_dust, film_flicker, film_noise, film_scratches, film_weave
from retint.restoration.film_frames import CUT_REACH, LumaFrame, Moment, moments_of

StageName = Literal["dust", "flicker", "scratches", "weave", "noise"]
StageStrength = float | Literal["auto"]
FrameT = TypeVar("FrameT", bound=LumaFrame)

STAGE_NAMES: tuple[StageName, ...] = get_args(StageName)
_Run = Callable[[Iterator[Moment[FrameT]], int, StageStrength], Iterator[Moment[FrameT]]]

# Flicker first, or it would be taken for dust; noise before weave, which moves pictures by parts of a pixel.
_ORDER: dict[StageName, tuple[_Run[LumaFrame], int]] = {
    "flicker": (film_flicker.steady_light, film_flicker.REACH),
    "dust": (film_dust.remove_dust, film_dust.REACH),
    "scratches": (film_scratches.remove_scratches, film_scratches.REACH),
    "noise": (film_noise.reduce_noise, film_noise.REACH),
    "weave": (film_weave.hold_in_gate, film_weave.REACH),
}


@dataclass(frozen=True)
class FilmStage:
    """One thing that is mended.

    strength: 0 to 1; or "auto", which does nothing where nothing is wrong
    """

    name: StageName
    strength: StageStrength = "auto"

    def __post_init__(self) -> None:
        if self.name not in STAGE_NAMES:
            raise InputError(f"got stage {self.name!r}, wanted one of {', '.join(STAGE_NAMES)}")
        if self.strength != "auto" and not 0 <= self.strength <= 1:
            raise InputError(f"got strength {self.strength} for {self.name}, wanted 0 to 1, or auto")

    def __str__(self) -> str:
        return self.name if self.strength == "auto" else f"{self.name}={self.strength:g}"


# Grain and a little weave belong to film: who wants them gone asks for it.
USUAL = (FilmStage("dust"), FilmStage("flicker"), FilmStage("scratches"))


def parse_film_stages(text: str) -> tuple[FilmStage, ...]:
    """Stages of `dust,flicker=0.5,weave`.

    Raises InputError for another name, another strength, or a stage that is named twice.
    """
    stages: list[FilmStage] = []
    for part in text.split(","):
        name, _, given = part.strip().partition("=")
        try:
            strength = "auto" if given in ("", "auto") else float(given)
        except ValueError:
            raise InputError(f"got strength {given!r} for {name}, wanted 0 to 1, or auto") from None
        stage = FilmStage(cast("StageName", name), strength)
        if any(stage.name == other.name for other in stages):
            raise InputError(f"got stage {name} twice; name each once")
        stages.append(stage)
    return tuple(stages)


def reach(stages: Iterable[FilmStage]) -> int:
    """How many frames before a frame can have a say in what becomes of it."""
    return CUT_REACH + sum(_ORDER[stage.name][1] for stage in stages)


def mend(frames: Iterable[FrameT], stages: Sequence[FilmStage], depth: int = 8) -> Generator[Moment[FrameT]]:
    """Yield the frames, mended, in order, each as a `Moment`, some dozens later than they come in.

    frames: what has a `luma`: (H, W) uint8, or uint16 of which `depth` bits count, all of one size
    stages: in any order, each once

    Nothing is carried across a cut.
    """
    strengths: dict[StageName, StageStrength] = {stage.name: stage.strength for stage in stages}
    moments = moments_of(frames, depth)
    for name, (run, _) in _ORDER.items():
        strength = strengths.get(name, 0.0)
        if strength != 0:
            moments = cast("_Run[FrameT]", run)(moments, depth, strength)
    yield from moments
