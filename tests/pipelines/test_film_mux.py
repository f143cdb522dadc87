from __future__ import annotations

import errno
import os
import subprocess
import sys
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from coloured_film import CLIPS, chroma_for, colour, encode
from synthetic_film import Plan, contents_of, make_film, planted_frame, varied

from retint.errors import OutputError, OutputExistsError
from retint.pipelines.film_writer import (
    Codec,
    PartWriter,
    Target,
    assemble,
    plan_encoding,
)
from retint.pipelines.media import FilmFrame, open_film

EXACT = {
    ".mp4": Plan(pts=varied(24, start=999), audio=["aac"], frames=24),
    ".mov": Plan(pts=varied(24, start=999), audio=["aac"], frames=24),
    ".mkv": Plan(pts=varied(24, start=1280), audio=["libmp3lame"], frames=24),
}


@pytest.mark.parametrize("suffix", EXACT)
@pytest.mark.parametrize("codec", ["h264", "h265"])
def test_times_and_sound_are_exactly_those_of_the_source(tmp_path: Path, suffix: str, codec: Codec):
    make_film(tmp_path / f"grey{suffix}", EXACT[suffix])
    notes = colour(tmp_path / f"grey{suffix}", tmp_path / f"film{suffix}", codec)
    before, after = contents_of(tmp_path / f"grey{suffix}"), contents_of(tmp_path / f"film{suffix}")
    assert after.seconds == before.seconds
    assert (after.packets, after.times) == (before.packets, before.times)
    assert notes == ()


@pytest.mark.parametrize("audio", ["aac", "libmp3lame", "libopus", "flac", "pcm_s16le", "ac3"])
@pytest.mark.parametrize("source", [".mp4", ".mkv"])
@pytest.mark.parametrize("target", [".mp4", ".mkv"])
def test_sound_goes_from_container_to_container_bit_for_bit(tmp_path: Path, source: str, target: str, audio: str):
    make_film(tmp_path / f"grey{source}", audio=[audio], start=1280)
    colour(tmp_path / f"grey{source}", tmp_path / f"film{target}")
    before, after = contents_of(tmp_path / f"grey{source}"), contents_of(tmp_path / f"film{target}")
    assert after.seconds == before.seconds
    assert b"".join(after.packets[1]) == b"".join(before.packets[1])  # MP4 cuts PCM as it likes
    if audio != "pcm_s16le":
        assert after.packets[1] == before.packets[1]
        apart = [float(abs(ours - theirs)) for ours, theirs in zip(after.times[1], before.times[1], strict=True)]
        assert max(apart) <= (0 if source == target else 0.0011)  # Matroska's milliseconds, up to two roundings


def test_times_that_matroska_rounds_are_told(tmp_path: Path):
    make_film(tmp_path / "grey.mp4", pts=varied(24, start=999))
    notes = colour(tmp_path / "grey.mp4", tmp_path / "film.mkv")
    assert notes == ("frames are shown up to 0.5 ms sooner or later: .mkv keeps no finer times; .mp4 does",)
    before, after = contents_of(tmp_path / "grey.mp4"), contents_of(tmp_path / "film.mkv")
    apart = [abs(ours - theirs) for ours, theirs in zip(after.seconds, before.seconds, strict=True)]
    assert 0 < max(apart) <= Fraction(1, 2000)


def test_avi_keeps_a_variable_rate_from_its_first_frame_on(tmp_path: Path):
    make_film(tmp_path / "grey.mkv", pts=varied(24, start=1280))
    notes = colour(tmp_path / "grey.mkv", tmp_path / "film.avi", "ffv1")
    assert notes == ("the film begins at 0 and not at 0.100 s: .avi keeps no such time; .mp4 does",)
    before, after = contents_of(tmp_path / "grey.mkv"), contents_of(tmp_path / "film.avi")
    assert after.seconds == [seconds - Fraction(1, 10) for seconds in before.seconds]


def test_frames_are_coded_in_an_order_that_containers_take(tmp_path: Path):
    make_film(tmp_path / "grey.mp4", frames=40, pts=varied(40))
    encoding, parts = encode(tmp_path / "grey.mp4", tmp_path / "film.mp4", cuts=(7, 8, 9, 25))
    assemble(encoding, parts)
    with av.open(str(tmp_path / "film.mp4")) as film:
        packets = [(packet.dts, packet.pts) for packet in film.demux(video=0) if packet.size]
    assert [dts for dts, _ in packets] == sorted({dts for dts, _ in packets})
    assert all(dts <= pts for dts, pts in packets) and any(dts < pts for dts, pts in packets)


