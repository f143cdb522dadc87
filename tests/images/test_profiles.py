"""Colour profiles: kept, fitted to the channels, or used up."""

from __future__ import annotations

import io
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import tifffile
from PIL import Image, ImageCms
from planted import HEIGHT, WIDTH, by_pillow, cmyk_profile, encoded, grey, photo, png_chunk, rgb, with_png_chunks

from retint.images import read_photo, write_photo
from retint.images.profiles import fit_profile, gamma_profile, space_of, srgb_profile


def to_srgb(samples: np.ndarray, icc: bytes) -> np.ndarray:
    """8-bit samples in sRGB, by LittleCMS inside Pillow and its own sRGB."""
    source = ImageCms.ImageCmsProfile(io.BytesIO(icc))
    target = ImageCms.createProfile("sRGB")
    image = ImageCms.profileToProfile(Image.fromarray(samples), source, target, outputMode="RGB")
    assert image is not None
    return np.asarray(image).astype(int)


def parametric(gamma: float, space: str = "GRAY") -> bytes:
    """A version 4 profile with a parametric curve."""
    curve = b"para" + bytes(4) + (0).to_bytes(2, "big") + bytes(2) + round(gamma * 65536).to_bytes(4, "big")
    from retint.images import profiles

    return profiles._build("RGB " if space == "RGB" else "GRAY", curve, "planted")


def test_srgb_is_srgb():
    ramp = np.arange(256, dtype=np.uint8)
    cube = np.stack([c.ravel() for c in np.meshgrid(ramp[::15], ramp[::15], ramp[::15])], -1)[None]
    assert np.abs(to_srgb(np.ascontiguousarray(cube), srgb_profile()) - cube).max() <= 1
    assert srgb_profile() == srgb_profile()
    assert space_of(srgb_profile()) == "RGB"
    description = ImageCms.getProfileDescription(ImageCms.ImageCmsProfile(io.BytesIO(srgb_profile())))
    assert description.strip() == "sRGB"


@pytest.mark.parametrize("icc", [gamma_profile(2.2, 1), gamma_profile(1.8, 1), parametric(2.2), parametric(1.8)])
@pytest.mark.parametrize("format", ["JPEG", "PNG", "TIFF"])
def test_grey_profile_becomes_an_rgb_one_of_the_same_tone(format: str, icc: bytes):
    read = read_photo(encoded(grey(), format, icc=icc))
    assert read.metadata.icc == icc  # still grey: a restored photograph keeps its own profile
    if format != "JPEG":
        assert np.array_equal(read.pixels, grey())  # not one bit of luma changes
    coloured = replace(read, pixels=np.dstack([read.pixels] * 3))
    out = io.BytesIO()
    assert write_photo(coloured, out, format=format, quality=100) == ()
    result = read_photo(out.getvalue())
    assert result.metadata.icc is not None
    assert space_of(result.metadata.icc) == "RGB"
    ramp = np.tile(np.arange(256, dtype=np.uint8), (2, 1))
    seen = to_srgb(np.dstack([ramp] * 3), result.metadata.icc)
    assert np.abs(seen - to_srgb(ramp, icc)).max() <= 1
    assert np.abs(seen - seen[..., :1]).max() <= 1  # neutral


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_grey_in_linear_light_is_converted(dtype: Any):
    most = np.iinfo(dtype).max
    level = np.round(0.2140 * most)  # linear 0.2140 is sRGB 0.5
    read = read_photo(encoded(np.full((4, 4), level, dtype), "TIFF", icc=gamma_profile(1.0, 1)))
    assert read.pixels.dtype == dtype
    assert np.abs(read.pixels / most - 0.5).max() < 0.003
    assert read.metadata.icc == srgb_profile()


def test_16_bit_grey_keeps_every_bit():
    read = read_photo(encoded(grey(np.uint16), "TIFF", icc=gamma_profile(2.2, 1)))
    assert np.array_equal(read.pixels, grey(np.uint16))


