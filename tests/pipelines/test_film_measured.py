"""Figures of whole films, coloured in several ways at once."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from numpy.typing import NDArray
from synthetic_film import make_film

from retint.color import chroma_of, luma
from retint.errors import InputError
from retint.pipelines.film_figures import FRAME_BY_FRAME, Way, measure_film
from retint.rendering import Colorizer
from retint.rendering.fake import FakeNetwork

STEADY = Way("normal", "auto")


def write(path: Path, frames: list[NDArray[np.uint8]]) -> Path:
    with av.open(str(path), "w") as film:
        stream = film.add_stream("ffv1", 25)
        stream.height, stream.width = frames[0].shape[:2]
        stream.pix_fmt = "bgr0"
        for frame in frames:
            film.mux(stream.encode(av.VideoFrame.from_ndarray(frame, format="rgb24")))
        film.mux(stream.encode())
    return path


def textures(count: int, *, tint: bool = False) -> list[NDArray[np.uint8]]:
    """A picture in patches of colour, or in one tint, that is panned over."""
    rng = np.random.default_rng(0)
    small = rng.integers(60, 200, (16, 40, 1)) + (
        np.array([12, 0, -12]) if tint else rng.integers(-40, 40, (16, 40, 3))
    )
    wide = np.kron(small.clip(0, 255).astype(np.uint8), np.ones((8, 8, 1), np.uint8))
    return [np.ascontiguousarray(wide[:, number : number + 160]) for number in range(count)]


def test_a_film_in_colour_is_its_own_truth(tmp_path: Path, colorizer: Colorizer):
    report = measure_film(write(tmp_path / "a.mkv", textures(20)), colorizer, [FRAME_BY_FRAME, STEADY])
    assert list(report.figures) == ["grey", "frame by frame", "normal, key frames", "true"]
    assert report.in_colour
    assert (report.scenes, report.figures["true"].frames) == (1, 20)
    assert report.rendered["frame by frame"] == 1
    assert report.rendered["normal, key frames"] < 0.3
    assert all(seconds > 0 for seconds in report.motion_seconds.values())


def test_only_luma_reaches_the_network(tmp_path: Path):
    network = FakeNetwork()
    frames = textures(3)
    seen: list[Mapping[str, Any]] = []
    measure_film(
        write(tmp_path / "a.mkv", frames), Colorizer(network), [FRAME_BY_FRAME], watch=lambda _, rows: seen.append(rows)
    )
    assert sum(len(batch) for batch in network.batches) == 3
    for frame, rows in zip(frames, seen, strict=True):
        assert np.array_equal(rows["true"], frame)
        assert np.array_equal(rows["grey"], np.repeat(luma(frame)[..., None], 3, axis=2))
        assert chroma_of(rows["frame by frame"]).mean(axis=(0, 1)) == pytest.approx((-0.1, 0.2), abs=0.05)


@pytest.mark.parametrize("tint", [True, False])
def test_a_tint_is_no_truth(tmp_path: Path, colorizer: Colorizer, tint: bool):
    report = measure_film(write(tmp_path / "a.mkv", textures(3, tint=tint)), colorizer, [FRAME_BY_FRAME])
    assert report.in_colour is not tint


def test_the_first_frames_alone(tmp_path: Path, colorizer: Colorizer):
    path = write(tmp_path / "a.mkv", textures(40))
    assert measure_film(path, colorizer, [FRAME_BY_FRAME], count=7).figures["true"].frames == 7
    assert measure_film(path, colorizer, [FRAME_BY_FRAME], count=30).figures["true"].frames == 30


def test_ways_that_are_apart_share_their_renders(tmp_path: Path):
    network = FakeNetwork()
    ways = [FRAME_BY_FRAME, STEADY, Way("strong", "off"), Way("normal", 24)]
    measure_film(write(tmp_path / "a.mkv", textures(60)), Colorizer(network), ways)
    assert sum(len(batch) for batch in network.batches) == 60


def test_large_frames_are_measured_smaller(tmp_path: Path, colorizer: Colorizer):
    make_film(tmp_path / "a.mp4", frames=2, size=(1300, 100))
    sizes: list[tuple[int, ...]] = []
    measure_film(
        tmp_path / "a.mp4", colorizer, [FRAME_BY_FRAME], watch=lambda _, rows: sizes.append(rows["grey"].shape)
    )
    assert sizes == [(50, 640, 3)] * 2


def test_what_is_no_film_is_told(tmp_path: Path, colorizer: Colorizer):
    (tmp_path / "a.mp4").write_text("a letter")
    with pytest.raises(InputError, match="is not a film"):
        measure_film(tmp_path / "a.mp4", colorizer, [FRAME_BY_FRAME])


def test_ways_have_names():
    ways = [FRAME_BY_FRAME, Way("off", 1), STEADY, Way("off", "auto"), Way("strong", "off"), Way("normal", 6)]
    assert [way.name for way in ways] == [
        "frame by frame",
        "frame by frame",
        "normal, key frames",
        "not steadied, key frames",
        "strong, every frame",
        "normal, one in 6",
    ]
