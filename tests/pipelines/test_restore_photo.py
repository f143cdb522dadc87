"""One photograph restored, from file to file; and coloured after that."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import planted_models as planted
import pytest
from PIL import Image
from restoration_pictures import smooth

import retint
from retint.errors import InputError, OutputError, OutputExistsError, UnreadablePhotoError, UnsupportedInputError
from retint.images import (
    DIGITAL_SOURCE_TYPE,
    MachineMark,
    Metadata,
    Photograph,
    read_photo,
    was_coloured,
    was_restored,
    write_photo,
)
from retint.pipelines.outputs import Targets, compare_beside, mask_beside
from retint.pipelines.photo import colorize_photo, side_by_side
from retint.pipelines.restore import read_mask, restore_photo
from retint.rendering import Colorizer
from retint.restoration.onnx_models import Models
from retint.restoration.options import RestoreOptions
from retint.restoration.photo import Restorer


@pytest.fixture
def restorer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Restorer:
    restorer = Restorer(Models(planted.all_of_them(tmp_path / "networks")))
    monkeypatch.setattr("retint.pipelines.restore.load_restorer", lambda options: restorer)
    return restorer


def damaged(dtype: type = np.uint8) -> np.ndarray:
    """White scratch in rows 40 to 42."""
    picture = smooth().astype(dtype) * (np.iinfo(dtype).max // 255)
    picture[40:43, 5:120] = np.iinfo(dtype).max
    return picture


def saved(path: Path, pixels: np.ndarray | None = None, **more: object) -> Path:
    write_photo(Photograph(damaged() if pixels is None else pixels, None, **more), path)  # pyright: ignore
    return path


def test_a_scratch_is_gone_from_the_file(restorer: Restorer, tmp_path: Path):
    source = saved(tmp_path / "torn.png")
    result = retint.restore_photo(source, tmp_path / "mended.png")
    pixels = np.asarray(Image.open(tmp_path / "mended.png"))
    assert np.abs(pixels.astype(int) - smooth())[40:43].mean() < 8
    assert np.array_equal(pixels[:38], damaged()[:38])
    assert (result.target, result.width, result.height) == (tmp_path / "mended.png", 128, 96)
    assert result.findings["marks"] == 1
    assert 0 < result.seconds < 60


def test_a_path_as_text_bytes_and_streams(restorer: Restorer, tmp_path: Path):
    source = saved(tmp_path / "torn.png")
    results = []
    for given in (str(source), source.read_bytes(), io.BytesIO(source.read_bytes())):
        out = io.BytesIO()
        restore_photo(given, out)
        results.append(out.getvalue())
    assert results[0] == results[1] == results[2]


def test_16_bit_transparency_profile_and_captions_stay(restorer: Restorer, tmp_path: Path):
    from retint.images.profiles import srgb_profile

    alpha = np.full((96, 128), 40000, np.uint16)
    metadata = Metadata(icc=srgb_profile(), dpi=(600.0, 600.0), text=(("Title", "Anna"),))
    rgb = np.stack([damaged(np.uint16)] * 3, axis=-1)
    write_photo(Photograph(rgb, alpha, metadata), tmp_path / "torn.png")
    restore_photo(tmp_path / "torn.png", tmp_path / "mended.png")
    after = read_photo(tmp_path / "mended.png")
    assert after.pixels.dtype == np.uint16
    assert np.array_equal(after.pixels[:38], rgb[:38])
    assert after.alpha is not None and (after.alpha == 40000).all()
    assert after.metadata.icc == metadata.icc
    assert after.metadata.dpi == pytest.approx((600, 600), abs=0.1)
    assert ("Title", "Anna") in after.metadata.text


def test_a_picture_on_its_side_comes_out_upright(restorer: Restorer, tmp_path: Path):
    exif = Image.Exif()
    exif[274] = 6
    Image.fromarray(np.rot90(damaged())).save(tmp_path / "side.png", exif=exif)
    restore_photo(tmp_path / "side.png", tmp_path / "up.png")
    after = Image.open(tmp_path / "up.png")
    assert after.size == (128, 96)
    assert after.getexif().get(274) == 1
    assert np.abs(np.asarray(after).astype(int) - smooth())[40:43].mean() < 8


# marks


def test_a_filled_picture_says_so(restorer: Restorer, tmp_path: Path):
    restore_photo(saved(tmp_path / "torn.jpg"), tmp_path / "mended.jpg")
    metadata = read_photo(tmp_path / "mended.jpg").metadata
    assert was_restored(metadata) and not was_coloured(metadata)
    assert metadata.xmp is not None
    for words in (DIGITAL_SOURCE_TYPE, "retint restoration", "damage 7, restore 3", "restored: damage filled"):
        assert words.encode() in metadata.xmp


def test_light_alone_is_an_enhancement_and_nothing_is_nothing(restorer: Restorer, tmp_path: Path):
    source = saved(tmp_path / "whole.png", smooth())
    restore_photo(source, tmp_path / "same.png")
    untouched = read_photo(tmp_path / "same.png")
    assert np.array_equal(untouched.pixels, smooth())
    assert b"DigitalSourceType" not in (untouched.metadata.xmp or b"")
    assert b"nothing was found to mend" in (untouched.metadata.xmp or b"")
    assert was_restored(untouched.metadata)
    planted.constant_light(tmp_path / "lit", offset=0.1)
    restore_photo(source, tmp_path / "lit.png", stages=("tone",), restorer=Restorer(Models(tmp_path / "lit")))
    xmp = read_photo(tmp_path / "lit.png").metadata.xmp or b""
    assert b"digitalsourcetype/algorithmicallyEnhanced" in xmp
    assert b"tone corrected" in xmp


def test_a_restored_picture_is_not_made_out_to_be_less_than_it_was(restorer: Restorer, tmp_path: Path):
    source = tmp_path / "coloured.png"
    write_photo(Photograph(smooth(), None), source, mark=MachineMark("lite", "3"))
    planted.constant_light(tmp_path / "lit", offset=0.1)
    restore_photo(source, tmp_path / "lit.png", stages=("tone",), restorer=Restorer(Models(tmp_path / "lit")))
    metadata = read_photo(tmp_path / "lit.png").metadata
    assert was_coloured(metadata) and was_restored(metadata)
    assert b"algorithmicallyEnhanced" not in (metadata.xmp or b"")
    assert b"AISystemUsed was retint lite" in (metadata.xmp or b"")


def test_the_same_input_gives_the_same_file(restorer: Restorer, tmp_path: Path):
    source = saved(tmp_path / "torn.jpg")
    for name in ("one.jpg", "two.jpg"):
        restore_photo(source, tmp_path / name)
    assert (tmp_path / "one.jpg").read_bytes() == (tmp_path / "two.jpg").read_bytes()


# masks


def test_a_saved_mask_corrected_by_hand_comes_back_in(restorer: Restorer, tmp_path: Path):
    source = saved(tmp_path / "torn.png")
    first = restore_photo(source, tmp_path / "torn-restored.png", save_mask=True)
    assert first.mask == tmp_path / "torn-mask.png"
    with Image.open(first.mask) as image:
        assert (image.mode, image.size) == ("L", (128, 96))
        mask = np.asarray(image).copy()
    assert set(np.unique(mask)) == {0, 255}
    assert (mask[40:43, 5:120] == 255).all() and not mask[:38].any()
    again = restore_photo(source, tmp_path / "again.png", mask=first.mask)
    assert (tmp_path / "again.png").exists()
    assert np.array_equal(*(np.asarray(Image.open(tmp_path / n)) for n in ("again.png", "torn-restored.png")))
    mask[:, :64] = 0  # a person says: the left half is as it should be
    Image.fromarray(mask).save(tmp_path / "corrected.png")
    restore_photo(source, tmp_path / "half.png", mask=tmp_path / "corrected.png")
    half = np.asarray(Image.open(tmp_path / "half.png"))
    assert np.array_equal(half[:, :64], damaged()[:, :64])
    assert (half[41, 70:110] < 250).all()
    assert again.findings["marks"] == 1


def test_a_mask_of_another_size_is_told(restorer: Restorer, tmp_path: Path):
    Image.new("L", (64, 48), 255).save(tmp_path / "small.png")
    with pytest.raises(InputError, match=r"the mask is 64 x 48 px and the photograph 128 x 96; .*--save-mask"):
        restore_photo(saved(tmp_path / "torn.png"), tmp_path / "out.png", mask=tmp_path / "small.png")
    assert not (tmp_path / "out.png").exists()


def test_masks_of_all_kinds_are_read(tmp_path: Path):
    gray = np.array([[0, 100, 200, 255]], np.uint8)
    Image.fromarray(gray).save(tmp_path / "gray.png")
    assert read_mask(tmp_path / "gray.png").tolist() == [[False, False, True, True]]
    Image.fromarray(gray > 150).save(tmp_path / "bits.png")
    assert read_mask(tmp_path / "bits.png").tolist() == [[False, False, True, True]]
    rgba = np.full((1, 4, 4), 255, np.uint8)
    rgba[..., 3] = [[0, 100, 200, 255]]
    Image.fromarray(rgba).save(tmp_path / "clear.png")
    assert read_mask(tmp_path / "clear.png").tolist() == [[False, False, True, True]]
    with pytest.raises(InputError):
        read_mask(tmp_path / "missing.png")


# comparisons


def test_a_comparison_shows_before_mask_and_after(restorer: Restorer, tmp_path: Path):
    result = restore_photo(saved(tmp_path / "torn.png"), tmp_path / "torn-restored.png", compare=True)
    assert result.compare == tmp_path / "torn-restored-compare.png"
    row = np.asarray(Image.open(result.compare))
    assert row.shape == (96, 3 * 128)
    assert np.array_equal(row[:, :128], damaged())
    assert set(np.unique(row[:, 128:256])) == {0, 255}
    assert np.array_equal(row[:, 256:], np.asarray(Image.open(tmp_path / "torn-restored.png")))


def test_a_comparison_of_an_enlarged_picture_blows_up_what_was_before(restorer: Restorer, tmp_path: Path):
    restore_photo(saved(tmp_path / "torn.png"), tmp_path / "large.png", compare=True, upscale=2)
    assert read_photo(tmp_path / "large.png").pixels.shape == (192, 256)
    row = np.asarray(Image.open(tmp_path / "large-compare.png"))
    assert row.shape == (192, 3 * 256)
    assert np.array_equal(row[::2, :256:2], damaged())


def test_rows_of_grey_and_colour_have_colour():
    gray, rgb = Photograph(smooth(), None), Photograph(np.stack([smooth()] * 3, axis=-1), None)
    assert side_by_side(gray, gray, rgb).pixels.shape == (96, 384, 3)
    assert side_by_side(gray, gray).pixels.shape == (96, 256)


def test_names_beside_results():
    assert mask_beside(Path("x/a-restored.jpg")) == Path("x/a-mask.png")
    assert mask_beside(Path("x/b.tif")) == Path("x/b-mask.png")
    assert compare_beside(Path("a-restored.jpg")) == Path("a-restored-compare.jpg"), "a-compare.jpg is colouring's"
    assert Targets(Path("r"), Path("c"), Path("m")).all == [Path("m"), Path("c"), Path("r")]


# what cannot be done


def test_what_exists_stays(restorer: Restorer, tmp_path: Path):
    source = saved(tmp_path / "torn.png")
    (tmp_path / "torn-mask.png").write_bytes(b"a person's work")
    with pytest.raises(OutputExistsError, match=r"torn-mask\.png: exists"):
        restore_photo(source, tmp_path / "torn-restored.png", save_mask=True)
    assert not (tmp_path / "torn-restored.png").exists()
    restore_photo(source, tmp_path / "torn-restored.png", save_mask=True, overwrite=True)


def test_streams_have_no_beside(restorer: Restorer, tmp_path: Path):
    for more in ({"compare": True}, {"save_mask": True}):
        with pytest.raises(OutputError, match="a stream has no beside"):
            restore_photo(saved(tmp_path / "torn.png"), io.BytesIO(), **more)
        (tmp_path / "torn.png").unlink()


def test_what_is_no_photograph(restorer: Restorer, tmp_path: Path):
    with pytest.raises(UnreadablePhotoError, match="is empty"):
        restore_photo(b"", tmp_path / "out.png")
    with pytest.raises(UnsupportedInputError, match="is a film"):
        restore_photo(b"\0\0\0\x18ftypisom" + bytes(200), tmp_path / "out.png")
    with pytest.raises(ValueError, match="got stage 'dust'"):
        restore_photo(saved(tmp_path / "a.png"), tmp_path / "out.png", stages=("dust",))  # pyright: ignore


# colouring after


def test_a_photograph_is_restored_and_then_coloured(restorer: Restorer, colorizer: Colorizer, tmp_path: Path):
    source = saved(tmp_path / "torn.png")
    result = colorize_photo(
        source, tmp_path / "torn-color.png", colorizer=colorizer, restore=RestoreOptions(), compare=True
    )
    after = read_photo(tmp_path / "torn-color.png")
    luma = after.pixels @ np.array([0.299, 0.587, 0.114])
    assert np.abs(luma - smooth())[40:43].mean() < 8, "the scratch is gone"
    assert after.pixels[10, 10, 0] > after.pixels[10, 10, 2] + 20, "and it is reddish, as planted"
    assert was_coloured(after.metadata) and was_restored(after.metadata)
    assert result.findings is not None and result.findings["marks"] == 1
    row = np.asarray(Image.open(tmp_path / "torn-compare.png"))
    assert row.shape == (96, 3 * 128, 3), "before, restored, coloured"
    assert np.array_equal(row[:, :128, 0], damaged())


def test_without_restoring_nothing_is_said_of_it(colorizer: Colorizer, tmp_path: Path):
    result = colorize_photo(saved(tmp_path / "torn.png"), tmp_path / "c.png", colorizer=colorizer)
    assert result.findings is None
    assert not was_restored(read_photo(tmp_path / "c.png").metadata)
