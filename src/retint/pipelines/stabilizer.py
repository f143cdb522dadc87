"""Chroma that holds still from frame to frame, and need not be rendered for each of them.

A scene's frames come in one by one, as the grey pictures that the network sees. Luma is exact, so motion is read from
it (`retint.motion`). Some frames are key frames: every so many, and wherever the motion from the last one cannot be
followed any further. A key frame's chroma is a running mean: the renders near it, and the key frame before, each moved
to where its things are now and counted as far as the motion is trusted. A frame between two key frames takes the
chroma of both, moved and weighted by nearness and trust.

Where no key frame is trusted (something has come into the picture) a frame takes its own render if it has one, and
else the colours of its own trusted pixels nearby that are as bright. Means of colours are duller than the colours, so
the result is brought back to the renders' mean vividness.

Frames that show the same as the one before (telecine, drawings on twos) count as one.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from retint.color import Chroma
from retint.errors import InputError, RenderError
from retint.motion import SMALLEST_SIDE, Gray, Path, Plane, path_between, trust, warp
from retint.pipelines.chroma_blend import fill, ratio, vividness, weighted

Strength = Literal["off", "normal", "strong"]
KeyFrames = int | Literal["auto", "off"]
Render = Callable[[list[Gray]], Sequence[Chroma]]
State = dict[str, NDArray[Any]]

AUTO_EVERY = 12  # frames from key frame to key frame, at most
MOST_EVERY = 48  # what may be asked for: all frames between two key frames are held in memory
LEAST_TRUST = 0.3  # mean trust in the motion since the last key frame; below it a new one is due
LIGHT = 8.0  # grey levels: as it is where the mean brightness has changed by more. Renders of a flash are other colours
SAME = 4.0  # grey levels, mean over 8x8 px: a frame that differs less everywhere shows the same (re-encoded: up to 4)
SIDE = 160  # px: at which motion is found and chroma is moved. 224 takes twice the time and is no better
_CELL = 8  # px
_FILLED = 0.02  # weight of filled-in chroma against trusted chroma, whose weights are up to 1
_VIVID = 1.25  # how much chroma may be brought up or down
_LAG = 2  # key frames before, that a key frame's vividness is the mean with: more lags behind, fewer pump


@dataclass(frozen=True)
class _Habit:
    """What a strength means."""

    memory: float  # how many renders the past of a key frame counts as, at most
    own: float  # weight of a frame's own render against the key frames', whose weights are up to 1
    every: int  # frames from key frame to key frame where all frames are rendered


_HABITS = {
    "off": _Habit(memory=0, own=0, every=1),
    "normal": _Habit(memory=4, own=0.15, every=8),
    "strong": _Habit(memory=12, own=0.03, every=12),
}


@dataclass
class _Frame:
    picture: Gray  # as it is rendered
    gray: Gray  # as motion is read from it
    copies: int = 1  # frames that show the same, itself included
    light: float = field(init=False)  # mean grey level
    step: Path | None = None  # to the frame before; None where no motion is needed
    path: Path | None = None  # to the key frame before
    trust: Plane | None = None  # in `path`

    def __post_init__(self) -> None:
        self.light = float(self.gray.mean())


@dataclass
class _Key:
    """The key frame up to which all is settled."""

    picture: Gray
    gray: Gray
    chroma: Chroma | None = None  # before it is brought to `gain`; None: not rendered yet, nor given out
    weight: Plane | None = None  # (H, W): how many renders it is the mean of
    gain: float = 1.0
    count: int = 0  # key frames so far in the scene
    copies: int = 1  # not given out yet
    light: float = field(init=False)  # mean grey level

    def __post_init__(self) -> None:
        self.light = float(self.gray.mean())


class Stabilizer:
    """Chroma of one scene, frame by frame, with some frames of look-ahead."""

    def __init__(
        self,
        render: Render,
        strength: Strength = "normal",
        keyframes: KeyFrames = "auto",
        *,
        gather: int = 1,
        state: Mapping[str, NDArray[Any]] | None = None,
    ) -> None:
        """
        render: chroma (H, W, 2) float32, U and V in units of full scale, of several grey pictures (H, W) uint8
        strength: how much chroma of other frames counts; "off": a rendered frame keeps its render
        keyframes: which frames are rendered: all of them ("off" or 1), one in N at least, or ("auto") one in twelve
            at least, more where motion asks for it. A number of 2 to 48 is "auto" with another bound
        gather: so many stretches between key frames are rendered at once: for devices that like large batches
        state: what `state` of another gave, of the same scene, strength, keyframes and gather

        Frames come back up to `gather` stretches late, 12 (or N, or twice that where frames repeat) frames each.
        Motion is found, and chroma moved, on pictures of at most 160 px a side. Raises InputError.
        """
        if strength not in _HABITS:
            raise InputError(f"got strength {strength!r}, wanted one of {', '.join(_HABITS)}")
        if keyframes not in ("auto", "off") and keyframes not in range(1, MOST_EVERY + 1):
            raise InputError(f"got key frames every {keyframes} frames, wanted 1 to {MOST_EVERY}, auto or off")
        self._render, self._habit, self._gather = render, _HABITS[strength], max(1, gather)
        self._all = keyframes in ("off", 1)
        self._every = self._habit.every if self._all else AUTO_EVERY if keyframes == "auto" else int(keyframes)
        self._moving = self._every > 1  # False: every frame for itself
        self._key: _Key | None = None
        self._frames: list[_Frame] = []  # since the last key frame, settled or not
        self._closed: list[list[_Frame]] = []  # stretches, each up to and with its key frame, that are not settled
        self._given = 0
        if state is not None:
            self._restore(state)

    # frames in, chroma out

    def push(self, gray: Gray) -> list[tuple[int, Chroma]]:
        """The scene's next frame, (H, W) uint8. Returns what is settled now: (number of the frame in the scene from 0,
        chroma (h, w, 2) float32), in order. Its size is `working`'s of the frame, or where every frame is left as it
        is rendered (H, W).

        Raises InputError for a frame of another size, RenderError for chroma that does not fit, and what `render` does.
        """
        last = self._last()
        if last is None:
            if gray.ndim != 2 or gray.dtype != np.uint8 or min(gray.shape) < SMALLEST_SIDE:
                raise InputError(f"got a frame of shape {gray.shape}, wanted a grey one of 8 bit, 16 px or more a side")
            self._key = _Key(gray, self._working(gray))
            return [] if self._moving else self._settle([])
        if gray.shape != last.picture.shape or gray.dtype != np.uint8:
            raise InputError(f"got a frame of shape {gray.shape} in a scene of {last.picture.shape}")
        frame = _Frame(gray, self._working(gray))
        if _shows_the_same(frame.gray, last.gray):
            last.copies += 1
        else:
            self._follow(frame, last)
        return self._advance()

    def finish(self) -> list[tuple[int, Chroma]]:
        """The rest of the scene, or of this part of it: all frames that were pushed are given back then."""
        if self._frames:
            self._close()
        closed, self._closed = self._closed, []
        return self._settle(closed)

    # state

    def state(self) -> State:
        """What is needed to go on from here, as arrays that fit into an npz.

        After `finish` it is the last key frame alone, half a megabyte at a render of 384 px. Going on from the state
        gives the same chroma, bit for bit, as going on with this object.
        """
        waiting = [frame for stretch in (*self._closed, self._frames) for frame in stretch]
        state: State = {"given": np.array(self._given)}
        if self._key is None:
            return state
        key = self._key
        state |= {
            "key_picture": key.picture,
            "key": np.array([key.gain, key.count, key.copies], np.float64),
            "waiting": np.stack([frame.picture for frame in waiting])
            if waiting
            else np.empty((0, *key.picture.shape), np.uint8),
            "copies": np.array([frame.copies for frame in waiting], np.int64),
        }
        if key.chroma is not None and key.weight is not None:
            state |= {"key_chroma": key.chroma, "key_weight": key.weight}
        return {name: np.array(array) for name, array in state.items()}

    def _restore(self, state: Mapping[str, NDArray[Any]]) -> None:
        try:
            self._given = int(state["given"])
            if "key_picture" not in state:
                return
            gain, count, copies = (float(value) for value in state["key"])
            known = (state["key_chroma"], state["key_weight"]) if "key_chroma" in state else (None, None)
            picture = state["key_picture"]
            self._key = _Key(picture, self._working(picture), known[0], known[1], gain, int(count), int(copies))
            waiting = list(zip(state["waiting"], state["copies"], strict=True))
        except (KeyError, ValueError) as error:
            raise InputError(f"got a state of chroma that is damaged ({error}); start the scene again") from error
        for picture, copies in waiting:
            for _ in range(int(copies)):
                if self.push(picture):
                    raise InputError("got a state of chroma that other settings have made; start the scene again")

    # planning

    def _last(self) -> _Frame | _Key | None:
        if self._frames:
            return self._frames[-1]
        return self._closed[-1][-1] if self._closed else self._key

    def _working(self, gray: Gray) -> Gray:
        return working(gray) if self._moving else gray

    def _follow(self, frame: _Frame, last: _Frame | _Key) -> None:
        """Find the motion since the last key frame, and whether the frame must be one itself."""
        key = self._closed[-1][-1] if self._closed else self._key
        assert key is not None
        if self._moving:
            frame.step = path_between(frame.gray, last.gray, "fast")
            before = self._frames[-1].path if self._frames else None
            frame.path = frame.step if before is None else frame.step.then(before)
            frame.trust = trust(frame.path, frame.gray, key.gray)
        self._frames.append(frame)
        lost = frame.trust is not None and float(frame.trust.mean()) < LEAST_TRUST
        lost |= abs(frame.light - key.light) > LIGHT
        if lost or len(self._frames) >= self._every:
            self._close()

    def _advance(self) -> list[tuple[int, Chroma]]:
        key = self._key
        assert key is not None
        stretches = [*self._closed, self._frames]
        held = key.copies + sum(frame.copies for stretch in stretches for frame in stretch)
        settled = key.chroma is not None
        if held >= 2 * self._every * self._gather and self._frames:  # many copies
            self._close()
        full = len(self._closed) >= self._gather or held >= 2 * self._every * self._gather
        if full or (settled and key.copies and not self._closed and not self._frames):
            closed, self._closed = self._closed, []
            return self._settle(closed)
        return []

    def _close(self) -> None:
        """The last frame becomes a key frame."""
        self._closed.append(self._frames)
        self._frames = []

    # settling

    def _settle(self, stretches: list[list[_Frame]]) -> list[tuple[int, Chroma]]:
        """Render what these stretches need, and give out everything up to the last key frame."""
        key = self._key
        if key is None:
            return []
        wanted = [frame for stretch in stretches for frame in (stretch if self._all else stretch[-1:])]
        grays = [frame.picture for frame in wanted]
        if key.chroma is None:
            grays = [key.picture, *grays]
        renders = self._rendered(grays)
        own = renders.pop(0) if key.chroma is None else None
        out: list[tuple[int, Chroma]] = []
        for stretch in stretches:
            count = len(stretch) if self._all else 1
            mine, renders = renders[:count], renders[count:]
            ahead = _paths_ahead(stretch) if self._moving else []
            if own is not None:
                key = self._first_key(key, own, stretch, mine, ahead)
                out += self._give(key.chroma, key.gain, key)
                own = None
            following = self._next_key(key, stretch, mine, ahead)
            for place in range(len(stretch) - 1):
                render = mine[place] if self._all else None
                out += self._give(
                    *self._between(key, following, stretch, place, ahead[place + 1], render), stretch[place]
                )
            out += self._give(following.chroma, following.gain, following)
            key = following
        if own is not None:
            key = _Key(key.picture, key.gray, own, np.ones(own.shape[:2], np.float32), 1.0, 1, key.copies)
        self._key = key
        return out + self._give(key.chroma, key.gain, key)

    def _rendered(self, grays: list[Gray]) -> list[Chroma]:
        renders = list(self._render(grays)) if grays else []
        wrong = [chroma.shape for chroma in renders if chroma.shape != (*grays[0].shape, 2)]
        if wrong or len(renders) != len(grays):
            got = f"one of {wrong[0]}" if wrong else f"{len(renders)} of them"
            raise RenderError(f"got chroma that does not fit {len(grays)} frames of {grays[0].shape}: {got}")
        return [self._shrunk(np.asarray(chroma, np.float32)) for chroma in renders]

    def _shrunk(self, chroma: Chroma) -> Chroma:
        """Chroma at the size at which it is moved."""
        return _at_most(chroma, SIDE) if self._moving else chroma

    def _give(self, chroma: Chroma | None, gain: float, frame: _Frame | _Key) -> list[tuple[int, Chroma]]:
        """The frame and its copies, none of which is given twice."""
        assert chroma is not None
        out = chroma * np.float32(gain)
        first = self._given
        self._given += frame.copies
        frame.copies = 0
        return [(number, out) for number in range(first, self._given)]

    def _first_key(
        self, key: _Key, own: Chroma, stretch: list[_Frame], renders: list[Chroma], ahead: list[Path]
    ) -> _Key:
        """A scene's first key frame has no past, so it takes from what comes."""
        parts = [(np.ones(own.shape[:2], np.float32), own)]
        if self._habit.memory:
            near = zip(stretch, renders, strict=True) if self._all else [(stretch[-1], renders[-1])]
            for frame, chroma in near:
                path = ahead[0] if frame is stretch[-1] else _turned(frame.path)
                parts.append((trust(path, key.gray, frame.gray), warp(chroma, path.there)))
        mean, _ = weighted(parts)
        gain = ratio(vividness(own), vividness(mean), _VIVID)
        return _Key(key.picture, key.gray, mean, np.ones(own.shape[:2], np.float32), gain, 1, key.copies)

    def _next_key(self, key: _Key, stretch: list[_Frame], renders: list[Chroma], ahead: list[Path]) -> _Key:
        """The stretch's last frame: the mean of its renders, moved there, and of the key frame before."""
        frame, own = stretch[-1], renders[-1]
        weight = np.ones(own.shape[:2], np.float32)
        if not self._habit.memory:
            return _Key(frame.picture, frame.gray, own, weight, 1.0, key.count + 1, frame.copies)
        assert frame.path is not None and frame.trust is not None and key.chroma is not None and key.weight is not None
        parts = [(weight, own)]
        if self._all:
            for other, chroma, path in zip(stretch[:-1], renders[:-1], ahead[1:], strict=True):
                back = path.turned()
                parts.append((trust(back, frame.gray, other.gray), warp(chroma, back.there)))
        fresh, _ = weighted(parts)
        past = frame.trust * warp(key.weight, frame.path.there)
        mean, total = weighted([(weight, fresh), (past, warp(key.chroma, frame.path.there))])
        memory = min(_LAG, key.count)
        wanted = float(np.mean([vividness(render) for render in renders]))
        gain = (memory * key.gain + ratio(wanted, vividness(mean), _VIVID)) / (memory + 1)
        weight = np.minimum(total, np.float32(self._habit.memory))
        return _Key(frame.picture, frame.gray, mean, weight, gain, key.count + 1, frame.copies)

    def _between(
        self, key: _Key, following: _Key, stretch: list[_Frame], place: int, ahead: Path, render: Chroma | None
    ) -> tuple[Chroma, float]:
        """Chroma of a frame between two key frames, and what brings it to their vividness."""
        frame = stretch[place]
        assert frame.path is not None and frame.trust is not None
        assert key.chroma is not None and following.chroma is not None
        nearness = (place + 1) / len(stretch)
        past, future = warp(key.chroma, frame.path.there), warp(following.chroma, ahead.there)
        of_past = frame.trust * np.float32(1 - nearness)
        of_future = trust(ahead, frame.gray, following.gray) * np.float32(nearness)
        if render is not None:
            own = np.full_like(of_past, self._habit.own)
            chroma, _ = weighted([(of_past, past), (of_future, future), (own, render)])
        else:
            known, weight = weighted([(of_past, past), (of_future, future)])
            rest = np.full_like(weight, _FILLED)
            chroma, _ = weighted([(weight, known), (rest, fill(known, weight, frame.gray))])
        wanted = (1 - nearness) * vividness(past) + nearness * vividness(future)
        gain = (1 - nearness) * key.gain + nearness * following.gain
        return chroma, gain * ratio(wanted, vividness(chroma), _VIVID)


