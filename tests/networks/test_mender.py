"""Networks that restore: shapes, what a mask hides, what begins as nothing, files."""

from __future__ import annotations

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from retint.errors import WeightsError  # noqa: E402
from retint.networks.files import save_whole  # noqa: E402
from retint.networks.generator import build_generator  # noqa: E402
from retint.networks.mender import MENDERS, build_mender, fill, relight  # noqa: E402
from retint.networks.mender_files import is_mender, load_mender  # noqa: E402


@pytest.mark.parametrize(("name", "scale"), [("restore", 1), ("damage", 1), ("upscale", 2)])
def test_a_unet_keeps_the_size_or_doubles_it(name: str, scale: int) -> None:
    network = build_mender(name).eval()
    out = network(torch.rand(2, MENDERS[name].inputs, 48, 80))
    assert out.shape == (2, 1, 48 * scale, 80 * scale)


def test_the_tone_network_gives_a_field_that_changes_little_at_first() -> None:
    torch.manual_seed(0)
    picture = 0.2 + 0.5 * torch.rand(3, 1, 96, 96)
    light, gamma, says = build_mender("tone").eval()(picture)
    assert (light.shape, gamma.shape, says.shape) == ((3, 2, 12, 12), (3, 1), (3, 1))
    assert (relight(picture, light, gamma) - picture).abs().max() < 0.2


def test_masked_luma_is_never_seen() -> None:
    torch.manual_seed(0)
    network = build_mender("restore").eval()
    gray, mask = torch.rand(1, 1, 64, 64), torch.zeros(1, 1, 64, 64)
    mask[..., 20:30, 10:50] = 1
    other = torch.where(mask > 0, torch.rand_like(gray), gray)
    one, two = (network(torch.cat([value, mask], dim=1)) for value in (gray, other))
    assert torch.equal(one, two)


def test_fill_keeps_what_is_known_and_goes_on_with_it_elsewhere() -> None:
    y, x = torch.meshgrid(torch.linspace(0, 1, 128), torch.linspace(0, 1, 128), indexing="ij")
    ramp = (0.2 + 0.5 * x + 0.1 * y)[None, None]
    mask = torch.zeros_like(ramp)
    mask[..., 40:44, :] = 1
    mask[..., 90:, 100:] = 1  # a corner, wider than the coarsest cell
    out = fill(torch.where(mask > 0, torch.zeros_like(ramp), ramp), mask)
    assert torch.allclose(out[mask == 0], ramp[mask == 0], atol=1e-6)
    assert (out - ramp)[..., 40:44, :].abs().max() < 0.06
    assert (out - ramp)[..., 90:, 100:].abs().max() < 0.2


def test_relight_undoes_what_it_is_told() -> None:
    clean = torch.linspace(0.05, 0.95, 64 * 64).reshape(1, 1, 64, 64)
    faded = (0.3 + 0.4 * clean) ** (1 / 1.25)
    light = torch.empty(1, 2, 12, 12)
    # out = (gain * faded + offset) ** gamma undoes a fading without its own power
    light[:, 0], light[:, 1] = 1 / 0.4, -0.3 / 0.4
    straight = relight(0.3 + 0.4 * clean, light, torch.ones(1, 1))
    assert torch.allclose(straight, clean, atol=1e-5)
    assert not torch.allclose(relight(faded, light, torch.ones(1, 1)), clean, atol=1e-2)


def test_files_come_back_and_say_what_they_are(tmp_path) -> None:
    torch.manual_seed(0)
    network = build_mender("damage")
    save_whole({"variant": "damage", "model": network.state_dict()}, tmp_path / "damage.pt")
    again = load_mender(tmp_path / "damage.pt")
    given = torch.rand(1, 1, 32, 32)
    assert is_mender(tmp_path / "damage.pt")
    assert torch.equal(again(given), network.eval()(given))


def test_files_of_another_kind_are_refused(tmp_path) -> None:
    save_whole({"variant": "lite", "model": build_generator("lite").state_dict()}, tmp_path / "lite.pt")
    assert not is_mender(tmp_path / "lite.pt")
    with pytest.raises(WeightsError, match=r"holds lite, wanted the weights of a network that restores"):
        load_mender(tmp_path / "lite.pt")
    save_whole({"variant": "damage", "model": build_mender("tone").state_dict()}, tmp_path / "wrong.pt")
    with pytest.raises(WeightsError, match="do not fit damage"):
        load_mender(tmp_path / "wrong.pt")


@pytest.mark.slow  # four traces by torch's exporter
@pytest.mark.parametrize("name", MENDERS)
def test_an_exported_file_gives_what_torch_gives(tmp_path, name: str) -> None:
    pytest.importorskip("onnxscript")
    import onnxruntime as ort

    from retint.rendering.export_mender import export_mender

    torch.manual_seed(0)
    network = build_mender(name).eval()
    save_whole({"variant": name, "model": network.state_dict()}, tmp_path / "w.pt")
    export_mender(tmp_path / "w.pt", tmp_path / "w.onnx", precision="fp32", version="3")
    session = ort.InferenceSession(tmp_path / "w.onnx", providers=["CPUExecutionProvider"])
    said = session.get_modelmeta().custom_metadata_map
    assert (said["retint.name"], said["retint.version"]) == (name, "3")
    side = (96, 96) if name == "tone" else (80, 112)
    given = np.random.default_rng(1).random((1, MENDERS[name].inputs, *side), dtype=np.float32)
    if name == "restore":
        given[:, 1] = given[:, 1] > 0.9
    with torch.inference_mode():
        wanted = network(torch.from_numpy(given))
    wanted = list(wanted) if isinstance(wanted, tuple) else [wanted]
    if name in ("damage", "tone"):
        wanted[-1] = torch.sigmoid(wanted[-1])
    outputs = {"damage": ["damage"], "tone": ["light", "gamma", "confidence"]}.get(name, ["luma"])
    assert [one.name for one in session.get_outputs()] == outputs
    for got, expected in zip(session.run(None, {session.get_inputs()[0].name: given}), wanted, strict=True):
        np.testing.assert_allclose(got, expected.numpy(), atol=2e-5)
