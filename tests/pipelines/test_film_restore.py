"""Films mended: the same length, times, sound and colours; gone on with to the same bytes."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
import pytest
from coloured_film import shown
from numpy.typing import NDArray
from synthetic_film import contents_of, make_film, varied

import retint
from retint.errors import InputError, OutputError, UnreadableFilmError
from retint.pipelines import film_pass, film_restore
from retint.pipelines.film import FilmOptions, colorize_film, is_film_result
from retint.pipelines.film_restore import RestoringFilms, is_restored_film, restore_film, run_restore
from retint.pipelines.outputs import Targets
from retint.restoration.film import FilmStage
from retint.restoration.film_degradation import plant_dust, plant_flicker, plant_weave

SIZE = (96, 64)
ALL = "dust,flicker,scratches,weave,noise"


def clean_frames(count: int) -> list[NDArray[np.uint8]]:
    """A camera that moves over a texture."""
    rng = np.random.default_rng(0)
    wide = cv2.GaussianBlur(rng.uniform(-1, 1, (SIZE[1], SIZE[0] + count)).astype(np.float32), (0, 0), 2) * 200 + 120
    return [wide[:, number : number + SIZE[0]].clip(20, 230).astype(np.uint8) for number in range(count)]


def write(path: Path, lumas: list[NDArray[np.uint8]], tint: bool = False) -> None:
    """A film without losses, in grey or with colours that differ from frame to frame."""
    with av.open(str(path), "w") as film:
        video = film.add_stream("libx264", rate=25, options={"qp": "0", "preset": "veryfast"})
        video.width, video.height, video.pix_fmt = *SIZE, "yuv420p"
        for number, luma in enumerate(lumas):
            frame = av.VideoFrame(*SIZE, "yuv420p")
            for index, plane in enumerate(frame.planes):
                rows = np.frombuffer(plane, np.uint8).reshape(plane.height, plane.line_size)
                rows[:, : plane.width] = luma if index == 0 else 128
                if index and tint:
                    rows[:, : plane.width] += (np.arange(plane.width) + 3 * number * index).astype(np.uint8) % 60
            film.mux(video.encode(frame))
        film.mux(video.encode(None))


def planes(path: Path) -> list[list[NDArray[np.uint8]]]:
    """Luma and chroma of each frame."""
    found = []
    with av.open(str(path)) as film:
        for frame in film.decode(video=0):
            rows = [np.frombuffer(p, np.uint8).reshape(p.height, p.line_size)[:, : p.width] for p in frame.planes]
            found.append([plane.copy() for plane in rows])
    return found


@pytest.fixture
def short_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Work is kept every seven frames."""
    monkeypatch.setattr(film_restore, "PART_FRAMES", 7)


# the film is the same but for its damage


@pytest.mark.parametrize(("name", "codec"), [("a.mp4", "h264"), ("a.mkv", "ffv1"), ("a.mov", "prores")])
def test_frames_times_and_sound_stay(tmp_path: Path, name: str, codec: Any):
    source = tmp_path / ("old" + Path(name).suffix)
    make_film(source, frames=20, audio=["aac"], pts=varied(20, start=640))
    result = retint.restore_film(source, tmp_path / name, codec=codec)
    before, after = contents_of(source), shown(tmp_path / name, codec)
    assert (result.frames, result.model, result.restored) == (20, None, ("dust", "flicker", "scratches"))
    assert [round(float(t), 3) for t in after.times] == [round(float(t), 3) for t in before.times]
    assert after.packets == before.packets
    assert set(result.stages) == {"decode", "restore", "encode", "save"}


def test_dust_is_gone_and_colours_stay(tmp_path: Path):
    clean, rng = clean_frames(14), np.random.default_rng(1)
    dusty = [plant_dust(gray, rng, spots=5, share=0.04) for gray in clean]
    write(tmp_path / "old.mp4", dusty, tint=True)
    restore_film(tmp_path / "old.mp4", tmp_path / "new.mkv", stages="dust", codec="ffv1")
    before, after = planes(tmp_path / "old.mp4"), planes(tmp_path / "new.mkv")
    for old, new in zip(before, after, strict=True):
        np.testing.assert_array_equal(new[1], old[1])
        np.testing.assert_array_equal(new[2], old[2])
    on = [np.abs(a.astype(int) - b) > 8 for a, b in zip(dusty, clean, strict=True)]

    def error(frames: list[NDArray[np.uint8]]) -> int:
        return sum(np.abs(a.astype(int) - b)[where].sum() for a, b, where in zip(frames, clean, on, strict=True))

    assert error([new[0] for new in after]) < 0.3 * error(dusty)


