from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import retint
from retint.errors import InputError, OutputError, OutputExistsError, UnreadablePhotoError, UnsupportedInputError
from retint.images import Photograph, read_photo, write_photo
from retint.pipelines import photo as pipeline
from retint.pipelines.photo import PhotoResult, colorize_photo, is_result, side_by_side
from retint.rendering import Colorizer


def redness(picture: bytes | Path) -> float:
    with Image.open(io.BytesIO(picture) if isinstance(picture, bytes) else picture) as image:
        pixels = np.asarray(image.convert("RGB")).astype(int)
    return float((pixels[..., 0] - pixels[..., 2]).mean())


def test_a_photograph_becomes_red_as_planted(make_photo, colorizer: Colorizer, tmp_path: Path):
    source, target = make_photo("old.jpg"), tmp_path / "new.jpg"
    result = colorize_photo(source, target, colorizer=colorizer)
    assert redness(source) == 0
    assert redness(target) > 40
    assert result == PhotoResult(target, None, 48, 32, "fake", 10, result.seconds)
    assert 0 < result.seconds < 60
    assert is_result(read_photo(target))
    assert not is_result(read_photo(source))


def test_text_bytes_and_streams_are_sources_and_streams_are_targets(make_photo, colorizer: Colorizer, tmp_path: Path):
    source = make_photo("old.png")
    pictures = []
    for given in (str(source), source.read_bytes(), io.BytesIO(source.read_bytes())):
        out = io.BytesIO()
        assert colorize_photo(given, out, colorizer=colorizer).target is None
        pictures.append(out.getvalue())
    assert pictures[0] == pictures[1] == pictures[2]
    assert Image.open(io.BytesIO(pictures[0])).format == "PNG"


