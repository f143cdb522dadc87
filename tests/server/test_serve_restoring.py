"""POST /v1/restore, and restoring before colouring. White counts as damage here, and damage is filled from around."""

from __future__ import annotations

import io
import json
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
from PIL import Image
from serving import Serve, Served, colourfulness, picture, until
from small_film import small_film

from retint.color import luma
from retint.images import Photograph, read_photo, was_coloured, was_restored
from retint.rendering.fake import FakeNetwork
from retint.restoration.options import RestoreOptions
from retint.server.restoring import Restoring
from retint.server.turns import Turns


@pytest.fixture
def served(inside: Serve, networks: Path) -> Served:
    return inside()


def scratched() -> tuple[bytes, np.ndarray, np.ndarray]:
    """A PNG with a white scratch, the pixels without it, and where it is."""
    with Image.open(io.BytesIO(picture("PNG"))) as image:
        clean = np.asarray(image.convert("L")).copy()
    mask = np.zeros(clean.shape, np.bool_)
    mask[30:33, 10:80] = True
    out = io.BytesIO()
    Image.fromarray(np.where(mask, 255, clean).astype(np.uint8)).save(out, "PNG")
    return out.getvalue(), clean, mask


def restore(
    served: Served, content: bytes, name: str = "old.png", headers: Any = None, **fields: str
) -> httpx.Response:
    return served.http.post("/v1/restore", files={"file": (name, content)}, data=fields, headers=headers)


def test_a_photograph_comes_back_mended_and_without_colours(served: Served):
    given, clean, mask = scratched()
    answer = restore(served, given)
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == "image/png"
    assert answer.headers["content-disposition"].startswith('attachment; filename="old-restored.png"')
    assert json.loads(answer.headers["retint-restored"]) == ["damage filled"]
    assert answer.headers["retint-size"] == "96x64"
    assert "retint-model" not in answer.headers and "retint-render-factor" not in answer.headers
    after = read_photo(answer.content)
    assert after.pixels.shape == clean.shape
    assert np.abs(after.pixels.astype(int) - clean)[mask].mean() < 12
    far = ~mask
    far[20:43] = False
    assert (after.pixels == clean)[far].all()
    assert was_restored(after.metadata) and not was_coloured(after.metadata)
    assert served.files == []


def test_a_sound_photograph_is_left_as_it_is(served: Served):
    out = io.BytesIO()
    Image.fromarray(np.tile(np.linspace(60, 180, 128).astype(np.uint8), (96, 1))).save(out, "PNG")
    given = out.getvalue()
    answer = restore(served, given)
    assert json.loads(answer.headers["retint-restored"]) == []
    assert (read_photo(answer.content).pixels == read_photo(given).pixels).all()


@pytest.mark.parametrize("stages", ["all", "damage", "tone, damage"])
def test_what_was_mended_is_coloured(served: Served, stages: str):
    given, _, _ = scratched()
    answer = served.colorize(given, "old.png", restore=stages)
    assert answer.status_code == 200, answer.text
    assert json.loads(answer.headers["retint-restored"]) == ["damage filled"]
    assert answer.headers["retint-model"] == "fake"
    assert "old-color.png" in answer.headers["content-disposition"]
    after = read_photo(answer.content)
    assert (luma(after.pixels) == read_photo(restore(served, given).content).pixels).all()
    assert colourfulness(answer.content) > 20
    assert was_restored(after.metadata) and was_coloured(after.metadata)


def test_stages_that_are_not_named_do_nothing(served: Served):
    given, _, mask = scratched()
    answer = served.colorize(given, "old.png", restore="tone,noise")
    assert (luma(read_photo(answer.content).pixels)[mask] == 255).all()
    answer = restore(served, given, strength="damage=0")
    assert json.loads(answer.headers["retint-restored"]) == []
    assert (read_photo(answer.content).pixels[mask] == 255).all()
    assert "retint-restored" not in served.colorize(given, "old.png").headers


def test_twice_the_size_and_another_format(served: Served):
    answer = restore(served, scratched()[0], headers={"accept": "image/tiff"}, upscale="2", stages="damage")
    assert (answer.headers["content-type"], answer.headers["retint-size"]) == ("image/tiff", "192x128")
    assert json.loads(answer.headers["retint-restored"]) == ["damage filled", "enlarged 2 times"]