def test_colours_go_with_a_picture_that_is_held_in_the_gate(tmp_path: Path):
    rng = np.random.default_rng(2)
    woven = [plant_weave(gray, rng, share=0.004)[0] for gray in clean_frames(30)]
    write(tmp_path / "old.mp4", woven, tint=True)
    restore_film(tmp_path / "old.mp4", tmp_path / "new.mkv", stages="weave=1", codec="ffv1")
    before, after = planes(tmp_path / "old.mp4"), planes(tmp_path / "new.mkv")
    moved = [not np.array_equal(old[0], new[0]) for old, new in zip(before, after, strict=True)]
    assert sum(moved) > 20
    coloured = [not np.array_equal(old[1], new[1]) for old, new in zip(before, after, strict=True)]
    assert sum(coloured) > 10  # the rest moves by too little to be seen in so few pixels
    assert not any(colour and not was for colour, was in zip(coloured, moved, strict=True))


def test_a_piece_of_a_film(tmp_path: Path):
    write(tmp_path / "old.mp4", clean_frames(50))
    result = restore_film(tmp_path / "old.mp4", tmp_path / "new.mp4", start=0.4, end=1.2)
    assert result.frames == 20


def test_the_result_says_what_was_done(tmp_path: Path):
    write(tmp_path / "old.mp4", clean_frames(6))
    restore_film(tmp_path / "old.mp4", tmp_path / "new.mp4", stages="dust,weave=0.5")
    with av.open(str(tmp_path / "new.mp4")) as film:
        assert film.metadata["comment"] == f"mended by a machine: retint {retint.__version__}: dust, weave"
    assert is_restored_film(tmp_path / "new.mp4")
    assert not is_restored_film(tmp_path / "old.mp4")
    assert not is_film_result(tmp_path / "new.mp4")  # it may still be coloured


def test_progress_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    from retint.pipelines import film_pass

    monkeypatch.setattr(film_pass, "PROGRESS_SECONDS", 0)
    write(tmp_path / "old.mp4", clean_frames(9))
    told: list[Any] = []
    restore_film(tmp_path / "old.mp4", tmp_path / "new.mp4", progress=told.append)
    assert [one.frames for one in told if one.stage == "restore"] == list(range(1, 10))
    assert told[-1].stage == "save"


# coloured after it was mended


def test_a_film_is_mended_before_it_is_coloured(tmp_path: Path, colorizer: Any):
    clean = clean_frames(12)
    dusty = [gray.copy() for gray in clean]
    dusty[6][20:26, 40:46] = 235
    write(tmp_path / "old.mp4", dusty)
    result = colorize_film(
        tmp_path / "old.mp4", tmp_path / "new.mkv", colorizer=colorizer, codec="ffv1", restore="dust"
    )
    after = planes(tmp_path / "new.mkv")
    assert result.restored == ("dust",)
    assert np.abs(after[6][0].astype(int) - clean[6]).max() < 25
    np.testing.assert_array_equal(after[3][0], clean[3])
    with av.open(str(tmp_path / "new.mkv")) as film:
        assert film.metadata["COMMENT"].endswith(f"; mended by a machine: retint {retint.__version__}: dust")


# gone on with


@pytest.mark.usefixtures("short_parts")
@pytest.mark.parametrize("kept", [7, 49, 63])
def test_what_is_gone_on_with_has_the_same_bytes(tmp_path: Path, kept: int):
    """With fewer and with more frames done than a frame depends on."""
    rng = np.random.default_rng(3)
    damaged = [plant_flicker(plant_dust(gray, rng, share=0.04), rng) for gray in clean_frames(72)]
    write(tmp_path / "old.mp4", damaged)
    restore_film(tmp_path / "old.mp4", tmp_path / "whole.mp4", stages=ALL)

    class BrokenError(Exception):
        pass

    def stop(progress: Any) -> None:
        if progress.frames > kept:
            raise BrokenError

    from retint.pipelines import film_pass

    seconds, film_pass.PROGRESS_SECONDS = film_pass.PROGRESS_SECONDS, 0
    try:
        with pytest.raises(BrokenError):
            restore_film(tmp_path / "old.mp4", tmp_path / "new.mp4", stages=ALL, progress=stop)
    finally:
        film_pass.PROGRESS_SECONDS = seconds
    result = restore_film(tmp_path / "old.mp4", tmp_path / "new.mp4", stages=ALL)
    assert result.resumed == kept
    assert (tmp_path / "new.mp4").read_bytes() == (tmp_path / "whole.mp4").read_bytes()