@pytest.mark.parametrize(
    ("source", "target", "subtitles", "left_out"),
    [
        (".mp4", ".mp4", "mov_text", []),
        (".mov", ".mov", "mov_text", []),
        (".mp4", ".mov", "mov_text", ["metadata left out, as .mov does not hold it: language deu (subtitle)"]),
        (".mkv", ".mkv", "subrip", []),
        (".mp4", ".mkv", "mov_text", ["stream 2 (subtitle, mov_text) is left out: .mkv does not hold it"]),
        (".mkv", ".mp4", "subrip", ["stream 2 (subtitle, subrip) is left out: .mp4 does not hold it; .mkv does"]),
    ],
)
def test_subtitles_are_copied_or_told(tmp_path: Path, source: str, target: str, subtitles: str, left_out: list[str]):
    make_film(tmp_path / f"grey{source}", audio=["aac"], subtitles=subtitles, frames=40)
    notes = colour(tmp_path / f"grey{source}", tmp_path / f"film{target}")
    before, after = contents_of(tmp_path / f"grey{source}"), contents_of(tmp_path / f"film{target}")
    assert list(notes) == left_out
    assert after.packets[1] == before.packets[1]
    if left_out and "subtitle," in left_out[0]:
        assert 2 not in after.packets
        return
    assert (after.packets[2], after.times[2]) == (before.packets[2], before.times[2])
    with av.open(str(tmp_path / f"film{target}")) as film:
        assert film.streams[2].language == (None if target == ".mov" else "deu")


@pytest.mark.parametrize(
    ("source", "target"),
    [(".mp4", ".mp4"), (".mkv", ".mkv"), (".mp4", ".mkv"), (".mkv", ".mp4"), (".mp4", ".mov")],
)
def test_covers_are_copied_or_told(tmp_path: Path, source: str, target: str):
    copied = target != ".mov"
    make_film(tmp_path / f"grey{source}", cover=True, audio=["aac"], frames=4)
    notes = colour(tmp_path / f"grey{source}", tmp_path / f"film{target}")
    assert covers(tmp_path / f"film{target}") == (covers(tmp_path / f"grey{source}") if copied else [])
    assert len(notes) == (not copied) and all("(cover, mjpeg) is left out" in note for note in notes)


def covers(path: Path) -> list[bytes]:
    with av.open(str(path)) as film:
        pictures = [s for s in film.streams.video if s.disposition & av.stream.Disposition.attached_pic]
        return [bytes(packet) for packet in film.demux(pictures) if packet.size] if pictures else []


@pytest.mark.parametrize("suffix", [".mov", ".mkv"])
def test_further_pictures_and_data_are_copied_or_told(tmp_path: Path, suffix: str):
    with av.open(str(tmp_path / "grey.ts"), "w", format="mpegts") as output:
        streams: list[Any] = [output.add_stream("libx264", rate=25), output.add_stream("mpeg2video", rate=25)]
        for stream, size in zip(streams, ((96, 64), (64, 48)), strict=True):
            (stream.width, stream.height), stream.pix_fmt = size, "yuv420p"
        data = output.add_data_stream("klv")
        for number in range(20):
            for stream in streams:
                frame = planted_frame(number, Plan(size=(stream.width, stream.height)))
                frame.pts, frame.time_base = number, Fraction(1, 25)
                output.mux(stream.encode(frame))
            packet: av.Packet[Any] = av.Packet(b"\x06\x0e\x2b\x34" + bytes([number]) * 20)
            packet.pts = packet.dts = number
            packet.time_base, packet.stream = Fraction(1, 25), data
            output.mux(packet)
        for stream in streams:
            output.mux(stream.encode(None))
    with open_film(tmp_path / "grey.ts") as film:
        assert (film.info.width, film.info.index) == (96, 0)
        assert film.info.notes == ("stream 1 (video, mpeg2video): is copied as it is",)
    notes = colour(tmp_path / "grey.ts", tmp_path / f"film{suffix}")
    before, after = contents_of(tmp_path / "grey.ts"), contents_of(tmp_path / f"film{suffix}")
    assert after.packets[1] == before.packets[1]
    assert after.packets.get(2) == (before.packets[2] if suffix == ".mov" else None)
    assert any("(data, klv) is left out" in note for note in notes) is (suffix == ".mkv")


