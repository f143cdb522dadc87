"""Export to ONNX: the file renders as torch does, at any size, says who it is, and is never written when it differs."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from retint.errors import RenderError, WeightsError

torch = pytest.importorskip("torch")
onnx = pytest.importorskip("onnx")
pytest.importorskip("onnxscript")

from retint.networks.checkpoints import load_generator, save_generator  # noqa: E402
from retint.networks.generator import build_generator  # noqa: E402
from retint.rendering import export, onnx_files  # noqa: E402
from retint.rendering.onnx_backend import OnnxNetwork  # noqa: E402

pytestmark = pytest.mark.slow  # one trace of the lite network takes torch ten seconds


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """`lite` with seeded weights whose batch norms have seen something, and whose attention does something."""
    torch.manual_seed(0)
    generator = build_generator("lite")
    with torch.no_grad():
        for module in generator.modules():
            if hasattr(module, "gamma"):
                module.gamma.fill_(0.5)
        for _ in range(8):
            generator(torch.randn(2, 1, 64, 64).repeat(1, 3, 1, 1))
    path = tmp_path_factory.mktemp("weights") / "seeded.pth"
    save_generator(generator.eval(), path)
    return path


@pytest.fixture(scope="module")
def exported(weights: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    target = tmp_path_factory.mktemp("onnx") / "lite.onnx"
    options: dict[str, Any] = {"name": "mine", "version": "7", "default_render_factor": 21}
    assert export.export_onnx(weights, target, **options) == target
    return target


def test_the_file_says_who_it_is(exported: Path) -> None:
    info = OnnxNetwork(exported, device="cpu").info
    assert (info.name, info.variant, info.version, info.head) == ("mine", "lite", "7", "chroma")
    assert (info.default_render_factor, info.engine) == (21, "onnxruntime")


@pytest.mark.parametrize("size", [(1, 64, 64), (3, 336, 336), (1, 336, 80), (2, 48, 208), (1, 560, 560)])
def test_it_renders_as_torch_does(exported: Path, weights: Path, size: tuple[int, int, int]) -> None:
    count, height, width = size
    gray = np.random.RandomState(2).standard_normal((count, 1, height, width)).astype(np.float32).repeat(3, axis=1)
    with torch.inference_mode():
        wanted = load_generator(weights)(torch.from_numpy(gray)).numpy()
    got = OnnxNetwork(exported, device="cpu").run(gray)
    assert got.shape == wanted.shape == (count, 2, height, width)
    assert np.linalg.norm(got - wanted) < 5e-3 * np.linalg.norm(wanted)  # weights are rounded to fp16


def test_weights_are_stored_as_fp16(exported: Path, weights: Path) -> None:
    assert exported.stat().st_size < 0.55 * weights.stat().st_size
    model = onnx.load(exported)
    assert {i.name for i in model.graph.input} == {"gray"}
    assert {o.name for o in model.graph.output} == {"render"}
    assert not {opset.domain for opset in model.opset_import} - {"", "ai.onnx"}  # nothing that only one engine knows
    assert any(node.op_type == "Loop" for node in model.graph.node)  # attention, some positions at a time


def test_it_names_no_files_of_this_machine(exported: Path) -> None:
    content = exported.read_bytes()
    assert b"site-packages" not in content
    assert str(Path(export.__file__).parent).encode() not in content


def test_a_render_that_differs_is_refused(
    exported: Path, weights: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = onnx.load(exported)
    for tensor in model.graph.initializer:
        if tensor.data_type == onnx.TensorProto.FLOAT16 and tensor.dims[0] == 2:  # the last convolution: planted
            values = onnx.numpy_helper.to_array(tensor) * np.float16(1.01)
            tensor.CopyFrom(onnx.numpy_helper.from_array(values, tensor.name))
    monkeypatch.setattr(export, "_traced", lambda _: model)
    shutil.copy(exported, tmp_path / "lite.onnx")
    with pytest.raises(RenderError, match="otherwise than torch"):
        export.export_onnx(weights, tmp_path / "lite.onnx")
    assert [file.name for file in tmp_path.iterdir()] == ["lite.onnx"]
    assert (tmp_path / "lite.onnx").read_bytes() == exported.read_bytes()


def test_a_render_of_another_shape_is_refused(exported: Path) -> None:
    gray = np.zeros((1, 3, 64, 64), np.float32)
    with pytest.raises(RenderError, match="shape"):
        onnx_files.verify(exported, [(gray, (np.zeros((1, 2, 64, 80), np.float32),))])


def test_a_target_that_cannot_be_written(weights: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(export, "_traced", lambda _: onnx.ModelProto())
    with pytest.raises(WeightsError, match="cannot be written"):
        export.export_onnx(weights, tmp_path / "missing" / "lite.onnx")


def test_saturation_multiplies_the_chroma(exported: Path, weights: Path, tmp_path: Path) -> None:
    export.export_onnx(weights, tmp_path / "vivid.onnx", precision="fp16", saturation=1.5)
    gray = np.repeat(np.random.default_rng(0).standard_normal((1, 1, 64, 96)), 3, axis=1).astype(np.float32)
    plain, vivid = (OnnxNetwork(path, device="cpu").run(gray) for path in (exported, tmp_path / "vivid.onnx"))
    assert np.linalg.norm(vivid - 1.5 * plain) < 2e-3 * np.linalg.norm(vivid)


@pytest.mark.parametrize("saturation", [0.0, -1.0])
def test_impossible_saturation_is_refused(weights: Path, tmp_path: Path, saturation: float) -> None:
    with pytest.raises(WeightsError, match="above 0"):
        export.export_onnx(weights, tmp_path / "x.onnx", saturation=saturation)


def test_numbers_beyond_fp16_are_refused(weights: Path, tmp_path: Path) -> None:
    generator = load_generator(weights)
    with torch.no_grad():
        generator.layers[0].stem[0].weight[0, 0, 0, 0] = 1e6
    save_generator(generator, tmp_path / "w.pth")
    with pytest.raises(WeightsError, match="fp32"):
        export.export_onnx(tmp_path / "w.pth", tmp_path / "lite.onnx")
