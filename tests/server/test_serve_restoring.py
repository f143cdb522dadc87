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
from hostile import png_bomb
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


# masks


def masked(
    served: Served, content: bytes, mask: bytes, name: str = "mask.png", address: str = "/v1/restore", **fields: str
) -> httpx.Response:
    return served.http.post(address, files={"file": ("old.png", content), "mask": (name, mask)}, data=fields)


def as_png(pixels: np.ndarray) -> bytes:
    out = io.BytesIO()
    Image.fromarray(pixels).save(out, "PNG")
    return out.getvalue()


def test_what_was_filled_comes_back_as_a_mask_and_is_taken_as_one(served: Served):
    given, _, scratch = scratched()
    answer = restore(served, given, save_mask="true")
    assert answer.headers["content-type"] == "image/png"
    assert 'filename="old-mask.png"' in answer.headers["content-disposition"]
    assert "retint-restored" not in answer.headers
    found = read_photo(answer.content).pixels
    assert found.shape == scratch.shape and set(np.unique(found)) == {0, 255} and (found[scratch] == 255).all()
    plain, again = restore(served, given), masked(served, given, answer.content)
    assert (read_photo(plain.content).pixels == read_photo(again.content).pixels).all()
    corrected = np.zeros_like(found)
    corrected[5:8, 5:60] = 255  # another place, and not the scratch
    other = masked(served, given, as_png(corrected), stages="damage")
    assert json.loads(other.headers["retint-restored"]) == ["damage filled"]
    after, before = read_photo(other.content).pixels, read_photo(given).pixels
    assert (after[scratch] == 255).all() and (after != before)[5:8, 5:60].any()
    assert served.files == []


def test_a_field_for_a_mask_that_is_left_empty_is_none(served: Served):
    given, _, _ = scratched()
    answer = masked(served, given, b"", "")
    assert answer.status_code == 200 and json.loads(answer.headers["retint-restored"]) == ["damage filled"]


@pytest.mark.parametrize(
    ("mask", "fields", "status", "code", "words"),
    [
        (
            as_png(np.zeros((10, 20), np.uint8)),
            {},
            422,
            "InputError",
            "the mask is 20 x 10 px and the photograph 96 x 64; get one with save_mask=true, and correct that",
        ),
        (as_png(np.zeros((64, 96), np.uint8)), {"stages": "tone"}, 422, "InputError", "a mask says where damage is"),
        (b"Dear diary", {}, 415, "UnsupportedInputError", "mask: mask.png: this is no kind of picture"),
        (b"", {}, 422, "UnreadablePhotoError", "mask: mask.png: is empty (0 bytes)"),
        (b"\0\0\0\x18ftypmp42\0\0\0\0mp42isom", {}, 415, "UnsupportedInputError", "mask: mask.png: is a film"),
        (png_bomb(60000), {}, 422, "UnreadablePhotoError", "mask: mask.png: "),
        (picture("PNG"), {"save_mask": "on", "compare": "on"}, 422, "WrongOption", "save_mask: compare is asked for"),
    ],
)
def test_masks_that_cannot_be_used_are_told(
    served: Served, mask: bytes, fields: dict[str, str], status: int, code: str, words: str
):
    answer = masked(served, picture("PNG"), mask, **fields)
    said = answer.json()
    assert (answer.status_code, said["code"]) == (status, code), said
    assert words in said["detail"] and str(served.data) not in answer.text, said
    assert served.files == []


def test_masks_have_the_limits_of_photographs_and_an_address(inside: Serve, networks: Path):
    served = inside(photo_bytes=1 << 20)
    assert masked(served, picture("PNG"), bytes((1 << 20) + 1)).status_code == 413
    said = masked(served, picture("PNG"), picture("PNG"), address="/v1/colorize").json()
    assert (said["status"], said["code"]) == (422, "WrongForm")
    twice = [("file", picture()), ("mask", picture()), ("mask", picture())]
    said = served.http.post("/v1/restore", files=twice).json()
    assert said["detail"] == "got several files in the field mask; send one form for each"
    assert served.files == []
