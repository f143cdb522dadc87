"""Tiles: no seams, whatever the tiling."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import planted_models as planted
import pytest
from restoration_pictures import textured

from retint.restoration.noise import enlarged, mended
from retint.restoration.onnx_models import Models
from retint.restoration.planes import FULL, Luma, luma_of
from retint.restoration.tiles import Tile, mirrored, over_tiles, tiles_of, window


@pytest.mark.parametrize(("height", "width", "core"), [(1, 1, 64), (100, 333, 64), (64, 64, 64), (65, 640, 128)])
def test_tiles_cover_every_pixel_once_on_the_grid(height: int, width: int, core: int):
    seen = np.zeros((height, width), int)
    sizes = set()
    for tile in tiles_of(height, width, core):
        seen[tile.within(height, width)] += 1
        assert tile.top % 16 == tile.left % 16 == tile.height % 16 == tile.width % 16 == 0
        sizes.add((tile.height, tile.width))
        assert max(tile.height, tile.width) <= core
    assert (seen == 1).all()
    assert len(sizes) == 1, "one size of window: the engine plans its memory once"


@pytest.mark.parametrize("length", [1, 2, 5, 40])
def test_the_world_beyond_the_edge_is_mirrored(length: int):
    ours = mirrored(-7, length + 7, length)
    wanted = np.pad(np.arange(length), 7, mode="reflect") if length > 1 else np.zeros(15, int)
    assert ours.tolist() == wanted.tolist()


def test_a_window_has_its_surroundings():
    plane = luma_of(textured(40, 50))
    seen = window(plane, Tile(16, 32, 16, 16), 16)
    assert seen.shape == (48, 48)
    assert seen.dtype == np.float32
    assert np.allclose(seen[:40, :34] * FULL, plane[:40, 16:])
    assert np.allclose(seen[:, 34] * FULL, plane[mirrored(0, 48, 40), 48]), "column 50 is column 48 again"


@pytest.mark.parametrize("core", [32, 48, 128, 512])
def test_the_result_does_not_depend_on_the_tiling(folder: Path, core: int):
    planted.box_blur(folder, radius=12)
    model = Models(folder).get("restore")
    luma = luma_of(textured(150, 211))
    nothing = np.zeros(luma.shape, np.bool_)
    result = mended(luma, nothing, model, 1.0, core=core)
    kernel = np.ones(25) / 25
    padded = np.pad(luma.astype(float), 12, mode="reflect")
    across = np.apply_along_axis(np.convolve, 1, padded, kernel, mode="valid")
    wanted = np.apply_along_axis(np.convolve, 0, across, kernel, mode="valid")
    assert np.abs(result - wanted).max() < 2, "of 65535: the picture mirrored at its edges, and no seam anywhere"


def test_a_network_that_looks_farther_than_its_margin_would_show_seams(folder: Path):
    planted.box_blur(folder, radius=40, margin=16)  # the test above can fail
    model = Models(folder).get("restore")
    luma = luma_of(textured(150, 211))
    nothing = np.zeros(luma.shape, np.bool_)
    small, large = (mended(luma, nothing, model, 1.0, core=core).astype(int) for core in (32, 512))
    assert np.abs(small - large).max() > 257


@pytest.mark.parametrize("core", [16, 48, 64, 256])
def test_networks_with_a_stride_see_the_same_grid_in_every_tiling(folder: Path, core: int):
    planted.stepped(folder)
    model = Models(folder).get("restore")
    picture = textured(80, 112)
    result = mended(luma_of(picture), np.zeros(picture.shape, np.bool_), model, 1.0, core=core)
    wanted = picture.reshape(5, 16, 7, 16).mean(axis=(1, 3)).repeat(16, axis=0).repeat(16, axis=1) * 257
    assert np.abs(result - wanted).max() < 2


def test_a_crop_comes_out_as_in_the_whole(folder: Path):
    planted.box_blur(folder, radius=12)
    model = Models(folder).get("restore")
    luma = luma_of(textured(300, 400))
    whole = mended(luma, np.zeros(luma.shape, np.bool_), model, 1.0, core=64)
    part = luma[64:224, 96:288]
    alone = mended(part, np.zeros(part.shape, np.bool_), model, 1.0, core=512)
    inner = slice(12, -12), slice(12, -12)
    assert np.abs(whole[64:224, 96:288][inner].astype(int) - alone[inner]).max() <= 2


def test_enlarging_does_not_depend_on_the_tiling_either(folder: Path):
    planted.doubled(folder)
    model = Models(folder).get("upscale")
    luma = luma_of(textured(70, 90))
    for core in (16, 64, 512):
        assert np.array_equal(enlarged(luma, model, core=core), luma.repeat(2, axis=0).repeat(2, axis=1))


def test_only_tiles_that_are_wanted_are_worked_on():
    luma: Luma = luma_of(textured(64, 64))
    asked: list[Tile] = []

    def wanted(tile: Tile) -> bool:
        asked.append(tile)
        return tile.top == 32

    found = list(over_tiles((luma,), lambda seen: seen[0], 0, core=32, wanted=wanted))
    assert len(asked) == 4
    assert [(rows.start, columns.start) for rows, columns, _ in found] == [(32, 0), (32, 32)]
