"""`retint colorize` on films, as people and programs call it."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from PIL import Image

from retint.cli import report


def film(path: Path, frames: int = 20, size: tuple[int, int] = (96, 64)) -> Path:
    """A picture with grain that moves."""
    rng = np.random.default_rng(0)
    coarse = rng.integers(40, 216, (8, 60)).astype(np.uint8)
    wide = np.asarray(Image.fromarray(coarse).resize((size[0] + frames, size[1]), Image.Resampling.BICUBIC))
    with av.open(str(path), "w") as out:
        stream = out.add_stream("libx264", 25, options={"crf": "12", "preset": "ultrafast"})
        stream.width, stream.height, stream.pix_fmt = *size, "yuv420p"
        for number in range(frames):
            gray = np.ascontiguousarray(wide[:, number : number + size[0]])
            out.mux(stream.encode(av.VideoFrame.from_ndarray(gray, format="gray").reformat(format="yuv420p")))
        out.mux(stream.encode())
    return path


def frames_of(path: Path) -> int:
    with av.open(str(path)) as container:
        return sum(1 for _ in container.decode(video=0))


def listing(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_a_film_has_its_result_beside_it_and_nothing_is_said(retint: Any, here: Path):
    film(here / "reel.mp4")
    result = retint("colorize", "reel.mp4")
    assert (result.exit_code, result.output) == (0, "")
    assert frames_of(here / "reel-color.mp4") == 20
    assert not list(here.glob("*.partial"))


def test_a_folder_holds_both_photographs_and_films(retint: Any, here: Path):
    (here / "album").mkdir()
    (here / "a.jpg").rename(here / "album" / "a.jpg")
    film(here / "album" / "b.mov", 3)
    film(here / "album" / "c.mkv", 3)
    assert retint("colorize", "album", "-o", "out").exit_code == 0
    assert listing(here / "out") == ["a.jpg", "b.mov", "c.mkv"]
    again = retint("colorize", "album", "-o", "out", "--json")
    assert again.exit_code == 0
    assert [json.loads(line)["status"] for line in again.stdout.splitlines()] == ["skipped"] * 3


def test_results_are_not_coloured_again(retint: Any, here: Path):
    (here / "album").mkdir()
    film(here / "album" / "b.mp4", 3)
    retint("colorize", "album")
    assert retint("colorize", "album").exit_code == 0
    assert listing(here / "album") == ["b-color.mp4", "b.mp4"]


def test_neither_sheets_nor_work_under_way_are_coloured(retint: Any, here: Path):
    (here / "album" / "b.mp4.partial").mkdir(parents=True)
    film(here / "album" / "b.mp4", 3)
    film(here / "album" / "b.mp4.partial" / "so-far.mp4", 3)
    assert retint("colorize", "album/b.mp4", "--preview", "1").exit_code == 0
    assert retint("colorize", "album/b.mp4", "--compare").exit_code == 0
    before = listing(here / "album")
    assert before == ["b-color.mp4", "b-compare.jpg", "b-preview.png", "b.mp4", "b.mp4.partial"]
    assert retint("colorize", "album", "--recursive").exit_code == 0
    assert listing(here / "album") == before
    assert listing(here / "album" / "b.mp4.partial") == ["so-far.mp4"]


def test_json_tells_the_frames(retint: Any, here: Path):
    film(here / "reel.mp4")
    found = json.loads(retint("colorize", "reel.mp4", "--json").stdout)
    assert 0 < found.pop("seconds") < 60
    stages = found.pop("stages")
    assert found.pop("findings") is None  # of photographs
    assert list(stages) == ["decode", "restore", "motion", "render", "merge", "encode", "save"]
    assert all(seconds >= 0 for seconds in stages.values())
    assert found == {
        "input": "reel.mp4",
        "output": "reel-color.mp4",
        "status": "done",
        "width": 96,
        "height": 64,
        "frames": 20,
        "model": "fake",
        "render_factor": 10,
        "error": None,
        "note": None,
    }


def test_a_terminal_sees_frames(retint: Any, here: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(report, "quiet", lambda: False)
    film(here / "reel.mp4")
    result = retint("colorize", "reel.mp4")
    assert "frame/s" in result.stderr
    assert "saving" in result.stderr
    told = r"reel.mp4: 20 frames, \d+ of them rendered, scenes: 1, \d+ frames a second; .* motion \d"
    assert re.search(told, result.stderr)
    assert result.stderr.endswith("saved reel-color.mp4\n")


@pytest.mark.parametrize(
    ("options", "codec"),
    [
        (("-o", "x.mkv"), "h264"),
        (("--codec", "h265"), "hevc"),
        (("--codec", "prores"), "prores"),
        (("-o", "x.webm"), "av1"),
    ],
)
def test_containers_and_codecs(retint: Any, here: Path, options: tuple[str, ...], codec: str):
    film(here / "reel.mov", 4)
    assert retint("colorize", "reel.mov", *options).exit_code == 0
    (result,) = set(listing(here)) - {"a.jpg", "b.png", "reel.mov"}
    with av.open(str(here / result)) as container:
        assert container.streams.video[0].codec_context.name.removeprefix("lib").startswith((codec, "dav1d"))


@pytest.mark.parametrize(
    ("times", "frames"),
    [(("--start", "0.4"), 30), (("--end", "0:00.4"), 10), (("--start", "0:00:00.2", "--end", "1"), 20)],
)
def test_times(retint: Any, here: Path, times: tuple[str, ...], frames: int):
    film(here / "reel.mp4", 40)
    assert retint("colorize", "reel.mp4", *times).exit_code == 0
    assert frames_of(here / "reel-color.mp4") == frames


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--start", "soon"), "got 'soon', wanted seconds, or H:MM:SS"),
        (("--start", "3", "--end", "2"), "--end 2 is not after --start 3"),
        (("--keyframes", "some"), "'some' is not a valid integer"),
        (("--keyframes", "49"), "49 is not in the range 1<=x<=48"),
        (("--stabilize", "weak"), "'weak' is not one of"),
        (("--codec", "wmv"), "'wmv' is not one of"),
        (("--raw", "640"), "wanted WIDTHxHEIGHT in px, such as 640x480"),
        (("--raw", "6x4"), "--raw takes frames from stdin to stdout"),
    ],
)
def test_options_that_cannot_be_are_a_wrong_command(retint: Any, here: Path, options: tuple[str, ...], words: str):
    film(here / "reel.mp4", 2)
    result = retint("colorize", "reel.mp4", *options)
    assert result.exit_code == 2
    assert words in result.stderr
    assert listing(here) == ["a.jpg", "b.png", "reel.mp4"]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("reel.mp4", "-o", "x.avi", "--codec", "av1"), "x.avi: .avi does not hold av1"),
        (("reel.mp4", "-o", "x.jpg"), "x.jpg"),
        (("a.jpg", "-o", "x.mp4"), 'the suffix ".mp4" names no picture format'),
        (("reel.mp4", "-o", "-"), "is a film, which is saved as a file; name one with -o"),
        (("reel.mp4", "-o", "reel.mp4", "--overwrite"), "would overwrite the input reel.mp4"),
        (("reel.mp4", "--start", "50"), "no frame is shown between"),
    ],
)
def test_what_cannot_be_done_is_one_line(retint: Any, here: Path, arguments: tuple[str, ...], words: str):
    whole = film(here / "reel.mp4", 2).read_bytes()
    result = retint("colorize", *arguments)
    assert result.exit_code == 1
    assert words in result.stderr
    assert result.stderr.count("\n") == 1
    assert (here / "reel.mp4").read_bytes() == whole
    assert listing(here) == ["a.jpg", "b.png", "reel.mp4"]


def test_a_film_comes_through_stdin(retint: Any, here: Path):
    content = film(here / "reel.mp4", 4).read_bytes()
    assert retint("colorize", "-", "-o", "out.mp4", stdin=content).exit_code == 0
    assert frames_of(here / "out.mp4") == 4


def test_before_and_after_are_compared_on_a_sheet(retint: Any, here: Path):
    film(here / "reel.mp4", 30)
    assert retint("colorize", "reel.mp4", "--compare").exit_code == 0
    with Image.open(here / "reel-compare.jpg") as image:
        sheet = np.asarray(image.convert("RGB"), np.int16)
    middle = sheet.shape[1] // 2
    spread = np.ptp(sheet, axis=2)
    assert spread[:, : middle - 4].mean() < 5 < 20 < spread[:, middle + 4 :].mean()


def test_a_sheet_without_the_film_is_made_up_for(retint: Any, here: Path):
    film(here / "reel.mp4", 5)
    retint("colorize", "reel.mp4")
    made = (here / "reel-color.mp4").read_bytes()
    assert retint("colorize", "reel.mp4", "--compare").exit_code == 0
    assert (here / "reel-compare.jpg").exists()
    assert (here / "reel-color.mp4").read_bytes() == made


# previews


def test_a_preview_is_a_sheet_and_no_film(retint: Any, here: Path):
    film(here / "reel.mp4", 30)
    result = retint("colorize", "reel.mp4", "--preview", "3")
    assert (result.exit_code, result.output) == (0, "")
    assert listing(here) == ["a.jpg", "b.png", "reel-preview.png", "reel.mp4"]
    with Image.open(here / "reel-preview.png") as sheet:
        assert sheet.width > 4 * 320
    assert retint("colorize", "reel.mp4", "--preview", "3").exit_code == 1
    assert retint("colorize", "reel.mp4", "--preview", "2", "-o", "sheets/").exit_code == 0
    assert retint("colorize", "reel.mp4", "--preview", "2", "-o", "one.jpg", "--render-factor", "8").exit_code == 0
    with Image.open(here / "one.jpg") as sheet:
        assert sheet.format == "JPEG"


@pytest.mark.parametrize(
    ("arguments", "words", "code"),
    [
        (("reel.mp4", "a.jpg", "--preview", "3"), "--preview is of one film, and there are 2 inputs", 2),
        (("reel.mp4", "--preview", "0"), "0 is not in the range", 2),
        (("reel.mp4", "--preview", "3", "--render-factor", "auto"), "--preview takes a number", 2),
        (("reel.mp4", "--preview", "3", "-o", "x.mp4"), "a preview is a picture", 1),
        (("reel.mp4", "--preview", "3", "-o", "-"), "a preview is saved as a file", 1),
        (("a.jpg", "--preview", "3"), "is not a film", 1),
        (("missing.mp4", "--preview", "3"), "no such file", 1),
    ],
)
def test_previews_that_cannot_be(retint: Any, here: Path, arguments: tuple[str, ...], words: str, code: int):
    film(here / "reel.mp4", 2)
    result = retint("colorize", *arguments)
    assert (result.exit_code, words in result.stderr) == (code, True)
    assert listing(here) == ["a.jpg", "b.png", "reel.mp4"]


# pipes and interruptions


def test_raw_frames_go_through_a_pipe(start: Any):
    frames = np.random.default_rng(0).integers(60, 190, (5, 24, 32, 3)).astype(np.uint8)
    process = start("colorize", "-", "--raw", "32x24")
    out, told = process.communicate(frames.tobytes(), timeout=120)
    assert (process.returncode, told) == (0, b"")
    assert len(out) == frames.nbytes
    assert out != frames.tobytes()


def test_a_broken_raw_frame_is_told(start: Any):
    process = start("colorize", "-", "--raw", "32x24")
    _, told = process.communicate(bytes(100), timeout=120)
    assert process.returncode == 1
    assert told.decode() == (
        "retint: -: ends within frame 0, after 100 of its 2304 bytes; check that frames are rgb24 and 32x24 px\n"
    )


def _when(process: subprocess.Popen[bytes], condition: Any) -> None:
    deadline = time.monotonic() + 60
    while not condition():
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < deadline
        time.sleep(0.01)


@pytest.mark.skipif(sys.platform == "win32", reason="needs SIGINT")
def test_ctrl_c_leaves_a_part_that_plays_and_the_same_command_goes_on(start: Any, here: Path):
    scenes = [film(here / f"{count}.mp4", count) for count in (12, 60)]
    _join(scenes, here / "reel.mp4")
    command = ("colorize", "reel.mp4", "--keyframes", "off")
    process = start(*command, delay=0.3)
    journal = here / "reel-color.mp4.partial" / "parts.jsonl"
    _when(process, lambda: journal.exists() and journal.stat().st_size > 0)
    process.send_signal(signal.SIGINT)
    out, told = process.communicate(timeout=120)
    assert process.returncode == 130
    assert out == b""
    assert b"interrupted after 12 of 72 frames; " in told
    assert told.strip().endswith(b"plays; the same command goes on from there")
    assert told.count(b"\n") == 1
    assert frames_of(here / "reel-color.mp4.partial" / "so-far.mp4") == 12
    process = start(*command, "--json")
    out, _ = process.communicate(timeout=120)
    assert process.returncode == 0
    assert json.loads(out)["frames"] == frames_of(here / "reel-color.mp4") == 72
    assert not list(here.glob("*.partial"))


def _join(films: list[Path], target: Path) -> None:
    """Films one after the other, the second with its brightness turned over: a cut."""
    with av.open(str(target), "w") as out:
        stream = out.add_stream("libx264", 25, options={"crf": "12", "preset": "ultrafast"})
        stream.width, stream.height, stream.pix_fmt = 96, 64, "yuv420p"
        for number, path in enumerate(films):
            with av.open(str(path)) as container:
                for frame in container.decode(video=0):
                    gray = frame.to_ndarray(format="gray")
                    shown = av.VideoFrame.from_ndarray(255 - gray[::-1, ::-1] if number else gray, format="gray")
                    out.mux(stream.encode(shown.reformat(format="yuv420p")))
        out.mux(stream.encode())


# figures


def test_films_have_figures_of_their_own(retint: Any, here: Path):
    film(here / "one.mp4", 12)
    film(here / "two.mp4", 8)
    result = retint("evaluate", "one.mp4", "two.mp4", "-o", "report")
    assert result.exit_code == 0
    assert "## one.mp4: 12 frames, 1 scene" in result.stdout
    assert "## In all: means over 2 films" in result.stdout
    assert "| normal, key frames |" in result.stdout
    assert listing(here / "report") == ["contact-sheet.jpg", "report.json", "report.md"]
    found = json.loads((here / "report" / "report.json").read_text())
    assert [one["name"] for one in found["films"]] == ["one.mp4", "two.mp4"]
    assert found["in_all"]["frame by frame"]["frames"] == 20
    assert found["in_all"]["frame by frame"]["psnr"] is None  # a grey film has no truth
    assert (here / "report" / "report.md").read_text().rstrip() == result.stdout.rstrip()


def test_the_way_that_is_measured_can_be_chosen(retint: Any, here: Path):
    film(here / "one.mp4", 12)
    found = json.loads(
        retint("evaluate", "one.mp4", "--json", "--stabilize", "strong", "--keyframes", "3", "--count", "7").stdout
    )
    assert list(found["films"][0]["rows"]) == ["grey", "frame by frame", "strong, one in 3"]
    assert found["films"][0]["rows"]["grey"]["frames"] == 7


@pytest.mark.parametrize(
    ("arguments", "words", "code"),
    [
        (("one.mp4", "a.jpg"), "evaluate them one after the other", 2),
        (("one.mp4", "-r", "8", "-r", "16"), "one render factor at a time", 2),
        (("cut.mp4",), "is cut off or damaged", 1),
    ],
)
def test_films_that_cannot_be_evaluated(retint: Any, here: Path, arguments: tuple[str, ...], words: str, code: int):
    content = film(here / "one.mp4", 3).read_bytes()
    (here / "cut.mp4").write_bytes(content[: len(content) // 2])
    result = retint("evaluate", *arguments)
    assert (result.exit_code, words in result.stderr) == (code, True)


def test_figures_of_the_films_that_can_be_read_are_given(retint: Any, here: Path):
    content = film(here / "one.mp4", 3).read_bytes()
    (here / "cut.mp4").write_bytes(content[: len(content) // 2])
    result = retint("evaluate", "cut.mp4", "one.mp4", "--json")
    assert result.exit_code == 1
    found = json.loads(result.stdout)
    assert (len(found["films"]), len(found["failed"])) == (1, 1)
