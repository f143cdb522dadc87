"""Every depth and layout of samples, read and written without loss."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
import pytest
import tifffile
from PIL import Image
from planted import HEIGHT, WIDTH, alpha, by_pillow, encoded, grey, photo, png_chunk, rgb, with_png_chunks

from retint.errors import UnsupportedInputError
from retint.images import read_photo, write_photo
from retint.images.directories import Directory, new_block, short


def tiff(samples: np.ndarray, **options: Any) -> bytes:
    out = io.BytesIO()
    tifffile.imwrite(out, samples, **({"metadata": None} | options))
    return out.getvalue()


@pytest.mark.parametrize("format", ["PNG", "TIFF"])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize("make", [grey, rgb])
@pytest.mark.parametrize("covered", [False, True])
def test_lossless_formats_lose_nothing(format: str, dtype: Any, make: Any, covered: bool):
    cover = alpha(dtype) if covered else None
    read = read_photo(encoded(make(dtype), format, cover))
    assert read.pixels.dtype == dtype
    assert np.array_equal(read.pixels, make(dtype))
    assert np.array_equal(read.alpha, cover) if covered else read.alpha is None
    assert read.format == format


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_other_programs_read_our_16_bits(dtype: Any):
    assert np.array_equal(tifffile.imread(io.BytesIO(encoded(rgb(dtype), "TIFF"))), rgb(dtype))
    assert np.array_equal(np.asarray(Image.open(io.BytesIO(encoded(grey(dtype), "PNG")))), grey(dtype))
    assert np.array_equal(np.asarray(Image.open(io.BytesIO(encoded(grey(dtype), "TIFF")))), grey(dtype))


@pytest.mark.parametrize("byteorder", ["<", ">"])
@pytest.mark.parametrize("compression", [None, "lzw", "adobe_deflate", "deflate", "packbits", "zstd"])
@pytest.mark.parametrize("planar", ["contig", "separate"])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_tiff_layouts(byteorder: str, compression: str | None, planar: str, dtype: Any):
    samples = rgb(dtype) if planar == "contig" else np.ascontiguousarray(np.moveaxis(rgb(dtype), -1, 0))
    predictor = compression in ("lzw", "adobe_deflate") or None
    data = tiff(
        samples,
        photometric="rgb",
        planarconfig=planar,
        byteorder=byteorder,
        compression=compression,
        predictor=predictor,
        rowsperstrip=7,
    )
    read = read_photo(data)
    assert read.pixels.dtype == np.dtype(dtype)
    assert read.pixels.dtype.isnative
    assert np.array_equal(read.pixels, rgb(dtype))


def test_tiled_and_big_tiff():
    data = tiff(rgb(np.uint16), photometric="rgb", tile=(16, 16), bigtiff=True, byteorder=">")
    assert np.array_equal(read_photo(data).pixels, rgb(np.uint16))


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_min_is_white_is_inverted(dtype: Any):
    data = tiff(np.invert(grey(dtype)), photometric="miniswhite", compression="lzw")
    assert np.array_equal(read_photo(data).pixels, grey(dtype))


@pytest.mark.parametrize("photometric", ["minisblack", "miniswhite"])
def test_one_bit_tiff(photometric: str):
    ink = grey() > 127
    read = read_photo(tiff(ink if photometric == "minisblack" else ~ink, photometric=photometric))
    assert np.array_equal(read.pixels, ink.astype(np.uint8) * 255)


@pytest.mark.parametrize("photometric", [0, 1])
@pytest.mark.parametrize("compression", ["group3", "group4", "tiff_ccitt"])
def test_fax_tiff(compression: str, photometric: int):
    ink = grey() > 127
    data = by_pillow(Image.fromarray(ink), "TIFF", compression=compression, tiffinfo={262: photometric})
    assert np.array_equal(read_photo(data).pixels, ink.astype(np.uint8) * 255)


def packed_tiff(plane: np.ndarray, bits: int) -> bytes:
    """A grey TIFF whose samples of `bits` bits follow each other without gaps, rows starting at whole bytes."""
    spread = (plane[..., None] >> np.arange(bits - 1, -1, -1)) & 1
    strip = np.packbits(spread.reshape(HEIGHT, -1).astype(np.uint8), axis=1).tobytes()
    values = {256: WIDTH, 257: HEIGHT, 258: bits, 259: 1, 262: 1, 273: 0, 277: 1, 278: HEIGHT, 279: len(strip)}
    values[273] = len(new_block(Directory({tag: short(tag, value, "<") for tag, value in values.items()})))
    return new_block(Directory({tag: short(tag, value, "<") for tag, value in values.items()})) + strip


@pytest.mark.parametrize("bits", [4, 10, 12, 14])
def test_odd_depths_are_stretched_to_the_full_range(bits: int):
    most = 2**bits - 1
    plane = np.linspace(0, most, WIDTH * HEIGHT).round().reshape(HEIGHT, WIDTH)
    read = read_photo(packed_tiff(plane.astype(np.uint16), bits))
    full = 255 if bits < 8 else 65535
    assert read.pixels.dtype == (np.uint8 if bits < 8 else np.uint16)
    assert (read.pixels.min(), read.pixels.max()) == (0, full)
    assert np.array_equal(read.pixels, (plane * full / most).round())


def test_associated_alpha_is_divided_out():
    colours, cover = rgb(np.uint16), alpha(np.uint16)
    cover[:, -1] = 0
    multiplied = (colours.astype(np.float64) * cover[..., None] / 65535).round().astype(np.uint16)
    data = tiff(np.dstack([multiplied, cover]), photometric="rgb", extrasamples=["assocalpha"])
    read = read_photo(data)
    assert read.alpha is not None
    assert np.array_equal(read.alpha, cover)
    seen = cover > 30000
    assert np.abs(read.pixels.astype(int) - colours)[seen].max() <= 2


def test_extra_channels_that_are_no_transparency_are_told():
    data = tiff(np.dstack([rgb(), grey()]), photometric="rgb", extrasamples=["unspecified"])
    read = read_photo(data)
    assert read.alpha is None
    assert np.array_equal(read.pixels, rgb())
    assert read.notes == ("extra channels were left out",)


@pytest.mark.parametrize("scale", [1, 257])
def test_tiff_palette(scale: int):
    colours = np.random.default_rng(0).integers(0, 256, (3, 256))
    data = tiff(grey(), photometric="palette", colormap=(colours * scale).astype(np.uint16))
    assert np.array_equal(read_photo(data).pixels, colours.T[grey()])


def test_grey_tiff_palette_stays_grey():
    ramp = np.arange(255, -1, -1)
    data = tiff(grey(), photometric="palette", colormap=(np.tile(ramp, (3, 1)) * 257).astype(np.uint16))
    assert np.array_equal(read_photo(data).pixels, 255 - grey())


def test_thumbnail_page_is_passed_over_and_pages_are_told():
    out = io.BytesIO()
    with tifffile.TiffWriter(out) as writer:
        writer.write(grey()[::4, ::4], subfiletype=1, metadata=None)
        writer.write(grey(np.uint16), metadata=None)
        writer.write(grey(), metadata=None)
    read = read_photo(out.getvalue())
    assert np.array_equal(read.pixels, grey(np.uint16))
    assert read.notes == ("only the first of 2 pages was taken",)


@pytest.mark.parametrize("mode", ["RGB", "L", "YCbCr"])
def test_jpeg_in_tiff(mode: str):
    data = by_pillow(Image.fromarray(rgb()).convert(mode), "TIFF", compression="jpeg", quality=98)
    expected = np.asarray(Image.open(io.BytesIO(data)).convert("L" if mode == "L" else "RGB"))
    assert np.abs(read_photo(data).pixels.astype(int) - expected).max() <= 2


@pytest.mark.parametrize("compression", [None, "lzw"])
def test_ycbcr_without_jpeg(compression: str | None):
    samples = np.asarray(Image.fromarray(rgb()).convert("YCbCr"))
    data = tiff(samples, photometric="ycbcr", compression=compression, subsampling=(1, 1))
    assert np.abs(read_photo(data).pixels.astype(int) - rgb()).max() <= 3


@pytest.mark.parametrize(
    "samples", [grey().astype(np.float32) / 255, grey().astype(np.uint32), grey().astype(np.int16)]
)
def test_other_kinds_of_samples_are_refused_with_advice(samples: np.ndarray):
    with pytest.raises(UnsupportedInputError, match="save it as a 16-bit TIFF first"):
        read_photo(tiff(samples))


def test_lab_tiff_is_refused():
    with pytest.raises(UnsupportedInputError, match="save it as grey, RGB or CMYK"):
        read_photo(tiff(rgb(), photometric="cielab"))


def test_png_of_one_bit_and_palettes():
    ink = Image.fromarray(grey()).convert("1")
    assert np.array_equal(read_photo(by_pillow(ink, "PNG")).pixels, np.asarray(ink) * np.uint8(255))
    painted = Image.fromarray(rgb()).quantize(16)
    assert np.array_equal(read_photo(by_pillow(painted, "PNG")).pixels, np.asarray(painted.convert("RGB")))
    ramp = Image.fromarray(grey() // 16)
    ramp.putpalette([value for level in range(16) for value in (level * 17,) * 3])
    read = read_photo(by_pillow(ramp, "PNG"))
    assert np.array_equal(read.pixels, grey() // 16 * 17)


def test_png_palette_with_transparency():
    painted = Image.fromarray(rgb()).quantize(8)
    clear = bytes(range(0, 240, 30))
    read = read_photo(by_pillow(painted, "PNG", transparency=clear))
    assert read.alpha is not None
    assert np.array_equal(read.alpha, np.frombuffer(clear, np.uint8)[np.asarray(painted)])
    assert np.array_equal(read.pixels, np.asarray(painted.convert("RGB")))


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_png_transparent_colour(dtype: Any):
    for pixels in (grey(dtype), rgb(dtype)):
        key = np.atleast_1d(pixels[9, 9]).astype(">u2").tobytes()
        read = read_photo(with_png_chunks(encoded(pixels, "PNG"), png_chunk(b"tRNS", key)))
        same = pixels == pixels[9, 9]
        clear = same if pixels.ndim == 2 else same.all(-1)
        assert read.alpha is not None
        assert np.array_equal(read.alpha == 0, clear)
        assert np.array_equal(read.pixels, pixels)


def test_interlaced_png():
    # Pillow writes none: seven passes made by hand, unfiltered.
    import struct
    import zlib

    plane = grey(np.uint16)
    rows = b""
    for y0, x0, dy, dx in (
        (0, 0, 8, 8),
        (0, 4, 8, 8),
        (4, 0, 8, 4),
        (0, 2, 4, 4),
        (2, 0, 4, 2),
        (0, 1, 2, 2),
        (1, 0, 2, 1),
    ):
        for row in plane[y0::dy, x0::dx]:
            rows += b"\0" + row.astype(">u2").tobytes()
    data = b"\x89PNG\r\n\x1a\n" + png_chunk(b"IHDR", struct.pack(">IIBBBBB", WIDTH, HEIGHT, 16, 0, 0, 0, 1))
    data += png_chunk(b"IDAT", zlib.compress(rows)) + png_chunk(b"IEND", b"")
    assert np.array_equal(read_photo(data).pixels, plane)


@pytest.mark.parametrize("bits", [10, 12])
@pytest.mark.parametrize("make", [grey, rgb])
def test_deep_avif_keeps_its_depth(bits: int, make: Any):
    import imagecodecs

    deep = make(np.uint16) >> (16 - bits)
    read = read_photo(bytes(imagecodecs.avif_encode(deep, level=100, bitspersample=bits)))
    assert read.pixels.dtype == np.uint16
    assert read.pixels.ndim == make().ndim
    expected = deep * (65535 / (2**bits - 1))
    assert np.abs(read.pixels - expected).max() < 65535 / 2**bits * 4
    assert len(np.unique(read.pixels)) > 256


def test_deep_heic_keeps_its_depth():
    pytest.importorskip("pillow_heif")
    read = read_photo(encoded(grey(np.uint16), "HEIF"))
    assert read.pixels.dtype == np.uint16
    assert (read.pixels.min(), read.pixels.max()) <= (700, 65535)
    assert np.abs(read.pixels.astype(int) - grey(np.uint16)).max() < 65535 / 1023 * 8
    assert len(np.unique(read.pixels)) > 256


def test_12_bit_jpeg():
    import imagecodecs

    deep = grey(np.uint16) >> 4
    read = read_photo(bytes(imagecodecs.jpeg8_encode(deep, level=98, bitspersample=12)))
    assert read.pixels.dtype == np.uint16
    assert np.abs(read.pixels - deep * (65535 / 4095)).max() < 400


def test_16_bits_into_8_are_rounded_and_told():
    out = io.BytesIO()
    notes = write_photo(photo(grey(np.uint16)), out, format="WEBP", quality=100)
    assert notes == ("WEBP holds 8 of 16 bits a channel; PNG and TIFF hold all",)
    assert np.array_equal(read_photo(out.getvalue()).pixels, (grey(np.uint16) / 257).round())


def test_transparency_into_jpeg_is_laid_on_white_and_told():
    out = io.BytesIO()
    notes = write_photo(photo(rgb(), alpha()), out, format="JPEG", quality=100)
    assert notes == ("JPEG holds no transparency: the picture was laid on white",)
    cover = alpha()[..., None] / 255
    expected = rgb() * cover + 255 * (1 - cover)
    assert np.abs(read_photo(out.getvalue()).pixels - expected).max() <= 5


def test_one_pixel():
    for format in ("JPEG", "PNG", "TIFF", "WEBP", "AVIF"):
        for pixels in (np.full((1, 1), 77, np.uint8), np.full((1, 1, 3), 77, np.uint8), np.full((1, 9), 77, np.uint8)):
            assert np.abs(read_photo(encoded(pixels, format)).pixels.astype(int) - 77).max() <= 1
