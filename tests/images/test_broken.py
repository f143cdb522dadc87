"""Broken, hostile and foreign files: one clear line each, never half a picture."""

from __future__ import annotations

import builtins
import io
import struct
import sys
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from planted import SUFFIXES, WRITABLE, by_pillow, encoded, exif, grey, png_chunk, rgb

from retint.errors import InputError, MissingExtraError, RetintError, UnreadablePhotoError, UnsupportedInputError
from retint.images import read_photo
from retint.images.directories import read_directory, read_header


def sample(format: str, **metadata: Any) -> bytes:
    if format in ("BMP", "GIF"):
        return by_pillow(Image.fromarray(grey()), format)
    if format == "HEIF":
        pytest.importorskip("pillow_heif")
    return encoded(rgb(), format, **metadata)


EVERY = (*WRITABLE, "BMP", "GIF")


def one_line(raised: pytest.ExceptionInfo[RetintError], name: str) -> str:
    message = str(raised.value)
    assert "\n" not in message
    assert message.startswith(f"{name}: ")
    assert len(message) < 300
    return message


@pytest.mark.parametrize("part", [0.1, 0.4, 0.7, 0.9, 0.97])
@pytest.mark.parametrize("format", EVERY)
def test_cut_short(format: str, part: float, tmp_path: Path):
    data = sample(format)
    file = tmp_path / "cut"
    file.write_bytes(data[: int(len(data) * part)])
    with pytest.raises(UnreadablePhotoError) as raised:
        read_photo(file)
    one_line(raised, str(file))


@pytest.mark.parametrize("progressive", [False, True])
@pytest.mark.parametrize("part", [0.3, 0.6, 0.9])
def test_jpeg_cut_short_and_closed_again_is_no_half_grey_picture(part: float, progressive: bool):
    noise = np.random.default_rng(0).integers(0, 256, (200, 160, 3), dtype=np.uint8)
    data = by_pillow(Image.fromarray(noise), "JPEG", quality=80, progressive=progressive)
    assert np.asarray(read_photo(data).pixels).shape == noise.shape
    cut = data[: int(len(data) * part)].rstrip(b"\xff") + b"\xff\xd9"
    assert Image.open(io.BytesIO(cut)).convert("L").size == (160, 200)  # Pillow takes it for whole
    with pytest.raises(UnreadablePhotoError, match="cut short"):
        read_photo(cut)


def test_whole_jpeg_with_an_even_border_is_whole():
    framed = grey(width=160, height=120)
    framed[100:] = 255
    for options in ({}, {"progressive": True}, {"restart_marker_rows": 1}):
        data = by_pillow(Image.fromarray(framed), "JPEG", quality=90, **options)
        assert np.abs(read_photo(data).pixels.astype(int) - framed).max() < 30
    even = by_pillow(Image.fromarray(np.full((64, 64, 3), 9, np.uint8)), "JPEG")
    assert (read_photo(even).pixels == 9).all()
    assert (read_photo(even + b"trailing bytes").pixels == 9).all()


def test_tiff_without_its_last_strip_is_no_picture_with_a_black_band():
    import tifffile

    out = io.BytesIO()
    tifffile.imwrite(out, grey(), rowsperstrip=4, metadata=None, compression="lzw")
    with tifffile.TiffFile(io.BytesIO(out.getvalue())) as tiff:
        page = tiff.pages[0]
        assert isinstance(page, tifffile.TiffPage)
        at = page.tags[279].valueoffset
    data = bytearray(out.getvalue())
    data[at + 7 * 2 : at + 8 * 2] = bytes(2)  # the last of eight byte counts, SHORT
    with pytest.raises(UnreadablePhotoError, match="1 of 8 parts of the picture are missing"):
        read_photo(bytes(data))


def test_tiff_pages_in_a_circle_come_to_an_end():
    data = bytearray(encoded(rgb(), "TIFF"))
    stream = io.BytesIO(data)
    header = read_header(stream)
    first = read_directory(stream, header, header.first)
    data[first.end - 4 : first.end] = struct.pack("<I", header.first)
    assert np.array_equal(read_photo(bytes(data)).pixels, rgb())


@pytest.mark.parametrize("source", [b"", io.BytesIO(b"")])
def test_empty(source: Any):
    with pytest.raises(UnreadablePhotoError, match=r"empty \(0 bytes\)"):
        read_photo(source)


def test_zeros():
    with pytest.raises(UnreadablePhotoError, match="nothing but zeros"):
        read_photo(bytes(1000))