def test_wide_gamut_profile_is_kept():
    wide = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()  # stands for any RGB profile
    for format in ("JPEG", "PNG", "TIFF", "WEBP", "AVIF"):
        read = read_photo(encoded(rgb(), format, icc=wide))
        assert read.metadata.icc == wide
        assert read.notes == ()


def test_rgb_profile_on_a_grey_file_becomes_a_grey_one_again():
    read = read_photo(by_pillow(Image.fromarray(grey()), "JPEG", icc_profile=gamma_profile(1.8, 3)))
    out = io.BytesIO()
    assert write_photo(read, out, format="PNG") == ()
    icc = read_photo(out.getvalue()).metadata.icc
    assert icc is not None
    assert space_of(icc) == "GRAY"
    ramp = np.tile(np.arange(256, dtype=np.uint8), (2, 1))
    assert np.abs(to_srgb(ramp, icc) - to_srgb(np.dstack([ramp] * 3), gamma_profile(1.8, 3))).max() <= 1


def test_profiles_that_do_not_fit_are_told():
    data = by_pillow(Image.fromarray(rgb()), "PNG", icc_profile=gamma_profile(2.2, 1))
    assert read_photo(data).notes == ("the GRAY profile does not fit a RGB picture and was left out",)
    assert fit_profile(cmyk_profile(), 3) == (None, "the CMYK profile does not fit RGB pixels and was left out")
    assert fit_profile(b"junk", 1) == (None, "the damaged colour profile does not fit grey pixels and was left out")
    out = io.BytesIO()
    assert write_photo(photo(rgb(), icc=cmyk_profile()), out, format="PNG") != ()


def test_png_gamma_without_profile():
    mac = png_chunk(b"gAMA", (55556).to_bytes(4, "big"))
    read = read_photo(with_png_chunks(encoded(rgb(), "PNG"), mac))
    assert read.metadata.icc is not None
    assert np.abs(to_srgb(rgb(), read.metadata.icc) - to_srgb(rgb(), gamma_profile(1.8, 3))).max() <= 1
    for other in (png_chunk(b"gAMA", (45455).to_bytes(4, "big")), mac + png_chunk(b"sRGB", b"\0")):
        assert read_photo(with_png_chunks(encoded(rgb(), "PNG"), other)).metadata.icc is None
    linear = png_chunk(b"gAMA", (100000).to_bytes(4, "big"))
    read = read_photo(with_png_chunks(encoded(np.full((2, 2), 14025, np.uint16), "PNG"), linear))
    assert np.abs(read.pixels / 65535 - 0.5).max() < 0.003


# CMYK: a profile made by hand, where paper is white, black is black and magenta alone is Lab (50, 80, 0).


def inks(dtype: Any = np.uint8) -> np.ndarray:
    """Bare paper, full black, full magenta, half black, in four quarters. 0 is no ink."""
    most = np.iinfo(dtype).max
    picture = np.zeros((HEIGHT + 1, WIDTH + 1, 4), dtype)
    picture[:16, 24:, 3] = most
    picture[16:, :24, 1] = most
    picture[16:, 24:, 3] = most // 2
    return picture


def icc_tag(icc: bytes) -> list[tuple[int, int, int, bytes, bool]]:
    """A profile for tifffile."""
    return [(34675, 7, len(icc), icc, True)]


def quarters(pixels: np.ndarray) -> list[list[int]]:
    return [pixels[y, x].astype(int).tolist() for y, x in ((4, 4), (4, 40), (27, 4), (27, 40))]


def lab_to_srgb(light: float, a: float, b: float) -> np.ndarray:
    """CIE 1976 Lab (D50) to 8-bit sRGB: the textbook's formulas, not LittleCMS."""
    fy = (light + 16) / 116
    f = np.array([fy + a / 500, fy, fy - b / 200])
    xyz = np.where(f > 6 / 29, f**3, 3 * (6 / 29) ** 2 * (f - 4 / 29)) * (0.9642, 1.0, 0.8249)
    to_linear = np.linalg.inv([[0.43607, 0.38515, 0.14307], [0.22249, 0.71687, 0.06061], [0.01392, 0.09708, 0.7141]])
    linear = (to_linear @ xyz).clip(0, 1)
    return np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055) * 255


