from __future__ import annotations

import io
import json
from pathlib import Path

import pytest
from PIL import Image

from retint.cli import colorize as command
from retint.cli import report
from retint.errors import UnknownModelError, WeightsError
from retint.rendering import Colorizer
from retint.rendering.colorizer import LARGEST, SMALLEST
from retint.rendering.fake import FakeNetwork


def listing(folder: Path) -> list[str]:
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())


def look(picture: Path | str | io.BytesIO) -> Image.Image:
    """Open and read a picture whole."""
    with Image.open(picture) as image:
        image.load()
    return image


# all done


def test_a_photograph_has_its_result_beside_it_and_nothing_is_said(retint, here: Path):
    result = retint("colorize", "a.jpg")
    assert (result.exit_code, result.stdout, result.stderr) == (0, "", "")
    assert listing(here) == ["a-color.jpg", "a.jpg", "b.png"]
    assert look("a-color.jpg").mode == "RGB"


def test_o_names_the_file_and_its_format(retint, here: Path):
    assert retint("colorize", "a.jpg", "-o", "new/grandma.tif").exit_code == 0
    assert look(here / "new" / "grandma.tif").format == "TIFF"


def test_a_folder_goes_into_a_folder(retint, here: Path):
    (here / "sub").mkdir()
    (here / "a.jpg").rename(here / "sub" / "a.jpg")
    assert retint("colorize", ".", "-o", "out").exit_code == 0
    assert listing(here / "out") == ["b.png"]
    assert retint("colorize", ".", "--output", "out", "--recursive").exit_code == 0
    assert listing(here / "out") == ["b.png", "sub/a.jpg"]
    assert retint("colorize", ".", "-o", "out", "--recursive", "--json").stdout.count("skipped") == 2


def test_a_quoted_glob(retint, here: Path):
    assert retint("colorize", "*.*").exit_code == 0
    assert listing(here) == ["a-color.jpg", "a.jpg", "b-color.png", "b.png"]


def test_compare_leaves_the_whole_result(retint, here: Path):
    assert retint("colorize", "a.jpg", "--compare").exit_code == 0
    assert look("a-compare.jpg").size == (96, 32)
    assert look("a-color.jpg").size == (48, 32)


def test_options_reach_the_colorizer(retint, here: Path, monkeypatch: pytest.MonkeyPatch):
    network, asked = FakeNetwork(), []

    def load(model: str, **options: object) -> Colorizer:
        asked.append((model, options))
        return Colorizer(network)

    monkeypatch.setattr("retint.rendering.load_colorizer", load)
    rough = retint("colorize", "a.jpg", "-m", "stable", "-r", "7", "--device", "cpu", "--offline", "--quality", "10")
    assert rough.exit_code == 0
    assert asked == [("stable", {"device": "cpu", "offline": True})]
    assert network.batches[0].shape[-1] == 7 * 16
    rough_bytes = (here / "a-color.jpg").stat().st_size
    assert retint("colorize", "a.jpg", "-r", "auto", "--overwrite", "--quality", "100", "--watermark").exit_code == 0
    assert network.batches[1].shape[-1] == 5 * 16
    assert (here / "a-color.jpg").stat().st_size > rough_bytes


def test_what_is_done_is_skipped_and_a_single_input_says_so(retint, here: Path):
    retint("colorize", "a.jpg")
    stamp = (here / "a-color.jpg").stat()
    again = retint("colorize", "a.jpg")
    assert again.exit_code == 0
    assert again.stderr == "a.jpg: is done already: a-color.jpg exists; --overwrite does it again\n"
    both = retint("colorize", "a.jpg", "b.png")
    assert (both.exit_code, both.stderr) == (0, "")
    assert (here / "a-color.jpg").stat() == stamp
    assert retint("colorize", "a.jpg", "--overwrite").exit_code == 0
    assert (here / "a-color.jpg").stat().st_mtime_ns != stamp.st_mtime_ns


def test_notes_are_said(retint, here: Path):
    (here / "a.jpg").rename(here / "a.png")
    result = retint("colorize", "a.png")
    assert result.exit_code == 0
    assert result.stderr == "a.png: holds a JPEG picture in spite of its name; .jpg would be its suffix\n"
    assert listing(here) == ["a-color.jpg", "a.png", "b.png"]


# stdin and stdout


def test_stdin_to_stdout(retint, photo_bytes):
    result = retint("colorize", "-", stdin=photo_bytes("PNG"))
    assert (result.exit_code, result.stderr) == (0, "")
    with Image.open(io.BytesIO(result.stdout_bytes)) as image:
        assert (image.format, image.mode, image.size) == ("PNG", "RGB", (48, 32))


