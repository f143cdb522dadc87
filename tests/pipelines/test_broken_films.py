from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from synthetic_film import Plan, make_film, planted_frame, planted_luma

from retint.errors import InputError, RetintError, UnreadableFilmError, UnsupportedInputError
from retint.pipelines.media import FilmFrame, open_film


def read(path: Path) -> list[FilmFrame]:
    with open_film(path) as film:
        return list(film.frames())


def broken(tmp_path: Path, what: str) -> Path:
    path = tmp_path / "film.mp4"
    if what == "folder":
        path.mkdir()
    elif what == "empty":
        path.touch()
    elif what == "text":
        path.write_text("Dear diary,\n" * 100)
    elif what == "noise":
        path.write_bytes(np.random.default_rng(0).bytes(5000))
    elif what == "photo":
        planted_frame(0, Plan()).save(tmp_path / "photo.png")
        (tmp_path / "photo.png").rename(path)
    elif what == "playlist":
        make_film(tmp_path / "part.ts")
        path.write_text("#EXTM3U\n#EXT-X-TARGETDURATION:5\n#EXTINF:1,\npart.ts\n#EXT-X-ENDLIST\n")
    elif what.startswith("cut"):
        make_film(tmp_path / "whole.mp4")
        path.write_bytes((tmp_path / "whole.mp4").read_bytes()[: -600 if "index" in what else -2000])
    elif what in ("sound", "sound with a cover"):
        sound(path, cover=what != "sound")
    elif what == "no frames":
        path = tmp_path / "film.mkv"
        make_film(path)
        first = bytes(packets_of(path)[0])
        path.write_bytes(path.read_bytes()[: path.read_bytes().find(first) + 5])
    elif what == "zero frames":
        with av.open(str(path), "w", container_options={"movflags": "empty_moov"}) as output:
            stream = output.add_stream("libx264", rate=25)
            stream.width, stream.height = 96, 64
            output.start_encoding()
    elif what == "undecodable":
        make_film(path, key_every=1, b_frames=0, frames=5)
        damage(path, range(5))
    return path


def sound(path: Path, *, cover: bool) -> None:
    make_film(path.with_name("pictures.mp4"), audio=["aac"], cover=True)
    with av.open(str(path.with_name("pictures.mp4"))) as film, av.open(str(path), "w") as output:
        wanted = [stream for stream in film.streams if stream.index > 0 and (cover or stream.type == "audio")]
        copies = {stream.index: output.add_stream_from_template(stream, opaque=True) for stream in wanted}
        for stream in wanted:
            copies[stream.index].disposition = stream.disposition
        for packet in film.demux(wanted):
            if packet.dts is not None:
                packet.stream = copies[packet.stream_index]
                output.mux(packet)


def packets_of(path: Path) -> list[av.Packet[Any]]:
    with av.open(str(path)) as film:
        return [packet for packet in film.demux(film.streams.video[0]) if packet.size]


def damage(path: Path, numbers: Any) -> None:
    """Write zeros over packets."""
    packets, content = [bytes(packet) for packet in packets_of(path)], path.read_bytes()
    for number in numbers:
        content = content.replace(packets[number], bytes(len(packets[number])))
    path.write_bytes(content)


@pytest.mark.parametrize(
    ("what", "told"),
    [
        ("missing", "cannot be opened"),
        ("folder", "cannot be opened"),
        ("empty", "is empty"),
        ("text", "is not a film"),
        ("noise", "is not a film"),
        ("photo", "is not a film"),
        ("playlist", "is not a film"),
        ("cut", "is cut off or damaged"),
        ("cut in its index", "no stream of pictures"),
        ("sound", "sound and no pictures"),
        ("sound with a cover", "sound and no pictures"),
        ("no frames", "has no frames"),
        ("zero frames", "has no frames"),
        ("undecodable", "none of its 5 packets"),
    ],
)
def test_what_is_no_film_is_told_in_one_line(tmp_path: Path, what: str, told: str):
    path = broken(tmp_path, what)
    with pytest.raises(InputError, match=told) as caught, open_film(path):
        pass
    assert str(caught.value).startswith(f"{path}: ") and "\n" not in str(caught.value)
    assert isinstance(caught.value, UnreadableFilmError) or what in ("missing", "folder")


@pytest.mark.parametrize("name", ["film.mp4", "film.mkv", "film.avi"])
def test_corrupt_packets_are_skipped_and_counted(tmp_path: Path, name: str):
    of_avi = {"codec": "mjpeg", "color_range": 2, "time_base": Fraction(1, 25)}
    plan = make_film(tmp_path / name, b_frames=0, key_every=1, **(of_avi if name == "film.avi" else {}))
    whole = read(tmp_path / name)
    damage(tmp_path / name, [5, 17])
    with open_film(tmp_path / name) as film:
        frames = list(film.frames())
        assert film.corrupt == 2
        assert film.notes == ("2 packets could not be decoded and were skipped",)
    kept = [number for number in range(plan.frames) if number not in (5, 17)]
    assert [frame.pts for frame in frames] == [whole[number].pts for number in kept]
    assert all(np.array_equal(frame.luma, whole[n].luma) for frame, n in zip(frames, kept, strict=True))


def test_frames_that_a_lost_one_takes_along_are_counted(tmp_path: Path):
    make_film(tmp_path / "film.mkv", codec="libx265", frames=40)
    damage(tmp_path / "film.mkv", [5])
    with open_film(tmp_path / "film.mkv") as film:
        frames = list(film.frames())
        assert film.corrupt == 1
        lost = 40 - 1 - len(frames)
        assert lost > 0 and f"{lost} more frames could not be decoded" in film.notes


def test_a_film_that_is_cut_off_gives_what_is_there_and_tells(tmp_path: Path):
    plan = make_film(tmp_path / "film.mkv", frames=50)
    content = (tmp_path / "film.mkv").read_bytes()
    (tmp_path / "film.mkv").write_bytes(content[: len(content) // 2])
    with open_film(tmp_path / "film.mkv") as film:
        frames = list(film.frames())
        assert 10 < len(frames) < 40
        assert len(film.notes) == 1 and "cut off" in film.notes[0] and "0:00:02.000" in film.notes[0]
    assert all(np.array_equal(frame.luma, planted_luma(i, plan.size)) for i, frame in enumerate(frames))


@pytest.mark.parametrize(
    ("second", "told"),
    [
        ({"size": (64, 48), "start": 512 * 10}, "from 96x64 to 64x48 px at 0:00:00.4"),
        ({"pixel_format": "yuv420p10le", "start": 512 * 10}, "from yuv420p to yuv420p10le"),
        ({}, "time jumps back"),
    ],
)
def test_pictures_that_change_end_the_run_with_the_time(tmp_path: Path, second: dict[str, Any], told: str):
    frames = 60 if not second else 10
    make_film(tmp_path / "1.ts", frames=frames)
    make_film(tmp_path / "2.ts", frames=10, **second)
    (tmp_path / "film.ts").write_bytes((tmp_path / "1.ts").read_bytes() + (tmp_path / "2.ts").read_bytes())
    seen: list[FilmFrame] = []
    with open_film(tmp_path / "film.ts") as film, pytest.raises(UnsupportedInputError, match=told):
        for frame in film.frames():
            seen.append(frame)
    assert len(seen) == frames


def test_a_film_that_vanishes_is_an_error(tmp_path: Path):
    make_film(tmp_path / "film.mp4")
    with open_film(tmp_path / "film.mp4") as film:
        (tmp_path / "film.mp4").unlink()
        with pytest.raises(RetintError, match="cannot be opened"):
            next(film.frames())
