"""A file is taken for what the catalogue says only when it is."""

from __future__ import annotations

import hashlib
import os

import pytest

from retint.errors import ChecksumError, WeightsError
from retint.weights import verify
from retint.weights.checks import looks_like_web_page, verify_once
from retint.weights.description import describe_file, kind_of


@pytest.fixture
def entry(entry_for):
    return entry_for("https://one.example/a")


@pytest.fixture
def file(tmp_path, payload):
    path = tmp_path / "planted.pth"
    path.write_bytes(payload)
    return path


def test_right_file_passes(file, entry):
    verify(file, entry)


def test_wrong_files_are_told_apart(file, entry, payload):
    file.write_bytes(payload[:-1])
    with pytest.raises(ChecksumError, match="has 299999 bytes, wanted 300000"):
        verify(file, entry)
    file.write_bytes(payload[:-1] + bytes([payload[-1] ^ 1]))
    with pytest.raises(ChecksumError, match="has SHA-256"):
        verify(file, entry)
    file.write_bytes(b"\n <html lang=en>")
    with pytest.raises(ChecksumError, match="is a web page, not weights"):
        verify(file, entry)
    file.unlink()
    with pytest.raises(WeightsError, match="cannot read"):
        verify(file, entry)


@pytest.mark.parametrize("digits", [8, 20, 64])
def test_head_of_a_hash_is_checked_whole(file, entry_for, payload, digits):
    """As strictly as what is published allows: every digit of it, and never a page."""
    known = hashlib.sha256(payload).hexdigest()[:digits]
    verify(file, entry_for("https://one.example/a", size=None, sha256=known))
    wrong = known[:-1] + ("0" if known[-1] != "0" else "1")
    with pytest.raises(ChecksumError, match=f"has SHA-256 {known}, wanted {wrong}"):
        verify(file, entry_for("https://one.example/a", size=None, sha256=wrong))
    page = b"<!doctype html>"
    file.write_bytes(page)
    with pytest.raises(ChecksumError, match="is a web page"):
        verify(file, entry_for("https://one.example/a", size=None, sha256=hashlib.sha256(page).hexdigest()[:digits]))


def test_checked_file_is_read_again_only_when_touched(file, entry, payload):
    verify_once(file, entry)
    before = file.stat()
    file.write_bytes(payload[::-1])
    os.utime(file, ns=(before.st_atime_ns, before.st_mtime_ns))
    verify_once(file, entry)  # same size and time: trusted unread
    os.utime(file, ns=(before.st_atime_ns, before.st_mtime_ns + 1))
    with pytest.raises(ChecksumError):
        verify_once(file, entry)


def test_note_of_another_hash_does_not_count(file, entry_for, entry):
    verify_once(file, entry)
    with pytest.raises(ChecksumError):
        verify_once(file, entry_for("https://one.example/a", sha256="0" * 64))


def test_broken_note_does_not_count(file, entry):
    verify_once(file, entry)
    (file.parent / "planted.pth.verified").write_text("{")
    verify_once(file, entry)


@pytest.mark.parametrize(
    ("head", "page"),
    [
        (b"<!doctype html>", True),
        (b"\xef\xbb\xbf\r\n  <HTML>", True),
        (b'<?xml version="1.0"?><Error>', True),
        (b"PK\x03\x04", False),
        (b"\x80\x02", False),
        (b"<\x00\x01", False),
        (b"", False),
    ],
)
def test_web_pages_are_known_by_their_first_bytes(head, page):
    assert looks_like_web_page(head) is page


@pytest.mark.parametrize(
    ("head", "kind"),
    [
        (b"", "an empty file"),
        (b"<html>", "a web page, not weights"),
        (b"version https://git-lfs.github.com/spec/v1", "a Git LFS pointer, not the file itself"),
        (b'\x10\0\0\0\0\0\0\0{"a":1}', "safetensors"),
        (b"\x08\x08", "ONNX"),
        (b"anything", "unknown"),
    ],
)
def test_kinds_of_files(head, kind):
    assert kind_of(head) == kind


@pytest.mark.parametrize("zipped", [True, False])
def test_torch_files_are_known_without_torch(tmp_path, zipped):
    torch = pytest.importorskip("torch")
    path = tmp_path / "w.pth"
    torch.save({"a": torch.zeros(1)}, path, _use_new_zipfile_serialization=zipped)
    assert kind_of(path.read_bytes()) == ("torch (zip)" if zipped else "torch (before zip)")


def test_onnx_file_tells_its_metadata(tmp_path):
    onnx = pytest.importorskip("onnx")
    tensor = onnx.helper.make_tensor_value_info
    graph = onnx.helper.make_graph(
        [onnx.helper.make_node("Identity", ["x"], ["y"])], "g", [tensor("x", 1, [1])], [tensor("y", 1, [1])]
    )
    model = onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 17)], ir_version=8)
    for key, value in {"retint.variant": "lite", "retint.default_render_factor": "16", "other": "x"}.items():
        model.metadata_props.add(key=key, value=value)
    path = tmp_path / "w.onnx"
    onnx.save(model, path)
    facts = describe_file(path)
    assert (facts["kind"], facts["variant"], facts["default_render_factor"]) == ("ONNX", "lite", 16)
    assert "other" not in facts and facts["catalogue_name"] is None


def test_file_that_only_begins_like_onnx(tmp_path):
    path = tmp_path / "w.onnx"
    path.write_bytes(b"\x08\x08 nothing of the kind")
    with pytest.raises(WeightsError, match="ONNX Runtime cannot load it"):
        describe_file(path)