def test_sound_lies_beside_the_pictures_of_its_time(tmp_path: Path):
    make_film(tmp_path / "grey.mp4", frames=60, audio=["aac", "libmp3lame"])
    for suffix in (".mp4", ".mkv"):
        colour(tmp_path / "grey.mp4", tmp_path / f"film{suffix}")
        with av.open(str(tmp_path / f"film{suffix}")) as film:
            packets = [packet for packet in film.demux() if packet.size]
        reached: dict[int, Fraction] = {}
        for packet in sorted(packets, key=lambda packet: packet.pos or 0):
            reached[packet.stream_index] = (packet.dts or 0) * packet.time_base
            if len(reached) == 3 and max(reached.values()) < 2:  # pictures end there
                assert max(reached.values()) - min(reached.values()) < Fraction(1, 4)


def test_attachments_are_copied_or_told(tmp_path: Path):
    make_film(tmp_path / "grey.mkv", attachment=True, frames=4)
    assert colour(tmp_path / "grey.mkv", tmp_path / "film.mkv") == ()
    with av.open(str(tmp_path / "film.mkv")) as film:
        (font,) = film.streams.attachments
        assert (font.name, font.mimetype, font.data) == ("font.ttf", "font/ttf", b"no font at all")
    (note,) = colour(tmp_path / "grey.mkv", tmp_path / "film.mp4")
    assert "(attachment, " in note and note.endswith("is left out: .mp4 does not hold it; .mkv does")


@pytest.mark.parametrize("suffix", [".mp4", ".mov", ".mkv"])
def test_chapters_metadata_and_rotation_are_kept(tmp_path: Path, suffix: str):
    chapters = [(0.0, 0.4, "One"), (0.4, 0.9, "Zwei")]
    said = {"title": "Sommer 1931", "artist": "Großvater", "a key of our own": "kept"}
    make_film(tmp_path / f"grey{suffix}", chapters=chapters, metadata=said, rotation=90, audio=["aac"])
    notes = colour(tmp_path / f"grey{suffix}", tmp_path / f"film{suffix}", tags={"comment": "colours by a machine"})
    assert notes == ()
    with av.open(str(tmp_path / f"film{suffix}")) as film:
        found = {key.lower(): value for key, value in film.metadata.items()}
        own = "a_key_of_our_own" if suffix == ".mkv" else "a key of our own"
        assert (found["title"], found["artist"], found[own]) == tuple(said.values())
        assert found["comment"] == "colours by a machine"
        times = [
            (c["start"] * c["time_base"], c["end"] * c["time_base"], c["metadata"]["title"]) for c in film.chapters()
        ]
        assert times == [(Fraction(str(begin)), Fraction(str(end)), title) for begin, end, title in chapters]
        assert next(film.decode(video=0)).rotation == 90
        assert len(film.streams.audio) == len(film.streams.video) == 1


def test_a_mirrored_picture_stays_mirrored(tmp_path: Path):
    make_film(tmp_path / "grey.mp4", rotation=180, frames=3)
    with open_film(tmp_path / "grey.mp4") as film:
        mirrored = replace(film.info, display_matrix=(-65536, 0, 0, 0, 65536, 0, 0, 0, 1 << 30))
        frames = list(film.frames())
    encoding = plan_encoding(mirrored, Target(tmp_path / "film.mp4", "h264"))
    with PartWriter(tmp_path / "p.part", encoding) as part:
        for frame in frames:
            part.write(frame, chroma_for(encoding))
    assemble(encoding, [tmp_path / "p.part"])
    with open_film(tmp_path / "film.mp4") as film:
        assert film.info.display_matrix == mirrored.display_matrix


def test_what_avi_does_not_keep_is_told(tmp_path: Path):
    make_film(
        tmp_path / "grey.mp4",
        chapters=[(0, 0.5, "One")],
        rotation=90,
        metadata={"title": "Reel", "own": "x"},
        sample_aspect=Fraction(16, 15),
        subtitles="mov_text",
    )
    notes = "\n".join(colour(tmp_path / "grey.mp4", tmp_path / "film.avi"))
    for told in ("mov_text", "hold it: own", "chapters are left out, 1 of them", "rotation by 90 degrees"):
        assert told in notes


def test_a_comment_that_is_there_stays_beside_ours_and_ours_comes_once(tmp_path: Path):
    make_film(tmp_path / "grey.mkv", metadata={"COMMENT": "from the attic"}, frames=4)
    colour(tmp_path / "grey.mkv", tmp_path / "1.mkv", tags={"comment": "by a machine"})
    colour(tmp_path / "1.mkv", tmp_path / "2.mkv", tags={"comment": "by a machine"})
    for name in ("1.mkv", "2.mkv"):
        with av.open(str(tmp_path / name)) as film:
            assert film.metadata["COMMENT"] == "from the attic; by a machine"


