from __future__ import annotations

import gc
import subprocess
import sys
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from coloured_film import CLIPS
from synthetic_film import Plan, contents_of, make_film, planted_frame, planted_luma, varied

from retint.errors import UnreadableFilmError
from retint.pipelines.film_luma import luma_source, read_luma
from retint.pipelines.media import Film, FilmFrame, clock, gray8, open_film


def same(ours: list[FilmFrame], theirs: list[FilmFrame]) -> bool:
    """Whether frames are the same in every field."""

    def key(frame: FilmFrame) -> tuple[Any, ...]:
        return (frame.index, frame.pts, frame.duration, frame.luma.tobytes(), frame.interlaced, frame.key)

    return [key(frame) for frame in ours] == [key(frame) for frame in theirs]


CODED = {
    "b-frames.mp4": Plan(),
    "10-bit.mp4": Plan(pixel_format="yuv420p10le"),
    "422.mkv": Plan(pixel_format="yuv422p"),
    "444.mov": Plan(pixel_format="yuv444p"),
    "gray.mkv": Plan(codec="ffv1", pixel_format="gray"),
    "16-bit-gray.mkv": Plan(codec="ffv1", pixel_format="gray16le"),
    "12-bit.mkv": Plan(codec="ffv1", pixel_format="yuv422p12le"),
    "410.avi": Plan(codec="ffv1", pixel_format="yuv410p", time_base=Fraction(1, 25)),
    "odd.mkv": Plan(codec="ffv1", size=(75, 51)),
    "interlaced.mp4": Plan(fields="tff"),
    "h265.mp4": Plan(codec="libx265"),
    "variable.mp4": Plan(pts=varied(24, start=999)),
    "variable.mkv": Plan(pts=varied(24), time_base=Fraction(1, 12800)),
    "late.ts": Plan(start=512 * 7),
}


@pytest.mark.parametrize("name", CODED)
def test_frames_have_the_luma_and_the_times_that_the_file_holds(tmp_path: Path, name: str):
    plan = make_film(tmp_path / name, CODED[name])
    expected = contents_of(tmp_path / name)
    with open_film(tmp_path / name) as film:
        frames = list(film.frames())
        assert (film.info.width, film.info.height, film.info.bit_depth) == (*plan.size, plan.depth)
        assert [frame.pts * film.info.time_base for frame in frames] == expected.seconds
        assert film.notes == () and film.corrupt == film.damaged == 0
    assert [frame.index for frame in frames] == list(range(plan.frames))
    for number, frame in enumerate(frames):
        assert np.array_equal(frame.luma, planted_luma(number, plan.size, plan.depth))
        assert frame.luma.dtype == (np.uint8 if plan.depth == 8 else np.uint16)
    assert frames[0].key and not all(frame.key for frame in frames)


def test_times_of_variable_rate_and_a_late_start_are_those_planted(tmp_path: Path):
    plan = make_film(tmp_path / "film.mp4", pts=varied(24, start=999))
    with open_film(tmp_path / "film.mp4") as film:
        assert film.info.time_base == plan.time_base
        assert [frame.pts for frame in film.frames()] == plan.times


@pytest.mark.parametrize(
    "packed",
    [
        *("yuyv422", "uyvy422", "nv12", "nv24", "p010le", "p210le", "y210le", "yuv420p10be", "yuva444p"),
        "ya8",
    ],
)
def test_luma_of_every_packing_keeps_its_numbers(packed: str):
    source = luma_source(packed)
    chroma = {"yuyv422": "422", "uyvy422": "422", "nv24": "444", "p210le": "422", "y210le": "422", "yuva444p": "444"}
    planar = "gray" if packed == "ya8" else f"yuv{chroma.get(packed, '420')}p" + ("10le" if source.depth == 10 else "")
    plan = Plan(pixel_format=planar)
    frame = planted_frame(3, plan).reformat(format=packed)
    assert np.array_equal(read_luma(frame), planted_luma(3, plan.size, source.depth))


