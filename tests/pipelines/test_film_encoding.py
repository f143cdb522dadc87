from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from coloured_film import colour, encode, info_of, shown
from synthetic_film import Plan, contents_of, make_film, planted_luma

from retint.errors import OutputError
from retint.pipelines.film_encoding import CONTAINERS, DEFAULT_QUALITY
from retint.pipelines.film_writer import (
    Codec,
    PartWriter,
    Target,
    choose_codec,
    plan_encoding,
)
from retint.pipelines.media import open_film

ALL = [(container.suffixes[0], codec) for container in CONTAINERS for codec in container.codecs]


@pytest.mark.parametrize(("suffix", "codec"), ALL)
def test_every_codec_in_every_container_that_holds_it(tmp_path: Path, suffix: str, codec: Codec):
    plan = make_film(tmp_path / "grey.mp4", audio=["libmp3lame"])
    target = tmp_path / f"film{suffix}"
    notes = colour(tmp_path / "grey.mp4", target, codec)
    before, after = contents_of(tmp_path / "grey.mp4"), shown(target, codec)
    assert after.seconds == before.seconds
    for number, luma in enumerate(after.lumas):
        planted = planted_luma(number, plan.size).astype(float)
        found = luma / 4 if codec == "prores" else luma
        assert np.abs(found - planted).mean() < (0 if codec == "ffv1" else 6) + 1e-9
    if suffix == ".webm":
        assert notes == ("stream 1 (audio, mp3) is left out: .webm does not hold it; .mkv does",)
    else:
        assert after.packets[1] == before.packets[1]
        assert notes == (("chroma is sampled 4:2:2: prores does not hold 4:2:0 of this film",) * (codec == "prores"))


@pytest.mark.parametrize("suffix", [suffix for container in CONTAINERS for suffix in container.suffixes])
@pytest.mark.parametrize("codec", ["h264", "h265", "av1", "ffv1", "prores"])
def test_a_codec_that_the_container_does_not_hold_is_refused_with_those_it_does(suffix: str, codec: Codec):
    container = next(container for container in CONTAINERS if suffix in container.suffixes)
    if codec in container.codecs:
        assert choose_codec(Path("film" + suffix), codec) == codec
        return
    with pytest.raises(OutputError, match=rf"film{suffix}: {suffix} does not hold {codec}") as caught:
        choose_codec(Path("film" + suffix), codec)
    assert ", ".join(container.codecs) in str(caught.value)


@pytest.mark.parametrize(
    ("name", "codec"), [("a.mp4", "h264"), ("a.MOV", "h264"), ("a.mkv", "h264"), ("a.webm", "av1")]
)
def test_the_usual_codec_is_h264_where_it_fits(name: str, codec: str):
    assert choose_codec(Path(name)) == codec


@pytest.mark.parametrize("name", ["film.gif", "film", "film.wmv"])
def test_other_suffixes_are_refused(name: str):
    with pytest.raises(OutputError, match=r"use one of \.mp4, \.mov, \.mkv, \.webm, \.avi"):
        choose_codec(Path(name))


@pytest.mark.parametrize(
    ("coded", "depth", "codec", "pixel_format", "notes"),
    [
        ("420", 8, "h264", "yuv420p", 0),
        ("422", 10, "h264", "yuv422p10le", 0),
        ("444", 8, "h265", "yuv444p", 0),
        ("gray", 8, "h264", "yuv420p", 0),
        ("gray", 16, "h264", "yuv420p10le", 1),
        ("rgb", 8, "h264", "yuv420p", 0),
        ("411", 8, "h264", "yuv422p", 1),
        ("444", 8, "av1", "yuv420p", 1),
        ("420", 12, "av1", "yuv420p10le", 1),
        ("420", 12, "h265", "yuv420p12le", 0),
        ("411", 8, "ffv1", "yuv411p", 0),
        ("422", 16, "ffv1", "yuv422p16le", 0),
        ("420", 8, "prores", "yuv422p10le", 1),
        ("444", 10, "prores", "yuv444p10le", 0),
    ],
)
def test_the_format_is_the_films_own_or_the_nearest(
    tmp_path: Path, coded: Any, depth: int, codec: Codec, pixel_format: str, notes: int
):
    info = info_of(tmp_path, chroma=coded, bit_depth=depth)
    encoding = plan_encoding(info, Target(tmp_path / "film.mkv", codec))
    assert encoding.pixel_format == pixel_format
    assert len(encoding.notes) == notes


@pytest.mark.parametrize(
    ("size", "codec", "pixel_format"),
    [((75, 51), "h264", "yuv444p"), ((74, 51), "h265", "yuv422p"), ((75, 51), "ffv1", "yuv420p")],
)
def test_odd_sizes_stay_odd(tmp_path: Path, size: Any, codec: Codec, pixel_format: str):
    make_film(tmp_path / "grey.mkv", codec="ffv1", size=size, frames=4)
    colour(tmp_path / "grey.mkv", tmp_path / "film.mkv", codec)
    with av.open(str(tmp_path / "film.mkv")) as film:
        frame = next(film.decode(video=0))
        assert (frame.width, frame.height, frame.format.name) == (*size, pixel_format)