def check_quarters(pixels: np.ndarray, tolerance: float) -> None:
    paper, black, magenta, half = quarters(pixels * (1.0 if pixels.dtype == np.uint8 else 1 / 257))
    assert np.abs(np.array(paper) - 255).max() <= tolerance
    assert np.abs(np.array(black)).max() <= tolerance
    assert np.abs(np.array(magenta) - lab_to_srgb(50, 80, 0)).max() <= tolerance + 2
    assert np.abs(np.array(half) - lab_to_srgb(50, 0, 0)).max() <= tolerance + 2


def test_adobe_cmyk_jpeg_goes_through_its_profile():
    data = by_pillow(
        Image.frombytes("CMYK", (WIDTH + 1, HEIGHT + 1), inks().tobytes()),
        "JPEG",
        quality=100,
        subsampling=0,
        icc_profile=cmyk_profile(),
    )
    assert b"Adobe" in data  # stored inverted, as Photoshop does
    read = read_photo(data)
    check_quarters(read.pixels, 4)
    assert read.metadata.icc == srgb_profile()
    assert read.notes == ()


def test_cmyk_jpeg_without_adobes_marker_is_not_inverted():
    import imagecodecs

    data = by_pillow(
        Image.frombytes("CMYK", (WIDTH + 1, HEIGHT + 1), (255 - inks()).tobytes()), "JPEG", quality=100, subsampling=0
    )
    at = data.index(b"\xff\xeeX"[:2])
    size = int.from_bytes(data[at + 2 : at + 4], "big")
    plain = data[:at] + data[at + 2 + size :]
    assert imagecodecs.jpeg8_decode(plain)[4, 4, 3] <= 4  # paper is stored as 0
    read = read_photo(plain)
    assert quarters(read.pixels)[0] == [255, 255, 255]


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize("planar", ["contig", "separate"])
def test_cmyk_tiff_goes_through_its_profile(dtype: Any, planar: str):
    out = io.BytesIO()
    samples = inks(dtype) if planar == "contig" else np.moveaxis(inks(dtype), -1, 0)
    icc = cmyk_profile()
    tifffile.imwrite(out, samples, photometric="separated", planarconfig=planar, extratags=icc_tag(icc), metadata=None)
    read = read_photo(out.getvalue())
    assert read.pixels.dtype == dtype
    check_quarters(read.pixels, 1)
    assert read.metadata.icc == srgb_profile()


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_cmyk_without_profile_is_told(dtype: Any):
    out = io.BytesIO()
    tifffile.imwrite(out, inks(dtype), photometric="separated", metadata=None)
    read = read_photo(out.getvalue())
    most = int(np.iinfo(dtype).max)
    assert quarters(read.pixels)[:3] == [[most] * 3, [0] * 3, [most, 0, most]]
    assert read.notes == ("the CMYK picture has no usable profile: its colours were guessed from ideal inks",)


def test_damaged_cmyk_profile_is_told():
    icc = bytearray(cmyk_profile())
    icc[132 + 36 : 132 + 40] = b"A2Bx"
    out = io.BytesIO()
    tifffile.imwrite(out, inks(), photometric="separated", extratags=icc_tag(bytes(icc)), metadata=None)
    read = read_photo(out.getvalue())
    assert quarters(read.pixels)[:2] == [[255] * 3, [0] * 3]
    assert len(read.notes) == 2
    assert read.notes[0].startswith("the CMYK profile is damaged")


def test_damaged_grey_profile_is_told():
    icc = gamma_profile(2.2, 1).replace(b"curv", b"xxxx")
    read = read_photo(by_pillow(Image.fromarray(grey()), "PNG", icc_profile=icc))
    assert np.array_equal(read.pixels, grey())
    assert read.metadata.icc is None
    assert read.notes[0].startswith("the grey profile is damaged")
