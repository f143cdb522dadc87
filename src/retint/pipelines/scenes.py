"""Where a new scene begins, told frame by frame: colours of one scene say nothing about the next.

A frame stands out where it differs from the one before much more than its neighbours differ from theirs: the adaptive
detector of PySceneDetect (scenedetect.com), on brightness. A flash, a jolt or a damaged frame stands out as well. So a
cut is taken only where nothing of what was there just before is seen again just after.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Generic, TypeVar

import cv2
import numpy as np
from numpy.typing import NDArray

Frame = TypeVar("Frame")

LOOK_AHEAD = 3  # frames: a flash or a torn piece of film that is longer counts as a scene of its own
_LOOK_BACK = LOOK_AHEAD + 1  # frames: to what was before a flash, from the frame behind it
_SIDE = 112  # px: at which frames are compared
_WINDOW = 2  # frames on either side, whose mean change a cut stands out from
_STANDS_OUT = 2.0  # times that mean
_LEAST_CHANGE = 6.0  # mean difference in grey levels; PySceneDetect's own 15 misses cuts between dark scenes
_CELLS, _AROUND = 14, 7  # a picture's structure: means of 14x14 cells, less the mean of 7x7 of them
_ALIKE = 0.5  # correlation of two structures: neighbours within a scene 0.5 to 1, different scenes under 0.4


@dataclass(frozen=True)
class _Seen(Generic[Frame]):
    frame: Frame
    small: NDArray[np.uint8]  # (112, 112)
    structure: NDArray[np.float32]  # (14, 14), of length 1
    change: float  # mean difference from the frame before, in grey levels


class Scenes(Generic[Frame]):
    """Frames, each with whether it begins a scene: iterate over it once.

    >>> for frame, begins in Scenes(frames, lambda frame: frame.gray): ...

    It reads three frames further than it has given. What it says of a scene depends on that scene alone, so a reader
    that starts there hears the same; after `restart` that holds for any other frame, too.
    """

    def __init__(self, frames: Iterable[Frame], gray: Callable[[Frame], NDArray[np.uint8]]) -> None:
        """gray: the frame's grey picture, (h, w) uint8, of any size"""
        self._frames, self._gray = frames, gray
        self._seen: deque[_Seen[Frame]] = deque()  # a few decided ones, then those to be decided
        self._decided = 0  # of those in _seen
        self._last: NDArray[np.uint8] | None = None

    def __iter__(self) -> Iterator[tuple[Frame, bool]]:
        first = True
        for frame in self._frames:
            self._seen.append(self._look(frame))
            if len(self._seen) - self._decided > LOOK_AHEAD:
                yield self._decide(first)
                first = False
        while self._decided < len(self._seen):
            yield self._decide(first)
            first = False

    def restart(self) -> None:
        """Forget what was before the frame that was given last, as though it were the first."""
        while self._decided > 1:
            self._seen.popleft()
            self._decided -= 1

    def _look(self, frame: Frame) -> _Seen[Frame]:
        gray = self._gray(frame)
        small = np.asarray(cv2.resize(gray, (_SIDE, _SIDE), interpolation=cv2.INTER_AREA), np.uint8)
        cells = cv2.resize(gray, (_CELLS, _CELLS), interpolation=cv2.INTER_AREA).astype(np.float32)
        cells -= cv2.blur(cells, (_AROUND, _AROUND), borderType=cv2.BORDER_REFLECT)
        change = 0.0 if self._last is None else float(cv2.absdiff(small, self._last).mean(dtype=np.float64))
        self._last = small
        return _Seen(frame, small, cells / max(float(np.linalg.norm(cells)), 1.0), change)

    def _decide(self, first: bool) -> tuple[Frame, bool]:
        place = self._decided
        self._decided += 1
        frame = self._seen[place].frame
        cut = place > 0 and self._stands_out(place) and not self._returns(place)
        if cut:
            self.restart()
        elif self._decided > _LOOK_BACK:
            self._seen.popleft()
            self._decided -= 1
        return frame, first or cut

    def _stands_out(self, place: int) -> bool:
        seen = list(self._seen)
        # The first that is kept changed from one that is forgotten: a reader who begins here would not know how much.
        around = [*seen[max(1, place - _WINDOW) : place], *seen[place + 1 : place + 1 + _WINDOW]]
        usual = float(np.mean([one.change for one in around])) if around else 0.0
        return seen[place].change >= max(_LEAST_CHANGE, _STANDS_OUT * usual)

    def _returns(self, place: int) -> bool:
        """Whether something just before that frame is alike to the frame or to something just after."""
        seen = list(self._seen)
        before, after = seen[max(0, place - _LOOK_BACK) : place], seen[place : place + LOOK_AHEAD + 1]
        return any(float((a.structure * b.structure).sum()) > _ALIKE for a in before for b in after)
