"""Frames in, each with its chroma out: scene by scene, in parts that a later run can begin at."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Generator, Iterable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from retint.color import Chroma
from retint.pipelines.scenes import Scenes
from retint.pipelines.stabilizer import KeyFrames, Stabilizer, State, Strength, working

Gray = NDArray[np.uint8]
Render = Callable[[list[Gray]], Sequence[Chroma]]

PART_FRAMES = 240  # a scene that is longer is kept in parts of so many: at most some minutes of work are lost


@dataclass
class Seen:
    """A frame as the network and the merge see it."""

    gray: Gray  # full range, of the size that its chroma is merged at
    small: Gray  # (S, S)


SeenT = TypeVar("SeenT", bound=Seen)


@dataclass(frozen=True)
class Coloured(Generic[SeenT]):
    """A frame with its chroma."""

    frame: SeenT
    chroma: Chroma  # (s, s, 2) float32, s up to S

    @property
    def guide(self) -> Gray:
        """The grey picture that the chroma belongs to, (s, s)."""
        small = self.frame.small
        return small if small.shape == self.chroma.shape[:2] else working(small)


@dataclass(frozen=True)
class EndOfPart:
    """All frames of a part are out."""

    state: State  # what the next part has to know
    ends_scene: bool  # the next part begins another


def small_of(gray: Gray, side: int) -> Gray:
    """(H, W) uint8 to (S, S) uint8, as photographs are shrunk for the network."""
    return np.asarray(Image.fromarray(gray).resize((side, side), Image.Resampling.BILINEAR))


def coloured(
    frames: Iterable[SeenT],
    render: Render,
    strength: Strength,
    keyframes: KeyFrames,
    *,
    state: State | None = None,
    part_frames: int = PART_FRAMES,
) -> Generator[Coloured[SeenT] | EndOfPart]:
    """Yield the frames in order with their chroma, and the end of each part behind its last frame.

    frames: all of one size
    render: chroma of small grey pictures
    state: of the last `EndOfPart` of an earlier run over the frames before these; it need not be given where a scene
        ended

    Where parts end, and what is in them, depends on the frames since the last end of a part and its state alone: a run
    that goes on there does the same.
    """
    steady = Stabilizer(render, strength, keyframes, state=state or None)
    scenes = Scenes(frames, lambda frame: frame.small)
    waiting: deque[SeenT] = deque()
    in_part = 0

    def settled(chromas: list[tuple[int, Chroma]]) -> list[Coloured[SeenT]]:
        return [Coloured(waiting.popleft(), chroma) for _, chroma in chromas]

    for frame, begins in scenes:
        if in_part and (begins or in_part == part_frames):
            yield from settled(steady.finish())
            end = EndOfPart({} if begins else steady.state(), ends_scene=begins)
            yield end
            steady = Stabilizer(render, strength, keyframes, state=end.state or None)
            scenes.restart()
            in_part = 0
        waiting.append(frame)
        in_part += 1
        yield from settled(steady.push(frame.small))
    if in_part:
        yield from settled(steady.finish())
        yield EndOfPart({}, ends_scene=True)
