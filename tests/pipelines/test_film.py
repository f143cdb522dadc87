"""Whole films in colour: the same length, the same times, the same sound; nothing is lost when something goes wrong."""

from __future__ import annotations

import errno
import functools
import os
from collections.abc import Callable, Iterator
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
import synthetic_film
from coloured_film import shown
from numpy.typing import NDArray
from PIL import Image
from synthetic_film import contents_of, make_film, varied

import retint
from retint.color import chroma_of
from retint.errors import InputError, OutputError, RenderError, RetintError
from retint.pipelines import film_pass, film_run
from retint.pipelines.film import FilmInterrupted, FilmOptions, FilmProgress, colorize_film, is_film_result, run_film
from retint.pipelines.film_colour import coloured
from retint.pipelines.media import FilmFrame
from retint.rendering import Colorizer
from retint.rendering.fake import FakeNetwork

Floats = NDArray[np.float32]


def of_luma(batch: Floats) -> Floats:
    """Chroma that no two frames have alike."""
    plane = np.tanh(batch[:, 0])
    return np.stack([plane * np.float32(0.1), plane * np.float32(-0.07)], axis=1)


@pytest.fixture
def varying() -> Colorizer:
    return Colorizer(FakeNetwork(answer=of_luma))


@pytest.fixture
def short_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Work is kept every five frames."""
    monkeypatch.setattr(film_run, "coloured", functools.partial(coloured, part_frames=5))


def pictures(path: Path) -> list[NDArray[np.uint8]]:
    with av.open(str(path)) as film:
        return [frame.to_ndarray(format="rgb24") for frame in film.decode(video=0)]


def mean_chroma(path: Path) -> NDArray[np.floating[Any]]:
    return np.mean([chroma_of(picture).mean(axis=(0, 1)) for picture in pictures(path)], axis=0)


# the film is the same but for its colours


@pytest.mark.parametrize(
    ("name", "codec", "sound"),
    [
        ("a.mp4", "h264", "aac"),
        ("a.mov", "h264", "aac"),
        ("a.mkv", "ffv1", "aac"),
        ("a.avi", "ffv1", "mp2"),
        ("a.webm", "av1", "libopus"),
    ],
)
def test_frames_times_and_sound_stay(tmp_path: Path, colorizer: Colorizer, name: str, codec: Any, sound: str):
    source = tmp_path / ("old.mkv" if name.endswith(("avi", "webm")) else "old" + Path(name).suffix)
    make_film(source, frames=20, audio=[sound])
    result = colorize_film(source, tmp_path / name, colorizer=colorizer, codec=codec)
    before, after = contents_of(source), shown(tmp_path / name, codec)
    assert (result.frames, result.target) == (20, tmp_path / name)
    assert len(after.lumas) == 20
    assert [round(time * 1000) for time in after.seconds] == [round(time * 1000) for time in before.seconds]
    assert list(after.packets.values()) == list(before.packets.values())
    if codec == "ffv1":
        assert all(np.array_equal(one, other) for one, other in zip(after.lumas, before.lumas, strict=True))
    u, v = mean_chroma(tmp_path / name)
    assert (u, v) == pytest.approx((-0.1, 0.2), abs=0.03)


def test_frames_that_last_unequally_long_are_shown_when_they_were(tmp_path: Path, colorizer: Colorizer):
    make_film(tmp_path / "old.mp4", frames=24, pts=varied(24, start=1280), audio=["aac"])
    colorize_film(tmp_path / "old.mp4", tmp_path / "new.mp4", colorizer=colorizer)
    before, after = contents_of(tmp_path / "old.mp4"), contents_of(tmp_path / "new.mp4")
    assert after.seconds == before.seconds
    assert (after.packets, after.times) == (before.packets, before.times)


def test_what_else_a_film_holds_stays(tmp_path: Path, colorizer: Colorizer):
    make_film(
        tmp_path / "old.mkv",
        frames=30,
        audio=["aac", "flac"],
        subtitles="subrip",
        chapters=[(0, 0.5, "first"), (0.5, 1.2, "second")],
        metadata={"title": "Our garden"},
        sample_aspect=Fraction(4, 3),
        color_range=2,
    )
    colorize_film(tmp_path / "old.mkv", tmp_path / "new.mkv", colorizer=colorizer)
    assert contents_of(tmp_path / "new.mkv").packets == contents_of(tmp_path / "old.mkv").packets
    with av.open(str(tmp_path / "new.mkv")) as film:
        video = film.streams.video[0]
        assert [chapter["metadata"]["title"] for chapter in film.chapters()] == ["first", "second"]
        assert film.metadata["title"] == "Our garden"
        assert (video.codec_context.sample_aspect_ratio, video.codec_context.color_range) == (Fraction(4, 3), 2)
        assert "model fake" in film.metadata["COMMENT"]


def test_a_film_says_that_a_machine_made_its_colours(tmp_path: Path, colorizer: Colorizer):
    make_film(tmp_path / "old.mp4", frames=3)
    colorize_film(tmp_path / "old.mp4", tmp_path / "new.mp4", colorizer=colorizer)
    assert is_film_result(tmp_path / "new.mp4")
    assert not is_film_result(tmp_path / "old.mp4")


@pytest.fixture
def panning(monkeypatch: pytest.MonkeyPatch) -> None:
    """Films show a picture that moves by a pixel a frame."""
    coarse = np.random.default_rng(0).integers(30, 220, (16, 40)).astype(np.uint8)
    wide = np.asarray(Image.fromarray(coarse).resize((320, 128), Image.Resampling.BICUBIC))

    def luma(number: int, size: tuple[int, int], depth: int = 8) -> NDArray[Any]:
        return wide[: size[1], number : number + size[0]].clip(16, 235)

    monkeypatch.setattr(synthetic_film, "planted_luma", luma)


@pytest.mark.usefixtures("panning")
@pytest.mark.parametrize("stabilize", ["off", "normal", "strong"])
@pytest.mark.parametrize("keyframes", ["off", 4, "auto"])
def test_every_frame_is_coloured_whatever_is_rendered(
    tmp_path: Path, colorizer: Colorizer, stabilize: Any, keyframes: Any
):
    make_film(tmp_path / "old.mp4", frames=15)
    result = colorize_film(
        tmp_path / "old.mp4", tmp_path / "new.mp4", colorizer=colorizer, stabilize=stabilize, keyframes=keyframes
    )
    assert result.frames == 15
    assert result.rendered == {"off": 15, 4: 5, "auto": 3}[keyframes]
    assert mean_chroma(tmp_path / "new.mp4") == pytest.approx((-0.1, 0.2), abs=0.03)


def test_the_name_is_public(tmp_path: Path, colorizer: Colorizer):
    make_film(tmp_path / "old.mp4", frames=2)
    assert retint.colorize_film(tmp_path / "old.mp4", tmp_path / "new.mp4", colorizer=colorizer).frames == 2


def test_a_watermark_is_in_the_lower_left_corner(tmp_path: Path, colorizer: Colorizer):
    make_film(tmp_path / "old.mkv", frames=2, size=(320, 240))
    for watermark in (False, True):
        colorize_film(
            tmp_path / "old.mkv", tmp_path / f"{watermark}.mkv", colorizer=colorizer, codec="ffv1", watermark=watermark
        )
    plain, marked = (contents_of(tmp_path / f"{name}.mkv").lumas[0].astype(int) for name in (False, True))
    rows, columns = np.nonzero(plain != marked)
    assert len(rows) > 20
    assert rows.min() > 120
    assert columns.max() < 160


def test_a_watermark_is_upright_where_the_film_is_shown_turned(tmp_path: Path, colorizer: Colorizer):
    make_film(tmp_path / "old.mkv", frames=2, size=(320, 240), rotation=90)
    for watermark in (False, True):
        colorize_film(
            tmp_path / "old.mkv", tmp_path / f"{watermark}.mkv", colorizer=colorizer, codec="ffv1", watermark=watermark
        )
    plain, marked = (contents_of(tmp_path / f"{name}.mkv").lumas[0].astype(int) for name in (False, True))
    shown_with_mark = np.rot90(plain != marked)  # 90 degrees counterclockwise
    rows, columns = np.nonzero(shown_with_mark)
    assert shown_with_mark.shape == (320, 240)
    assert rows.min() > 160
    assert columns.max() < 120


# a part of it


def test_start_and_end_choose_the_frames_shown_between_them(tmp_path: Path, colorizer: Colorizer):
    make_film(tmp_path / "old.mp4", frames=50, start=12800, audio=["aac"])
    result = colorize_film(tmp_path / "old.mp4", tmp_path / "new.mp4", colorizer=colorizer, start=0.4, end=1.2)
    before, after = contents_of(tmp_path / "old.mp4"), contents_of(tmp_path / "new.mp4")
    assert result.frames == len(after.lumas) == 20
    for number, new in enumerate(after.lumas, start=10):
        apart = [np.abs(old.astype(int) - new).mean() for old in before.lumas]
        assert np.argmin(apart) == number
    (sound,) = after.packets.values()
    assert sound
    assert set(sound) < set(next(iter(before.packets.values())))


@pytest.mark.parametrize(
    ("times", "words"),
    [
        ({"start": 5.0}, "no frame is shown between 0:00:05.000 and the end; choose other times"),
        ({"start": 1.0, "end": 0.5}, "end 0.5, which is not after start 1.0"),
        ({"start": -1.0}, "start -1.0, wanted seconds"),
        ({"end": float("nan")}, "end nan, wanted seconds"),
    ],
)
def test_times_that_cannot_be_meant_are_told(tmp_path: Path, colorizer: Colorizer, times: dict[str, float], words: str):
    make_film(tmp_path / "old.mp4")
    with pytest.raises(InputError, match=words):
        colorize_film(tmp_path / "old.mp4", tmp_path / "new.mp4", colorizer=colorizer, **times)
    assert not (tmp_path / "new.mp4").exists()


# an end before the end


def _stopping_after(frames: int, error: BaseException) -> Callable[[FilmProgress], None]:
    def stop(progress: FilmProgress) -> None:
        if progress.frames >= frames:
            raise error

    return stop


@pytest.mark.usefixtures("short_parts")
@pytest.mark.parametrize(("stabilize", "keyframes"), [("normal", "auto"), ("strong", "off"), ("off", 3)])
def test_a_run_that_goes_on_ends_with_the_same_film(
    tmp_path: Path, varying: Colorizer, monkeypatch: pytest.MonkeyPatch, stabilize: Any, keyframes: Any
):
    monkeypatch.setattr(film_pass, "PROGRESS_SECONDS", 0)
    make_film(tmp_path / "old.mp4", frames=40, audio=["aac"])
    how = {"colorizer": varying, "stabilize": stabilize, "keyframes": keyframes}
    colorize_film(tmp_path / "old.mp4", tmp_path / "undisturbed.mp4", **how)
    stop = _stopping_after(24, KeyboardInterrupt())
    with pytest.raises(FilmInterrupted, match=r"interrupted after \d+ of 40 frames; .* plays; .* goes on") as caught:
        colorize_film(tmp_path / "old.mp4", tmp_path / "new.mp4", progress=stop, **how)
    so_far = caught.value.so_far
    assert so_far is not None
    kept = contents_of(so_far)
    assert 5 <= len(kept.lumas) < 40
    assert any(kept.packets.values())
    assert not (tmp_path / "new.mp4").exists()
    result = colorize_film(tmp_path / "old.mp4", tmp_path / "new.mp4", **how)
    assert result.resumed == len(kept.lumas)
    assert result.frames == 40
    assert (tmp_path / "new.mp4").read_bytes() == (tmp_path / "undisturbed.mp4").read_bytes()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["new.mp4", "old.mp4", "undisturbed.mp4"]


@pytest.mark.usefixtures("short_parts")
def test_a_network_that_fails_costs_one_part(tmp_path: Path, varying: Colorizer):
    make_film(tmp_path / "old.mkv", frames=40)
    how = {"codec": "ffv1", "keyframes": "off"}
    colorize_film(tmp_path / "old.mkv", tmp_path / "undisturbed.mkv", colorizer=varying, **how)
    calls = 0

    def failing(batch: Floats) -> Floats:
        nonlocal calls
        calls += len(batch)
        if calls > 22:
            raise RenderError("planted")
        return of_luma(batch)

    with pytest.raises(RenderError, match="planted"):
        colorize_film(
            tmp_path / "old.mkv", tmp_path / "new.mkv", colorizer=Colorizer(FakeNetwork(answer=failing)), **how
        )
    result = colorize_film(tmp_path / "old.mkv", tmp_path / "new.mkv", colorizer=varying, **how)
    assert result.resumed >= 5
    assert (tmp_path / "new.mkv").read_bytes() == (tmp_path / "undisturbed.mkv").read_bytes()


@pytest.mark.usefixtures("short_parts")
def test_a_full_disk_is_one_line_and_what_was_done_stays(
    tmp_path: Path, varying: Colorizer, monkeypatch: pytest.MonkeyPatch
):
    from retint.pipelines import film_parts

    make_film(tmp_path / "old.mp4", frames=40)
    add, calls = film_parts.PartFile.add, 0

    def full(self: Any, *arguments: Any) -> None:
        nonlocal calls
        calls += 1
        if calls > 20:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        add(self, *arguments)

    with monkeypatch.context() as patch:
        patch.setattr(film_parts.PartFile, "add", full)
        with pytest.raises(OutputError, match=r"No space left on device\); make room on the disk") as caught:
            colorize_film(tmp_path / "old.mp4", tmp_path / "new.mp4", colorizer=varying)
    assert "\n" not in str(caught.value)
    result = colorize_film(tmp_path / "old.mp4", tmp_path / "new.mp4", colorizer=varying)
    assert 5 <= result.resumed < 40
    assert len(contents_of(tmp_path / "new.mp4").lumas) == 40


@pytest.mark.usefixtures("short_parts")
def test_parts_of_other_settings_are_not_mixed_in(tmp_path: Path, varying: Colorizer):
    make_film(tmp_path / "old.mp4", frames=20)

    calls = 0

    def failing(batch: Floats) -> Floats:
        nonlocal calls
        calls += len(batch)
        if calls > 12:
            raise RenderError("planted")
        return of_luma(batch)

    with pytest.raises(RenderError):
        colorize_film(
            tmp_path / "old.mp4",
            tmp_path / "new.mp4",
            colorizer=Colorizer(FakeNetwork(answer=failing)),
        )
    with pytest.raises(OutputError, match=r"stabilize"):
        colorize_film(tmp_path / "old.mp4", tmp_path / "new.mp4", colorizer=varying, stabilize="off")
    result = colorize_film(tmp_path / "old.mp4", tmp_path / "new.mp4", colorizer=varying, stabilize="off", resume=False)
    assert (result.frames, result.resumed) == (20, 0)


def test_a_run_that_did_nothing_leaves_nothing(tmp_path: Path):
    make_film(tmp_path / "old.mp4", frames=3)

    def failing(_: Floats) -> Floats:
        raise RenderError("planted")

    with pytest.raises(RenderError):
        colorize_film(tmp_path / "old.mp4", tmp_path / "new.mp4", colorizer=Colorizer(FakeNetwork(answer=failing)))
    assert [path.name for path in tmp_path.iterdir()] == ["old.mp4"]


# what cannot be


def test_a_result_that_exists_is_replaced_only_when_asked(tmp_path: Path, colorizer: Colorizer):
    make_film(tmp_path / "old.mp4", frames=3)
    (tmp_path / "new.mp4").write_bytes(b"mine")
    with pytest.raises(OutputError, match="exists"):
        colorize_film(tmp_path / "old.mp4", tmp_path / "new.mp4", colorizer=colorizer)
    assert (tmp_path / "new.mp4").read_bytes() == b"mine"
    colorize_film(tmp_path / "old.mp4", tmp_path / "new.mp4", colorizer=colorizer, overwrite=True)
    assert len(contents_of(tmp_path / "new.mp4").lumas) == 3


def test_a_film_is_never_written_over_itself(tmp_path: Path, colorizer: Colorizer):
    make_film(tmp_path / "old.mp4", frames=3)
    whole = (tmp_path / "old.mp4").read_bytes()
    (tmp_path / "link.mp4").symlink_to(tmp_path / "old.mp4")
    for target in ("old.mp4", "link.mp4"):
        with pytest.raises(OutputError, match="is the film itself; name another"):
            colorize_film(tmp_path / "old.mp4", tmp_path / target, colorizer=colorizer, overwrite=True)
    assert (tmp_path / "old.mp4").read_bytes() == whole


def _sound_alone(path: Path) -> None:
    make_film(path.with_name("with.mkv"), frames=5, audio=["aac"])
    with av.open(str(path.with_name("with.mkv"))) as film, av.open(str(path), "w", format="mp4") as out:
        sound = out.add_stream_from_template(film.streams.audio[0])
        for packet in film.demux(film.streams.audio[0]):
            if packet.size:
                packet.stream = sound
                out.mux(packet)


def _cut_short(path: Path) -> None:
    make_film(path.with_name("whole.mp4"), frames=5)
    path.write_bytes(path.with_name("whole.mp4").read_bytes()[:-300])


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda path: path.write_bytes(b""), "is empty"),
        (lambda path: path.write_text("a letter\n" * 50), "is not a film"),
        (lambda path: None, "cannot be opened"),
        (_sound_alone, "sound"),
        (_cut_short, "is cut off or damaged"),
    ],
)
def test_what_is_no_film_is_one_line(tmp_path: Path, colorizer: Colorizer, make: Callable[[Path], object], words: str):
    make(tmp_path / "old.mp4")
    with pytest.raises(InputError, match=words) as caught:
        colorize_film(tmp_path / "old.mp4", tmp_path / "new.mp4", colorizer=colorizer)
    assert str(caught.value).startswith(f"{tmp_path / 'old.mp4'}: ")
    assert "\n" not in str(caught.value)
    assert not any(path.name.startswith("new.mp4") for path in tmp_path.iterdir())


def test_pictures_that_change_their_size_are_told_with_the_place(tmp_path: Path, colorizer: Colorizer):
    make_film(tmp_path / "one.ts", frames=10)
    make_film(tmp_path / "two.ts", frames=10, size=(128, 64), start=20 * 512)
    (tmp_path / "old.ts").write_bytes((tmp_path / "one.ts").read_bytes() + (tmp_path / "two.ts").read_bytes())
    with pytest.raises(RetintError, match=r"change from 96x64 to 128x64 px at .*; cut the film there"):
        colorize_film(tmp_path / "old.ts", tmp_path / "new.mkv", colorizer=colorizer)
    assert not (tmp_path / "new.mkv").exists()


def test_packets_that_cannot_be_decoded_are_counted(tmp_path: Path, colorizer: Colorizer):
    source = tmp_path / "old.mkv"
    make_film(source, frames=24, b_frames=0, key_every=1)
    with av.open(str(source)) as film:
        packets = [bytes(packet) for packet in film.demux(video=0)]
    content = source.read_bytes()
    for number in (5, 17):
        content = content.replace(packets[number], bytes(len(packets[number])))
    source.write_bytes(content)
    result = colorize_film(source, tmp_path / "new.mkv", colorizer=colorizer)
    assert result.frames == len(contents_of(tmp_path / "new.mkv").lumas) == 22
    assert "2 packets could not be decoded and were skipped" in result.notes


# stages over frames


def _negative(frames: Iterator[FilmFrame]) -> Iterator[FilmFrame]:
    for frame in frames:
        yield replace(frame, luma=255 - frame.luma)


def test_a_stage_sees_the_frames_before_they_are_coloured(tmp_path: Path, colorizer: Colorizer):
    make_film(tmp_path / "old.mkv", frames=6)
    options = FilmOptions(codec="ffv1", stages=(_negative,))
    run_film(tmp_path / "old.mkv", tmp_path / "new.mkv", colorizer, options)
    for old, new in zip(*(contents_of(tmp_path / name).lumas for name in ("old.mkv", "new.mkv")), strict=True):
        assert np.array_equal(new, 255 - old)
