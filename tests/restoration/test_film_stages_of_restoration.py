"""What is planted on films goes, what belongs to them stays."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from retint.errors import InputError
from retint.restoration.film import STAGE_NAMES, USUAL, FilmStage, mend, parse_film_stages, reach
from retint.restoration.film_degradation import Scratches, plant_dust, plant_flicker, plant_grain, plant_weave

Luma = NDArray[Any]
HEIGHT, WIDTH = 96, 128


@dataclass(frozen=True, eq=False)
class Frame:
    luma: Luma


def texture(seed: int, detail: float = 120) -> NDArray[np.float32]:
    """(H + 80, W + 160), smooth, from 50 to 200."""
    rng = np.random.default_rng(seed)
    small = rng.uniform(0, 1, (12, 18)).astype(np.float32)
    fine = cv2.GaussianBlur(rng.uniform(-1, 1, (HEIGHT + 80, WIDTH + 160)).astype(np.float32), (0, 0), 2)
    return 50 + 150 * cv2.resize(small, (WIDTH + 160, HEIGHT + 80), interpolation=cv2.INTER_LINEAR) + detail * fine


def panning(count: int, seed: int = 0, detail: float = 120) -> list[NDArray[np.uint8]]:
    """A camera that moves by 1 px a frame, and a dark square that moves the other way by 2."""
    wide = texture(seed, detail)
    frames = []
    for number in range(count):
        frame = wide[number : number + HEIGHT, number : number + WIDTH].copy()
        left = WIDTH - 30 - 2 * number
        frame[30:60, max(left, 0) : max(left + 26, 0)] = 35
        frames.append(np.rint(frame).clip(0, 255).astype(np.uint8))
    return frames


def still(count: int, seed: int = 0) -> list[NDArray[np.uint8]]:
    return [np.rint(texture(seed)[:HEIGHT, :WIDTH]).astype(np.uint8)] * count


def mended(frames: Iterable[Luma], stages: str, depth: int = 8) -> list[Luma]:
    return [moment.luma for moment in mend(map(Frame, frames), parse_film_stages(stages), depth)]


def apart(one: Luma, other: Luma) -> NDArray[np.int32]:
    return np.abs(one.astype(np.int32) - other)


def spots(clean: list[Any], damaged: list[Any], after: list[Any]) -> tuple[float, float]:
    """Share of what was planted that is back; share of the other pixels that changed by more than 8 levels."""
    on = [apart(a, b) > 8 for a, b in zip(clean, damaged, strict=True)]
    planted = sum(apart(a, b)[where].sum() for a, b, where in zip(clean, damaged, on, strict=True))
    left = sum(apart(a, b)[where].sum() for a, b, where in zip(clean, after, on, strict=True))
    others = np.concatenate([apart(a, b)[~where] for a, b, where in zip(damaged, after, on, strict=True)])
    return 1 - left / planted, float((others > 8).mean())


# dust


def test_dust_of_one_frame_goes_and_moving_things_stay():
    clean, rng = panning(16), np.random.default_rng(1)
    dusty = [plant_dust(gray, rng, spots=6, share=0.03) for gray in clean]
    back, others = spots(clean, dusty, mended(dusty, "dust"))
    assert back > 0.8
    assert others < 0.01


def test_what_is_there_for_two_frames_is_no_dust():
    frames = [gray.copy() for gray in still(9)]
    for number in (4, 5):
        frames[number][40:46, 50:56] = 255
    for one, after in zip(frames, mended(frames, "dust"), strict=True):
        np.testing.assert_array_equal(after, one)


def test_dust_beside_a_cut_goes_too():
    clean = panning(8) + panning(8, seed=5)
    dusty = [gray.copy() for gray in clean]
    dusty[7][20:25, 90:95] = 255
    dusty[8][60:65, 30:35] = 0
    after = mended(dusty, "dust")
    for number in (7, 8):
        assert apart(after[number], clean[number]).max() < 40 < apart(dusty[number], clean[number]).max()


def test_dust_goes_from_film_of_10_bit_and_its_fine_levels_stay():
    clean = [gray.astype(np.uint16) * 4 + 1 for gray in still(7)]
    dusty = [gray.copy() for gray in clean]
    dusty[3][40:45, 50:55] = 1000
    after = mended(dusty, "dust", depth=10)
    assert after[3].dtype == np.uint16
    assert apart(after[3], clean[3]).max() <= 4
    np.testing.assert_array_equal(after[3][:30], clean[3][:30])
    np.testing.assert_array_equal(after[2], clean[2])


# flicker


def light_of(frames: list[Any]) -> NDArray[np.float64]:
    return np.array([frame.mean() for frame in frames])


def test_flicker_goes():
    clean, rng = panning(60), np.random.default_rng(2)
    flickering = [plant_flicker(gray, rng) for gray in clean]
    after = mended(flickering, "flicker")
    before, now = (light_of(frames) - light_of(clean) for frames in (flickering, after))
    assert now.std() < 0.3 * before.std()
    assert np.diff(now).std() < 0.2 * np.diff(before).std()


@pytest.mark.parametrize("planted", [False, True], ids=["steady", "flickering"])
def test_a_fade_stays(planted: bool):
    share = np.concatenate([np.ones(20), np.linspace(1, 0.1, 24), np.full(20, 0.1)])
    rng = np.random.default_rng(3)
    clean = [np.rint(gray * one).astype(np.uint8) for gray, one in zip(still(64), share, strict=True)]
    given = [plant_flicker(gray, rng, gain=0.03, offset=1) for gray in clean] if planted else clean
    after = mended(given, "flicker")
    if not planted:
        assert max(apart(a, b).max() for a, b in zip(after, clean, strict=True)) <= 1
    away = np.abs(light_of(after) - light_of(clean))
    assert away.max() < 0.12 * (light_of(clean)[0] - light_of(clean)[-1])
    assert away.mean() < 3


def test_a_cut_stays_and_light_is_not_carried_across_it():
    rng = np.random.default_rng(4)
    dark = [np.rint(gray * 0.4).astype(np.uint8) for gray in panning(24)]
    bright = panning(24, seed=9)
    after = mended([plant_flicker(gray, rng, gain=0.04, offset=2) for gray in dark + bright], "flicker")
    jump = light_of(after)[24] - light_of(after)[23]
    true = light_of(bright)[0] - light_of(dark)[-1]
    assert abs(jump - true) < 0.15 * true


def test_a_flash_stays():
    frames = [gray.copy() for gray in still(30)]
    frames[15] = np.minimum(frames[15].astype(int) + 50, 255).astype(np.uint8)
    after = mended(frames, "flicker")
    for one, other in zip(frames, after, strict=True):
        np.testing.assert_array_equal(one, other)


def test_someone_who_comes_into_the_picture_is_no_flicker():
    frames = [gray.copy() for gray in still(30)]
    for number in range(10, 30):
        frames[number][:, : min(6 * (number - 9), WIDTH)] = 20
    after = mended(frames, "flicker")
    assert max(apart(a, b).max() for a, b in zip(after, frames, strict=True)) <= 2


# scratches


def test_scratches_that_stay_go():
    clean, rng = panning(24, detail=50), np.random.default_rng(5)
    lines = Scratches((HEIGHT, WIDTH), rng, lines=2)
    scratched = [lines.plant(gray) for gray in clean]
    back, others = spots(clean, scratched, mended(scratched, "scratches"))
    assert back > 0.6
    assert others < 0.005


def test_upright_edges_and_lines_that_move_are_no_scratches():
    frames = [gray.copy() for gray in still(16)]
    for number, frame in enumerate(frames):
        frame[:, 64:] = np.minimum(frame[:, 64:].astype(int) + 60, 255)  # a wall's edge
        frame[:, 10 + 3 * number : 12 + 3 * number] = 250  # a pole that the camera passes
    for one, after in zip(frames, mended(frames, "scratches"), strict=True):
        np.testing.assert_array_equal(after, one)


def test_the_edges_of_the_gate_are_no_scratches():
    frames = panning(16)
    for frame in frames:
        frame[:, :3], frame[:, 3:5], frame[:, -3:] = 5, 220, 5  # black, and a fringe of light beside it
    for one, after in zip(frames, mended(frames, "scratches"), strict=True):
        np.testing.assert_array_equal(after, one)


# weave and noise


def test_weave_goes_and_a_pan_goes_on():
    clean, rng = panning(40), np.random.default_rng(6)
    woven, places = zip(*(plant_weave(gray, rng, share=0.004) for gray in clean), strict=True)
    moments = list(mend(map(Frame, woven), (FilmStage("weave"),)))
    left = np.array(places) + [moment.shift for moment in moments]
    assert np.diff(left, axis=0).std() < 0.4 * np.diff(places, axis=0).std()
    assert np.abs(left.mean(axis=0)).max() < 0.3  # or the pan would be held


def test_a_steady_picture_is_not_moved():
    frames = panning(20)
    for one, moment in zip(frames, mend(map(Frame, frames), (FilmStage("weave"),)), strict=True):
        assert moment.shift == (0.0, 0.0)
        assert moment.luma is one


def test_noise_goes_where_neighbours_show_the_same():
    clean, rng = panning(12), np.random.default_rng(7)
    grainy = [plant_grain(gray, rng) for gray in clean]
    after = mended(grainy, "noise")

    def error(frames: list[Any]) -> float:
        return float(np.mean([np.square(apart(a, b)).mean() for a, b in zip(frames, clean, strict=True)]))

    assert error(after) < 0.55 * error(grainy)
    assert max(apart(a, b).max() for a, b in zip(mended(clean, "noise"), clean, strict=True)) == 0


# all together


def test_a_clean_film_is_almost_untouched():
    clean = panning(20) + panning(20, seed=3)
    after = mended(clean, ",".join(STAGE_NAMES))
    assert np.mean([(apart(a, b) > 8).mean() for a, b in zip(after, clean, strict=True)]) < 0.002


def test_frames_are_the_same_for_who_begins_later():
    """A run that goes on begins so many frames before the first that is not done."""
    rng = np.random.default_rng(8)
    stages = tuple(FilmStage(name) for name in STAGE_NAMES)
    clean = panning(50) + panning(46, seed=4)
    frames = [plant_weave(plant_flicker(plant_dust(plant_grain(gray, rng, 3), rng), rng), rng)[0] for gray in clean]
    whole = list(mend(map(Frame, frames), stages))
    for first in (60, 75):
        begun = list(mend(map(Frame, frames[first - reach(stages) :]), stages))[reach(stages) :]
        assert len(begun) == len(frames) - first
        for one, other in zip(whole[first:], begun, strict=True):
            np.testing.assert_array_equal(one.luma, other.luma)
            assert one.shift == other.shift


def test_memory_does_not_grow_with_the_film():
    given = 0

    def frames() -> Iterable[Frame]:
        nonlocal given
        for gray in still(150):
            given += 1
            yield Frame(gray)

    ahead = 0
    for done, _ in enumerate(mend(frames(), USUAL)):
        ahead = max(ahead, given - done)
    assert ahead <= reach(USUAL) + 1


@pytest.mark.parametrize(
    ("text", "wrong"), [("dusk", "dusk"), ("dust=2", "0 to 1"), ("dust=much", "much"), ("dust,dust", "twice")]
)
def test_other_stages_are_refused(text: str, wrong: str):
    with pytest.raises(InputError, match=wrong):
        parse_film_stages(text)


def test_stages_are_read_and_written():
    stages = parse_film_stages("dust, flicker=0.5,weave=auto")
    assert stages == (FilmStage("dust"), FilmStage("flicker", 0.5), FilmStage("weave"))
    assert [str(stage) for stage in stages] == ["dust", "flicker=0.5", "weave"]
