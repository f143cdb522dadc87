from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image, ImageOps
from planted import HEIGHT, MAKER_NOTE, WIDTH, by_pillow, encoded, exif, grey, rgb

from retint.images import read_photo, write_photo
from retint.images.directories import read_directory, read_header

LOSSLESS = ("PNG", "TIFF", "WEBP")
STORED = {  # how a file must hold the upright picture for each orientation (TIFF 6.0, tag 274)
    1: lambda a: a,
    2: lambda a: a[:, ::-1],
    3: lambda a: a[::-1, ::-1],
    4: lambda a: a[::-1],
    5: lambda a: a.swapaxes(0, 1),
    6: lambda a: np.rot90(a, 1),
    7: lambda a: a[::-1, ::-1].swapaxes(0, 1),
    8: lambda a: np.rot90(a, -1),
}


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("format", LOSSLESS)
def test_pixels_come_out_upright(format: str, orientation: int):
    upright = rgb()
    stored = Image.fromarray(np.ascontiguousarray(STORED[orientation](upright)))
    tags = Image.Exif()
    tags[274] = orientation
    data = by_pillow(stored, format, exif=tags.tobytes(), **({"lossless": True} if format == "WEBP" else {}))
    # Pillow agrees that this file shows the upright picture.
    assert np.array_equal(np.asarray(ImageOps.exif_transpose(Image.open(io.BytesIO(data))).convert("RGB")), upright)
    photo = read_photo(data)
    assert np.array_equal(photo.pixels, upright)
    assert photo.pixels.flags.c_contiguous
    assert photo.notes == ()


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("order", ["<", ">"])
def test_jpeg_comes_out_upright_and_says_so(orientation: int, order: str):
    upright = rgb()
    stored = Image.fromarray(np.ascontiguousarray(STORED[orientation](upright)))
    block = exif(order, orientation, thumbnail=b"\xff\xd8 a stale picture \xff\xd9")
    photo = read_photo(by_pillow(stored, "JPEG", quality=100, subsampling=0, exif=b"Exif\0\0" + block))
    assert photo.pixels.shape == upright.shape
    assert np.abs(photo.pixels.astype(int) - upright).max() <= 4
    said = Image.Exif()
    said.load(photo.metadata.exif)
    assert said[274] == 1
    assert said[270] == "Anna with the cow"
    detail = said.get_ifd(34665)
    assert (detail[0xA002], detail[0xA003]) == (WIDTH, HEIGHT)
    assert detail[0x927C] == MAKER_NOTE
    assert said.get_ifd(34853)[2] == (48, 12, 30)


def test_thumbnail_is_gone_and_the_maker_note_has_not_moved():
    block = exif("<", 6, thumbnail=b"\xff\xd8 a stale picture \xff\xd9")
    photo = read_photo(encoded(rgb(), "PNG", exif=block))
    kept = photo.metadata.exif
    assert kept is not None
    assert b"stale" not in kept
    assert kept.index(MAKER_NOTE) == block.index(MAKER_NOTE)
    stream = io.BytesIO(kept)
    header = read_header(stream)
    assert read_directory(stream, header, header.first).next == 0


def test_thumbnail_before_other_data_is_blanked_in_place():
    block = exif("<", 1, thumbnail=b"\xff\xd8 a stale picture \xff\xd9") + b"some maker's data at the end"
    kept = read_photo(encoded(grey(), "PNG", exif=block)).metadata.exif
    assert kept is not None
    assert b"stale" not in kept
    assert len(kept) == len(block)


@pytest.mark.parametrize("format", ["PNG", "TIFF"])
def test_alpha_turns_with_the_pixels(format: str):
    cover = grey()
    tags = Image.Exif()
    tags[274] = 6
    stored = np.dstack([STORED[6](rgb()), STORED[6](cover)])
    photo = read_photo(by_pillow(Image.fromarray(np.ascontiguousarray(stored)), format, exif=tags.tobytes()))
    assert photo.alpha is not None
    assert np.array_equal(photo.alpha, cover)


def test_resolution_turns_with_the_picture():
    tags = Image.Exif()
    tags[274] = 8
    tags[282], tags[283], tags[296] = 600.0, 300.0, 2
    data = by_pillow(Image.fromarray(grey()), "JPEG", exif=tags.tobytes(), dpi=(600, 300))
    photo = read_photo(data)
    assert photo.metadata.dpi == (300, 600)
    said = Image.Exif()
    said.load(photo.metadata.exif)
    assert (said[282], said[283]) == (300, 600)


def test_xmp_orientation_follows():
    packet = (
        b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
        b'<rdf:Description rdf:about="" xmlns:tiff="http://ns.adobe.com/tiff/1.0/" tiff:Orientation="6"'
        b' xmlns:exif="http://ns.adobe.com/exif/1.0/"><exif:PixelXDimension>47</exif:PixelXDimension>'
        b"<exif:PixelYDimension>31</exif:PixelYDimension></rdf:Description></rdf:RDF></x:xmpmeta>"
    )
    xmp = read_photo(encoded(grey(), "PNG", exif=exif("<", 6), xmp=packet)).metadata.xmp
    assert xmp is not None
    assert b'tiff:Orientation="1"' in xmp
    assert b"<exif:PixelXDimension>31<" in xmp
    assert b"<exif:PixelYDimension>47<" in xmp


def test_meaningless_orientation_is_upright():
    for value in (0, 9, 700):
        photo = read_photo(encoded(grey(), "PNG", exif=exif("<", value)))
        assert np.array_equal(photo.pixels, grey())


@pytest.mark.parametrize("orientation", [3, 6, 8])
def test_avif_rotation_is_followed_once(orientation: int):
    tags = Image.Exif()
    tags[274] = orientation
    stored = Image.fromarray(np.ascontiguousarray(STORED[orientation](grey())))
    photo = read_photo(by_pillow(stored, "AVIF", quality=100, exif=tags.tobytes()))
    assert np.abs(photo.pixels.astype(int) - grey()).max() <= 2


@pytest.mark.parametrize("orientation", range(1, 9))
def test_heic_rotation_is_followed_once(orientation: int):
    pillow_heif = pytest.importorskip("pillow_heif")
    upright = grey(width=64, height=48)
    stored = Image.fromarray(np.ascontiguousarray(STORED[orientation](upright)))
    out = io.BytesIO()
    # As phones do it: the container turns the picture, and EXIF says the same once more.
    file = pillow_heif.HeifFile()
    file.add_from_pillow(stored)
    file.save(out, quality=95, exif=b"Exif\0\0" + exif("<", orientation))
    photo = read_photo(out.getvalue())
    assert photo.pixels.shape == upright.shape
    assert np.abs(photo.pixels.astype(int) - upright).max() <= 3
    said = Image.Exif()
    said.load(photo.metadata.exif)
    assert said[274] == 1


@pytest.mark.parametrize("format", ["JPEG", "PNG", "TIFF", "WEBP", "AVIF", "HEIF"])
def test_a_result_is_upright_for_every_reader(format: str):
    if format == "HEIF":
        pytest.importorskip("pillow_heif")
    photo = read_photo(encoded(rgb(), "PNG", exif=exif(">", 6)))
    out = io.BytesIO()
    write_photo(photo, out, format=format, quality=100)
    again = read_photo(out.getvalue())
    assert again.pixels.shape == photo.pixels.shape
    assert np.abs(again.pixels.astype(int) - photo.pixels).max() <= 6