def test_stdin_to_a_file_and_a_file_to_stdout(retint, here: Path, photo_bytes):
    assert retint("colorize", "-", "-o", "c.webp", stdin=photo_bytes()).stdout_bytes == b""
    assert look("c.webp").format == "WEBP"
    assert look(io.BytesIO(retint("colorize", "a.jpg", "-o", "-").stdout_bytes)).format == "JPEG"
    assert listing(here) == ["a.jpg", "b.png", "c.webp"]


def test_rubbish_on_stdin_gives_nothing_on_stdout(retint):
    result = retint("colorize", "-", stdin=b"rubbish")
    assert result.exit_code == 1
    assert result.stdout_bytes == b""
    assert result.stderr.startswith("-: ")
    assert result.stderr.count("\n") == 1


def test_a_terminal_is_spared(retint, here: Path, photo_bytes, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("click.testing._NamedTextIOWrapper.isatty", lambda self: self.name == "<stdout>", raising=False)
    result = retint("colorize", "-", stdin=photo_bytes())
    assert result.exit_code == 2
    assert "would go to the terminal" in result.stderr
    assert result.stdout == ""
    monkeypatch.setattr("click.testing._NamedTextIOWrapper.isatty", lambda self: self.name == "<stdin>", raising=False)
    assert "stdin, which is a terminal" in retint("colorize", "-").stderr


# some inputs failed: 1


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "is empty"),
        (b"\xff\xd8\xff\xe0\0\x10JFIF cut", ""),
        (b"no picture at all", ""),
        (b"\0\0\0\x18ftypisom\0\0\0\0isomavc1", "is cut off or damaged: it begins as MP4"),
        (b"\x1a\x45\xdf\xa3\x9f\x42\x86\x81", "is damaged: none of its"),
    ],
)
def test_a_bad_input_is_one_line_and_the_rest_is_done(retint, here: Path, content: bytes, words: str):
    (here / "aa.jpg").write_bytes(content)
    result = retint("colorize", "a.jpg", "aa.jpg", "b.png")
    assert result.exit_code == 1
    assert result.stderr.startswith("aa.jpg: ")
    assert words in result.stderr
    assert result.stderr.count("\n") == 1
    assert listing(here) == ["a-color.jpg", "a.jpg", "aa.jpg", "b-color.png", "b.png"]


@pytest.mark.parametrize("argument", ["missing.jpg", "*.tiff", "empty"])
def test_what_is_not_there_is_a_failure(retint, here: Path, argument: str):
    (here / "empty").mkdir()
    result = retint("colorize", argument, "a.jpg")
    assert result.exit_code == 1
    assert result.stderr.startswith(f"{argument}: ")
    assert (here / "a-color.jpg").exists()


def test_the_second_of_two_that_collide_is_told(retint, here: Path, photo_bytes):
    (here / "sub").mkdir()
    (here / "sub" / "a.jpg").write_bytes(photo_bytes(seed=5))
    result = retint("colorize", "a.jpg", "sub/a.jpg", "-o", "out")
    assert result.exit_code == 1
    assert "would be saved as out/a.jpg, like a.jpg" in result.stderr.replace("\\", "/")
    assert listing(here / "out") == ["a.jpg"]


def test_an_input_is_never_overwritten(retint, here: Path):
    original = (here / "a.jpg").read_bytes()
    result = retint("colorize", "a.jpg", "-o", "a.jpg", "--overwrite")
    assert result.exit_code == 1
    assert "would overwrite the input" in result.stderr
    assert (here / "a.jpg").read_bytes() == original


def test_a_fault_of_the_program_is_named_and_does_not_stop_the_rest(
    retint, here: Path, monkeypatch: pytest.MonkeyPatch
):
    colorize = Colorizer.colorize

    def faulty(self: Colorizer, photo: object, *arguments: object, **options: object) -> object:
        if getattr(photo, "format", "") == "JPEG":
            raise KeyError("planted")
        return colorize(self, photo, *arguments, **options)  # pyright: ignore

    monkeypatch.setattr(Colorizer, "colorize", faulty)
    result = retint("colorize", "a.jpg", "b.png")
    assert result.exit_code == 1
    assert result.stderr.startswith("a.jpg: unexpected KeyError ('planted')")
    assert result.stderr.count("\n") == 1
    assert (here / "b-color.png").exists()
    assert "in faulty" in retint("colorize", "a.jpg", "--debug").stderr


def test_a_model_that_cannot_be_had_is_one_line(retint, here: Path, monkeypatch: pytest.MonkeyPatch):
    def load(*arguments: object, **options: object) -> Colorizer:
        raise WeightsError("planted")

    monkeypatch.setattr("retint.rendering.load_colorizer", load)
    result = retint("colorize", "missing.jpg", "a.jpg", "b.png", "--json")
    assert result.exit_code == 1
    assert result.stderr.splitlines()[1:] == ["retint: planted"]
    lines = [json.loads(line) for line in result.stdout.splitlines()]
    assert [(line["input"], line["status"]) for line in lines] == [
        ("missing.jpg", "failed"),
        ("a.jpg", "failed"),
        ("b.png", "failed"),
    ]
    assert lines[2]["error"] == "planted"
    assert listing(here) == ["a.jpg", "b.png"]


