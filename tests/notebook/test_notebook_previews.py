"""Small copies of photographs."""

from __future__ import annotations

import base64
import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from retint.errors import InputError
from retint.images import DIGITAL_SOURCE_TYPE, MachineMark, Photograph, read_photo, write_photo
from retint.images.profiles import srgb_profile
from retint.notebook.previews import Preview, photograph_of, preview_of


def noise(height: int, width: int, *channels: int, dtype: type = np.uint8) -> np.ndarray:
    return np.random.default_rng(0).integers(0, np.iinfo(dtype).max, (height, width, *channels)).astype(dtype)


def decoded(preview: Preview) -> Image.Image:
    assert preview.address.startswith("data:image/webp;base64,")
    image = Image.open(io.BytesIO(base64.b64decode(preview.address.split(",")[1])))
    image.load()
    return image


def test_large_pictures_get_small_ones_stay():
    large = preview_of(Photograph(noise(900, 3000, 3), None), side=300)
    assert (large.width, large.height, large.full_size) == (300, 90, (3000, 900))
    assert large.reduced
    assert decoded(large).size == (300, 90)
    small = preview_of(Photograph(noise(40, 30, 3), None), side=300)
    assert (small.width, small.height) == (30, 40)
    assert not small.reduced
    assert preview_of(Photograph(noise(1, 900, 3), None), side=10).height == 1


def test_even_noise_has_a_bounded_size():
    """The worst that a picture can be, in the size that is the default."""
    tile = noise(500, 500, 3)
    address = preview_of(Photograph(np.tile(tile, (4, 4, 1)), None)).address
    assert len(address) < 3_000_000


def test_grey_and_sixteen_bits_and_transparency():
    ramp = np.linspace(0, 65535, 64 * 48).reshape(48, 64).astype(np.uint16)
    alpha = np.full((48, 64), 65535, np.uint16)
    alpha[:24] = 0
    image = decoded(preview_of(Photograph(ramp, alpha)))
    assert image.mode == "RGBA"
    pixels = np.asarray(image).astype(int)
    assert (pixels[:24, :, 3] == 0).all() and (pixels[24:, :, 3] == 255).all()
    assert np.abs(pixels[24:, :, 0] - (ramp[24:] // 257)).max() < 12
    assert pixels[24:, :, :3].std(axis=2).max() < 2


def test_the_profile_goes_along_and_people_do_not(tmp_path: Path):
    exif = Image.Exif()
    exif[0x013B] = "Grandmother"
    Image.fromarray(noise(40, 60, 3)).save(tmp_path / "old.jpg", exif=exif, icc_profile=srgb_profile())
    preview = preview_of(photograph_of(tmp_path / "old.jpg"))
    assert not preview.marked
    image = decoded(preview)
    assert image.info["icc_profile"] == srgb_profile()
    assert b"Grandmother" not in base64.b64decode(preview.address.split(",")[1])


def test_a_copy_of_a_result_says_that_it_is_coloured(tmp_path: Path):
    write_photo(Photograph(noise(40, 60, 3), None), tmp_path / "new.png", mark=MachineMark("lite", "3"))
    for source in (tmp_path / "new.png", Image.open(tmp_path / "new.png"), read_photo(tmp_path / "new.png")):
        preview = preview_of(photograph_of(source), side=20)
        assert preview.marked
        copy = read_photo(base64.b64decode(preview.address.split(",")[1]))
        assert DIGITAL_SOURCE_TYPE.encode() in (copy.metadata.xmp or b"")


def test_what_can_be_a_picture(tmp_path: Path):
    pixels = noise(40, 60, 3)
    Image.fromarray(pixels).save(tmp_path / "old.png")
    content = (tmp_path / "old.png").read_bytes()
    sources = (str(tmp_path / "old.png"), tmp_path / "old.png", content, Image.fromarray(pixels), pixels)
    for source in sources:
        np.testing.assert_array_equal(photograph_of(source).pixels, pixels)
    assert photograph_of(Image.fromarray(pixels[..., 0])).pixels.ndim == 2


def test_pictures_of_pillow_are_upright():
    image = Image.fromarray(noise(40, 60, 3))
    image.getexif()[0x0112] = 6
    assert photograph_of(image).pixels.shape == (60, 40, 3)


def test_a_side_of_nothing_is_told():
    with pytest.raises(InputError, match="got a preview of 0 px, wanted 1 or more"):
        preview_of(Photograph(noise(4, 4), None), side=0)
