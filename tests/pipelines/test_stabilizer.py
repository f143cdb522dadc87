"""Chroma that holds still: a texture that moves, and renders of it that flicker."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from retint.errors import InputError, RenderError
from retint.motion import Gray
from retint.pipelines.stabilizer import AUTO_EVERY, SIDE, Stabilizer, working

Chroma = NDArray[np.float32]
Render = Callable[[list[Gray]], list[Chroma]]
SIZE = 144
U, V = 0.1, -0.05  # the colours that the renders flicker around


def pan(count: int, speed: float = 1, seed: int = 0) -> list[Gray]:
    coarse = np.random.default_rng(seed).integers(30, 226, (24, 60)).astype(np.uint8)
    wide = cv2.resize(coarse, (360, SIZE), interpolation=cv2.INTER_CUBIC)
    starts = [round(speed * number) for number in range(count)]
    return [np.ascontiguousarray(wide[:, start : start + SIZE]) for start in starts]


class Flickering:
    """Renders all in one colour, another one for each picture. Counts what it renders."""

    def __init__(self, noise: float = 0.04) -> None:
        self.count = 0
        self._noise = noise

    def __call__(self, grays: list[Gray]) -> list[Chroma]:
        self.count += len(grays)
        return [self.of(gray) for gray in grays]

    def of(self, gray: Gray) -> Chroma:
        rng = np.random.default_rng(int(gray.astype(np.int64).sum()))
        colour = np.array([U, V], np.float32) + rng.uniform(-self._noise, self._noise, 2).astype(np.float32)
        return np.broadcast_to(colour, (*gray.shape, 2)).astype(np.float32)


def through(frames: Sequence[Gray], render: Any, *how: Any, **more: Any) -> list[Chroma]:
    """The chroma of all frames; checks that each comes once, in order."""
    steady = Stabilizer(render, *how, **more)
    out = [item for frame in frames for item in steady.push(frame)] + steady.finish()
    assert [number for number, _ in out] == list(range(len(frames)))
    return [chroma for _, chroma in out]


def unrest(chromas: Sequence[Chroma]) -> float:
    """Mean change of the mean colour from frame to frame."""
    means = np.array([chroma.mean(axis=(0, 1)) for chroma in chromas])
    return float(np.abs(np.diff(means, axis=0)).mean())


@pytest.mark.parametrize("keyframes", ["off", 5, "auto"])
@pytest.mark.parametrize("strength", ["normal", "strong"])
def test_colours_that_flicker_are_steadied(strength: str, keyframes: Any):
    frames, render = pan(60), Flickering()
    raw = [render.of(frame) for frame in frames]
    steady = through(frames, render, strength, keyframes)
    assert unrest(steady) < 0.25 * unrest(raw)
    assert np.mean(steady, axis=(0, 1, 2)) == pytest.approx([U, V], abs=0.025)


def test_strong_is_steadier_than_normal():
    frames = pan(100)
    unrests = [unrest(through(frames, Flickering(), strength, "off")) for strength in ("off", "normal", "strong")]
    assert unrests[0] > 2 * unrests[1]
    assert unrests[1] > unrests[2]


def test_frame_by_frame_gives_the_renders_as_they_are():
    frames, render = pan(5), Flickering()
    for chroma, frame in zip(through(frames, render, "off", "off"), frames, strict=True):
        assert np.array_equal(chroma, render.of(frame))


def test_colours_go_with_what_they_lie_on():
    frames = pan(13)
    wide = np.zeros((SIZE, 360, 2), np.float32)
    wide[..., 0] = 0.1 * np.sin(np.arange(360) / 15)
    known = {frame.tobytes(): wide[:, number : number + SIZE] for number, frame in enumerate(frames)}
    steady = through(frames, lambda grays: [known[gray.tobytes()] for gray in grays], "normal", "auto")
    for chroma, frame in zip(steady, frames, strict=True):
        assert np.abs(chroma - known[frame.tobytes()])[8:-8, 16:-16].mean() < 0.004


def _patches(seed: int, size: float) -> Chroma:
    small = np.random.default_rng(seed).normal(0, size, (6, 6, 2)).astype(np.float32)
    return np.asarray(cv2.resize(small, (SIZE, SIZE)), np.float32)


def test_colours_stay_vivid_where_renders_disagree():
    """A mean of eight of them is a quarter duller."""
    frames, usual = pan(40), _patches(0, 0.05)

    def patchy(grays: list[Gray]) -> list[Chroma]:
        return [usual + _patches(int(gray.astype(np.int64).sum()), 0.05) for gray in grays]

    raw = np.mean([np.std(chroma) for chroma in patchy(frames)])
    still = [frames[0] + np.uint8(10 * (number % 2)) for number in range(40)]
    steady = [np.std(chroma) for chroma in through(still, patchy, "normal", "off")]
    assert np.mean(steady) > 0.85 * raw


@pytest.mark.parametrize(("keyframes", "rendered"), [("off", 37), (1, 37), (4, 10), (12, 4), ("auto", 4)])
def test_as_many_frames_are_rendered_as_slow_motion_needs(keyframes: Any, rendered: int):
    render = Flickering()
    through(pan(37), render, "normal", keyframes)
    assert render.count == rendered


def test_where_motion_cannot_be_followed_there_is_a_new_key_frame():
    render = Flickering()
    calm = pan(20)
    wild = [pan(1, seed=number)[0] for number in range(10, 15)]
    through([*calm, *wild, *calm], render, "normal", 48)
    assert render.count >= 6


def test_frames_that_show_the_same_are_rendered_once():
    frames = [frame for frame in pan(10, speed=3) for _ in range(3)]
    noisy = [
        frame + np.random.default_rng(number).integers(0, 2, frame.shape, np.uint8)
        for number, frame in enumerate(frames)
    ]
    render = Flickering()
    steady = through(noisy, render, "normal", "off")
    assert render.count == 10
    for number in range(0, 30, 3):
        assert np.array_equal(steady[number], steady[number + 2])


@pytest.mark.parametrize("strength", ["off", "normal", "strong"])
@pytest.mark.parametrize("keyframes", ["off", 2, 7, "auto"])
@pytest.mark.parametrize("gather", [1, 3])
@pytest.mark.parametrize("count", [0, 1, 2, 12, 13, 31])
def test_every_frame_comes_once_and_in_order(strength: str, keyframes: Any, gather: int, count: int):
    assert len(through(pan(count), Flickering(), strength, keyframes, gather=gather)) == count


def test_frames_come_back_in_bounded_time():
    steady, back = Stabilizer(Flickering(), "normal", "auto"), 0
    for pushed, frame in enumerate(pan(60), start=1):
        back += len(steady.push(frame))
        assert pushed - back <= 2 * AUTO_EVERY


def test_a_still_picture_does_not_pile_up():
    steady, back = Stabilizer(Flickering(), "normal", "auto"), 0
    for pushed, frame in enumerate(pan(1) * 100, start=1):
        back += len(steady.push(frame))
        assert pushed - back <= 2 * AUTO_EVERY


def test_rendering_several_stretches_at_once_changes_nothing():
    frames = pan(50)
    one, four = (through(frames, Flickering(), "normal", "auto", gather=gather) for gather in (1, 4))
    assert all(np.array_equal(a, b) for a, b in zip(one, four, strict=True))


@pytest.mark.parametrize("how", [("normal", "auto"), ("strong", "off"), ("off", 5), ("off", "off")])
@pytest.mark.parametrize("finish", [False, True])
def test_going_on_from_a_state_is_going_on(how: tuple[Any, Any], finish: bool):
    frames = pan(45)
    whole, first = Stabilizer(Flickering(), *how), Stabilizer(Flickering(), *how)
    for steady in (whole, first):
        for frame in frames[:29]:
            steady.push(frame)
        if finish:
            steady.finish()
    second = Stabilizer(Flickering(), *how, state=first.state())
    outs = [
        [item for frame in frames[29:] for item in steady.push(frame)] + steady.finish() for steady in (whole, second)
    ]
    assert [number for number, _ in outs[0]] == [number for number, _ in outs[1]]
    assert all(np.array_equal(a, b) for (_, a), (_, b) in zip(*outs, strict=True))


def test_a_state_can_be_empty():
    empty = Stabilizer(Flickering(), state=Stabilizer(Flickering()).state())
    assert empty.finish() == []


def test_chroma_is_moved_at_160_px():
    frames = [cv2.resize(frame, (400, 300)) for frame in pan(3)]
    for chroma, frame in zip(through(frames, Flickering(), "normal", "auto"), frames, strict=True):
        assert chroma.shape == (120, SIDE, 2) == (*working(frame).shape, 2)


# what cannot be


@pytest.mark.parametrize(
    ("how", "words"),
    [
        (("weak", "auto"), "got strength 'weak', wanted one of off, normal, strong"),
        (("normal", 0), "key frames every 0 frames, wanted 1 to 48"),
        (("normal", 49), "key frames every 49 frames"),
        (("normal", "some"), "key frames every some frames"),
    ],
)
def test_settings_that_there_are_not(how: tuple[Any, Any], words: str):
    with pytest.raises(InputError, match=words):
        Stabilizer(Flickering(), *how)


@pytest.mark.parametrize(
    "frame", [np.zeros((40, 40, 3), np.uint8), np.zeros((40, 40), np.float32), np.zeros((15, 40), np.uint8)]
)
def test_what_is_no_grey_picture(frame: Any):
    with pytest.raises(InputError, match="wanted a grey one of 8 bit, 16 px or more a side"):
        Stabilizer(Flickering()).push(frame)


def test_a_frame_of_another_size():
    steady = Stabilizer(Flickering())
    steady.push(pan(1)[0])
    with pytest.raises(InputError, match=r"shape \(40, 40\) in a scene of \(144, 144\)"):
        steady.push(np.zeros((40, 40), np.uint8))


@pytest.mark.parametrize(
    "wrong",
    [
        lambda grays: [],
        lambda grays: [np.zeros((5, 5, 2), np.float32) for _ in grays],
        lambda grays: [np.zeros((*gray.shape, 3), np.float32) for gray in grays],
    ],
)
def test_renders_that_do_not_fit(wrong: Any):
    with pytest.raises(RenderError, match="got chroma that does not fit 1 frames"):
        through(pan(1), wrong)


def test_a_state_that_is_damaged():
    steady = Stabilizer(Flickering())
    steady.push(pan(1)[0])
    state = dict(steady.state())
    del state["copies"]
    with pytest.raises(InputError, match=r"is damaged .*; start the scene again"):
        Stabilizer(Flickering(), state=state)
