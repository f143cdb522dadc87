"""Cuts that are planted, and what looks like one and is none."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from retint.pipelines.scenes import LOOK_AHEAD, Scenes

Gray = NDArray[np.uint8]


def scene(count: int, seed: int, *, speed: int = 2, gain: Sequence[float] | None = None) -> list[Gray]:
    """A picture that is panned over, with grain."""
    rng = np.random.default_rng(seed)
    coarse = rng.integers(20, 220, (14, 40)).astype(np.uint8)
    wide = cv2.resize(coarse, (640, 224), interpolation=cv2.INTER_CUBIC)
    frames: list[Gray] = []
    for number in range(count):
        seen = wide[:, speed * number : speed * number + 224] + rng.normal(0, 3, (224, 224))
        frames.append((seen * (1 if gain is None else gain[number])).clip(0, 255).astype(np.uint8))
    return frames


def beginnings(frames: Sequence[Gray]) -> list[int]:
    return [number for number, (_, begins) in enumerate(Scenes(frames, lambda frame: frame)) if begins]


def test_a_cut_is_found_at_its_frame():
    assert beginnings([*scene(20, 0), *scene(15, 1), *scene(12, 2)]) == [0, 20, 35]


def test_all_frames_come_out_in_order():
    frames = [*scene(9, 0), *scene(9, 1)]
    assert [id(frame) for frame, _ in Scenes(frames, lambda frame: frame)] == [id(frame) for frame in frames]


@pytest.mark.parametrize("length", [1, 2, 3])
@pytest.mark.parametrize("value", [0, 255])
def test_a_flash_or_black_frames_are_no_cut(length: int, value: int):
    frames = scene(30, 0)
    frames[14 : 14 + length] = [np.full((224, 224), value, np.uint8)] * length
    assert beginnings(frames) == [0]


def test_a_damaged_frame_is_no_cut():
    frames = scene(30, 0)
    frames[14] = scene(1, 7)[0]
    assert beginnings(frames) == [0]


def test_a_fade_is_no_cut():
    assert beginnings(scene(30, 0, gain=np.linspace(1, 0.1, 30).tolist())) == [0]


def test_flicker_is_no_cut():
    gain = (1 + 0.25 * np.random.default_rng(3).uniform(-1, 1, 40)).tolist()
    assert beginnings(scene(40, 0, gain=gain)) == [0]


def test_a_quick_pan_is_no_cut():
    assert beginnings(scene(40, 0, speed=10)) == [0]


def test_a_still_picture_is_one_scene():
    assert beginnings([scene(1, 0)[0]] * 12) == [0]


@pytest.mark.parametrize("count", [0, 1, 2])
def test_films_shorter_than_the_look_ahead(count: int):
    assert beginnings(scene(count, 0)) == [0][:count]


def test_a_reader_that_begins_at_a_cut_hears_the_same():
    frames = [*scene(20, 0), *scene(15, 1), *scene(12, 2), *scene(3, 3)]
    whole = beginnings(frames)
    for start in whole:
        assert beginnings(frames[start:]) == [number - start for number in whole if number >= start]


def test_after_restart_it_hears_what_a_reader_hears_that_begins_there():
    frames = [*scene(20, 0), *scene(15, 1)]
    scenes, heard = Scenes(frames, lambda frame: frame), list[bool]()
    for number, (_, begins) in enumerate(scenes):
        heard.append(begins)
        if number == 18:
            scenes.restart()
    afresh = [begins for _, begins in Scenes(frames[18:], lambda frame: frame)]
    assert heard[19:] == afresh[1:]


def test_it_reads_no_more_than_three_frames_ahead():
    read = 0

    def frames() -> Iterator[Gray]:
        nonlocal read
        for frame in scene(20, 0):
            read += 1
            yield frame

    for number, _ in enumerate(Scenes(frames(), lambda frame: frame)):
        assert read <= number + 1 + LOOK_AHEAD
