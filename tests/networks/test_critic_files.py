"""Critics from DeOldify's files and ours; other files are refused in one clear line."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

torch = pytest.importorskip("torch")

from retint.errors import WeightsError  # noqa: E402
from retint.networks.checkpoints import load_generator, save_generator  # noqa: E402
from retint.networks.critic import Critic  # noqa: E402
from retint.networks.critic_files import load_critic, save_critic  # noqa: E402
from retint.networks.generator import build_generator  # noqa: E402

OPTIONS = {"state": {}, "param_groups": [{"lr": slice(None, 0.003, None)}]}  # as fastai leaves them


@pytest.fixture
def critic() -> Critic:
    """A small one, whose attention does something."""
    torch.manual_seed(1)
    critic = Critic(8, 2)
    torch.nn.init.constant_(critic[4][2].gamma, 0.5)
    return critic.eval()


def scores(critic: Critic, side: int = 64) -> torch.Tensor:
    with torch.inference_mode():
        return critic(torch.randn(2, 3, side, side, generator=torch.Generator().manual_seed(4)))


@pytest.mark.filterwarnings("ignore:TypedStorage is deprecated")
def test_deoldifys_file_gives_deoldifys_critic(seeded_file: Callable[[str], Path]):
    """Width 256, the format before zip, wrapped, with a `slice` beside it."""
    with torch.serialization.safe_globals([slice]):
        state = torch.load(seeded_file("critic"), weights_only=True)["model"]
    with torch.device("meta"):
        wanted = Critic()
    wanted.load_state_dict(state, assign=True)
    loaded = load_critic(seeded_file("critic"))
    assert not loaded.training and all(parameter.requires_grad for parameter in loaded.parameters())
    assert loaded.state_dict().keys() == state.keys()
    assert torch.equal(scores(loaded), scores(wanted.eval()))


@pytest.mark.parametrize("zipped", [True, False])
@pytest.mark.parametrize("wrapped", [True, False])
@pytest.mark.parametrize(("width", "blocks"), [(4, 1), (8, 2), (16, 3)])
def test_size_is_told_from_the_weights(tmp_path, zipped, wrapped, width, blocks):
    critic = Critic(width, blocks).eval()
    content = {"model": critic.state_dict(), "opt": OPTIONS} if wrapped else critic.state_dict()
    torch.save(content, tmp_path / "c.pth", _use_new_zipfile_serialization=zipped)
    assert torch.equal(scores(load_critic(tmp_path / "c.pth")), scores(critic))


def test_round_trip(critic, tmp_path):
    save_critic(critic, tmp_path / "c.pth")
    again = load_critic(tmp_path / "c.pth")
    assert [file.name for file in tmp_path.iterdir()] == ["c.pth"]
    assert torch.equal(scores(again), scores(critic))
    again.train()
    scores(again)  # power iteration and dropout run in the loaded one as well
    bare = torch.load(tmp_path / "c.pth", weights_only=True)
    assert list(bare) == list(critic.state_dict()), "what DeOldify's learner loads, too"


def test_a_file_that_changes_later_does_not_change_the_critic(critic, tmp_path):
    torch.save({"model": critic.state_dict(), "opt": [torch.zeros(1_000_000)]}, tmp_path / "c.pth")
    loaded = load_critic(tmp_path / "c.pth")
    with (tmp_path / "c.pth").open("r+b") as handle:
        handle.write(bytes((tmp_path / "c.pth").stat().st_size))
    assert torch.equal(scores(loaded), scores(critic))


def test_a_save_that_fails_says_so_and_leaves_nothing(critic, tmp_path):
    with pytest.raises(WeightsError, match="cannot be written"):
        save_critic(critic, tmp_path / "missing" / "c.pth")
    assert list(tmp_path.iterdir()) == []


def refused(path: Path) -> str:
    with pytest.raises(WeightsError) as caught:
        load_critic(path)
    text = str(caught.value)
    assert "\n" not in text and path.name in text and "wanted" in text and "retint models list" in text
    return text


def test_generators_and_critics_are_not_taken_for_each_other(critic, tmp_path):
    save_generator(build_generator("lite"), tmp_path / "g.pth")
    assert "got the weights of the generator lite, wanted a critic's weights" in refused(tmp_path / "g.pth")
    save_critic(critic, tmp_path / "c.pth")
    with pytest.raises(WeightsError, match="got the weights of a critic, wanted a generator's weights"):
        load_generator(tmp_path / "c.pth")


def test_deoldifys_generators_are_told_by_name(tmp_path):
    keys = ["layers.4.conv1.0.weight_orig", "layers.0.4.0.conv1.weight"]
    torch.save({"model": {key: torch.zeros(1) for key in keys}, "opt": OPTIONS}, tmp_path / "g.pth")
    assert "the generator artistic" in refused(tmp_path / "g.pth")


def test_other_files_are_refused(critic, tmp_path):
    path = tmp_path / "c.pth"
    path.write_bytes(b"<!doctype html>")
    assert "web page" in refused(path)
    state = critic.state_dict()
    for content, words in [
        ([1], "holds a list"),
        ({"step": 3}, "holds step and no state dict"),
        ({}, "without any weights"),
        ({"features.0.weight": torch.zeros(1)}, "VGG"),
        ({key: value for key, value in state.items() if key != "2.0.bias"}, "1 missing (2.0.bias)"),
        ({**state, "extra": torch.zeros(1)}, "width 8 with 2 blocks but does not fit it: keys 1 unexpected (extra)"),
        ({**state, "2.0.bias": torch.zeros(3)}, "2.0.bias is (3,), not (8,)"),
        ({"0.0.weight_orig": torch.zeros(())}, "does not fit"),
        ({f"{index}.0.weight_orig": torch.zeros(1, 3, 4, 4) for index in range(99)}, "does not fit"),
    ]:
        torch.save(content, path)
        assert words in refused(path)
