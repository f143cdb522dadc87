"""What a file says about its picture comes through every format that can hold it."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from planted import (
    IPTC,
    MAKER_NOTE,
    WRITABLE,
    XMP,
    by_pillow,
    encoded,
    exif,
    grey,
    photo,
    png_chunk,
    rgb,
    with_jpeg_segment,
    with_png_chunks,
)

from retint.images import Metadata, Photograph, read_photo, write_photo
from retint.images.profiles import srgb_profile


def need(format: str) -> None:
    if format == "HEIF":
        pytest.importorskip("pillow_heif")


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("format", WRITABLE)
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_everything_comes_back(format: str, order: str, dtype: Any):
    need(format)
    icc = srgb_profile()
    data = encoded(rgb(dtype), format, exif=exif(order), icc=icc, xmp=XMP, dpi=(300.0, 300.0))
    metadata = read_photo(data).metadata
    assert metadata.icc == icc
    assert metadata.xmp == XMP
    assert metadata.dpi == (300, 300)
    said = Image.Exif()
    said.load(metadata.exif)
    assert said[270] == "Anna with the cow"
    assert said[305] == "ScanMaker 9"
    detail = said.get_ifd(34665)
    assert detail[0x9003] == "1923:05:01 12:00:00"
    assert detail[0x927C] == MAKER_NOTE
    assert said.get_ifd(34853)[2] == (48, 12, 30)


@pytest.mark.parametrize("format", WRITABLE)
def test_other_programs_find_it(format: str):
    need(format)
    data = encoded(rgb(), format, exif=exif(), icc=srgb_profile(), xmp=XMP, dpi=(300.0, 200.0))
    if format == "HEIF":
        import pillow_heif

        image: Image.Image = pillow_heif.open_heif(io.BytesIO(data)).to_pillow()
    else:
        image = Image.open(io.BytesIO(data))
    said = image.getexif()
    assert said[270] == "Anna with the cow"
    assert said.get_ifd(34665)[0x9003] == "1923:05:01 12:00:00"
    assert said.get_ifd(34853)[2] == (48, 12, 30)
    assert (said.get(282), said.get(283)) == (300, 200) or format in ("JPEG", "PNG")
    xmp = image.info.get("xmp") or image.tag_v2[700]  # type: ignore[attr-defined]
    assert "Großmutter &amp; Kuh".encode() in xmp
    assert image.info["icc_profile"] == srgb_profile()
    if format in ("JPEG", "PNG", "TIFF"):
        assert np.allclose([float(value) for value in image.info["dpi"]], (300, 200), atol=0.02)


@pytest.mark.parametrize("source", WRITABLE)
@pytest.mark.parametrize("target", WRITABLE)
def test_from_every_format_into_every_other(source: str, target: str):
    need(source)
    need(target)
    read = read_photo(encoded(rgb(), source, exif=exif(">"), icc=srgb_profile(), xmp=XMP, dpi=(600.0, 300.0)))
    assert read.notes == ()
    out = io.BytesIO()
    assert write_photo(read, out, format=target) == ()
    metadata = read_photo(out.getvalue()).metadata
    assert metadata.xmp == XMP
    assert metadata.icc == srgb_profile()
    assert metadata.dpi == (600, 300)
    said = Image.Exif()
    said.load(metadata.exif)
    assert said[270] == "Anna with the cow"
    assert said.get_ifd(34665)[0x927C] == MAKER_NOTE


def test_exif_of_jpeg_is_untouched_where_nothing_has_to_change():
    block = exif("<", 1)
    read = read_photo(encoded(rgb(), "JPEG", exif=block, dpi=(300.0, 300.0)))
    assert read.metadata.exif == block


@pytest.mark.parametrize("dpi", [(300.0, 300.0), (72.0, 72.0), (1200.0, 600.0), (299.72, 299.72)])
@pytest.mark.parametrize("format", WRITABLE)
def test_resolution_alone(format: str, dpi: tuple[float, float]):
    need(format)
    back = read_photo(encoded(grey(), format, dpi=dpi)).metadata.dpi
    assert back is not None
    assert np.allclose(back, dpi, atol=0.51 if format == "JPEG" else 0.02)  # JFIF holds whole numbers


def test_resolution_in_centimetres():
    tags = Image.Exif()
    tags[282], tags[283], tags[296] = 100.0, 200.0, 3
    for format in ("JPEG", "PNG", "TIFF"):
        data = by_pillow(Image.fromarray(grey()), format, exif=tags.tobytes())
        if format == "TIFF":
            data = by_pillow(Image.fromarray(grey()), format, resolution_unit=3, x_resolution=100, y_resolution=200)
        assert read_photo(data).metadata.dpi == (254, 508)


def test_resolution_that_says_nothing_is_none():
    assert read_photo(by_pillow(Image.fromarray(grey()), "JPEG")).metadata.dpi is None
    assert read_photo(by_pillow(Image.fromarray(grey()), "TIFF", dpi=(1, 1))).metadata.dpi is None


def test_bmp_resolution():
    assert read_photo(by_pillow(Image.fromarray(rgb()), "BMP", dpi=(300, 300))).metadata.dpi == (300, 300)


@pytest.mark.parametrize("source", ["JPEG", "TIFF"])
@pytest.mark.parametrize("target", ["JPEG", "TIFF"])
def test_iptc_captions(source: str, target: str):
    read = read_photo(encoded(grey(), source, iptc=IPTC))
    assert read.metadata.iptc == IPTC
    out = io.BytesIO()
    assert write_photo(read, out, format=target) == ()
    assert read_photo(out.getvalue()).metadata.iptc == IPTC


def test_iptc_is_where_pillow_looks():
    from PIL import IptcImagePlugin

    for format in ("JPEG", "TIFF"):
        said = IptcImagePlugin.getiptcinfo(Image.open(io.BytesIO(encoded(grey(), format, iptc=IPTC))))  # type: ignore
        assert said is not None
        assert said[(2, 120)] == b"Oma im Hof."


def test_iptc_that_cannot_be_held_is_told():
    out = io.BytesIO()
    notes = write_photo(photo(grey(), iptc=IPTC), out, format="PNG")
    assert notes == ("PNG holds no IPTC-IIM, it was left out; JPEG and TIFF hold it",)


def test_comments():
    text = (("Title", "Oma"), ("Description", "mit Łódź und Kuh"), ("Comment", "gut"))
    png = read_photo(encoded(grey(), "PNG", text=text))
    assert png.metadata.text == text
    jpeg = read_photo(encoded(grey(), "JPEG", text=text))
    assert [value for _, value in jpeg.metadata.text] == ["Title: Oma", "Description: mit Łódź und Kuh", "gut"]
    out = io.BytesIO()
    assert write_photo(png, out, format="TIFF") == (
        "TIFF holds no comments, they were left out (Comment, Description, Title); PNG and JPEG hold them",
    )
    gif = by_pillow(Image.fromarray(grey()), "GIF", comment=b"from a web page")
    assert read_photo(gif).metadata.text == (("Comment", "from a web page"),)


def test_long_comment_is_split_over_segments():
    long = "Ein langer Satz. " * 9000
    read = read_photo(encoded(grey(), "JPEG", text=(("Comment", long),)))
    assert "".join(value for _, value in read.metadata.text) == long


def test_compressed_png_text_and_image_magick_profiles():
    import zlib

    lines = "\n".join(exif()[at : at + 36].hex() for at in range(0, len(exif()), 36))
    raw = f"\nexif\n{len(exif()) + 6:8d}\n{b'Exif'.hex()}0000{lines}\n".encode()
    data = with_png_chunks(
        encoded(grey(), "PNG"),
        png_chunk(b"zTXt", b"Raw profile type exif\0\0" + zlib.compress(raw)),
        png_chunk(b"zTXt", b"Author\0\0" + zlib.compress("Müller".encode("latin-1"))),
        png_chunk(b"iTXt", b"Place\0\1\0de\0Ort\0" + zlib.compress("Łódź".encode())),
        png_chunk(b"tEXt", b"Thumb::MTime\x001234"),
    )
    read = read_photo(data)
    assert read.notes == ()
    assert read.metadata.text == (("Author", "Müller"), ("Place", "Łódź"))
    said = Image.Exif()
    said.load(read.metadata.exif)
    assert said[270] == "Anna with the cow"


def test_gif_xmp():
    data = by_pillow(Image.fromarray(grey()), "GIF")
    tail = bytes([1, *range(255, -1, -1), 0])
    at = 13 + 3 * 2 ** ((data[10] & 7) + 1)
    data = data[:at] + b"\x21\xff\x0bXMP DataXMP" + XMP + tail + data[at:]
    assert read_photo(data).metadata.xmp == XMP


def test_large_profile_spans_segments():
    icc = srgb_profile()
    icc = (200_000).to_bytes(4, "big") + icc[4:] + bytes(200_000 - len(icc))
    assert read_photo(encoded(rgb(), "JPEG", icc=icc)).metadata.icc == icc


def test_large_xmp_spans_segments_of_jpeg_and_comes_back_whole():
    story = "<rdf:li>Kapitel</rdf:li>" * 9000
    large = XMP.replace(b"</rdf:Alt>", story.encode() + b"</rdf:Alt>")
    data = encoded(rgb(), "JPEG", xmp=large)
    back = read_photo(data)
    assert back.notes == ()
    assert back.metadata.xmp is not None
    assert back.metadata.xmp.count(b"Kapitel") == 9000
    assert b"HasExtendedXMP" not in back.metadata.xmp
    assert 'xmp:Rating="4"' in back.metadata.xmp.decode()


def test_extended_xmp_with_a_missing_part_is_told():
    large = XMP.replace(b"</rdf:Alt>", b"<rdf:li>Kapitel</rdf:li>" * 9000 + b"</rdf:Alt>")
    data = encoded(rgb(), "JPEG", xmp=large)
    at = data.rindex(b"\xff\xe1")
    size = int.from_bytes(data[at + 2 : at + 4], "big")
    read = read_photo(data[:at] + data[at + 2 + size :])
    assert any("extended part" in note for note in read.notes)
    assert read.metadata.xmp is not None


def test_exif_too_large_for_jpeg_is_told_and_kept_elsewhere():
    from retint.images.directories import Directory, new_block, raw

    large = new_block(Directory({0x927C: raw(0x927C, 7, bytes(70000))}))
    out = io.BytesIO()
    notes = write_photo(photo(rgb(), exif=large), out, format="JPEG")
    assert notes == (f"EXIF of {len(large)} bytes does not fit into a JPEG and was left out; use PNG or TIFF",)
    assert read_photo(encoded(rgb(), "TIFF", exif=large)).metadata.exif is not None


def test_exif_over_several_segments_of_jpeg_is_joined():
    block = exif()
    data = encoded(rgb(), "JPEG")
    data = with_jpeg_segment(data, 0xE1, b"Exif\0\0" + block[60:])
    data = with_jpeg_segment(data, 0xE1, b"Exif\0\0" + block[:60])
    assert read_photo(data).metadata.exif == block


# Damage: the picture is read all the same, and the person is told.


@pytest.mark.parametrize("format", ["JPEG", "PNG", "WEBP", "AVIF"])
@pytest.mark.parametrize("junk", [b"II*\0\xff\xff\xff\xff", b"no EXIF at all", b"II", b"MM\0*\0\0\0\x08\xff\xff"])
def test_damaged_exif_is_left_out_and_told(format: str, junk: bytes):
    if format == "AVIF":
        good = encoded(rgb(), format, exif=exif())
        data = good.replace(exif()[:8], (junk + bytes(8))[:8])
        assert data != good
    elif format == "JPEG":
        data = with_jpeg_segment(encoded(rgb(), format), 0xE1, b"Exif\0\0" + junk)
    elif format == "PNG":
        data = with_png_chunks(encoded(rgb(), format), png_chunk(b"eXIf", junk))
    else:
        data = by_pillow(Image.fromarray(rgb()), format, lossless=True, exif=junk)
    read = read_photo(data)
    assert np.abs(read.pixels.astype(int) - rgb()).max() <= 4
    assert read.metadata.exif is None
    assert len(read.notes) == 1
    assert "EXIF" in read.notes[0]


def test_single_damaged_tags_go_alone():
    block = bytearray(exif())
    at = block.index((0x010E).to_bytes(2, "little"))
    block[at + 8 : at + 12] = b"\xff\xff\xff\x7f"
    read = read_photo(encoded(rgb(), "PNG", exif=bytes(block)))
    assert read.notes == ("damaged EXIF tags were left out: 0x010E",)
    said = Image.Exif()
    said.load(read.metadata.exif)
    assert 270 not in said
    assert said[305] == "ScanMaker 9"


@pytest.mark.parametrize(
    "junk",
    [
        b"no XMP",
        b"<x:xmpmeta xmlns:x='adobe:ns:meta/'>",
        b"<a/>",
        b'<!DOCTYPE a [<!ENTITY e "boom">]><x:xmpmeta xmlns:x="adobe:ns:meta/">&e;</x:xmpmeta>',
        b"<a>" * 100_000,
    ],
)
@pytest.mark.parametrize("format", ["PNG", "TIFF", "WEBP"])
def test_damaged_or_hostile_xmp_is_left_out_and_told(format: str, junk: bytes):
    read = read_photo(encoded(rgb(), format, xmp=junk))
    assert np.array_equal(read.pixels, rgb())
    assert read.metadata.xmp is None
    assert len(read.notes) == 1
    assert read.notes[0].startswith("XMP was left out, for ")


def test_xmp_in_other_encodings_is_understood():
    for encoding in ("utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-8-sig"):
        packet = XMP.decode().replace("\ufeff", "").encode(encoding)
        read = read_photo(encoded(rgb(), "PNG", xmp=packet))
        assert read.notes == ()
        assert read.metadata.xmp == packet


@pytest.mark.parametrize("name", [b"tEXt", b"iCCP", b"eXIf", b"pHYs"])
def test_png_chunk_with_a_wrong_checksum_is_left_out_and_told(name: bytes):
    chunk = bytearray(png_chunk(name, b"Title\0some words"))
    chunk[-1] ^= 1
    read = read_photo(with_png_chunks(encoded(rgb(), "PNG"), bytes(chunk)))
    assert np.array_equal(read.pixels, rgb())
    assert read.notes == (f"the damaged metadata chunk {name.decode()} was left out",)


def test_png_text_that_unpacks_without_end_is_left_out():
    import zlib

    bomb = zlib.compress(bytes(80 * 2**20), 9)
    read = read_photo(with_png_chunks(encoded(rgb(), "PNG"), png_chunk(b"zTXt", b"Comment\0\0" + bomb)))
    assert read.metadata.text == ()
    assert "unpacks to more than 64 MB" in read.notes[0]


def test_damaged_profile_is_left_out_and_told():
    for junk in (b"no profile", srgb_profile()[:200], b""):
        data = by_pillow(Image.fromarray(rgb()), "PNG", icc_profile=junk)
        read = read_photo(data)
        assert read.metadata.icc is None
        assert read.notes == (
            () if not junk else ("the damaged colour profile does not fit a RGB picture and was left out",)
        )


def test_reading_changes_nothing_on_disk(tmp_path: Path):
    file = tmp_path / "scan.tif"
    file.write_bytes(encoded(rgb(), "TIFF", exif=exif("<", 6), xmp=XMP))
    before = file.read_bytes()
    read_photo(file)
    assert file.read_bytes() == before


def test_photograph_checks_its_arrays():
    for pixels, cover in (
        (np.zeros((4, 4), np.float32), None),
        (np.zeros((4, 4, 4), np.uint8), None),
        (np.zeros((0, 4), np.uint8), None),
        (np.zeros((4, 4), np.uint8), np.zeros((4, 5), np.uint8)),
        (np.zeros((4, 4), np.uint8), np.zeros((4, 4), np.uint16)),
    ):
        with pytest.raises(ValueError, match=r"wanted|at least one"):
            Photograph(pixels, cover, Metadata())  # type: ignore[arg-type]
