"""How films are coloured and saved, how far one is, and what became of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal, TypeAlias

from retint.errors import InputError
from retint.pipelines.photo import RenderFactor

if TYPE_CHECKING:  # no photograph needs what films are read with
    from retint.pipelines.film_encoding import Codec
    from retint.pipelines.media import FilmFrame
    from retint.pipelines.stabilizer import KeyFrames, Strength
    from retint.restoration.film import FilmStage

FrameStage: TypeAlias = "Callable[[Iterator[FilmFrame]], Iterator[FilmFrame]]"
"""Frames in, the same frames out with another luma: as many, in order, with their timestamps. A run that goes on with a
film begins the stage anew at the first frame that is not done."""

Turn: TypeAlias = "Callable[[], AbstractContextManager[None]]"
"""Gives what is entered while a frame is mended, where others want the machine, too. What it raises ends the work."""


@dataclass(frozen=True)
class FilmOptions:
    """How films are coloured and saved."""

    render_factor: RenderFactor = None  # None: the model's own default; "auto": chosen from the picture
    stabilize: Strength = "normal"  # how much chroma of neighbouring frames is used
    keyframes: KeyFrames = "auto"  # which frames are rendered; the others get their chroma along the motion
    codec: Codec | None = None  # None: the container's usual one
    quality: int | None = None  # 1 to 100; None: one that eyes do not tell from the source
    watermark: bool = False  # a visible one; the mark in the metadata is always there
    start: float | None = None  # seconds from the film's beginning; None: all of it
    end: float | None = None
    overwrite: bool = False
    resume: bool = True  # go on with a partial result that is there
    restore: tuple[FilmStage, ...] = ()  # what is mended before frames are coloured
    stages: tuple[FrameStage, ...] = ()  # over the frames, before they are coloured, and after they are mended


@dataclass(frozen=True)
class FilmProgress:
    """How far a film is."""

    stage: Literal["colour", "restore", "save"]
    frames: int  # done, in earlier runs too
    of: int | None  # as the film's header says
    scene: int  # counted from 1
    per_second: float  # frames, in this run
    seconds_left: float | None


@dataclass(frozen=True)
class FilmResult:
    """What became of one film."""

    target: Path
    frames: int
    rendered: int  # frames that the network saw in this run
    resumed: int  # frames that an earlier run had done
    scenes: int
    width: int  # px, as coded
    height: int
    model: str | None  # None: the film was mended, and not coloured
    render_factor: int | None
    seconds: float  # of this run
    stages: dict[str, float]  # seconds that each was busy: decode, restore, motion, render, merge, encode, save
    notes: tuple[str, ...] = ()  # what reading or writing dropped or changed, a line each
    restored: tuple[str, ...] = ()  # the stages that mended it, such as `dust` or `flicker=0.5`


class FilmInterrupted(KeyboardInterrupt):
    """The person stopped it. `so_far` plays, if anything was done."""

    def __init__(self, done: int, of: int | None, so_far: Path | None) -> None:
        share = f"{done} of {of} frames" if of else f"{done} frames"
        plays = f"; {so_far} plays" if so_far is not None else ""
        super().__init__(f"interrupted after {share}{plays}; the same command goes on from there")
        self.so_far = so_far


def check_times(options: FilmOptions) -> None:
    """Raise InputError for a start or an end that no film has."""
    for name, value in (("start", options.start), ("end", options.end)):
        if value is not None and not 0 <= value < float("inf"):
            raise InputError(f"got {name} {value}, wanted seconds from the film's beginning, 0 or more")
    if options.start is not None and options.end is not None and options.end <= options.start:
        raise InputError(f"got end {options.end}, which is not after start {options.start}; name a later end")
