"""`retint restore`, and `retint colorize --restore`."""

from __future__ import annotations

import io
import json
from pathlib import Path

import numpy as np
import planted_models as planted
import pytest
from PIL import Image
from restoration_pictures import smooth

from retint.cli import report
from retint.errors import WeightsError
from retint.images import read_photo, was_restored
from retint.restoration.onnx_models import Models
from retint.restoration.photo import Restorer


@pytest.fixture(autouse=True)
def restorer(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Restorer:
    restorer = Restorer(Models(planted.all_of_them(tmp_path_factory.mktemp("networks"))))
    monkeypatch.setattr("retint.pipelines.restore.load_restorer", lambda options: restorer)
    return restorer


@pytest.fixture
def torn(here: Path) -> Path:
    picture = smooth()
    picture[40:43, 5:120] = 255
    Image.fromarray(picture).save(here / "torn.png")
    return here / "torn.png"


def listing(folder: Path) -> list[str]:
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())


def size(path: str | Path) -> tuple[int, int]:
    with Image.open(path) as image:
        return image.size


def test_the_result_lies_beside_its_input(retint, here: Path, torn: Path):
    result = retint("restore", "torn.png")
    assert (result.exit_code, result.stdout, result.stderr) == (0, "", "")
    assert listing(here) == ["a.jpg", "b.png", "torn-restored.png", "torn.png"]
    pixels = np.asarray(Image.open("torn-restored.png"))
    assert np.abs(pixels.astype(int) - smooth())[40:43].mean() < 8


def test_a_folder_with_masks_and_comparisons(retint, here: Path, torn: Path):
    assert retint("restore", ".", "-o", "out", "--save-mask", "--compare").exit_code == 0
    names = [
        f"{name}{ending}"
        for name, end in (("a", ".jpg"), ("b", ".png"), ("torn", ".png"))
        for ending in ("-compare" + end, "-mask.png", end)
    ]
    assert listing(here / "out") == sorted(names)
    assert retint("restore", ".", "-o", "out", "--save-mask", "--compare", "--json").stdout.count('"skipped"') == 3


def test_save_mask_alone_takes_no_argument(retint, here: Path, torn: Path):
    before = torn.read_bytes()
    assert retint("restore", "--save-mask", "torn.png").exit_code == 0
    assert torn.read_bytes() == before
    assert (here / "torn-mask.png").exists()
    assert retint("restore", "--save-mask=my.png", "torn.png").exit_code == 0, "what is missing is made"
    assert np.array_equal(*(np.asarray(Image.open(name)) for name in ("my.png", "torn-mask.png")))
    again = retint("restore", "torn.png", "--mask", "my.png", "-o", "again.png")
    assert again.exit_code == 0
    assert np.array_equal(*(np.asarray(Image.open(name)) for name in ("again.png", "torn-restored.png")))


def test_results_of_restoring_are_no_inputs_for_it_and_are_inputs_for_colouring(retint, here: Path, torn: Path):
    retint("restore", "torn.png", "--save-mask", "--compare")
    lines = retint("restore", ".", "--json").stdout.splitlines()
    assert [json.loads(line)["input"] for line in lines] == ["a.jpg", "b.png", "torn.png"]
    coloured = retint("colorize", ".", "-o", "out", "--json").stdout.splitlines()
    done = [(json.loads(line)["input"], json.loads(line)["status"]) for line in coloured]
    assert ("torn-restored.png", "done") in done
    assert not [name for name, _ in done if "mask" in name or "compare" in name]


def test_a_restored_picture_under_another_name_is_known_by_its_metadata(retint, here: Path, torn: Path):
    retint("restore", "torn.png", "-o", "other.png")
    result = retint("restore", "other.png", "b.png", "--json")
    first, second = (json.loads(line) for line in result.stdout.splitlines())
    assert (first["status"], second["status"]) == ("skipped", "done")
    assert "name it alone to restore it again" in first["note"]
    assert retint("restore", "other.png").exit_code == 0


def test_options_reach_the_restorer(retint, here: Path, torn: Path):
    damaged = np.asarray(Image.open(torn))
    assert retint("restore", "torn.png", "--stages", "tone,noise", "-o", "kept.png").exit_code == 0
    assert np.array_equal(np.asarray(Image.open("kept.png")), damaged)
    assert retint("restore", "torn.png", "--strength", "damage=0", "-o", "kept2.png").exit_code == 0
    assert np.array_equal(np.asarray(Image.open("kept2.png")), damaged)
    assert retint("restore", "torn.png", "--upscale", "2", "--quality", "50", "-o", "large.jpg").exit_code == 0
    assert size("large.jpg") == (256, 192)
    assert retint("restore", "torn.png", "--grain", "keep", "--cast", "keep", "-o", "grain.png").exit_code == 0


def test_json_has_findings(retint, here: Path, torn: Path):
    (line,) = retint("restore", "torn.png", "--json").stdout.splitlines()
    said = json.loads(line)
    assert (said["status"], said["output"], said["width"], said["model"]) == ("done", "torn-restored.png", 128, None)
    assert said["findings"]["marks"] == 1
    assert 0.01 < said["findings"]["damaged"] < 0.1
    assert said["findings"]["models"] == ["damage 7", "restore 3"]