@pytest.mark.parametrize(
    ("head", "words"),
    [
        (b"Dear Anna,", "no kind of picture"),
        (b"%PDF-1.7", "a PDF document"),
        (b"\n<!DOCTYPE html><html>", "a web page"),
        (b"<svg xmlns", "SVG"),
        (b"8BPS\0\1", "a Photoshop document"),
        (b"\0\0\0\x20ftypisom", r"a film \(MP4 family\)"),
        (b"\0\0\0\x20ftypqt  ", r"a film \(MP4 family\)"),
        (b"\x1aE\xdf\xa3", r"a film \(Matroska family\)"),
        (b"RIFF\0\0\0\0AVI LIST", r"a film \(AVI\)"),
        (b"\0\0\0\x0cJXL \r\n", "a JPEG XL picture"),
        (b"II*\0\x10\0\0\0CR\x02\0", "a camera's raw file"),
        (b"PK\x03\x04", "a ZIP archive"),
        (b"version https://git-lfs.github.com/spec/v1", "a Git LFS pointer"),
    ],
)
def test_strangers_are_named(head: bytes, words: str):
    with pytest.raises(UnsupportedInputError, match=f"this is {words}.*; wanted JPEG, PNG"):
        read_photo(head + bytes(40))


@pytest.mark.parametrize("format", EVERY)
def test_wrong_suffix_does_not_matter(format: str, tmp_path: Path):
    for suffix in {".jpg", ".txt", ""} - {SUFFIXES.get(format)}:
        file = tmp_path / f"photo{suffix}"
        file.write_bytes(sample(format))
        assert read_photo(file).format == format


def test_sources(tmp_path: Path):
    data = sample("PNG")
    file = tmp_path / "photo.png"
    file.write_bytes(data)

    class Pipe(io.BytesIO):
        def seekable(self) -> bool:
            return False

        def seek(self, *_: Any) -> int:
            raise io.UnsupportedOperation

        def tell(self) -> int:
            raise io.UnsupportedOperation

    after = io.BytesIO(b"other" + data)
    after.seek(5)
    with file.open("rb") as opened:
        for source in (data, file, str(file), opened, io.BytesIO(data), Pipe(data), after):
            assert np.array_equal(read_photo(source).pixels, rgb())
        assert not opened.closed


def test_files_that_cannot_be_opened(tmp_path: Path):
    with pytest.raises(InputError, match="there is no such file"):
        read_photo(tmp_path / "missing.jpg")
    with pytest.raises(InputError, match="cannot be opened"):
        read_photo(tmp_path)


def bomb(format: str, width: int, height: int) -> bytes:
    """A small file that says it is huge."""
    if format == "PNG":
        header = png_chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0))
        return b"\x89PNG\r\n\x1a\n" + header + png_chunk(b"IDAT", zlib.compress(bytes(1000))) + png_chunk(b"IEND", b"")
    data = bytearray(sample(format))
    if format == "JPEG":
        at = data.index(b"\xff\xc0") + 5
        data[at : at + 4] = struct.pack(">HH", height, width)
    elif format == "TIFF":
        stream = io.BytesIO(data)
        header = read_header(stream)
        entries = read_directory(stream, header, header.first).entries
        for tag, side in ((256, width), (257, height)):
            at = entries[tag].at
            data[at - 6 : at + 4] = struct.pack("<HII", 4, 1, side)
    elif format == "BMP":
        data[18:26] = struct.pack("<ii", width, height)
    elif format == "GIF":
        data[6:10] = struct.pack("<HH", width, height)
    elif format in ("AVIF", "HEIF"):
        at = data.index(b"ispe")
        data[at + 8 : at + 16] = struct.pack(">II", width, height)
    elif format == "WEBP":
        at = data.index(b"VP8L") + 9
        data[at : at + 4] = struct.pack("<I", (width - 1) | (height - 1) << 14)
    return bytes(data)


@pytest.mark.parametrize("format", ["JPEG", "PNG", "TIFF", "BMP", "GIF"])
def test_bombs_are_refused_before_they_are_decoded(format: str):
    with pytest.raises(UnreadablePhotoError, match=r"2500 megapixels, at most 300 are wanted; .* raise max_pixels"):
        read_photo(bomb(format, 50000, 50000))


@pytest.mark.parametrize("format", EVERY)
def test_max_pixels_counts_for_this_call_alone(format: str):
    before = Image.MAX_IMAGE_PIXELS
    data = sample(format)
    with pytest.raises(UnreadablePhotoError, match=r"megapixels, at most 0\.001 are wanted"):
        read_photo(data, max_pixels=1000)
    read_photo(data, max_pixels=31 * 47)
    assert before == Image.MAX_IMAGE_PIXELS


def test_large_pictures_pass_pillows_own_limit(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 5_000_000)
    large = np.zeros((3000, 4000), np.uint8)
    for format in ("JPEG", "PNG", "TIFF", "WEBP", "BMP", "GIF"):
        data = by_pillow(Image.fromarray(large), format)
        with pytest.raises(Image.DecompressionBombError):
            Image.open(io.BytesIO(data))
        assert np.array_equal(read_photo(data).pixels, large)


@pytest.mark.parametrize("format", ["JPEG", "PNG", "TIFF", "BMP"])
@pytest.mark.parametrize("size", [(0, 31), (47, 0), (0, 0)])
def test_zero_size(format: str, size: tuple[int, int]):
    with pytest.raises(UnreadablePhotoError) as raised:
        read_photo(bomb(format, *size))
    one_line(raised, "the given bytes")


