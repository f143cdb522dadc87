"""How films are coloured and saved, how far one is, and what became of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal, TypeAlias

from retint.pipelines.photo import RenderFactor

if TYPE_CHECKING:  # no photograph needs what films are read with
    from retint.pipelines.film_encoding import Codec
    from retint.pipelines.media import FilmFrame
    from retint.pipelines.stabilizer import KeyFrames, Strength

FrameStage: TypeAlias = "Callable[[Iterator[FilmFrame]], Iterator[FilmFrame]]"
"""Frames in, the same frames out with another luma: as many, in order, with their timestamps. A run that goes on with a
film begins the stage anew at the first frame that is not done."""


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
    stages: tuple[FrameStage, ...] = ()  # over the frames, before they are coloured


@dataclass(frozen=True)
class FilmProgress:
    """How far a film is."""

    stage: Literal["colour", "save"]
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
    model: str
    render_factor: int
    seconds: float  # of this run
    stages: dict[str, float]  # seconds that each was busy: decode, motion, render, merge, encode, save
    notes: tuple[str, ...] = ()  # what reading or writing dropped or changed, a line each


class FilmInterrupted(KeyboardInterrupt):
    """The person stopped it. `so_far` plays, if anything was done."""

    def __init__(self, done: int, of: int | None, so_far: Path | None) -> None:
        share = f"{done} of {of} frames" if of else f"{done} frames"
        plays = f"; {so_far} plays" if so_far is not None else ""
        super().__init__(f"interrupted after {share}{plays}; the same command goes on from there")
        self.so_far = so_far
