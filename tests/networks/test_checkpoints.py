"""Weights files of every format are recognised and loaded, and broken ones refused in one clear line."""

from __future__ import annotations

import io
import json
import os
import pickle
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

torch = pytest.importorskip("torch")

from retint.errors import WeightsError  # noqa: E402
from retint.networks.checkpoints import load_generator, read_checkpoint, recognise, save_generator  # noqa: E402
from retint.networks.generator import Generator, build_generator  # noqa: E402

PARITY = Path(__file__).parents[1] / "parity"
OPTIONS = {"state": {}, "param_groups": [{"lr": slice(None, 0.003, None)}]}  # as fastai leaves them


@pytest.fixture(scope="module")
def lite() -> Generator:
    torch.manual_seed(0)
    return build_generator("lite").eval()


def keys(model: str) -> dict[str, Any]:
    """A state dict of the original's keys and shapes, without memory."""
    info = json.loads((PARITY / f"keys_{model}.json").read_text())
    return {key: torch.empty(shape, device="meta") for key, shape, _ in info["keys"]}


def assert_same_weights(one: Generator, other: Generator) -> None:
    for key, value in one.state_dict().items():
        assert torch.equal(value, other.state_dict()[key]), key


@pytest.mark.parametrize(("model", "variant"), [("artistic", "artistic"), ("wide", "stable")])
def test_published_keys_are_recognised(model: str, variant: str) -> None:
    assert recognise(keys(model)) == variant


@pytest.mark.parametrize(("model", "variant"), [("artistic", "artistic"), ("wide", "video"), ("wide", "stable")])
def test_published_keys_are_ours(model: str, variant: str) -> None:
    with torch.device("meta"):
        ours = build_generator(variant).state_dict()
    original = keys(model)
    assert {key: value.shape for key, value in ours.items()} == {key: value.shape for key, value in original.items()}


def test_the_critic_is_told_apart() -> None:
    with pytest.raises(WeightsError, match="critic"):
        recognise(keys("critic"))


@pytest.mark.parametrize(
    ("key", "words"),
    [("features.0.weight", "VGG"), ("layer1.0.conv1.weight", "ResNet"), ("layers.0.x", "U-Net"), ("other", "other")],
)
def test_other_weights_are_told_apart(key: str, words: str) -> None:
    with pytest.raises(WeightsError, match=words):
        recognise({key: torch.zeros(1)})


@pytest.mark.parametrize("zipped", [True, False])
@pytest.mark.parametrize("wrapped", [True, False])
def test_both_formats_with_and_without_wrap(lite: Generator, tmp_path: Path, zipped: bool, wrapped: bool) -> None:
    state = lite.state_dict()
    content = {"model": state, "opt": OPTIONS} if wrapped else state
    torch.save(content, tmp_path / "w.pth", _use_new_zipfile_serialization=zipped)
    loaded = load_generator(tmp_path / "w.pth")
    assert loaded.variant.name == "lite"
    assert not loaded.training
    assert_same_weights(loaded, lite)


def test_our_own_format(lite: Generator, tmp_path: Path) -> None:
    save_generator(lite, tmp_path / "w.pth", version="7")
    assert read_checkpoint(tmp_path / "w.pth").version == "7"
    assert_same_weights(load_generator(tmp_path / "w.pth"), lite)
    assert [file.name for file in tmp_path.iterdir()] == ["w.pth"]


def test_a_file_that_changes_later_does_not_change_the_network(lite: Generator, tmp_path: Path) -> None:
    state = lite.state_dict()
    torch.save({"model": state, "opt": [torch.zeros(20_000_000)]}, tmp_path / "w.pth")
    loaded = load_generator(tmp_path / "w.pth")
    with (tmp_path / "w.pth").open("r+b") as handle:
        handle.write(bytes((tmp_path / "w.pth").stat().st_size))
    assert_same_weights(loaded, lite)


def test_a_large_optimiser_state_is_never_read(lite: Generator, tmp_path: Path) -> None:
    state = lite.state_dict()
    options = {"state": {index: torch.ones_like(value) for index, value in enumerate([*state.values()] * 2)}}
    torch.save({"model": state, "opt": options}, tmp_path / "w.pth")
    assert read_checkpoint(tmp_path / "w.pth").mapped
    assert_same_weights(load_generator(tmp_path / "w.pth"), lite)
    torch.save({"model": state, "opt": {}}, tmp_path / "w.pth")
    assert not read_checkpoint(tmp_path / "w.pth").mapped


