from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image
from planted import WRITABLE, by_pillow, encoded, rgb

from retint.images import FORMATS, result_format, result_suffix, sniff_format


@pytest.mark.parametrize("format", [*WRITABLE, "BMP", "GIF"])
def test_content_tells_the_format(format: str):
    if format == "HEIF":
        pytest.importorskip("pillow_heif")
    data = by_pillow(Image.fromarray(rgb()), format) if format in ("BMP", "GIF") else encoded(rgb(), format)
    assert sniff_format(data[:64]) == format


@pytest.mark.parametrize(
    ("head", "format"),
    [
        (b"MM\0*\0\0\0\x08", "TIFF"),
        (b"II+\0\x08\0\0\0", "TIFF"),
        (b"\0\0\0\x1cftypmif1\0\0\0\0mif1miafavif", "AVIF"),
        (b"\0\0\0\x18ftypmif1\0\0\0\0mif1heic", "HEIF"),
        (b"\0\0\0\x18ftypheic\0\0\0\0mif1heic", "HEIF"),
        (b"\0\0\0\x18ftypisom\0\0\0\0isomavc1", None),
        (b"RIFF\0\0\0\0WAVE", None),
        (b"", None),
        (b"GIF", None),
    ],
)
def test_heads(head: bytes, format: str | None):
    assert sniff_format(head) == format


def test_result_format():
    kept = {format: result_format(format) for format in FORMATS}
    assert kept == {format: format for format in WRITABLE} | {"BMP": "PNG", "GIF": "PNG"}
    assert result_format("PCX") == "PNG"


@pytest.mark.parametrize(
    ("source", "format", "suffix"),
    [
        ("scan.TIFF", "TIFF", ".TIFF"),
        (Path("a.b/scan.jpeg"), "JPEG", ".jpeg"),
        ("scan.png", "JPEG", ".jpg"),  # the name lied
        ("old.bmp", "BMP", ".png"),
        ("old.gif", "GIF", ".png"),
        ("IMG_0001.HEIC", "HEIF", ".HEIC"),
        ("scan", "WEBP", ".webp"),
        (None, "TIFF", ".tif"),
    ],
)
def test_result_suffix(source: str | Path | None, format: str, suffix: str):
    assert result_suffix(source, format) == suffix
