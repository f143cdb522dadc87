from __future__ import annotations

from pathlib import Path

import pytest

from retint.errors import OutputError
from retint.pipelines.inputs import Source
from retint.pipelines.outputs import Destination, Namer, choose_destination, compare_beside


def file(path: Path, relative: str | None = None, **more: bool) -> Source:
    return Source(str(path), "file", Path(relative or path.name), path, **more)


ONE = [file(Path("a.jpg"))]
TWO = [file(Path("a.jpg")), file(Path("b.jpg"))]
FOLDER = [file(Path("in/a.jpg"), from_folder=True)]
STDIN = [Source("-", "stdin", Path("stdin"))]


@pytest.mark.parametrize(
    ("output", "sources", "place"),
    [
        (None, ONE, "beside"),
        (None, TWO, "beside"),
        (None, STDIN, "stdout"),
        ("-", ONE, "stdout"),
        ("x.jpg", ONE, "file"),
        ("x.TIFF", STDIN, "file"),
        ("x", ONE, "folder"),
        ("x.jpg/", ONE, "folder"),
        ("x", TWO, "folder"),
        ("results.2024", TWO, "folder"),
        ("x", FOLDER, "folder"),
    ],
)
def test_what_o_means(output: str | None, sources: list[Source], place: str):
    assert choose_destination(output, sources).place == place


@pytest.mark.parametrize(
    ("output", "sources", "words"),
    [
        ("x.jpg", TWO, "names one file, and there are 2 inputs; name a folder"),
        ("x.jpg", FOLDER, "names one file, and there is a folder of inputs; name a folder"),
        ("-", TWO, "takes one picture, and there are 2 inputs"),
        ("x.gif", ONE, "not saved as .gif; use one of .jpg, .png"),
        ("x.mpg", ONE, "not saved as .mpg"),
    ],
)
def test_what_o_cannot_mean(output: str, sources: list[Source], words: str):
    with pytest.raises(OutputError, match=words):
        choose_destination(output, sources)


def test_what_exists_says_what_it_is(tmp_path: Path):
    folder, plain = tmp_path / "folder.jpg", tmp_path / "plain"
    folder.mkdir()
    plain.write_bytes(b"")
    assert choose_destination(str(folder), ONE).place == "folder"
    with pytest.raises(OutputError, match="exists and is not a folder"):
        choose_destination(str(plain), ONE)
    with pytest.raises(OutputError, match="names one file"):
        choose_destination(str(plain), TWO)


@pytest.mark.parametrize(
    ("source", "format", "result"),
    [
        ("in/a.jpg", "JPEG", "in/a-color.jpg"),
        ("in/a.JPEG", "JPEG", "in/a-color.JPEG"),
        ("in/a.jpg", "PNG", "in/a-color.png"),
        ("in/a.gif", "GIF", "in/a-color.png"),
        ("in/a.bmp", "BMP", "in/a-color.png"),
        ("in/scan.2024", "TIFF", "in/scan.2024-color.tif"),
        ("in/IMG_0001", "JPEG", "in/IMG_0001-color.jpg"),
    ],
)
def test_results_lie_beside_their_inputs_under_a_suffix_that_is_true(source: str, format: str, result: str):
    sources = [file(Path(source))]
    assert Namer(Destination("beside"), sources).targets_of(sources[0], format).result == Path(result)


def test_an_address_has_its_result_in_the_current_folder():
    source = Source("http://x/y/a.jpg", "address", Path("a.jpg"))
    assert Namer(Destination("beside"), [source]).targets_of(source, "JPEG").result == Path("a-color.jpg")


def test_a_folder_of_results_mirrors_the_inputs():
    source = file(Path("in/sub/a.jpg"), "sub/a.jpg", from_folder=True)
    targets = Namer(Destination("folder", Path("out")), [source], compare=True).targets_of(source, "JPEG")
    assert targets.result == Path("out/sub/a.jpg")
    assert targets.compare == Path("out/sub/a-compare.jpg")


def test_in_the_inputs_own_folder_a_result_has_its_own_name():
    source = file(Path("in/a.jpg"), from_folder=True)
    assert Namer(Destination("folder", Path("./in")), [source]).targets_of(source, "JPEG").result == Path(
        "in/a-color.jpg"
    )


def test_a_comparison_is_named_after_the_photograph():
    assert compare_beside(Path("x/a-color.jpg")) == Path("x/a-compare.jpg")
    assert compare_beside(Path("x/b.png")) == Path("x/b-compare.png")


def test_two_inputs_never_share_a_result():
    sources = [file(Path("one/a.jpg")), file(Path("two/a.jpg"))]
    namer = Namer(Destination("folder", Path("out")), sources)
    namer.targets_of(sources[0], "JPEG")
    with pytest.raises(OutputError, match=r"two.a\.jpg: would be saved as out.a\.jpg, like one.a\.jpg"):
        namer.targets_of(sources[1], "JPEG")
    namer.targets_of(sources[0], "JPEG")  # asking again is no collision


def test_a_comparison_takes_no_other_results_name():
    sources = [file(Path("in/a.jpg")), file(Path("in/a-compare.jpg"))]
    namer = Namer(Destination("folder", Path("out")), sources, compare=True)
    namer.targets_of(sources[0], "JPEG")
    with pytest.raises(OutputError, match="would be saved as"):
        namer.targets_of(sources[1], "JPEG")


def test_an_input_is_never_a_target():
    sources = [file(Path("a.jpg")), file(Path("out/a.jpg"))]
    with pytest.raises(OutputError, match="would overwrite the input"):
        Namer(Destination("folder", Path("out")), sources).targets_of(sources[0], "JPEG")
    with pytest.raises(OutputError, match="would overwrite the input"):
        Namer(Destination("file", Path("a.jpg")), sources[:1]).targets_of(sources[0], "JPEG")


def test_a_link_to_an_input_is_no_target_either(tmp_path: Path):
    source = file(tmp_path / "a.jpg")
    (tmp_path / "a.jpg").write_bytes(b"x")
    (tmp_path / "a-color.jpg").symlink_to(tmp_path / "a.jpg")
    with pytest.raises(OutputError, match="would overwrite the input"):
        Namer(Destination("beside"), [source]).targets_of(source, "JPEG")


def test_an_earlier_result_among_the_inputs_does_not_stand_in_the_way():
    sources = [file(Path("a.jpg")), file(Path("a-color.jpg"), earlier_result=True)]
    assert Namer(Destination("beside"), sources).targets_of(sources[0], "JPEG").result == Path("a-color.jpg")