@pytest.mark.parametrize("coded", ["rgb24", "gbrp", "gbrp10le", "bgra", "pal8"])
def test_grey_in_rgb_becomes_luma_in_the_same_numbers(coded: str):
    luma = planted_luma(5, (96, 64))
    frame = av.VideoFrame.from_ndarray(np.repeat(luma[..., None], 3, axis=2), "rgb24")
    if coded == "pal8":
        palette = np.stack([np.full(256, 255)] + [np.arange(256)] * 3, axis=1).astype(np.uint8)
        frame = av.VideoFrame.from_ndarray((luma, palette), "pal8")  # pyright: ignore[reportArgumentType]
    elif coded != "rgb24":
        frame = frame.reformat(format=coded)
    found = read_luma(frame)
    assert found.dtype == (np.uint16 if coded == "gbrp10le" else np.uint8)
    scale = np.iinfo(found.dtype).max / 255
    assert np.abs(found / scale - luma).max() <= (1 if scale > 1 else 0)


def test_rgb_films_are_told_and_full_range(tmp_path: Path):
    with av.open(str(tmp_path / "film.mkv"), "w") as output:
        stream = output.add_stream("ffv1", rate=25)
        stream.width, stream.height, stream.pix_fmt = 96, 64, "bgr0"
        for number in range(3):
            grey = np.repeat(planted_luma(number, (96, 64))[..., None], 3, axis=2)
            output.mux(stream.encode(av.VideoFrame.from_ndarray(grey, "rgb24")))
        output.mux(stream.encode(None))
    with open_film(tmp_path / "film.mkv") as film:
        frames = list(film.frames())
        assert film.info.chroma == "rgb" and film.info.full_range and film.info.matrix == 6
        assert len(film.notes) == 1 and "BT.601" in film.notes[0]
    assert all(np.array_equal(frame.luma, planted_luma(i, (96, 64))) for i, frame in enumerate(frames))


def test_info_tells_what_the_file_says(tmp_path: Path):
    make_film(
        tmp_path / "film.mp4",
        color_range=1,
        matrix=1,
        primaries=1,
        transfer=1,
        sample_aspect=Fraction(16, 15),
        rotation=90,
        audio=["aac", "libmp3lame"],
        subtitles="mov_text",
        start=12800,
    )
    with open_film(tmp_path / "film.mp4") as film:
        info = film.info
    assert (info.codec, info.width, info.height, info.pixel_format, info.chroma) == ("h264", 96, 64, "yuv420p", "420")
    assert (info.color_range, info.full_range, info.matrix, info.primaries, info.transfer) == (1, False, 1, 1, 1)
    assert info.weights == (0.2126, 0.0722)
    assert (info.sample_aspect, info.rotation, info.time_base) == (Fraction(16, 15), 90, Fraction(1, 12800))
    assert (info.frames, info.start_time, info.average_rate) == (24, 12800, 25)
    assert info.pictures_end == pytest.approx(1.96)
    assert [str(other) for other in info.others] == [
        "stream 1 (audio, aac)",
        "stream 2 (audio, mp3)",
        "stream 3 (subtitle, mov_text)",
    ]
    assert not info.interlaced and info.notes == ()


@pytest.mark.parametrize(
    ("size", "matrix", "weights"),
    [((96, 64), 2, (0.299, 0.114)), ((1280, 64), 2, (0.2126, 0.0722)), ((96, 64), 9, (0.2627, 0.0593))],
)
def test_untagged_films_have_the_matrix_that_players_take(tmp_path: Path, size: Any, matrix: int, weights: Any):
    make_film(tmp_path / "film.mp4", size=size, matrix=matrix, frames=2)
    with open_film(tmp_path / "film.mp4") as film:
        assert (film.info.matrix, film.info.weights) == (matrix, weights)


