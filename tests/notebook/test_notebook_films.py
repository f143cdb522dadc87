"""Films in a player: as they are where they can be, as a small copy where not."""

from __future__ import annotations

import io
import re
import sys
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from html_outline import content_of, outline_of

# where pytest puts it by itself only when it collects that folder, too
sys.path.append(str(Path(__file__).parents[1] / "pipelines"))
from synthetic_film import make_film

from retint.errors import InputError, UnreadableFilmError
from retint.notebook import Player, film_frame, play
from retint.pipelines.film_run import MARK

HOSTILE = """"><img src=x onerror=alert(1)>'.mp4"""


def source_of(player: Player) -> str:
    (video,) = outline_of(player.html).all("video")
    return video["src"] or ""


def decoded(player: Player) -> tuple[list[float], list[np.ndarray], list[tuple[float, np.ndarray]]]:
    """Seconds of the frames, the frames (H, W, 3), and sound as (second, samples)."""
    seconds, frames, sound = [], [], []
    with av.open(io.BytesIO(content_of(source_of(player)))) as film:
        for frame in film.decode():
            if isinstance(frame, av.VideoFrame):
                seconds.append(float(frame.time))
                frames.append(frame.to_ndarray(format="rgb24"))
            else:
                sound.append((float(frame.time), frame.to_ndarray()))
    return seconds, frames, sound


def test_what_browsers_play_is_the_file_itself(tmp_path: Path):
    make_film(tmp_path / "reel.mp4", audio=("aac",), options={"qp": "20"})
    player = play(tmp_path / "reel.mp4")
    assert source_of(player).startswith("data:video/mp4;base64,")
    assert content_of(source_of(player)) == (tmp_path / "reel.mp4").read_bytes()
    (video,) = outline_of(player.html).all("video")
    assert "controls" in video and "autoplay" not in video and "loop" not in video
    assert video["aria-label"] == "reel.mp4"
    assert repr(player) == "reel.mp4, 96 x 64 px"
    flags = outline_of(play(tmp_path / "reel.mp4", autoplay=True, loop=True).html).all("video")[0]
    assert "autoplay" in flags and "loop" in flags


@pytest.mark.parametrize(
    "what",
    [
        {"name": "reel.mkv", "codec": "ffv1"},
        {"name": "reel.mp4", "pixel_format": "yuv444p"},
        {"name": "reel.mkv", "audio": ("pcm_s16le",)},
    ],
    ids=lambda what: "-".join(str(value) for value in what.values()),
)
def test_what_browsers_do_not_play_is_a_copy(tmp_path: Path, what: dict[str, Any]):
    name = what.pop("name")
    plan = make_film(tmp_path / name, **what)
    player = play(tmp_path / name)
    seconds, frames, sound = decoded(player)
    assert source_of(player).startswith("data:video/mp4;base64,")
    assert seconds == pytest.approx([number / 25 for number in range(plan.frames)], abs=0.002)
    # a bright bar stands at the number of the frame
    for number in (0, 10, 23):
        row = frames[number][..., 1].astype(int).mean(axis=0)
        assert abs(int(row.argmax()) - number) <= 1
    assert bool(sound) == bool(plan.audio)
    assert f"a copy of 96 x 64 px; the film is in {name}" in outline_of(player.html).text


def test_sound_stays_where_it_is(tmp_path: Path):
    make_film(tmp_path / "reel.mkv", frames=48, audio=("pcm_s16le",), audio_start=22050)
    _, _, sound = decoded(play(tmp_path / "reel.mkv"))
    loud = next(second for second, samples in sound if np.abs(samples).max() > 0.05)
    assert loud == pytest.approx(0.5, abs=0.06)


def test_a_copy_is_upright_and_of_square_pixels(tmp_path: Path):
    make_film(tmp_path / "reel.mov", rotation=90, sample_aspect=Fraction(2), pixel_format="yuv444p")
    _, frames, _ = decoded(play(tmp_path / "reel.mov"))
    assert frames[0].shape == (192, 64, 3)
    assert film_frame(tmp_path / "reel.mov").size == (64, 192)
    found = np.asarray(film_frame(tmp_path / "reel.mov"), dtype=int)
    assert np.abs(frames[0].astype(int) - found).mean() < 16


def test_a_large_film_is_shown_as_far_as_the_bytes_reach(tmp_path: Path):
    make_film(tmp_path / "reel.mp4", frames=150)
    size = (tmp_path / "reel.mp4").stat().st_size
    player = play(tmp_path / "reel.mp4", most_bytes=4000)
    seconds, *_ = decoded(player)
    assert 0 < len(seconds) < 150
    whole = play(tmp_path / "reel.mp4", most_bytes=size - 1)
    assert len(decoded(whole)[0]) == 150
    assert len(content_of(source_of(player))) < len(content_of(source_of(whole))) < size
    told = re.search(r"a copy of 96 x 64 px, the first 0:00:0(\S+);", outline_of(player.html).text)
    assert told is not None
    assert float(told[1]) == pytest.approx(len(seconds) / 25, abs=0.01)
    narrow = play(tmp_path / "reel.mp4", width=48, most_bytes=size - 1)
    assert decoded(narrow)[1][0].shape == (32, 48, 3)


def test_a_copy_of_a_result_says_that_it_is_coloured(tmp_path: Path):
    make_film(tmp_path / "reel.mkv", codec="ffv1", metadata={"comment": f"{MARK}, model lite 3", "location": "home"})
    with av.open(io.BytesIO(content_of(source_of(play(tmp_path / "reel.mkv"))))) as film:
        assert MARK in film.metadata["comment"]
        assert "home" not in film.metadata.values()


def test_names_are_names(tmp_path: Path):
    make_film(tmp_path / HOSTILE, frames=2)
    for player in (play(tmp_path / HOSTILE), play(tmp_path / HOSTILE, most_bytes=1, caption="<script>alert(1)")):
        outline = outline_of(player.html)
        assert [tag for tag, _ in outline.tags] == ["figure", "video", "figcaption"]
        assert not any(name.startswith("on") for _, attributes in outline.tags for name in attributes)


def test_what_is_no_film_is_told(tmp_path: Path):
    (tmp_path / "letter.mp4").write_text("Dear all,")
    for look in (play, film_frame):
        with pytest.raises(UnreadableFilmError, match=r"letter\.mp4: is not a film"):
            look(tmp_path / "letter.mp4")
    make_film(tmp_path / "reel.mp4", frames=2)
    with pytest.raises(InputError, match="got a player of 3 px, wanted 16 or more"):
        play(tmp_path / "reel.mp4", width=3)


def test_frames_of_a_film(tmp_path: Path):
    make_film(tmp_path / "reel.mkv", start=25600)  # whose clock begins at two seconds
    for seconds, number in ((0.0, 0), (0.2, 5), (0.21, 6)):
        row = np.asarray(film_frame(tmp_path / "reel.mkv", seconds))[..., 1].astype(int).mean(axis=0)
        assert int(row.argmax()) == number
    with pytest.raises(InputError, match=r"has no frame at 0:00:09\.000; name an earlier time"):
        film_frame(tmp_path / "reel.mkv", 9)
