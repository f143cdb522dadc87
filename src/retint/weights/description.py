"""What a weights file is, told from the file itself."""

from __future__ import annotations

import importlib.util
from pathlib import Path

from retint.errors import WeightsError
from retint.weights.catalog import CATALOG
from retint.weights.checks import looks_like_web_page, sha256_of

_LARGEST_HEAD = 512  # bytes looked at to tell the kind


def kind_of(head: bytes) -> str:
    """The kind of a file from its first bytes."""
    if not head:
        return "an empty file"
    if looks_like_web_page(head):
        return "a web page, not weights"
    if head.startswith(b"version https://git-lfs"):
        return "a Git LFS pointer, not the file itself"
    if head.startswith(b"PK\x03\x04"):
        return "torch (zip)"
    if head[2:].startswith(b"\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19"):  # torch's magic number 0x1950a86a20f9469cfc6c, pickled
        return "torch (before zip)"
    if head[8:9] == b"{":  # length of the header as uint64, then JSON
        return "safetensors"
    if head[:1] == b"\x08":  # protobuf: field 1, ir_version
        return "ONNX"
    return "unknown"


def describe_file(path: Path) -> dict[str, object]:
    """Path, kind, size, SHA-256, the catalogue's name of it, and for ONNX what its metadata say.

    Raises
    ------
    WeightsError
        It cannot be read.
    """
    try:
        with path.open("rb") as file:
            head = file.read(_LARGEST_HEAD)
        size, digest = path.stat().st_size, sha256_of(path)
    except OSError as error:
        raise WeightsError(f"cannot read {path}: {error.strerror}.") from error
    kind = kind_of(head)
    known = [e.name for e in CATALOG.values() if e.sha256 is not None and digest.startswith(e.sha256)]
    facts: dict[str, object] = {"path": str(path), "kind": kind, "size_here": size, "sha256": digest}
    facts["catalogue_name"] = known[0] if known else None
    if kind == "ONNX":
        facts |= _onnx_metadata(path)
    return facts


def _onnx_metadata(path: Path) -> dict[str, object]:
    if importlib.util.find_spec("onnxruntime") is None:
        return {}
    import onnxruntime

    try:
        options = onnxruntime.SessionOptions()
        options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
        options.log_severity_level = 4
        session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    except Exception as error:  # ONNX Runtime's own exceptions share no public base
        raise WeightsError(f"{path} begins like ONNX, and ONNX Runtime cannot load it: {_first_line(error)}") from error
    said: dict[str, str] = session.get_modelmeta().custom_metadata_map
    ours = {key.removeprefix("retint."): value for key, value in sorted(said.items()) if key.startswith("retint.")}
    return {key: int(value) if value.isdecimal() else value for key, value in ours.items()}


def _first_line(error: Exception) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0]