def test_half_precision_files_load_as_float32(lite: Generator, tmp_path: Path) -> None:
    state = {key: value.half() if value.is_floating_point() else value for key, value in lite.state_dict().items()}
    torch.save(state, tmp_path / "w.pth")
    loaded = load_generator(tmp_path / "w.pth")
    assert all(parameter.dtype == torch.float32 for parameter in loaded.parameters())


def test_a_save_that_fails_leaves_nothing(lite: Generator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    (tmp_path / "w.pth").write_bytes(b"before")
    monkeypatch.setattr(torch, "save", full)
    with pytest.raises(WeightsError, match="No space left"):
        save_generator(lite, tmp_path / "w.pth")
    assert [file.name for file in tmp_path.iterdir()] == ["w.pth"]
    assert (tmp_path / "w.pth").read_bytes() == b"before"


# broken files


class Evil:
    """Would run a command when unpickled."""

    def __init__(self, sign: Path) -> None:
        self.sign = sign

    def __reduce__(self) -> tuple[Any, ...]:
        return os.mkdir, (str(self.sign),)


def saved(content: object, *, zipped: bool = True) -> bytes:
    buffer = io.BytesIO()
    torch.save(content, buffer, _use_new_zipfile_serialization=zipped)
    return buffer.getvalue()


def refused(path: Path, content: bytes) -> str:
    path.write_bytes(content)
    with pytest.raises(WeightsError) as caught:
        load_generator(path)
    text = str(caught.value)
    assert "\n" not in text and path.name in text and "wanted" in text
    return text


def test_empty_and_pages_and_noise(tmp_path: Path) -> None:
    assert "empty" in refused(tmp_path / "w.pth", b"")
    assert "web page" in refused(tmp_path / "w.pth", b"\n<!DOCTYPE html><html>not found</html>")
    assert "no torch weights" in refused(tmp_path / "w.pth", bytes(range(256)) * 10)
    with zipfile.ZipFile(tmp_path / "w.zip", "w") as archive:
        archive.writestr("a.txt", "not weights")
    assert "no torch weights" in refused(tmp_path / "w.zip", (tmp_path / "w.zip").read_bytes())
    with pytest.raises(WeightsError, match="cannot be read"):
        load_generator(tmp_path / "missing.pth")


@pytest.mark.parametrize("zipped", [True, False])
@pytest.mark.parametrize("share", [0.001, 0.3, 0.999])
def test_truncated(lite: Generator, tmp_path: Path, zipped: bool, share: float) -> None:
    whole = saved(lite.state_dict(), zipped=zipped)
    assert "cut off" in refused(tmp_path / "w.pth", whole[: int(len(whole) * share)])


@pytest.mark.parametrize("zipped", [True, False])
def test_code_in_a_file_is_not_run(tmp_path: Path, zipped: bool) -> None:
    sign = tmp_path / "sign"
    assert "Python code" in refused(tmp_path / "w.pth", saved({"model": {}, "opt": Evil(sign)}, zipped=zipped))
    assert "Python code" in refused(tmp_path / "w.pth", pickle.dumps(Evil(sign), protocol=2))
    assert "no torch weights" in refused(tmp_path / "w.pth", pickle.dumps(Evil(sign)))
    assert not sign.exists()


def test_other_contents(tmp_path: Path) -> None:
    assert "holds a list" in refused(tmp_path / "w.pth", saved([1, 2]))
    assert "without any weights" in refused(tmp_path / "w.pth", saved({}))
    assert "step, optimizer" in refused(tmp_path / "w.pth", saved({"step": 3, "optimizer": {}}))
    assert "critic" in refused(tmp_path / "w.pth", saved({"0.0.weight_orig": torch.zeros(1), "x": torch.zeros(1)}))


def test_keys_that_do_not_fit(lite: Generator, tmp_path: Path) -> None:
    state = dict(lite.state_dict())
    del state["layers.1.weight"]
    state["extra"] = torch.zeros(1)
    state["layers.11.0.bias"] = torch.zeros(5)
    text = refused(tmp_path / "w.pth", saved(state))
    assert "1 missing (layers.1.weight)" in text
    assert "1 unexpected (extra)" in text
    assert "layers.11.0.bias is (5,), not (2,)" in text


def test_variant_asked_for(lite: Generator, tmp_path: Path) -> None:
    save_generator(lite, tmp_path / "w.pth")
    with pytest.raises(WeightsError, match="taken for 'artistic'"):
        load_generator(tmp_path / "w.pth", variant="artistic")


@pytest.mark.slow
def test_stable_may_be_taken_for_video(seeded_file: Callable[[str], Path]) -> None:
    assert read_checkpoint(seeded_file("wide")).variant == "stable"
    assert read_checkpoint(seeded_file("wide"), variant="video").variant == "video"
