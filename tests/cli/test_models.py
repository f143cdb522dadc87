"""`retint models`."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import os
import sys
import threading
import types
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from click.testing import CliRunner

from retint.cli import main
from retint.cli.models import bring, progress_bar
from retint.weights import CATALOG, Entry

ARTISTIC = CATALOG["artistic"]


@pytest.fixture(autouse=True)
def weights(tmp_path, monkeypatch):
    """The folder of weights, of a machine with nothing on it and no network."""
    for name in list(os.environ):
        if name.startswith("RETINT_") or name.lower().endswith("_proxy"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("RETINT_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("RETINT_OFFLINE", "1")
    monkeypatch.chdir(tmp_path)
    return tmp_path / "home" / "weights"


def retint(*arguments):
    return CliRunner().invoke(main, ["models", *map(str, arguments)])


def plant(weights, name, size):
    """A file of that size, which takes no room."""
    weights.mkdir(parents=True, exist_ok=True)
    with (weights / name).open("wb") as file:
        file.truncate(size)


def test_list_tells_what_is_here(weights):
    plant(weights, ARTISTIC.file, ARTISTIC.size)
    plant(weights, f"{CATALOG['video'].file}.partial", CATALOG["video"].size // 2)
    plant(weights, CATALOG["stable"].file, 7)
    result = retint("list")
    rows = {line.split()[0]: line for line in result.output.splitlines() if line}
    assert result.exit_code == 0
    assert rows["artistic"].split()[1:4] == ["here", "255", "MB"]
    assert "partial (50 %)" in rows["video"] and "damaged" in rows["stable"] and "not here" in rows["resnet34"]
    assert set(CATALOG) < set(rows) and rows["folder:"] == f"folder: {weights}"


FIGURES = ["alexnet", "lpips-alex", "inception_v3"]  # what only evaluation needs


def test_list_keeps_what_only_training_needs_apart(weights):
    models, training = retint("list").output.split("\nfor training and figures, not for colouring:\n")
    assert [line.split()[0] for line in models.splitlines()] == [
        e.name for e in CATALOG.values() if e.role == "generator"
    ]
    listed = [line.split()[0] for line in training.splitlines() if line][:-1]
    assert listed == ["artistic-critic", "artistic-pretrained-critic", "resnet34", "resnet101", "vgg16_bn", *FIGURES]


def test_list_as_json_is_one_object_a_line(weights):
    plant(weights, f"{ARTISTIC.file}.partial", 1000)
    result = retint("list", "--json", "--offline")
    rows = {row["name"]: row for row in map(json.loads, result.output.splitlines())}
    assert list(rows) == list(CATALOG)
    row = rows["artistic"]
    assert (row["state"], row["size"], row["size_here"]) == ("partial", ARTISTIC.size, 1000)
    assert row["sha256"] == ARTISTIC.sha256 and row["addresses"] == list(ARTISTIC.addresses)
    assert row["default_render_factor"] == 35 and row["licence"] == "MIT" and row["needs_torch"] is True
    assert rows["lite"]["state"] in ("embedded", "missing") and rows["lite"]["addresses"] is None


def test_fetch_offline_fails_with_a_line_each(weights):
    result = retint("fetch", "artistic", "--offline", "video", "artistic")
    assert result.exit_code == 1 and result.stdout == ""
    lines = result.stderr.splitlines()
    assert [line.split()[1] for line in lines] == ["artistic", "video"]
    assert f"into {weights} by hand" in lines[0]


def test_fetch_of_an_unknown_name_is_a_wrong_command():
    result = retint("fetch", "video", "artistik")
    assert result.exit_code == 2
    assert 'did you mean "artistic"' in result.stderr and "video is not" not in result.stderr


def test_fetch_says_what_the_address_answered(weights, tmp_path, monkeypatch):
    """The mirror answers with a page; the published addresses are not asked, as no test may."""
    (tmp_path / "web").mkdir()
    (tmp_path / "web" / "planted.pth").write_text("<!doctype html><p>Gone")
    (tmp_path / "web" / "good.pth").write_bytes(b"weights")
    monkeypatch.delenv("RETINT_OFFLINE")
    handler = partial(QuietHandler, directory=str(tmp_path / "web"))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
        thread.start()
        base = f"http://127.0.0.1:{server.server_address[1]}"
        page = Entry("planted", "planted.pth", "critic", "", "MIT", (f"{base}/planted.pth",), size=7)
        digest = hashlib.sha256(b"weights").hexdigest()
        good = Entry("good", "good.pth", "critic", "", "MIT", (f"{base}/good.pth",), size=7, sha256=digest)
        with CliRunner().isolation() as (stdout, stderr, _):
            failed = bring([page, good], offline=False)
            said, told = stdout.getvalue().decode(), stderr.getvalue().decode()
        server.shutdown()
        thread.join()
    assert failed == 1 and said.strip() == str(weights / "good.pth")
    assert "a web page, not weights" in told and len(told.splitlines()) == 1
    assert (weights / "good.pth").read_bytes() == b"weights"


def test_fetch_of_training_weights_knows_the_head_of_their_hash(weights, server, reply, monkeypatch):
    """Torchvision's files, of which eight digits of the hash are known and no size."""
    monkeypatch.delenv("RETINT_OFFLINE")
    known = {}
    for name, content in {"vgg16_bn": b"good", "resnet34": b"other", "resnet101": b"<html><p>Gone"}.items():
        head = hashlib.sha256(b"good").hexdigest()[:8]
        address = server.at(f"/{name}.pth", reply(content))
        known[name] = dataclasses.replace(CATALOG[name], file=f"{name}.pth", addresses=(address,), sha256=head)
    monkeypatch.setattr("retint.weights.catalog.CATALOG", {**CATALOG, **known})
    result = retint("fetch", "vgg16_bn", "resnet34", "resnet101")
    assert result.exit_code == 1 and result.stdout.strip() == str(weights / "vgg16_bn.pth")
    told = result.stderr.splitlines()
    assert "resnet34" in told[0] and "has SHA-256 d9298a10, wanted 770e6076" in told[0]
    assert len(told) == 2 and "resnet101" in told[1] and "a web page" in told[1]
    assert sorted(path.name for path in weights.glob("*.pth")) == ["vgg16_bn.pth"]


