"""Weights as a notebook for DeOldify finds them, and its pictures with them."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from retint.deoldify.visualize import (
    ModelImageVisualizer,
    get_artistic_image_colorizer,
    get_artistic_video_colorizer,
    get_image_colorizer,
    get_stable_image_colorizer,
    get_video_colorizer,
)
from retint.errors import OfflineError, UnknownModelError, WeightsError
from retint.notebook import fetch_weights
from retint.weights import catalog

PICTURES = Path(__file__).parents[1] / "parity" / "images"
RECORDED = [
    item
    for item in json.loads((PICTURES / "image_manifest.json").read_text())["items"]
    if item["model"] == "artistic" and item["render_factor"] == 10
]
SeededFile = Callable[[str], Path]


@pytest.fixture(scope="module")
def deoldify_folder(seeded_file: SeededFile, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder like a clone of DeOldify after its notebook downloaded the artistic weights."""
    pytest.importorskip("torch")
    folder = tmp_path_factory.mktemp("DeOldify")
    (folder / "models").mkdir()
    (folder / "models" / "ColorizeArtistic_gen.pth").symlink_to(seeded_file("artistic"))
    return folder


@pytest.fixture(scope="module")
def artistic(deoldify_folder: Path) -> ModelImageVisualizer:
    return get_image_colorizer(root_folder=deoldify_folder, render_factor=10, artistic=True)


@pytest.mark.slow
@pytest.mark.parametrize("item", RECORDED, ids=lambda item: item["out"].removesuffix("_out.png"))
def test_pictures_are_the_originals(item: dict[str, str], artistic: ModelImageVisualizer):
    """Within what decision 007 tells of; exactly retint's own."""
    got = artistic.get_transformed_image(PICTURES / item["input"], watermarked=False)
    assert got.mode == "RGB"
    with Image.open(PICTURES / item["input"]) as image:
        own = artistic.colorizer.render(image, 10).convert("RGB")
    np.testing.assert_array_equal(np.asarray(got), np.asarray(own))
    with Image.open(PICTURES / item["out"]) as image:
        recorded = np.asarray(image.convert("RGB"), dtype=int)
    differences = np.abs(np.asarray(got, dtype=int) - recorded)
    assert differences.max() <= 3
    assert (differences == 0).mean() >= 0.995
    # without post-processing: the recorded square, enlarged
    raw = artistic.get_transformed_image(PICTURES / item["input"], post_process=False, watermarked=False)
    with Image.open(PICTURES / item["square"]) as image:
        wanted = image.convert("RGB").resize(raw.size, Image.Resampling.BILINEAR)
    assert np.abs(np.asarray(raw, dtype=int) - np.asarray(wanted, dtype=int)).max() <= 2


def test_the_file_in_models_is_taken(deoldify_folder: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("RETINT_OFFLINE", "1")
    monkeypatch.chdir(deoldify_folder)
    visualizer = get_image_colorizer()
    assert visualizer.colorizer.name == "ColorizeArtistic_gen"
    assert visualizer.render_factor == 35
    assert visualizer.results_dir == Path("result_images")
    film = get_artistic_video_colorizer(results_dir="frames")
    assert film.vis.render_factor == 35
    assert (deoldify_folder / "frames").is_dir()


def test_other_names_of_files_are_taken(deoldify_folder: Path):
    (deoldify_folder / "models" / "mine.pth").symlink_to(deoldify_folder / "models" / "ColorizeArtistic_gen.pth")
    assert get_stable_image_colorizer(deoldify_folder, "mine", "out", 20).colorizer.info.variant == "artistic"


def test_what_is_not_there_is_downloaded_and_checked(
    seeded_file: SeededFile, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, server, reply
):
    pytest.importorskip("torch")
    content = seeded_file("artistic").read_bytes()
    entry = replace(catalog.CATALOG["artistic"], size=len(content), sha256=hashlib.sha256(content).hexdigest())
    monkeypatch.setattr(catalog, "CATALOG", {**catalog.CATALOG, "artistic": entry})
    monkeypatch.setenv("RETINT_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("RETINT_MIRROR", server.at("/mirror/ColorizeArtistic_gen.pth", reply(content)).rsplit("/", 1)[0])
    visualizer = get_artistic_image_colorizer(root_folder=tmp_path)
    assert visualizer.colorizer.name == "artistic"
    assert not (tmp_path / "models").exists()
    assert [seen.path for seen in server.seen] == ["/mirror/ColorizeArtistic_gen.pth"]
    assert (tmp_path / "home" / "weights" / "ColorizeArtistic_gen.pth").stat().st_size == len(content)
    assert fetch_weights("artistic") == tmp_path / "home" / "weights" / "ColorizeArtistic_gen.pth"
    assert len(server.seen) == 1  # it is here now


def test_which_weights_are_meant(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("RETINT_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("RETINT_OFFLINE", "1")
    for get, name in (
        (get_image_colorizer, "artistic"),
        (lambda: get_image_colorizer(artistic=False), "stable"),
        (get_video_colorizer, "video"),
    ):
        with pytest.raises(OfflineError, match=f"^{name} is not on this machine"):
            get()


def test_a_name_that_nobody_knows_is_told(tmp_path: Path):
    with pytest.raises(UnknownModelError, match=r"models.Mine_gen\.pth; put it there, or name one of ColorizeArtistic"):
        get_artistic_image_colorizer(tmp_path, "Mine_gen")


def test_a_dead_link_saved_as_weights_is_told(tmp_path: Path):
    """What the notebook's wget leaves where the address has moved: DeOldify's `invalid load key '<'`."""
    pytest.importorskip("torch")
    (tmp_path / "models").mkdir()
    (tmp_path / "models" / "ColorizeArtistic_gen.pth").write_text("<!DOCTYPE html><html><p>Not found")
    with pytest.raises(WeightsError, match="web page"):
        get_image_colorizer(tmp_path)