def test_a_codec_that_cannot_take_the_size_says_so(tmp_path: Path):
    with pytest.raises(OutputError, match="odd size"):
        plan_encoding(info_of(tmp_path, width=75), Target(tmp_path / "film.mkv", "av1"))
    encoding = plan_encoding(info_of(tmp_path, width=8, height=8), Target(tmp_path / "film.mkv", "h265"))
    with pytest.raises(OutputError, match="h265 does not encode pictures of 8x8"), PartWriter(tmp_path / "p", encoding):
        pass
    assert not (tmp_path / "p").exists()


@pytest.mark.parametrize(("quality", "threads"), [(0, 1), (101, 1), (50, 0)])
def test_settings_out_of_range_are_refused(tmp_path: Path, quality: int, threads: int):
    with pytest.raises(ValueError, match="quality is 1 to 100"):
        plan_encoding(info_of(tmp_path), Target(tmp_path / "film.mp4", "h264", quality, threads))


@pytest.mark.parametrize("codec", ["h264", "h265", "av1", "prores"])
def test_quality_trades_bytes_for_closeness(tmp_path: Path, codec: Codec):
    make_film(tmp_path / "grey.mp4")
    sizes = []
    for quality in (10, DEFAULT_QUALITY, 100):
        _, parts = encode(tmp_path / "grey.mp4", tmp_path / f"{quality}.mkv", codec, quality=quality)
        sizes.append(sum(part.stat().st_size for part in parts))
    assert sizes == sorted(sizes) and sizes[0] < sizes[1]


TAGGED = Plan(color_range=1, matrix=1, primaries=1, transfer=1, sample_aspect=Fraction(16, 15), frames=6)


@pytest.mark.parametrize(
    ("suffix", "codec"),
    [(".mp4", "h264"), (".mkv", "h264"), (".mov", "h265"), (".mp4", "av1"), (".mkv", "ffv1"), (".mov", "prores")],
)
@pytest.mark.parametrize("bt2020", [False, True])
def test_colour_tags_and_pixel_shape_are_kept(tmp_path: Path, suffix: str, codec: Codec, bt2020: bool):
    plan = replace(TAGGED, matrix=9, primaries=9, transfer=16, pixel_format="yuv420p10le") if bt2020 else TAGGED
    make_film(tmp_path / "grey.mp4", plan)
    notes = colour(tmp_path / "grey.mp4", tmp_path / f"film{suffix}", codec)
    with open_film(tmp_path / f"film{suffix}") as film:
        info = film.info
    assert (info.color_range, info.matrix, info.primaries) == (1, plan.matrix, plan.primaries)
    assert info.transfer == plan.transfer
    if codec != "ffv1":  # whose frames say it, which PyAV does not show
        assert info.sample_aspect == plan.sample_aspect
    assert not any("shape" in note for note in notes)


@pytest.mark.parametrize("suffix", [".mp4", ".mkv"])
def test_full_range_is_kept(tmp_path: Path, suffix: str):
    make_film(tmp_path / "grey.mkv", codec="ffv1", pixel_format="gray", frames=4)
    colour(tmp_path / "grey.mkv", tmp_path / f"film{suffix}")
    with open_film(tmp_path / f"film{suffix}") as film:
        assert film.info.full_range and film.info.color_range == 2


def test_untagged_films_get_a_matrix_only_where_players_do_not_agree(tmp_path: Path):
    small = plan_encoding(info_of(tmp_path, width=640, height=480), Target(tmp_path / "a.mp4", "h264"))
    large = plan_encoding(info_of(tmp_path, width=1280, height=720), Target(tmp_path / "a.mp4", "h264"))
    assert (small.matrix, small.notes) == (2, ())
    assert large.matrix == 1 and "BT.709" in large.notes[0]


@pytest.mark.parametrize("fields", ["tff", "bff"])
@pytest.mark.parametrize(
    ("suffix", "codec"), [(".mp4", "h264"), (".mkv", "h264"), (".mkv", "ffv1"), (".mov", "prores")]
)
def test_interlacing_is_kept(tmp_path: Path, fields: str, suffix: str, codec: Codec):
    make_film(tmp_path / "grey.mkv", fields=fields, frames=6)
    colour(tmp_path / "grey.mkv", tmp_path / f"film{suffix}", codec)
    with open_film(tmp_path / f"film{suffix}") as film:
        frames = list(film.frames())
        assert film.info.interlaced and film.info.top_field_first is (fields == "tff")
        assert all(frame.interlaced and frame.top_field_first is (fields == "tff") for frame in frames)


def test_interlacing_that_a_codec_does_not_say_is_told(tmp_path: Path):
    info = info_of(tmp_path, interlaced=True)
    for codec in ("h265", "av1"):
        assert "interlaced" in plan_encoding(info, Target(tmp_path / "film.mkv", codec)).notes[0]