def test_an_address_is_a_source(photo_bytes, colorizer: Colorizer, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(pipeline, "fetch", lambda address: photo_bytes() if address == "http://x/a.jpg" else b"")
    out = io.BytesIO()
    colorize_photo("http://x/a.jpg", out, colorizer=colorizer)
    assert redness(out.getvalue()) > 40


def test_render_factor_and_watermark_reach_the_colorizer(make_photo, colorizer: Colorizer, tmp_path: Path):
    source = make_photo("old.png", size=(300, 400))
    plain = colorize_photo(source, tmp_path / "plain.png", colorizer=colorizer, render_factor=20)
    marked = colorize_photo(source, tmp_path / "marked.png", colorizer=colorizer, render_factor="auto", watermark=True)
    assert (plain.render_factor, marked.render_factor) == (20, 10)
    first, second = (np.asarray(Image.open(result.target)) for result in (plain, marked) if result.target)
    changed = np.argwhere((first != second).any(axis=2))
    assert changed.size
    assert changed[:, 0].min() > 300, "the mark is at the bottom"
    assert changed[:, 1].max() < 100, "and on the left"


def test_the_model_is_loaded_when_no_colorizer_is_given(
    make_photo, colorizer: Colorizer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    asked = []
    monkeypatch.setattr("retint.rendering.load_colorizer", lambda *a, **k: asked.append((a, k)) or colorizer)
    retint.colorize_photo(make_photo(), tmp_path / "new.jpg", model="artistic", device="cpu")
    assert asked == [(("artistic",), {"device": "cpu"})]


def test_a_comparison_has_before_on_the_left_and_after_on_the_right(make_photo, colorizer: Colorizer, tmp_path: Path):
    result = colorize_photo(make_photo("old.png"), tmp_path / "old-color.png", colorizer=colorizer, compare=True)
    assert result.compare == tmp_path / "old-compare.png"
    pair = np.asarray(Image.open(result.compare).convert("RGB"))
    assert pair.shape == (32, 96, 3)
    assert np.array_equal(pair[:, :48], np.asarray(Image.open(tmp_path / "old.png").convert("RGB")))
    assert np.array_equal(pair[:, 48:], np.asarray(Image.open(tmp_path / "old-color.png")))


@pytest.mark.parametrize("existing", ["new.png", "new-compare.png"])
def test_nothing_is_overwritten_unasked(make_photo, colorizer: Colorizer, tmp_path: Path, existing: str):
    source = make_photo("old.png")
    (tmp_path / existing).write_bytes(b"precious")
    with pytest.raises(OutputExistsError, match=existing):
        colorize_photo(source, tmp_path / "new.png", colorizer=colorizer, compare=True)
    assert (tmp_path / existing).read_bytes() == b"precious"
    assert len(list(tmp_path.iterdir())) == 2
    colorize_photo(source, tmp_path / "new.png", colorizer=colorizer, compare=True, overwrite=True)
    assert redness(tmp_path / "new.png") > 40


def test_a_comparison_needs_a_place(make_photo, colorizer: Colorizer):
    with pytest.raises(OutputError, match="name a file as target"):
        colorize_photo(make_photo(), io.BytesIO(), colorizer=colorizer, compare=True)


@pytest.mark.parametrize(
    ("content", "error", "words"),
    [
        (b"", UnreadablePhotoError, "old.jpg: is empty"),
        (
            b"\0\0\0\x18ftypisom\0\0\0\0isomavc1",
            UnsupportedInputError,
            r"old.jpg: is a film \(MP4\) and no photograph; colorize_film colours films",
        ),
        (b"<!doctype html><title>Not found", UnsupportedInputError, "old.jpg: .*web page"),
        (b"\xff\xd8\xff\xe0 cut short", UnreadablePhotoError, "old.jpg: "),
        (None, InputError, "old.jpg: cannot be opened .*check the name"),
    ],
)
@pytest.mark.parametrize("given", ["path", "bytes"])
def test_what_is_no_photograph_is_told_in_one_line(
    content: bytes | None, error: type[Exception], words: str, given: str, colorizer: Colorizer, tmp_path: Path
):
    source = tmp_path / "old.jpg"
    if content is not None:
        source.write_bytes(content)
    elif given == "bytes":
        return
    if given == "bytes":
        words = words.replace("old.jpg", "the given bytes")
    with pytest.raises(error, match=words) as caught:
        colorize_photo(source.read_bytes() if given == "bytes" else source, tmp_path / "new.jpg", colorizer=colorizer)
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "new.jpg").exists()


def gradient(height: int, width: int, dtype: type = np.uint8, channels: int = 3) -> Photograph:
    pixels = (np.arange(height)[:, None] * 10 + np.arange(width)[None, :]).astype(dtype)
    whole = np.dstack([pixels, pixels + 1, pixels + 2]).astype(dtype) if channels == 3 else pixels
    return Photograph(whole, pixels.copy(), format="PNG")


def test_sixteen_bits_and_transparency_stay_in_a_comparison():
    pair = side_by_side(gradient(4, 6, np.uint16, 1), gradient(4, 6, np.uint16))
    assert pair.pixels.dtype == np.uint16
    assert pair.pixels.shape == (4, 12, 3)
    assert pair.alpha is not None
    assert np.array_equal(pair.alpha[:, :6], pair.alpha[:, 6:])


def test_a_comparison_too_wide_for_its_format_is_smaller_by_a_whole_number(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(pipeline, "COMPARE_SIDE", 6)
    before, after = gradient(5, 6, channels=1), gradient(5, 6)
    pair = side_by_side(before, after)
    assert pair.pixels.shape == (2, 6, 3)
    blocks = after.pixels[:4].reshape(2, 2, 3, 2, 3).mean(axis=(1, 3)).round()
    assert np.array_equal(pair.pixels[:, 3:], blocks)
    assert np.array_equal(pair.pixels[:, 0, 0], before.pixels[:4, :2].reshape(2, 4).mean(axis=1).round())


def test_what_a_format_cannot_hold_is_said(colorizer: Colorizer, tmp_path: Path):
    write_photo(gradient(40, 50, np.uint16), tmp_path / "deep.png")
    result = colorize_photo(tmp_path / "deep.png", tmp_path / "flat.jpg", colorizer=colorizer)
    assert any("16 bits" in note for note in result.notes)
