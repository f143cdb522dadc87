"""Motion between two pictures, planted: textures that are moved, hidden, brightened."""

from __future__ import annotations

from collections.abc import Iterator

import cv2
import numpy as np
import pytest

from retint.errors import InputError
from retint.motion import Flow, Gray, Path, compose, flow_between, inside, likeness, path_between, trust, warp


def texture(height: int = 160, width: int = 200, seed: int = 0) -> Gray:
    coarse = np.random.default_rng(seed).integers(30, 226, (height // 6, width // 6)).astype(np.uint8)
    return np.asarray(cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC), np.uint8)


def crop(picture: Gray, x: int, y: int, side: int = 120) -> Gray:
    return np.ascontiguousarray(picture[y : y + side, x : x + side])


def even(dx: float, dy: float, side: int = 120) -> Flow:
    return np.broadcast_to(np.array([dx, dy], np.float32), (side, side, 2)).copy()


INNER = np.s_[16:-16, 16:-16]


@pytest.mark.parametrize("preset", ["fast", "medium"])
def test_a_texture_that_was_moved_has_that_flow(preset: str):
    wide = texture()
    flow = flow_between(crop(wide, 20, 20), crop(wide, 17, 22), preset)  # type: ignore[arg-type]
    assert np.median(flow[INNER][..., 0]) == pytest.approx(3, abs=0.1)
    assert np.median(flow[INNER][..., 1]) == pytest.approx(-2, abs=0.1)


def test_what_lies_on_the_other_picture_is_brought_back():
    wide = texture()
    one, other = crop(wide, 20, 20), crop(wide, 17, 22)
    assert np.abs(warp(other, even(3, -2)) - one)[INNER].max() < 1e-3


def test_flows_one_after_the_other_add_up():
    curved = even(2, 0)
    curved[..., 1] += np.linspace(0, 3, 120, dtype=np.float32)[None]  # more to the right
    both = compose(even(10, 0), curved)
    at = 40  # x; the second flow is read at 50
    assert both[60, at] == pytest.approx([12, 3 * 50 / 119], abs=1e-4)


def test_inside_says_what_stays_in_the_picture():
    held = inside(even(30, 0))
    assert held[:, :89].all()
    assert not held[:, 91:].any()


def test_a_path_holds_where_it_leads_back():
    there, back = even(5, 0), even(-5, 0)
    assert Path(there, back).holds()[INNER].all()
    back[:, :60] = 0
    held = Path(there, back).holds()
    assert not held[16:-16, 16:50].any()
    assert held[16:-16, 64:104].all()


def test_paths_are_chained_and_turned():
    first, second = Path(even(3, 1), even(-3, -1)), Path(even(2, 0), even(-2, 0))
    both = first.then(second)
    assert both.there[60, 60] == pytest.approx([5, 1])
    assert both.back[60, 60] == pytest.approx([-5, -1])
    assert both.turned().there is both.back


def test_trust_is_high_where_the_same_is_found():
    wide = texture()
    one, other = crop(wide, 20, 20), crop(wide, 17, 22)
    assert trust(path_between(one, other), one, other)[INNER].mean() > 0.9


def test_trust_is_low_where_something_has_come_in():
    wide = texture()
    one = crop(wide, 20, 20)
    other = one.copy()
    one[30:80, 30:80] = texture(seed=9)[30:80, 30:80]
    found = trust(path_between(one, other), one, other)
    assert found[40:70, 40:70].mean() < 0.3
    assert found[90:110, 90:110].mean() > 0.9


def test_trust_is_low_where_a_smooth_bright_thing_uncovers_a_smooth_dark_one():
    flat = crop(texture(), 20, 20)
    flat[:80, :50] = 60
    covered = flat.copy()
    covered[20:60, 10:40] = 200
    still = Path(even(0, 0), even(0, 0))
    found = trust(still, flat, covered)
    assert found[30:50, 20:30].max() < 0.05
    assert found[80:110, 80:110].min() > 0.9


def test_flicker_and_fading_of_the_whole_picture_change_no_trust():
    one = crop(texture(), 20, 20)
    darker = (one * 0.7 + 10).astype(np.uint8)
    still = Path(even(0, 0), even(0, 0))
    assert trust(still, one, darker)[INNER].mean() > 0.9
    assert likeness(one, darker.astype(np.float32)).min() > 0.7


def test_nothing_beyond_the_edge_is_trusted():
    one = crop(texture(), 20, 20)
    found = trust(Path(even(30, 0), even(-30, 0)), one, one)
    assert not found[:, 91:].any()


@pytest.fixture
def threads() -> Iterator[None]:
    before = cv2.getNumThreads()
    yield
    cv2.setNumThreads(before)


@pytest.mark.usefixtures("threads")
@pytest.mark.parametrize("preset", ["fast", "medium"])
def test_the_number_of_threads_changes_no_bit(preset: str):
    wide = texture()
    found: list[tuple[Flow, np.ndarray]] = []
    for count in (1, 4):
        cv2.setNumThreads(count)
        path = path_between(crop(wide, 20, 20), crop(wide, 16, 23), preset)  # type: ignore[arg-type]
        found.append((path.then(path).there, trust(path, crop(wide, 20, 20), crop(wide, 16, 23))))
    assert np.array_equal(found[0][0], found[1][0])
    assert np.array_equal(found[0][1], found[1][1])


@pytest.mark.parametrize("shapes", [((40, 40), (40, 41)), ((15, 40), (15, 40)), ((40, 40, 3), (40, 40, 3))])
def test_pictures_that_do_not_fit_are_refused(shapes: tuple[tuple[int, ...], tuple[int, ...]]):
    one, other = (np.zeros(shape, np.uint8) for shape in shapes)
    with pytest.raises(InputError, match="wanted two grey ones of one size, 16 px or more a side"):
        flow_between(one, other)