def test_titles_that_are_no_utf8_are_no_obstacle(tmp_path: Path):
    make_film(tmp_path / "grey.mkv", metadata={"title": "GROSSVATER"}, frames=4)
    content = (tmp_path / "grey.mkv").read_bytes().replace(b"GROSSVATER", b"GRO\xdfVATER!")
    (tmp_path / "grey.mkv").write_bytes(content)
    colour(tmp_path / "grey.mkv", tmp_path / "film.mkv")
    assert b"GRO\xdfVATER!" in (tmp_path / "film.mkv").read_bytes()


def test_a_time_code_is_kept(tmp_path: Path):
    make_film(tmp_path / "grey.mov", stream_metadata={"timecode": "01:00:00:00"}, frames=4)
    assert colour(tmp_path / "grey.mov", tmp_path / "film.mov") == ()
    with av.open(str(tmp_path / "film.mov")) as film:
        assert [stream.metadata.get("timecode") for stream in film.streams] == ["01:00:00:00"] * 2


@pytest.mark.parametrize("suffix", [".mp4", ".mkv"])
def test_a_piece_begins_at_zero_with_the_sound_of_that_time(tmp_path: Path, suffix: str):
    make_film(tmp_path / "grey.mp4", frames=50, audio=["aac"], chapters=[(0, 1, "One"), (1, 2, "Two")], start=6400)
    with open_film(tmp_path / "grey.mp4") as film:
        encoding = plan_encoding(film.info, Target(tmp_path / f"film{suffix}", "h264", threads=2))
        inside = [frame for frame in film.frames() if 1.2 <= film.info.seconds(frame.pts) < 1.8]
        with PartWriter(tmp_path / "p.part", encoding) as part:
            for frame in inside:
                part.write(frame, chroma_for(encoding))
    assert assemble(encoding, [tmp_path / "p.part"], start=1.2, end=1.8) == ()
    before, after = contents_of(tmp_path / "grey.mp4"), contents_of(tmp_path / f"film{suffix}")
    assert len(inside) == 15 and after.seconds[0] < Fraction(4, 100)
    expected = [frame.pts * encoding.film.time_base - Fraction(12, 10) for frame in inside]
    close = Fraction(1, 1999) if suffix == ".mkv" else Fraction(0)
    assert all(abs(ours - theirs) <= close for ours, theirs in zip(after.seconds, expected, strict=True))
    kept = [i for i, seconds in enumerate(before.times[1]) if 1.2 <= seconds < 1.8]
    assert after.packets[1] == [before.packets[1][i] for i in kept]
    apart = [after.times[1][n] - (before.times[1][i] - Fraction(12, 10)) for n, i in enumerate(kept)]
    assert max(map(abs, apart)) <= Fraction(1, 1999)
    with av.open(str(tmp_path / f"film{suffix}")) as film:
        (chapter,) = film.chapters()
        assert chapter["metadata"] == {"title": "Two"}
        assert (chapter["start"] * chapter["time_base"], chapter["end"] * chapter["time_base"]) == (0, Fraction(6, 10))


def test_what_is_done_so_far_plays(tmp_path: Path):
    make_film(tmp_path / "grey.mp4", frames=40, audio=["aac"])
    encoding, parts = encode(tmp_path / "grey.mp4", tmp_path / "film.mp4", cuts=(15, 30))
    so_far = tmp_path / "film-so-far.mp4"
    assemble(encoding, parts[:2], target=so_far, end=encoding.film.seconds(30 * 512))
    contents = contents_of(so_far)
    assert len(contents.seconds) == 30 and max(contents.times[1]) < Fraction(12, 10)
    assert not (tmp_path / "film.mp4").exists()


def test_parts_of_another_encoding_are_refused(tmp_path: Path):
    make_film(tmp_path / "grey.mp4")
    encoding, parts = encode(tmp_path / "grey.mp4", tmp_path / "film.mkv")
    _, others = encode(tmp_path / "grey.mp4", tmp_path / "other.mkv", quality=30)
    with pytest.raises(OutputError, match="encoded with other settings"):
        assemble(encoding, [parts[0], others[1], parts[2]])
    with pytest.raises(OutputError, match="in order"):
        assemble(encoding, [parts[0], parts[2], parts[1]])
    with pytest.raises(OutputError, match="nothing to save"):
        assemble(encoding, [])
    with pytest.raises(OutputError, match="cannot be read"):
        assemble(encoding, [*parts, tmp_path / "missing.part"])
    with pytest.raises(OutputError, match=r"use that suffix"):
        assemble(encoding, parts, target=tmp_path / "film.mp4")
    assert not list(tmp_path.glob("film.m*[4v]")) and not list(tmp_path.glob(".retint*"))