def test_jpeg_without_a_picture():
    for data in (
        b"\xff\xd8\xff\xd9",
        b"\xff\xd8\xff\xe0\0\x10JFIF\0\1\1\0\0\1\0\1\0\0\xff\xd9",
        b"\xff\xd8\xff\xff\xff",
    ):
        with pytest.raises(UnreadablePhotoError):
            read_photo(data)


def test_heic_without_pillow_heif_names_the_extra(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(sys.modules, "pillow_heif", None)
    with pytest.raises(MissingExtraError, match=r"pip install 'retint\[heic\]'"):
        read_photo(b"\0\0\0\x18ftypheic\0\0\0\0mif1heic" + bytes(40))


def test_animations_give_their_first_frame_and_say_so():
    frames = [Image.fromarray(grey()), Image.fromarray(255 - grey())]
    for format, words in (("GIF", "first of 2 frames"), ("WEBP", "first of 2 frames"), ("AVIF", "first of 2 frames")):
        options = {"lossless": True} if format == "WEBP" else {"quality": 100} if format == "AVIF" else {}
        data = by_pillow(frames[0], format, save_all=True, append_images=frames[1:], **options)
        read = read_photo(data)
        assert np.abs(read.pixels.astype(int) - grey()).max() <= 2
        assert read.notes == (f"only the {words} was taken",)
    read = read_photo(by_pillow(frames[0], "PNG", save_all=True, append_images=frames[1:]))
    assert np.array_equal(read.pixels, grey())
    assert read.notes == ("only the still picture of an animated PNG was taken",)


def test_multi_picture_jpeg_gives_the_first_and_says_so():
    pictures = [Image.fromarray(grey()), Image.fromarray(255 - grey())]
    data = by_pillow(pictures[0], "MPO", save_all=True, append_images=pictures[1:], quality=98)
    read = read_photo(data)
    assert np.abs(read.pixels.astype(int) - grey()).max() <= 6
    assert read.format == "JPEG"
    assert "further pictures" in read.notes[0]


def test_gif_transparency_and_bmp_kinds():
    painted = Image.fromarray(rgb()).quantize(8)
    read = read_photo(by_pillow(painted, "GIF", transparency=3))
    assert read.alpha is not None
    assert np.array_equal(read.alpha == 0, np.asarray(painted) == 3)
    cover = np.random.default_rng(0).integers(1, 256, grey().shape, dtype=np.uint8)
    for image in (Image.fromarray(grey()), Image.fromarray(rgb()), painted, Image.fromarray(np.dstack([rgb(), cover]))):
        read = read_photo(by_pillow(image, "BMP"))
        assert np.array_equal(read.pixels, np.asarray(image.convert("L" if image.mode == "L" else "RGB")))
        assert (read.alpha is not None) == (Image.open(io.BytesIO(by_pillow(image, "BMP"))).mode == "RGBA")


def test_out_of_memory_is_one_line(monkeypatch: pytest.MonkeyPatch):
    def fail(*_: Any, **__: Any) -> None:
        raise MemoryError

    monkeypatch.setattr("retint.images.png.imagecodecs.png_decode", fail, raising=False)
    with pytest.raises(UnreadablePhotoError, match="does not fit into this machine's memory"):
        read_photo(sample("PNG"))


@pytest.mark.filterwarnings("default")
@pytest.mark.parametrize("format", EVERY)
def test_random_damage_never_ends_in_anything_but_a_photograph_or_one_line(format: str):
    """A byte here and there is changed, dropped or doubled; the seed is fixed."""
    data = sample(format) if format in ("BMP", "GIF") else sample(format, exif=exif("<", 6), dpi=(300.0, 300.0))
    rng = np.random.default_rng(sum(format.encode()))
    refused = 0
    for _ in range(120):
        damaged = bytearray(data)
        for _ in range(rng.integers(1, 6)):
            # Half of the damage hits the first bytes, where headers and tags lie.
            at = int(rng.integers(0, len(damaged) if rng.random() < 0.5 else min(400, len(damaged))))
            kind = rng.integers(0, 3)
            if kind == 0:
                damaged[at] = int(rng.integers(0, 256))
            elif kind == 1:
                del damaged[at : at + int(rng.integers(1, 9))]
            else:
                damaged[at:at] = damaged[at : at + int(rng.integers(1, 9))]
        try:
            read_photo(bytes(damaged), max_pixels=10**6)
        except RetintError as error:
            assert "\n" not in str(error)
            refused += 1
    assert refused > 10


def test_errors_of_the_disk_are_told_as_such(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    def fail(*_: Any, **__: Any) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(builtins, "open", fail)
    with pytest.raises(InputError, match=r"cannot be opened \(Permission denied\); check its permissions"):
        read_photo(tmp_path / "secret.jpg")