def test_comparisons_are_those_of_the_command(served: Served):
    given, _, mask = scratched()
    answer = restore(served, given, compare="true")
    assert "old-compare.png" in answer.headers["content-disposition"]
    panels = read_photo(answer.content).pixels
    assert panels.shape == (64, 3 * 96)
    assert (panels[:, :96][mask] == 255).all()
    assert (panels[:, 96:192][mask] == 255).all() and set(np.unique(panels[:, 96:192])) == {0, 255}
    assert (panels[:, 192:][mask] < 230).all()
    answer = served.colorize(given, "old.png", compare="true", restore="all")
    panels = read_photo(answer.content).pixels
    assert panels.shape == (64, 3 * 96, 3)
    gray = panels[:, 96:192].astype(int)
    assert (gray[..., 0] == gray[..., 2]).all() and (gray[mask] < 230).all()


@pytest.mark.parametrize(
    ("address", "fields", "words"),
    [
        ("/v1/colorize", {"restore": "rust"}, "restore: got 'rust', wanted all, or some of tone, damage, noise"),
        ("/v1/restore", {"stages": "tone;noise"}, "stages: got 'tone;noise', wanted all, or some of"),
        ("/v1/restore", {"strength": "tone=2"}, "strength: got 'tone=2', wanted auto, 0 to 1, or such as"),
        ("/v1/restore", {"strength": "nan"}, "strength: got 'nan', wanted auto"),
        ("/v1/restore", {"upscale": "3"}, "wanted a whole number from 1 to 2"),
        ("/v1/restore", {"cast": "sepia"}, "wanted auto or keep"),
        ("/v1/restore", {"model": "lite"}, "there is no such option; "),
    ],
)
def test_wrong_options_are_problems(served: Served, address: str, fields: dict[str, str], words: str):
    answer = served.http.post(address, files={"file": picture()}, data=fields)
    assert answer.headers["content-type"] == "application/problem+json"
    said = answer.json()
    assert (answer.status_code, said["code"]) == (422, "WrongOption")
    assert words in said["detail"], said["detail"]
    assert [error["field"] for error in said["errors"]] == list(fields)


def test_a_film_is_sent_to_its_own_address(served: Served, tmp_path: Path):
    film = small_film(tmp_path / "reel.mp4", frames=2)
    said = restore(served, film.read_bytes(), "reel.mp4").json()
    assert (said["status"], said["code"]) == (415, "IsFilm")
    assert served.files == []


def test_what_would_be_too_large_is_refused(inside: Serve, networks: Path):
    served = inside(photo_pixels=10_000)
    assert restore(served, picture("PNG")).status_code == 200
    said = restore(served, picture("PNG"), upscale="2").json()
    assert (said["status"], said["code"]) == (422, "WrongOption")
    assert said["detail"] == (
        "upscale: 2 makes 192 x 128 px of it, and at most 0.01 megapixels are wanted; leave it out"
    )


def test_networks_that_are_missing_are_told_without_their_folder(
    served: Served, networks: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("retint.server.work._PACKAGE", str(networks))
    (networks / "damage.onnx").unlink()
    assert restore(served, picture("PNG"), stages="tone").status_code == 200
    answer = restore(served, picture("PNG"))
    assert (answer.status_code, answer.json()["code"]) == (503, "WeightsError")
    assert "damage.onnx is not in the server's package" in answer.json()["detail"]
    assert str(networks) not in answer.text


def test_work_that_nobody_waits_for_ends_at_the_next_run_of_a_network(networks: Path):
    class Enough(Exception):  # noqa: N818
        pass

    runs: list[int] = []

    def check() -> None:
        runs.append(1)
        if len(runs) > 2:
            raise Enough

    restorer = Restoring(Turns()).restorer(RestoreOptions(stages=("damage",)), check)
    wide = Photograph(np.zeros((64, 4096), np.uint8), None)  # eight tiles
    with pytest.raises(Enough):
        restorer.restore(wide, RestoreOptions(stages=("damage",)))
    assert len(runs) == 3


def test_restoring_and_colouring_take_turns():
    turns = Turns()
    network = FakeNetwork()
    order: list[str] = []

    def started(work: Callable[[], object]) -> threading.Thread:
        thread = threading.Thread(target=work)
        thread.start()
        return thread

    def colour() -> None:
        turns.run(network, np.zeros((1, 3, 16, 16), np.float32))
        order.append("coloured")

    def mend() -> None:
        with turns.one():
            order.append("mended")

    with turns.one():
        threads = [started(colour)]
        until(lambda: len(turns._waiting) == 1)  # pyright: ignore[reportPrivateUsage]
        threads.append(started(mend))
        until(lambda: len(turns._waiting) == 2)  # pyright: ignore[reportPrivateUsage]
        time.sleep(0.05)
        assert order == []
    for thread in threads:
        thread.join(10)
    assert sorted(order) == ["coloured", "mended"]