def working(gray: Gray) -> Gray:
    """The grey picture that goes with chroma that was moved: `gray` at 160 px a side at most, or as it is."""
    return _at_most(gray, SIDE)


def _at_most(array: NDArray[Any], side: int) -> NDArray[Any]:
    share = side / max(array.shape[:2])
    if share >= 1:
        return array
    height, width = (max(SMALLEST_SIDE, round(length * share)) for length in array.shape[:2])
    return np.asarray(cv2.resize(array, (width, height), interpolation=cv2.INTER_AREA))


def _paths_ahead(stretch: list[_Frame]) -> list[Path]:
    """From the key frame before, and from each frame of the stretch but the last, to the last."""
    paths: list[Path] = []
    for frame in reversed(stretch):
        step = _turned(frame.step)
        paths.append(step.then(paths[-1]) if paths else step)
    return paths[::-1]


def _turned(path: Path | None) -> Path:
    assert path is not None  # only where there is motion
    return path.turned()


def _shows_the_same(gray: Gray, before: Gray) -> bool:
    """Whether nothing of 8x8 px has changed but by noise."""
    change = cv2.absdiff(gray, before)
    size = (max(1, gray.shape[1] // _CELL), max(1, gray.shape[0] // _CELL))
    return float(cv2.resize(change.astype(np.float32), size, interpolation=cv2.INTER_AREA).max()) < SAME
