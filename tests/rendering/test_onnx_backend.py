"""ONNX Runtime as an engine, on a model of three nodes that is made here: chroma = two planes of the input, scaled."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import onnxruntime as ort
import pytest
from onnx import TensorProto, helper

from retint.errors import RenderError, RenderMemoryError, WeightsError
from retint.rendering import load_colorizer
from retint.rendering.memory import cores_available, memory_available
from retint.rendering.onnx_backend import OnnxNetwork

SAID = {
    "retint.name": "tiny",
    "retint.variant": "lite",
    "retint.version": "7",
    "retint.head": "chroma",
    "retint.default_render_factor": "12",
}


def tiny_model(path: Path, said: dict[str, str] = SAID) -> Path:
    weight = helper.make_tensor("w", TensorProto.FLOAT, (2, 3, 1, 1), [0.1, 0, 0, 0, -0.1, 0])
    graph = helper.make_graph(
        [helper.make_node("Conv", ["gray", "w"], ["render"])],
        "tiny",
        [helper.make_tensor_value_info("gray", TensorProto.FLOAT, ("n", 3, "h", "w"))],
        [helper.make_tensor_value_info("render", TensorProto.FLOAT, ("n", 2, "h", "w"))],
        [weight],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    helper.set_model_props(model, said)
    onnx.save(model, path)
    return path


def test_the_model_says_what_it_is_and_computes(tmp_path: Path):
    network = OnnxNetwork(tiny_model(tmp_path / "m.onnx"))
    assert (network.info.name, network.info.version, network.info.head, network.info.default_render_factor) == (
        "tiny",
        "7",
        "chroma",
        12,
    )
    assert network.info.device == "cpu"
    batch = np.random.default_rng(0).standard_normal((2, 3, 48, 48)).astype(np.float32)
    out = network.run(batch)
    assert np.allclose(out, np.stack([batch[:, 0] * 0.1, batch[:, 1] * -0.1], axis=1), atol=1e-6)


def test_other_files_are_refused_by_what_they_are(tmp_path: Path):
    (tmp_path / "page.onnx").write_bytes(b"<!DOCTYPE html>")
    with pytest.raises(WeightsError, match=r"page\.onnx is not a model"):
        OnnxNetwork(tmp_path / "page.onnx")
    with pytest.raises(WeightsError, match="not a retint model"):
        OnnxNetwork(tiny_model(tmp_path / "other.onnx", {}))


def test_a_device_that_is_not_there_is_refused(tmp_path: Path):
    with pytest.raises(RenderError, match=r"got device 'cuda'.*device cpu"):
        OnnxNetwork(tiny_model(tmp_path / "m.onnx"), device="cuda")


@pytest.mark.parametrize(("asked", "given"), [(0, cores_available()), (3, 3)])
def test_threads_reach_the_session(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, asked: int, given: int):
    seen: list[int] = []
    session = ort.InferenceSession

    def watched(path: Path, options: ort.SessionOptions, **more: object) -> ort.InferenceSession:
        seen.append(options.intra_op_num_threads)
        return session(path, options, **more)

    monkeypatch.setattr(ort, "InferenceSession", watched)
    load_colorizer(tiny_model(tmp_path / "m.onnx"), threads=asked)
    assert seen == [given]


@pytest.mark.parametrize(
    ("text", "kind"), [("bad allocation: std::bad_alloc", RenderMemoryError), ("shape mismatch", RenderError)]
)
def test_engine_errors_become_ours(tmp_path: Path, text: str, kind: type[Exception]):
    network = OnnxNetwork(tiny_model(tmp_path / "m.onnx"))

    class Broken:
        def run(self, *_: object) -> None:
            raise RuntimeError(text)

    network._session = Broken()  # type: ignore[assignment]
    with pytest.raises(kind, match=text.split(":")[0]) as caught:
        network.run(np.zeros((1, 3, 32, 32), np.float32))
    assert type(caught.value) is kind


def test_memory_and_cores_are_plausible_and_honour_a_limit():
    assert 1 <= cores_available() <= 4096
    free = memory_available()
    assert 0 < free < 1 << 50
    resource = pytest.importorskip("resource", reason="this platform has no resource limits")
    soft, hard = resource.getrlimit(resource.RLIMIT_AS)
    import psutil

    limit = psutil.Process().memory_info().vms + (300 << 20)
    resource.setrlimit(resource.RLIMIT_AS, (limit, hard))
    try:
        assert memory_available() <= 300 << 20
    finally:
        resource.setrlimit(resource.RLIMIT_AS, (soft, hard))