def test_a_terminal_sees_a_summary(retint, here: Path, torn: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(report, "quiet", lambda: False)
    assert "2 restored" in retint("restore", "torn.png", "a.jpg").stderr
    assert "saved out.png" in retint("restore", "torn.png", "-o", "out.png").stderr


def test_stdin_to_stdout(retint, here: Path, torn: Path):
    result = retint("restore", "-", stdin=torn.read_bytes())
    assert (result.exit_code, result.stderr) == (0, "")
    with Image.open(io.BytesIO(result.stdout_bytes)) as image:
        assert np.abs(np.asarray(image).astype(int) - smooth())[40:43].mean() < 8


# some inputs failed: 1


def test_a_bad_input_is_one_line_and_the_rest_is_done(retint, here: Path, torn: Path):
    (here / "aa.jpg").write_bytes(b"\xff\xd8\xff\xe0\0\x10JFIF cut")
    result = retint("restore", "missing.jpg", "aa.jpg", "torn.png")
    assert result.exit_code == 1
    assert [line.split(":")[0] for line in result.stderr.splitlines()] == ["missing.jpg", "aa.jpg"]
    assert (here / "torn-restored.png").exists()


def test_a_mask_of_another_size_fails_and_writes_nothing(retint, here: Path, torn: Path):
    Image.new("L", (10, 20)).save(here / "mask.png")
    result = retint("restore", "torn.png", "--mask", "mask.png")
    assert result.exit_code == 1
    assert result.stderr.startswith("torn.png: the mask is 10 x 20 px and the photograph 128 x 96")
    assert not (here / "torn-restored.png").exists()


def test_networks_that_are_missing_are_one_line(retint, here: Path, torn: Path, monkeypatch: pytest.MonkeyPatch):
    def load(options: object) -> Restorer:
        raise WeightsError("planted")

    monkeypatch.setattr("retint.pipelines.restore.load_restorer", load)
    result = retint("restore", "torn.png", "a.jpg", "--json")
    assert result.exit_code == 1
    assert result.stderr == "retint: planted\n"
    assert result.stdout.count('"failed"') == 2


def test_an_input_is_never_overwritten_by_a_mask(retint, here: Path, torn: Path):
    before = (here / "b.png").read_bytes()
    result = retint("restore", "b.png", "--save-mask=b.png", "--overwrite")
    assert result.exit_code == 1
    assert "would overwrite the input b.png" in result.stderr
    assert (here / "b.png").read_bytes() == before


def test_a_film_that_is_none_fails_and_the_photograph_is_done(retint, here: Path, torn: Path):
    (here / "reel.mp4").write_bytes(b"\0\0\0\x18ftypisom\0\0\0\0isomavc1" + bytes(600))
    result = retint("restore", "reel.mp4", "torn.png")
    assert result.exit_code == 1
    assert "reel.mp4: " in result.stderr
    assert (here / "torn-restored.png").exists() and not (here / "reel-restored.mp4").exists()


# the command was wrong: 2


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ("", "Missing argument 'INPUT...'"),
        ("torn.png --stages tone,dust", "got stages 'tone,dust', wanted some of tone, damage, noise"),
        ("torn.png --strength much", "got strength 'much', wanted auto, 0 to 1"),
        ("torn.png --strength dust=1", "got a strength of 'dust'"),
        ("torn.png --film-stages dusk", "got stage 'dusk', wanted one of dust"),
        ("torn.png --start 5 --end 4", "--end 4 is not after --start 5"),
        ("torn.png --grain some", "some"),
        ("torn.png --upscale 3", "3"),
        ("torn.png --mask missing.png", "--mask missing.png: missing.png"),
        ("torn.png a.jpg --mask b.png", "--mask is of one photograph"),
        (". --mask b.png", "--mask is of one photograph"),
        ("torn.png --mask b.png --stages tone", "stage damage is left out"),
        ("torn.png --save-mask=mask.jpg", "name a .png"),
        ("torn.png a.jpg --save-mask=m.png", "is of one photograph"),
        ("torn.png -o - --save-mask", "--save-mask lies beside the result"),
        ("torn.png -o - --compare", "--compare lies beside the result"),
        ("torn.png a.jpg -o one.jpg", "names one file, and there are 2 inputs"),
    ],
)
def test_a_wrong_command_does_nothing(retint, here: Path, torn: Path, arguments: str, words: str):
    before = listing(here)
    result = retint("restore", *arguments.split())
    assert result.exit_code == 2
    assert words in " ".join(result.stderr.split())
    assert listing(here) == before


# colorize --restore


@pytest.mark.parametrize("option", ["--restore", "--restore=damage"])
def test_colorize_restores_first(retint, here: Path, torn: Path, option: str):
    assert retint("colorize", option, "torn.png").exit_code == 0
    after = read_photo("torn-color.png")
    assert was_restored(after.metadata)
    assert np.abs(after.pixels @ [0.299, 0.587, 0.114] - smooth())[40:43].mean() < 8
    (line,) = retint("colorize", option, "torn.png", "--overwrite", "--json").stdout.splitlines()
    assert json.loads(line)["findings"]["marks"] == 1


def test_colorize_without_it_does_not(retint, here: Path, torn: Path):
    retint("colorize", "torn.png")
    assert not was_restored(read_photo("torn-color.png").metadata)


def test_colorize_with_a_wrong_stage(retint, here: Path, torn: Path):
    result = retint("colorize", "torn.png", "--restore=dust")
    assert result.exit_code == 2
    assert "got stages 'dust'" in result.stderr