@pytest.mark.parametrize(
    ("codec", "pixel_format", "tag", "full"),
    [
        ("libx264", "yuv420p", 0, False),
        ("libx264", "yuv420p", 2, True),
        ("libx264", "gray", 0, False),
        ("ffv1", "gray", 0, True),
        ("ffv1", "gray", 1, False),
        ("mjpeg", "yuvj420p", 2, True),
    ],
)
def test_range_is_told_where_the_file_does_not(tmp_path: Path, codec: str, pixel_format: str, tag: int, full: bool):
    make_film(tmp_path / "film.mkv", codec=codec, pixel_format=pixel_format, color_range=tag, frames=3)
    with open_film(tmp_path / "film.mkv") as film:
        assert film.info.full_range is full


@pytest.mark.parametrize(
    ("depth", "full", "codes", "grey"),
    [
        (8, False, [0, 16, 126, 235, 255], [0, 0, 128, 255, 255]),
        (8, True, [0, 16, 126, 255], [0, 16, 126, 255]),
        (10, False, [64, 502, 940, 1023], [0, 128, 255, 255]),
        (10, True, [0, 512, 1023], [0, 128, 255]),
        (16, True, [0, 257, 65535], [0, 1, 255]),
    ],
)
def test_gray8_spans_black_to_white(tmp_path: Path, depth: int, full: bool, codes: list[int], grey: list[int]):
    make_film(tmp_path / "film.mp4", frames=1)
    with open_film(tmp_path / "film.mp4") as film:
        from dataclasses import replace

        info = replace(film.info, bit_depth=depth, full_range=full)
    luma = np.array([codes], np.uint8 if depth == 8 else np.uint16)
    found = gray8(FilmFrame(0, 0, 0, luma), info)
    assert found.dtype == np.uint8 and found.tolist() == [grey]


@pytest.mark.parametrize("fields", ["tff", "bff"])
@pytest.mark.parametrize("codec", ["libx264", "ffv1"])
def test_interlaced_frames_say_which_field_comes_first(tmp_path: Path, fields: str, codec: str):
    make_film(tmp_path / "film.mkv", codec=codec, fields=fields, frames=5)
    with open_film(tmp_path / "film.mkv") as film:
        assert film.info.interlaced and film.info.top_field_first is (fields == "tff")
        for frame in film.frames():
            assert frame.interlaced and frame.top_field_first is (fields == "tff")


RESUMED = {
    "b-frames.mp4": Plan(frames=40),
    "variable.mp4": Plan(frames=40, pts=varied(40, start=999)),
    "variable.mkv": Plan(frames=40, pts=varied(40, start=1280)),
    "open-gop.mkv": Plan(frames=40, options={"x264-params": "open-gop=1:b-pyramid=normal"}),
    "refresh.mp4": Plan(frames=40, options={"x264-params": "intra-refresh=1"}),
    "h265.mov": Plan(frames=30, codec="libx265"),
    "vp9.webm": Plan(frames=30, codec="libvpx-vp9", options={"auto-alt-ref": "1", "lag-in-frames": "16"}),
    "between.mkv": Plan(frames=30, codec="ffv1"),
    "mpeg4.avi": Plan(frames=30, codec="mpeg4", time_base=Fraction(1, 25)),
    "film.ts": Plan(frames=30),
    "film.mpg": Plan(frames=30, codec="mpeg2video", time_base=Fraction(1, 25)),
    "without-times.h264": Plan(frames=20),
}


@pytest.mark.parametrize("name", RESUMED)
def test_a_run_that_goes_on_behind_any_frame_gives_what_a_whole_run_gives(tmp_path: Path, name: str):
    make_film(tmp_path / name, RESUMED[name])
    with open_film(tmp_path / name) as film:
        whole = list(film.frames())
        assert len(whole) == RESUMED[name].frames
        for done in range(1, len(whole) + 1, 3):
            rest = list(film.frames(done, after_pts=whole[done - 1].pts))
            assert same(rest, whole[done:])