def test_files_that_exist_are_not_replaced_unasked_and_the_film_itself_never(tmp_path: Path):
    make_film(tmp_path / "grey.mp4")
    encoding, parts = encode(tmp_path / "grey.mp4", tmp_path / "film.mp4")
    (tmp_path / "film.mp4").write_text("mine")
    with pytest.raises(OutputExistsError):
        assemble(encoding, parts)
    assert (tmp_path / "film.mp4").read_text() == "mine"
    with pytest.raises(OutputError, match="is the film itself"):
        assemble(encoding, parts, target=tmp_path / "grey.mp4", overwrite=True)
    assert assemble(encoding, parts, overwrite=True) == ()
    assert len(contents_of(tmp_path / "film.mp4").seconds) == 24


FULL = """
import errno, resource, sys
from pathlib import Path
from coloured_film import encode
from retint.errors import OutputError
from retint.pipelines.film_writer import assemble
folder, suffix, what, most = Path(sys.argv[1]), sys.argv[2], sys.argv[3], int(sys.argv[4])
if what == "part":
    resource.setrlimit(resource.RLIMIT_FSIZE, (most, -1))
try:
    encoding, parts = encode(folder / "grey.mp4", folder / f"film{suffix}", "ffv1" if suffix == ".mkv" else None)
    resource.setrlimit(resource.RLIMIT_FSIZE, (most, -1))
    assemble(encoding, parts)
except OutputError as error:
    print(error)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="limits of file size are POSIX")
@pytest.mark.parametrize(("suffix", "what"), [(".mp4", "part"), (".mp4", "film"), (".mkv", "film"), (".mov", "film")])
def test_a_full_disk_is_told_and_leaves_no_half_a_file(tmp_path: Path, suffix: str, what: str):
    make_film(tmp_path / "grey.mp4", frames=60, size=(320, 240), audio=["aac"])
    before = set(tmp_path.iterdir())
    ran = subprocess.run(
        [sys.executable, "-c", FULL, str(tmp_path), suffix, what, "20000"],
        cwd=Path(__file__).parent,
        capture_output=True,
        text=True,
        timeout=60,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parent)},
    )
    assert ran.returncode == 0, ran.stderr
    assert "could not be written" in ran.stdout and os.strerror(errno.EFBIG) in ran.stdout
    assert len(ran.stdout.splitlines()) == 1 and ran.stderr == ""
    left = set(tmp_path.iterdir()) - before
    assert all(path.suffix == ".part" and path.name.startswith("film") for path in left)
    assert bool(left) is (what == "film")


def test_encoders_keep_quiet(tmp_path: Path, capfd: pytest.CaptureFixture[str]):
    make_film(tmp_path / "grey.mp4", frames=3)
    for codec in ("h264", "h265", "av1", "ffv1", "prores"):
        colour(tmp_path / "grey.mp4", tmp_path / f"{codec}.mkv", codec)
    captured = capfd.readouterr()
    assert (captured.out, captured.err) == ("", "")


@pytest.mark.parametrize("clip", sorted(path.name for path in CLIPS.glob("*.mp4")) or [None])
def test_real_films_keep_frames_times_and_sound(tmp_path: Path, clip: str | None):
    """The first second and a half of each."""
    if clip is None:
        pytest.skip(f"no clips in {CLIPS}; RETINT_CLIPS can name their folder")
    with open_film(CLIPS / clip) as film:
        encoding = plan_encoding(film.info, Target(tmp_path / "film.mp4", "h264", threads=2))
        chroma, frames = chroma_for(encoding), list[FilmFrame]()
        for frame in film.frames():
            if film.info.seconds(frame.pts) >= 1.5:
                break
            frames.append(frame)
    for name, piece in (("0.part", frames[:11]), ("1.part", frames[11:])):
        with PartWriter(tmp_path / name, encoding) as part:
            for frame in piece:
                part.write(frame, chroma)
    assemble(encoding, [tmp_path / "0.part", tmp_path / "1.part"], end=1.5)
    before, after = contents_of(CLIPS / clip), contents_of(tmp_path / "film.mp4")
    assert after.seconds == before.seconds[: len(frames)]
    for index, packets in after.packets.items():
        assert packets == before.packets[index][: len(packets)]
        assert after.times[index] == before.times[index][: len(packets)] and after.times[index][-1] > Fraction(14, 10)
    assert set(after.packets) == set(before.packets)
    errors = [np.abs(luma.astype(int) - frame.luma).mean() for luma, frame in zip(after.lumas, frames, strict=True)]
    assert max(errors) < 3
