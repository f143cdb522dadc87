from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from coloured_film import chroma_for, encode, info_of
from synthetic_film import make_film, planted_luma, varied

from retint.errors import OutputError
from retint.pipelines.film_parts import PACKET, Part, decoding_times
from retint.pipelines.film_writer import (
    PartWriter,
    Target,
    assemble,
    plan_encoding,
    read_part,
)
from retint.pipelines.media import FilmFrame


def test_same_frames_give_the_same_bytes(tmp_path: Path):
    make_film(tmp_path / "grey.mp4")
    for codec in ("h264", "h265", "av1", "ffv1", "prores"):
        runs = []
        for run in range(2):
            _, parts = encode(tmp_path / "grey.mp4", tmp_path / f"{codec}{run}.mkv", codec)
            runs.append([part.read_bytes() for part in parts])
        assert runs[0] == runs[1]


def test_the_whole_film_is_the_same_file_each_time(tmp_path: Path):
    make_film(tmp_path / "grey.mp4", audio=["aac"], chapters=[(0, 0.5, "one")], metadata={"title": "Reel"})
    for suffix in (".mp4", ".mkv", ".mov"):
        encoding, parts = encode(tmp_path / "grey.mp4", tmp_path / f"film{suffix}")
        files = []
        for _ in range(2):
            assemble(encoding, parts, overwrite=True)
            files.append((tmp_path / f"film{suffix}").read_bytes())
        assert files[0] == files[1]


def test_a_part_keeps_packets_and_times_exactly(tmp_path: Path):
    plan = make_film(tmp_path / "grey.mp4", pts=varied(24, start=999))
    encoding, parts = encode(tmp_path / "grey.mp4", tmp_path / "film.mp4")
    pieces = [read_part(part) for part in parts]
    assert [piece.frames for piece in pieces] == [9, 1, 14]
    assert sorted(int(pts) for piece in pieces for pts in piece.packets["pts"]) == plan.times
    assert [(piece.first_pts, piece.last_pts) for piece in pieces] == [
        (plan.times[0], plan.times[8]),
        (plan.times[9], plan.times[9]),
        (plan.times[10], plan.times[23]),
    ]
    assert all(piece.packets["key"][0] for piece in pieces)
    assert [len(content) for content in pieces[2].read()] == pieces[2].packets["size"].tolist()
    assert pieces[0].header and {piece.header for piece in pieces} == {pieces[0].header}
    assert pieces[0].how == json.loads(json.dumps(encoding.describe()))


def test_a_part_that_fails_leaves_nothing(tmp_path: Path):
    encoding = plan_encoding(info_of(tmp_path), Target(tmp_path / "film.mp4", "h264"))
    before = set(tmp_path.iterdir())
    with pytest.raises(RuntimeError), PartWriter(tmp_path / "p.part", encoding) as part:
        part.write(FilmFrame(0, 0, 512, planted_luma(0, (96, 64))), chroma_for(encoding))
        raise RuntimeError
    assert set(tmp_path.iterdir()) == before


def test_a_part_takes_its_name_only_when_it_is_whole(tmp_path: Path):
    encoding = plan_encoding(info_of(tmp_path), Target(tmp_path / "film.mp4", "h264"))
    with PartWriter(tmp_path / "p.part", encoding) as part:
        part.write(FilmFrame(0, 0, 512, planted_luma(0, (96, 64))), chroma_for(encoding))
        assert not (tmp_path / "p.part").exists()
    assert read_part(tmp_path / "p.part").frames == 1


def test_frames_out_of_order_are_refused(tmp_path: Path):
    encoding = plan_encoding(info_of(tmp_path), Target(tmp_path / "film.mp4", "h264"))
    frame = FilmFrame(0, 512, 512, planted_luma(0, (96, 64)))
    with pytest.raises(ValueError, match="follow each other"), PartWriter(tmp_path / "p.part", encoding) as part:
        part.write(frame, chroma_for(encoding))
        part.write(frame, chroma_for(encoding))


@pytest.mark.parametrize("damage", ["cut", "longer", "other", "empty", "header", "missing"])
def test_what_is_no_whole_part_is_told(tmp_path: Path, damage: str):
    make_film(tmp_path / "grey.mp4")
    _, (path, *_) = encode(tmp_path / "grey.mp4", tmp_path / "film.mp4")
    content = path.read_bytes()
    changed = {
        "cut": content[:-1],
        "longer": content + b"\0",
        "other": b"something else",
        "empty": b"",
        "header": content[:20] + b"\xff" * 40 + content[60:],
    }
    path.unlink()
    if damage in changed:
        path.write_bytes(changed[damage])
    with pytest.raises(OutputError, match=r"\.part: (is not a whole part|cannot be read)") as caught:
        read_part(path)
    assert "\n" not in str(caught.value)


def part_with(pts: Sequence[int]) -> Part:
    return Part(Path("x"), {}, b"", np.array([(time, 0, 0, 0, False) for time in pts], PACKET))


@pytest.mark.parametrize(
    "parts",
    [
        [[0, 10, 20, 30]],
        [[0, 30, 20, 10, 60, 50, 40], [70, 90, 80]],
        [[5], [8, 40, 21, 11, 30], [41, 44, 43, 42]],
        [[-20, -5, -10], [7]],
        [[3]],
    ],
)
def test_decoding_times_rise_and_are_never_later_than_the_frame_is_shown(parts: list[list[int]]):
    times = decoding_times([part_with(pts) for pts in parts])
    shown = [time for pts in parts for time in pts]
    assert np.all(np.diff(times) > 0) and np.all(times <= shown)
    assert times.max() <= max(shown)