@pytest.mark.parametrize("name", RESUMED)
def test_frames_since_a_time_are_those_of_a_whole_run(tmp_path: Path, name: str):
    make_film(tmp_path / name, RESUMED[name])
    with open_film(tmp_path / name) as film:
        whole = list(film.frames())
        for since in (-1.0, 0.0, 0.5, film.info.seconds(whole[13].pts), 99.0):
            first = next((n for n, frame in enumerate(whole) if film.info.seconds(frame.pts) >= since), len(whole))
            assert same(list(film.frames(first, since=since)), whole[first:])


def test_going_on_decodes_from_a_key_frame_and_not_from_the_start(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    make_film(tmp_path / "film.mp4", frames=60)
    decoded: list[int] = []
    monkeypatch.setattr(Film, "_check", lambda film, frame, pts: decoded.append(pts))
    with open_film(tmp_path / "film.mp4") as film:
        assert len(list(film.frames(51, after_pts=50 * 512))) == 9
    assert min(decoded) >= 40 * 512


def test_going_on_behind_a_frame_that_is_not_there_is_an_error(tmp_path: Path):
    make_film(tmp_path / "film.mp4")
    with (
        open_film(tmp_path / "film.mp4") as film,
        pytest.raises(UnreadableFilmError, match=r"no frame at 0:00:00\.040"),
    ):
        list(film.frames(2, after_pts=513))


def test_frames_without_rising_timestamps_follow_each_other(tmp_path: Path):
    make_film(tmp_path / "film.h264")
    with open_film(tmp_path / "film.h264") as film:
        times = [frame.pts for frame in film.frames()]
        assert times == sorted(set(times)) and len(times) == 24
        assert film.notes == ("24 frames had no timestamp, and got one from the frame before",)


def test_a_new_run_ends_the_one_before_and_leaving_the_block_ends_all(tmp_path: Path):
    make_film(tmp_path / "film.mp4")
    with open_film(tmp_path / "film.mp4") as film:
        first = film.frames()
        next(first)
        assert next(film.frames()).index == 0
        assert list(first) == []
        last = film.frames()
        next(last)
    assert list(last) == []


@pytest.mark.parametrize(("seconds", "text"), [(0, "0:00:00.000"), (3723.4567, "1:02:03.457"), (-1.5, "-0:00:01.500")])
def test_times_are_written_as_people_do(seconds: float, text: str):
    assert clock(seconds) == text


def test_memory_does_not_grow_with_the_film(tmp_path: Path):
    make_film(tmp_path / "film.mkv", frames=60, size=(320, 240))
    with open_film(tmp_path / "film.mkv") as film:
        alive: list[int] = []
        for frame in film.frames():
            if frame.index % 20 == 10:
                gc.collect()
                # type(), for isinstance() asks each thing for its __class__, and some libraries warn when asked
                alive.append(sum(type(thing) in (FilmFrame, av.VideoFrame) for thing in gc.get_objects()))
    assert max(alive) <= alive[0] + 2


def test_torch_is_not_needed():
    code = "import sys, retint.pipelines.film_writer, retint.pipelines.media; sys.exit('torch' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)


@pytest.mark.parametrize("clip", sorted(path.name for path in CLIPS.glob("*.mp4")) or [None])
def test_real_films_are_read_as_they_are(clip: str | None):
    if clip is None:
        pytest.skip(f"no clips in {CLIPS}; RETINT_CLIPS can name their folder")
    expected = contents_of(CLIPS / clip)
    with open_film(CLIPS / clip) as film:
        for frame, seconds, luma in zip(film.frames(), expected.seconds, expected.lumas, strict=True):
            assert frame.pts * film.info.time_base == seconds
            assert np.array_equal(frame.luma, luma)
        assert film.notes == film.info.notes == ()