SCRIPT = """
import os, random, signal, sys, threading, time
from pathlib import Path
from retint.pipelines import film_restore
from retint.pipelines.film_restore import restore_film

film_restore.PART_FRAMES = 4

def attempt(target, seconds):
    child = os.fork()
    if child == 0:
        code = 1
        try:
            if seconds is not None:
                threading.Timer(seconds, os.kill, (os.getpid(), signal.SIGKILL)).start()
            restore_film("old.mp4", target)
            code = 0
        finally:
            os._exit(code)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])

began = time.monotonic()
assert attempt("undisturbed.mp4", None) == 0
usual = time.monotonic() - began
moments = random.Random(4)
kills = kept = 0
while kills < int(sys.argv[1]):
    code = attempt("film.mp4", moments.uniform(0.3, 0.9) * usual)
    if code == 0:
        Path("film.mp4").unlink()
    elif code == -signal.SIGKILL:
        kills += 1
        journal = Path("film.mp4.partial", "parts.jsonl")
        kept += journal.exists() and journal.stat().st_size > 0
    else:
        sys.exit(f"exit code {code}")
if not Path("film.mp4").exists():
    assert attempt("film.mp4", None) == 0
print(kept)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="needs fork and SIGKILL")
def test_a_film_killed_at_random_moments_is_the_same_in_the_end(tmp_path: Path):
    rng = np.random.default_rng(5)
    write(tmp_path / "old.mp4", [plant_flicker(plant_dust(gray, rng), rng) for gray in clean_frames(80)])
    done = subprocess.run(
        [sys.executable, "-W", "error", "-W", "ignore:This process:DeprecationWarning", "-c", SCRIPT, "6"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) >= 2  # killed with work to go on with
    assert (tmp_path / "film.mp4").read_bytes() == (tmp_path / "undisturbed.mp4").read_bytes()
    assert not list(tmp_path.glob("*.partial"))


# what is wrong is told


def test_parts_of_other_stages_are_not_mixed_in(tmp_path: Path):
    write(tmp_path / "old.mp4", clean_frames(10))
    folder = tmp_path / "new.mp4.partial"
    folder.mkdir()
    (folder / "job.json").write_text("{}")
    with pytest.raises(OutputError, match="restore"):
        restore_film(tmp_path / "old.mp4", tmp_path / "new.mp4")


def test_errors_are_those_of_colouring(tmp_path: Path):
    write(tmp_path / "old.mp4", clean_frames(5))
    old = tmp_path / "old.mp4"
    with pytest.raises(OutputError, match="is the film itself"):
        restore_film(old, old, overwrite=True)
    with pytest.raises(OutputError, match="exists"):
        (tmp_path / "there.mp4").write_bytes(b"kept")
        restore_film(old, tmp_path / "there.mp4")
    with pytest.raises(OutputError, match="not saved as"):
        restore_film(old, tmp_path / "a.gif")
    with pytest.raises(InputError, match="no frame is shown"):
        restore_film(old, tmp_path / "a.mp4", start=100)
    with pytest.raises(InputError, match="got no stage"):
        restore_film(old, tmp_path / "a.mp4", stages=())
    with pytest.raises(InputError, match="'dusk'"):
        restore_film(old, tmp_path / "a.mp4", stages="dusk")
    with pytest.raises(UnreadableFilmError):
        (tmp_path / "cut.mp4").write_bytes(old.read_bytes()[:900])
        restore_film(tmp_path / "cut.mp4", tmp_path / "a.mp4")
    assert not list(tmp_path.glob("*.partial"))
    assert (tmp_path / "there.mp4").read_bytes() == b"kept"


def test_options_go_in_as_one(tmp_path: Path):
    write(tmp_path / "old.mp4", clean_frames(5))
    result = run_restore(
        tmp_path / "old.mp4", tmp_path / "a.mkv", FilmOptions(restore=(FilmStage("noise", 1),), codec="ffv1")
    )
    assert (result.frames, result.restored) == (5, ("noise=1",))


def test_for_who_works_through_many(tmp_path: Path):
    write(tmp_path / "old.ts.mp4", clean_frames(8))
    films = RestoringFilms(FilmOptions(restore=(FilmStage("dust"),)))
    assert (films.suffix(Path("a.ts")), films.suffix(Path("a.mov"))) == (".mkv", ".mov")
    targets = Targets(tmp_path / "new.mp4", tmp_path / "sheet.jpg")
    result = films.run(tmp_path / "old.ts.mp4", tmp_path / "new.mp4", targets, None)
    assert result is not None
    assert result.frames == 8
    assert films.is_result(tmp_path / "new.mp4")
    assert (tmp_path / "sheet.jpg").stat().st_size > 1000


def test_frames_are_mended_in_turns_and_read_outside_of_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    held: list[bool] = [False]
    turns: list[int] = []

    @contextmanager
    def turn() -> Generator[None]:
        assert not held[0]
        held[0] = True
        turns.append(1)
        yield
        held[0] = False

    begin = film_pass.mend

    def watched(frames: Any, *more: Any) -> Any:
        def incoming() -> Any:
            for frame in frames:
                assert held[0]
                yield frame

        for moment in begin(incoming(), *more):
            assert held[0]
            yield moment

    monkeypatch.setattr(film_pass, "mend", watched)
    write(tmp_path / "old.mkv", clean_frames(30))
    options = FilmOptions(restore=(FilmStage("dust"), FilmStage("weave")), stages=(outside(held),))
    result = run_restore(tmp_path / "old.mkv", tmp_path / "new.mkv", options, turn=turn)
    assert result.frames == 30 and len(turns) >= 30 and not held[0]


def outside(held: list[bool]) -> Any:
    """A stage that no turn may be held in."""

    def stage(frames: Any) -> Any:
        for frame in frames:
            assert not held[0]
            yield frame

    return stage