class QuietHandler(SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: object) -> None:
        pass


def test_show_of_a_name(weights):
    result = retint("show", "artistic")
    assert result.exit_code == 0
    rows = dict(line.split(None, 1) for line in result.output.splitlines() if line[0] != " ")
    assert rows["state"] == "not here" and rows["sha256"] == ARTISTIC.sha256 and rows["licence"] == "MIT"
    assert all(address in result.output for address in ARTISTIC.addresses)


def test_show_of_damaged_weights_says_so(weights):
    plant(weights, ARTISTIC.file, 7)
    result = retint("show", "artistic")
    assert result.exit_code == 1 and "has 7 bytes, wanted 255144681" in result.stderr


def test_show_of_a_file_tells_what_it_is(tmp_path):
    page = tmp_path / "page.pth"
    page.write_bytes(b"<html>")
    result = retint("show", page, "--json")
    facts = json.loads(result.output)
    assert facts["kind"] == "a web page, not weights" and facts["size_here"] == 6
    assert facts["sha256"] == hashlib.sha256(b"<html>").hexdigest() and facts["catalogue_name"] is None
    assert retint("show", tmp_path / "gone.pth").exit_code == 1


def test_show_of_a_torch_file_names_the_variant_or_says_why_not(tmp_path):
    torch = pytest.importorskip("torch")
    torch.save({"features.0.weight": torch.zeros(1)}, tmp_path / "w.pth")
    result = retint("show", tmp_path / "w.pth", "--json")
    assert "VGG" in json.loads(result.output)["note"]


@pytest.fixture
def exported(monkeypatch):
    """What `export` asked of the module that exports, which needs torch."""
    calls = []

    def export_onnx(weights, target, *, precision="fp32", name=None, default_render_factor=None, saturation=1.0):
        calls.append((weights, target, precision, name, default_render_factor, saturation))

    monkeypatch.setattr("retint.cli.models._restores", lambda weights: False)
    monkeypatch.setitem(sys.modules, "retint.rendering.export", types.SimpleNamespace(export_onnx=export_onnx))
    return calls


def test_export_of_a_path_lies_beside_it(tmp_path, exported):
    (tmp_path / "mine.pth").write_bytes(b"weights")
    result = retint("export", tmp_path / "mine.pth", "--precision", "fp16", "--saturation", "1.2")
    assert result.exit_code == 0, result.output
    assert exported == [(tmp_path / "mine.pth", tmp_path / "mine.onnx", "fp16", None, None, 1.2)]
    assert result.stdout.strip() == str(tmp_path / "mine.onnx")


def test_export_of_a_name_tells_the_file_who_it_is(tmp_path, exported, monkeypatch):
    (tmp_path / "ColorizeVideo_gen.pth").write_bytes(b"weights")
    monkeypatch.setattr("retint.cli.models.locate", lambda name: tmp_path / "ColorizeVideo_gen.pth")
    result = retint("export", "video", "-o", "v.onnx")
    assert result.exit_code == 0, result.output
    assert exported == [(tmp_path / "ColorizeVideo_gen.pth", Path("v.onnx"), "fp32", "video", 21, 1.0)]


def test_export_refuses_to_overwrite_before_any_work(tmp_path, exported):
    (tmp_path / "mine.pth").write_bytes(b"weights")
    (tmp_path / "there.onnx").touch()
    result = retint("export", "mine.pth", "-o", "there.onnx")
    assert result.exit_code == 1 and "there.onnx exists" in result.stderr and not exported
    assert retint("export", "mine.pth", "-o", "there.onnx", "--overwrite").exit_code == 0
    assert exported == [(Path("mine.pth"), Path("there.onnx"), "fp32", None, None, 1.0)]
    assert retint("export", "mine.pth", "-o", tmp_path).exit_code == 2


@pytest.mark.parametrize(
    ("name", "code", "words"),
    [
        ("artistic-critic", 2, "no model that colours"),
        ("vgg16_bn", 2, "no model that colours"),
        ("artistik", 2, "did you mean"),
        ("artistic", 1, "offline was asked for"),
        ("done.onnx", 1, "is ONNX already"),
    ],
)
def test_export_refuses_what_makes_no_sense(tmp_path, exported, name, code, words):
    (tmp_path / "done.onnx").touch()
    result = retint("export", name, "-o", "new.onnx")
    assert (result.exit_code, words in result.stderr, exported) == (code, True, []), result.stderr


def test_progress_is_silent_off_a_terminal(capsys):
    with progress_bar("planted") as progress:
        progress(1, 2)
    assert capsys.readouterr() == ("", "")


def test_progress_on_a_terminal_begins_at_what_is_here(monkeypatch, capsys):
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
    with progress_bar("planted") as progress:
        progress(500_000, 1_000_000)
        progress(1_000_000, 1_000_000)
    told = capsys.readouterr().err
    assert "planted:  50%" in told and "500k/1.00M" in told
