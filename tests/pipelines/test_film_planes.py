from __future__ import annotations

from pathlib import Path

import av
import numpy as np
import pytest
from coloured_film import BLUE_YELLOW, RED_GREEN, chroma_for, colour, info_of
from synthetic_film import first_plane, make_film, planted_luma

from retint.color import U_SCALE, V_SCALE
from retint.pipelines.film_writer import (
    Codec,
    Target,
    plan_encoding,
    planes_of,
)
from retint.pipelines.media import FilmFrame

WEIGHTS = {1: (0.2126, 0.0722), 6: (0.299, 0.114), 9: (0.2627, 0.0593)}


@pytest.mark.parametrize("matrix", WEIGHTS)
@pytest.mark.parametrize("full", [False, True])
@pytest.mark.parametrize(("codec", "depth"), [("h264", 8), ("h264", 10), ("ffv1", 16)])
def test_chroma_keeps_the_colour_differences_in_every_matrix(
    tmp_path: Path, matrix: int, full: bool, codec: Codec, depth: int
):
    info = info_of(tmp_path, matrix=matrix, bit_depth=depth, full_range=full, color_range=2 if full else 1)
    encoding = plan_encoding(info, Target(tmp_path / "film.mkv", codec))
    assert (encoding.depth, encoding.matrix, encoding.full_range) == (depth, matrix, full)
    rng = np.random.default_rng(0)
    blue, red = rng.uniform(-0.3, 0.3, (2, 32, 48)).astype(np.float32)  # B - Y, R - Y
    chroma = np.stack([blue * U_SCALE, red * V_SCALE], axis=-1).astype(np.float32)
    luma = planted_luma(0, (96, 64), depth)
    joined = planes_of(FilmFrame(0, 7, 1, luma), chroma, encoding)
    assert joined.pts == 7 and (joined.colorspace, joined.color_range) == (matrix, 2 if full else 1)
    kr, kb = WEIGHTS[matrix]
    dtype = np.uint8 if depth == 8 else np.uint16
    y, cb, cr = (np.frombuffer(p, dtype).reshape(p.height, -1)[:, : p.width].astype(float) for p in joined.planes)
    span = (1 << depth) - 1 if full else 224 * (1 << depth - 8)
    assert np.array_equal(y, luma)
    # half a code, and what float32 cannot tell apart
    assert np.abs((cb - (1 << depth - 1)) / span * 2 * (1 - kb) - blue).max() <= 0.501 / span * 2 * (1 - kb) + 1e-6
    assert np.abs((cr - (1 << depth - 1)) / span * 2 * (1 - kr) - red).max() <= 0.501 / span * 2 * (1 - kr) + 1e-6


@pytest.mark.parametrize(("full", "lowest", "highest"), [(False, 16, 240), (True, 0, 255)])
def test_chroma_beyond_the_format_is_clipped(tmp_path: Path, full: bool, lowest: int, highest: int):
    info = info_of(tmp_path, full_range=full)
    encoding = plan_encoding(info, Target(tmp_path / "film.mp4", "h264"))
    chroma = np.full((32, 48, 2), -3, np.float32)
    chroma[16:] = 3
    joined = planes_of(FilmFrame(0, 0, 0, planted_luma(0, (96, 64))), chroma, encoding)
    plane = np.frombuffer(joined.planes[1], np.uint8).reshape(32, -1)
    assert (plane[0, 0], plane[31, 0]) == (lowest, highest)


def test_planes_of_another_size_are_refused(tmp_path: Path):
    encoding = plan_encoding(info_of(tmp_path), Target(tmp_path / "film.mp4", "h264"))
    luma = planted_luma(0, (96, 64))
    with pytest.raises(ValueError, match="32, 48"):
        planes_of(FilmFrame(0, 0, 0, luma), np.zeros((64, 96, 2), np.float32), encoding)
    with pytest.raises(ValueError, match="64, 96"):
        planes_of(FilmFrame(0, 0, 0, luma[1:]), np.zeros((32, 48, 2), np.float32), encoding)


def test_full_range_in_prores_keeps_every_level(tmp_path: Path):
    info = info_of(tmp_path, full_range=True)
    encoding = plan_encoding(info, Target(tmp_path / "film.mov", "prores"))
    assert not encoding.full_range and any("limited range" in note for note in encoding.notes)
    luma = np.arange(96 * 64, dtype=np.uint32).reshape(64, 96).astype(np.uint8)
    y = first_plane(planes_of(FilmFrame(0, 0, 0, luma), chroma_for(encoding), encoding))
    assert len(np.unique(y)) == 256 and (y.min(), y.max()) == (64, 940)
    assert np.array_equal(np.rint((y.astype(float) - 64) / 876 * 255), luma)


@pytest.mark.parametrize(("depth", "codec", "factor"), [(12, "h264", 1 / 4), (16, "h265", 1 / 16), (9, "ffv1", 2)])
def test_other_depths_keep_the_level(tmp_path: Path, depth: int, codec: Codec, factor: float):
    encoding = plan_encoding(info_of(tmp_path, bit_depth=depth), Target(tmp_path / "film.mkv", codec))
    luma = planted_luma(0, (96, 64), depth)
    y = first_plane(planes_of(FilmFrame(0, 0, 0, luma), chroma_for(encoding), encoding))
    assert np.abs(y - luma * factor).max() <= 0.5
    assert len(encoding.notes) == (factor < 1)


def test_colours_come_out_as_they_went_in(tmp_path: Path):
    """Through encoder, container and FFmpeg's own conversion to RGB."""
    for matrix in (1, 6):
        make_film(tmp_path / "grey.mp4", frames=3, matrix=matrix, color_range=1)
        colour(tmp_path / "grey.mp4", tmp_path / f"{matrix}.mkv", "ffv1")
        with av.open(str(tmp_path / f"{matrix}.mkv")) as film:
            frame = next(film.decode(video=0))
            assert (frame.colorspace, frame.color_range) == (matrix, 1)
            red, _, blue = np.moveaxis(np.asarray(frame.to_ndarray(format="rgb24"), float) / 255, -1, 0)
        y = (planted_luma(0, (96, 64)) - 16.0) / 219
        mild = (y > 0.2) & (y < 0.8)  # where no channel leaves the gamut
        assert abs(np.median((blue - y)[mild]) - BLUE_YELLOW / U_SCALE) < 0.01
        assert abs(np.median((red - y)[mild]) - RED_GREEN / V_SCALE) < 0.01