# the command was wrong: 2


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ("", "Missing argument 'INPUT...'"),
        ("a.jpg --colour", "No such option"),
        ("a.jpg -r 3", "3 is not in the range 4<=x<=128"),
        ("a.jpg -r large", "not a valid integer"),
        ("a.jpg --quality 101", "not in the range"),
        ("a.jpg --device tpu", "tpu"),
        ("a.jpg b.png -o one.jpg", "names one file, and there are 2 inputs"),
        (". -o one.jpg", "names one file, and there are 2 inputs"),
        ("a.jpg -o one.gif", "not saved as .gif"),
        ("a.jpg b.png -o -", "takes one picture"),
        ("- -", "named twice"),
        ("- --json", "cannot share stdout"),
        ("a.jpg -o - --compare", "no beside"),
    ],
)
def test_a_wrong_command_does_nothing(retint, here: Path, arguments: str, words: str):
    result = retint("colorize", *arguments.split())
    assert result.exit_code == 2
    assert words in " ".join(result.stderr.split())
    assert result.stdout == ""
    assert listing(here) == ["a.jpg", "b.png"]


@pytest.mark.parametrize("error", [UnknownModelError("planted"), WeightsError("planted")])
def test_a_wrong_model_is_told_before_anything_is_read(
    retint, here: Path, error: Exception, monkeypatch: pytest.MonkeyPatch
):
    def locate(model: str) -> None:
        raise error

    monkeypatch.setattr("retint.weights.locate", locate)
    result = retint("colorize", "-m", "elsewhere/nothing.onnx", "missing.jpg")
    assert result.exit_code == 2
    assert "planted" in result.stderr
    assert "missing.jpg" not in result.stderr


@pytest.mark.parametrize("name", ["vgg16_bn", "resnet34", "artistic-critic"])
def test_weights_that_colour_nothing_are_a_wrong_command(retint, name: str):
    result = retint("colorize", "-m", name, "a.jpg")
    assert result.exit_code == 2
    assert f'"{name}" is no model that colours' in result.stderr and "Choose from lite, artistic" in result.stderr


def test_the_range_of_render_factors_is_that_of_rendering():
    assert command._RENDER_FACTORS == (SMALLEST, LARGEST)


# what programs and people see


def test_json_has_an_object_for_every_input(retint, here: Path):
    retint("colorize", "b.png")
    result = retint("colorize", "a.jpg", "b.png", "missing.jpg", "--json")
    done, skipped, failed = (json.loads(line) for line in result.stdout.splitlines())
    assert 0 < done.pop("seconds") < 60
    assert done == {
        "input": "a.jpg",
        "output": "a-color.jpg",
        "status": "done",
        "width": 48,
        "height": 32,
        "frames": None,
        "stages": None,
        "model": "fake",
        "render_factor": 10,
        "findings": None,
        "error": None,
        "note": None,
    }
    assert (skipped["input"], skipped["status"], skipped["output"]) == ("b.png", "skipped", "b-color.png")
    assert "exists" in skipped["note"]
    assert (failed["input"], failed["status"], failed["output"]) == ("missing.jpg", "failed", None)
    assert failed["error"] == "missing.jpg: no such file or folder"
    assert result.stderr == "missing.jpg: no such file or folder\n"
    assert done.keys() | {"seconds"} == skipped.keys() == failed.keys()


def test_a_terminal_sees_progress_and_a_summary(retint, here: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(report, "quiet", lambda: False)
    result = retint("colorize", "a.jpg", "b.png", "missing.jpg")
    assert result.stderr.endswith("2 coloured, 1 failed\n")
    assert "0/3" in result.stderr
    assert "file/s" in result.stderr
    assert result.stdout == ""
    assert retint("colorize", "a.jpg", "--overwrite").stderr.endswith("saved a-color.jpg\n")


def test_a_download_shows_its_progress_first(retint, here: Path, monkeypatch: pytest.MonkeyPatch):
    fetched = []

    def fetch(model: str, *, offline: bool, progress: object) -> None:
        assert callable(progress)
        progress(10, 100)
        progress(100, 100)
        fetched.append((model, offline))

    monkeypatch.setattr("retint.weights.locate", lambda model: None)
    monkeypatch.setattr("retint.weights.fetch", fetch)
    monkeypatch.setattr(report, "quiet", lambda: False)
    assert "downloading artistic" in retint("colorize", "a.jpg", "-m", "artistic").stderr
    assert fetched == [("artistic", False)]
