"""Parts of a film: where they end, and what the next one has to know."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from retint.pipelines.film_colour import Coloured, EndOfPart, Gray, Seen, coloured, small_of

Item = Coloured[Seen] | EndOfPart
SIDE = 64


def scene(count: int, seed: int) -> list[Seen]:
    coarse = np.random.default_rng(seed).integers(20, 220, (12, 40)).astype(np.uint8)
    wide = cv2.resize(coarse, (400, 120), interpolation=cv2.INTER_CUBIC)
    grays = [np.ascontiguousarray(wide[:, number : number + 160]) for number in range(count)]
    return [Seen(gray, small_of(gray, SIDE)) for gray in grays]


def render(grays: list[Gray]) -> list[NDArray[np.float32]]:
    """Flickers, as networks do."""
    out: list[NDArray[np.float32]] = []
    for gray in grays:
        shift = np.float32(0.02 * np.sin(float(gray.sum())))
        out.append(np.stack([gray / np.float32(2550) + shift, shift - gray / np.float32(5100)], axis=-1))
    return out


def parts(items: list[Item]) -> list[tuple[int, bool]]:
    """Frames of each part, and whether it ends a scene."""
    found, count = list[tuple[int, bool]](), 0
    for item in items:
        if isinstance(item, EndOfPart):
            found.append((count, item.ends_scene))
            count = 0
        else:
            count += 1
    assert count == 0
    return found


def test_a_part_ends_with_its_scene_or_when_it_is_long():
    frames = [*scene(30, 0), *scene(9, 1)]
    items: list[Item] = list(coloured(frames, render, "normal", "auto", part_frames=12))
    assert parts(items) == [(12, False), (12, False), (6, True), (9, True)]
    assert [item.frame for item in items if isinstance(item, Coloured)] == frames


def test_no_frames_have_no_parts():
    assert list(coloured(list[Seen](), render, "normal", "auto")) == []


@pytest.mark.parametrize("how", [("normal", "auto"), ("strong", "off"), ("off", 3), ("off", "off")])
def test_going_on_behind_any_part_gives_the_same(how: tuple[str, str]):
    frames = [*scene(30, 0), *scene(9, 1), *scene(20, 2)]
    whole: list[Item] = list(coloured(frames, render, *how, part_frames=8))  # type: ignore[arg-type]
    ends = [place for place, item in enumerate(whole) if isinstance(item, EndOfPart)]
    assert len(ends) == 9
    for end in ends:
        done = sum(isinstance(item, Coloured) for item in whole[:end])
        state = whole[end].state  # type: ignore[union-attr]
        rest: list[Item] = list(coloured(frames[done:], render, *how, state=state, part_frames=8))  # type: ignore[arg-type]
        assert parts(rest) == parts(whole[end + 1 :])
        for one, other in zip(rest, whole[end + 1 :], strict=True):
            if isinstance(one, Coloured) and isinstance(other, Coloured):
                assert np.array_equal(one.chroma, other.chroma)
                assert one.guide.shape == one.chroma.shape[:2]


def test_a_picture_is_shrunk_to_a_square():
    gray = np.tile(np.arange(200, dtype=np.uint8), (100, 1))
    small = small_of(gray, 50)
    assert small.shape == (50, 50)
    assert np.abs(small[25].astype(int) - np.arange(50) * 4 - 1.5).max() <= 2
