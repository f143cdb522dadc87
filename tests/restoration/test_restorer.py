"""One photograph through all stages: depth, transparency, colour, masks, findings."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import planted_models as planted
import pytest
from restoration_pictures import smooth

from retint.errors import InputError, RenderError, WeightsError
from retint.images import Metadata, Photograph
from retint.restoration.cast import cast_of
from retint.restoration.damage import Filling
from retint.restoration.noise import Evidence, evidence_of
from retint.restoration.onnx_models import Models, OnnxModel
from retint.restoration.options import RestoreOptions
from retint.restoration.photo import Gates, Restorer
from retint.restoration.planes import luma_of, with_luma


@pytest.fixture
def restorer(folder: Path) -> Restorer:
    return Restorer(Models(planted.all_of_them(folder)), core=64)


def scratched(dtype: type = np.uint8) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    clean = smooth().astype(dtype) * (np.iinfo(dtype).max // 255)
    mask = np.zeros(clean.shape, np.bool_)
    mask[40:43, 5:120] = True
    return clean, np.where(mask, np.iinfo(dtype).max, clean).astype(dtype), mask


def coloured(gray: np.ndarray) -> np.ndarray:
    """(H, W, 3): red on the left and blue on the right, of that luma more or less."""
    most = np.iinfo(gray.dtype).max
    share = np.linspace(-0.2, 0.2, gray.shape[1])
    planes = [gray - share * most, gray * 1.0, gray + share * most]
    return np.clip(np.rint(np.stack(planes, axis=-1)), 0, most).astype(gray.dtype)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize("colours", [False, True])
def test_a_scratch_goes_and_all_else_stays_to_the_bit(restorer: Restorer, dtype: type, colours: bool):
    clean, damaged, mask = scratched(dtype)
    if colours:
        clean = coloured(clean)
        damaged = np.where(mask[..., None], np.iinfo(dtype).max, clean).astype(dtype)
    result = restorer.restore(Photograph(damaged, None))
    pixels, found = result.photo.pixels, result.mask
    assert pixels.dtype == dtype and pixels.shape == damaged.shape
    assert found[mask].all()
    assert found.sum() < 3 * mask.sum()
    assert np.array_equal(pixels[~found], damaged[~found])
    error = np.abs(pixels.astype(float) - clean)[mask] / np.iinfo(dtype).max
    assert error.mean() < 0.04
    assert result.findings.marks == 1
    assert result.findings.changed == ("damage filled",)
    assert result.findings.models == ("damage 7", "restore 3")


def test_nothing_is_done_where_nothing_is_wrong(restorer: Restorer):
    for pixels in (smooth(), coloured(smooth()), smooth().astype(np.uint16) * 257 + 3):
        result = restorer.restore(Photograph(pixels, None))
        assert np.array_equal(result.photo.pixels, pixels)
        assert not result.mask.any()
        assert result.findings.changed == ()
        assert result.findings.models == ()


def test_stages_can_be_left_out(restorer: Restorer):
    _, damaged, _ = scratched()
    result = restorer.restore(Photograph(damaged, None), RestoreOptions(stages=("tone", "noise")))
    assert np.array_equal(result.photo.pixels, damaged)
    assert result.findings.damaged is None
    nothing = restorer.restore(Photograph(damaged, None), RestoreOptions(damage=0.0, tone=0.0, noise=0.0))
    assert nothing.findings.noise is None


def test_networks_of_stages_that_are_left_out_are_not_needed(folder: Path):
    planted.constant_light(folder, offset=0.1, confidence=1.0)
    restorer = Restorer(Models(folder))
    options = RestoreOptions(stages=("tone",))
    restorer.load(options)
    result = restorer.restore(Photograph(smooth(), None), options)
    assert result.findings.changed == ("tone corrected",)
    assert np.abs(result.photo.pixels - (smooth() + 25.5)).max() <= 0.51
    with pytest.raises(WeightsError, match=r"damage\.onnx is not in .*networks.*leave its stage out"):
        restorer.load(RestoreOptions())
    with pytest.raises(WeightsError, match=r"upscale\.onnx is not in"):
        restorer.load(RestoreOptions(stages=("tone",), upscale=2))


def test_transparency_metadata_and_format_stay(restorer: Restorer):
    _, damaged, _ = scratched()
    alpha = np.tile(np.linspace(0, 255, 128).astype(np.uint8), (96, 1))
    photo = Photograph(damaged, alpha, Metadata(icc=b"profile", dpi=(300, 300)), "TIFF", notes=("a note",))
    result = restorer.restore(photo).photo
    assert result.alpha is not None and np.array_equal(result.alpha, alpha)
    assert (result.metadata, result.format, result.notes) == (photo.metadata, "TIFF", ("a note",))


def test_a_given_mask_is_filled_and_nothing_else(restorer: Restorer):
    clean, damaged, mask = scratched()
    damaged[80, 5:60] = 255  # the detector would find this
    result = restorer.restore(Photograph(damaged, None), mask=mask)
    assert np.array_equal(result.mask, mask)
    assert np.array_equal(result.photo.pixels[~mask], damaged[~mask])
    assert np.abs(result.photo.pixels.astype(int) - clean)[mask].mean() < 10
    assert result.findings.models == ("restore 3",)
    empty = restorer.restore(Photograph(damaged, None), mask=np.zeros_like(mask))
    assert np.array_equal(empty.photo.pixels, damaged), "an empty mask says that nothing is damaged"


def test_a_mask_that_cannot_be_meant(restorer: Restorer):
    photo = Photograph(smooth(), None)
    with pytest.raises(InputError, match="the mask is 40 x 30 px and the photograph 128 x 96"):
        restorer.restore(photo, mask=np.zeros((30, 40), np.bool_))
    with pytest.raises(InputError, match="the stage damage is left out"):
        restorer.restore(photo, RestoreOptions(stages=("tone",)), mask=np.zeros((96, 128), np.bool_))


def test_telea_needs_no_network_to_fill(folder: Path):
    planted.white_is_damage(folder)
    clean, damaged, mask = scratched()
    restorer = Restorer(Models(folder), Gates(filling=Filling("telea")))
    options = RestoreOptions(stages=("damage",))
    restorer.load(options)
    result = restorer.restore(Photograph(damaged, None), options)
    assert np.abs(result.photo.pixels.astype(int) - clean)[mask].mean() < 10
    assert result.findings.models == ("damage 7",)


# colour


def sepia(gray: np.ndarray) -> np.ndarray:
    most = np.iinfo(gray.dtype).max
    return np.clip(np.rint(gray[..., None] * np.array([1.05, 0.98, 0.8])), 0, most).astype(gray.dtype)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_a_picture_in_one_tone_becomes_neutral_and_keeps_its_luma(restorer: Restorer, dtype: type):
    picture = sepia(smooth().astype(dtype) * (np.iinfo(dtype).max // 255))
    result = restorer.restore(Photograph(picture, None))
    pixels = result.photo.pixels
    assert result.findings.neutralised
    assert "cast taken out" in result.findings.changed
    assert (pixels.max(axis=2) == pixels.min(axis=2)).all()
    assert np.abs(luma_of(pixels).astype(int) - luma_of(picture)).max() <= 130, "half a level"


@pytest.mark.parametrize("share", [0.0, 0.5])
def test_paint_takes_the_tone_that_is_left_around_it(restorer: Restorer, share: float):
    clean, _, mask = scratched()
    damaged = sepia(clean)
    damaged[mask] = 255
    options = RestoreOptions(tone=share, cast="auto")
    result = restorer.restore(Photograph(damaged, None), options)
    assert result.findings.neutralised == share and result.mask[mask].all()
    away = result.photo.pixels.astype(int)[..., 0] - result.photo.pixels.astype(int)[..., 2]
    around = away[~result.mask][clean[~result.mask] > 100].mean()
    assert around == pytest.approx((1 - share) * 0.25 * clean[clean > 100].mean(), rel=0.15)
    assert away[mask & (clean > 100)].mean() == pytest.approx(around, rel=0.25)


def test_a_doubtful_tone_is_corrected_where_more_speaks_for_an_old_print(folder: Path):
    planted.all_of_them(folder)
    planted.constant_light(folder, offset=0.05, confidence=0.7)
    restorer = Restorer(Models(folder), core=64)
    clean, scratched_one, mask = scratched()
    at = np.random.default_rng(3).random(clean.shape)
    peppered = np.where(at < 0.005, 0, np.where(at > 0.995, 255, clean)).astype(np.uint8)

    def tone(pixels: np.ndarray, options: RestoreOptions | None = None, mask: np.ndarray | None = None) -> float:
        return restorer.restore(Photograph(pixels, None), options, mask).findings.tone_strength

    assert tone(clean) == tone(coloured(clean)) == 0
    assert tone(scratched_one) > 0
    assert tone(clean, mask=mask) > 0
    assert tone(sepia(clean)) > 0
    assert tone(peppered, RestoreOptions(damage=0.0)) > 0
    assert tone(scratched_one, RestoreOptions(stages=("tone",))) == 0, "nobody looked for marks"


def test_marks_want_to_be_less_sure_in_a_picture_in_one_tone(restorer: Restorer):
    """`white_is_damage` says 0.8 of what is at 0.98: certain enough to be filled, not to make a picture damaged."""
    clean, _, mask = scratched()
    gray = np.where(mask, 250, clean).astype(np.uint8)
    assert not restorer.restore(Photograph(gray, None)).mask.any()
    toned = sepia(clean)
    toned[mask] = 250
    assert restorer.restore(Photograph(toned, None)).mask[mask].all()


def test_marks_want_to_be_less_sure_in_a_noisy_picture(restorer: Restorer):
    clean, _, mask = scratched()
    gray = np.where(mask, 250, clean).astype(np.uint8)
    at = np.random.default_rng(3).random(clean.shape)
    peppered = np.where((at < 0.01) & ~mask, 0, gray).astype(np.uint8)
    result = restorer.restore(Photograph(peppered, None))
    assert result.mask[mask].all()
    assert result.findings.specks == pytest.approx(0.01, rel=0.3)
    quiet = RestoreOptions(stages=("tone", "damage"))
    assert not restorer.restore(Photograph(peppered, None), quiet).mask.any(), "nobody looked for noise"


def test_marks_do_not_count_as_noise(restorer: Restorer):
    _, scratched_one, mask = scratched()
    dusty = scratched_one.copy()
    specks = np.zeros(mask.shape, np.bool_)
    specks[5:95:6, 70:125:6] = True  # single pixels under the mask that is given
    dusty[specks] = 255
    given = restorer.restore(Photograph(dusty, None), mask=mask | specks)
    assert given.findings.specks == 0
    found = restorer.restore(Photograph(dusty, None), RestoreOptions(damage=0.0)).findings
    assert (found.specks or 0) > 0.002


def test_noise_is_measured_anew_without_the_marks_that_were_found(restorer: Restorer, monkeypatch: pytest.MonkeyPatch):
    masked: list[bool] = []

    def told(luma: np.ndarray, mask: np.ndarray, model: OnnxModel) -> Evidence:
        masked.append(bool(mask.any()))
        return evidence_of(luma, mask, model)

    monkeypatch.setattr("retint.restoration.noise.evidence_of", told)
    clean, scratched_one, _ = scratched()
    restorer.restore(Photograph(clean, None))
    assert masked == [False]
    restorer.restore(Photograph(scratched_one, None))
    assert masked[1:] == [False, True]


def test_a_number_asks_for_no_evidence_in_a_picture_in_one_tone_either(restorer: Restorer):
    toned = sepia(scratched()[0])
    toned[60:64, 60:64] = 250
    assert not restorer.restore(Photograph(toned, None)).mask.any()
    assert restorer.restore(Photograph(toned, None), RestoreOptions(damage=0.5)).mask[60:64, 60:64].all()


def test_a_cast_can_stay(restorer: Restorer):
    picture = sepia(smooth())
    for options in (RestoreOptions(cast="keep"), RestoreOptions(stages=("damage", "noise"))):
        assert np.array_equal(restorer.restore(Photograph(picture, None), options).photo.pixels, picture)


def test_colours_are_no_cast(restorer: Restorer):
    assert not cast_of(coloured(smooth())).is_toned(Gates().cast)
    assert not cast_of(np.stack([smooth()] * 3, axis=-1)).is_toned(Gates().cast)
    assert not cast_of(smooth()).is_toned(Gates().cast)


def test_colours_stay_where_light_changes(folder: Path):
    planted.all_of_them(folder)
    planted.constant_light(folder, offset=0.1)
    picture = coloured(smooth())
    result = Restorer(Models(folder)).restore(Photograph(picture, None)).photo.pixels.astype(int)
    moved = result - picture
    inside = (picture.max(axis=2) < 220) & (picture.min(axis=2) > 3)
    assert np.abs(moved[inside] - 25.5).max() <= 2, "every channel by as much: the chroma stays"


def test_luma_of_colours_is_finer_than_their_8_bits():
    picture = coloured(smooth())
    luma = luma_of(picture)
    assert np.array_equal(with_luma(picture, luma, luma), picture)
    darker = (luma * 0.5).astype(np.uint16)
    assert np.abs(luma_of(with_luma(picture, luma, darker)).astype(int) - darker).max() < 260


# enlarging


@pytest.mark.parametrize("colours", [False, True])
def test_twice_the_size(restorer: Restorer, colours: bool):
    picture = coloured(smooth()) if colours else smooth()
    alpha = np.full((96, 128), 200, np.uint8)
    photo = Photograph(picture, alpha, Metadata(dpi=(300, 150)))
    result = restorer.restore(photo, RestoreOptions(upscale=2))
    large = result.photo
    assert large.pixels.shape[:2] == (192, 256)
    assert large.alpha is not None and large.alpha.shape == (192, 256) and (large.alpha == 200).all()
    assert large.metadata.dpi == (600, 300), "a print keeps its size"
    assert result.mask.shape == (96, 128)
    assert np.abs(luma_of(large.pixels)[::2, ::2].astype(int) - luma_of(picture)).max() < 300
    assert "enlarged 2 times" in result.findings.changed


# networks


def test_a_file_that_is_no_network_is_told(folder: Path):
    folder.mkdir()
    (folder / "damage.onnx").write_bytes(b"<html>")
    with pytest.raises(WeightsError, match=r"damage\.onnx is not a model that ONNX Runtime can load"):
        Models(folder).get("damage")
    planted.identity(folder, "damage")
    with pytest.raises(WeightsError, match=r"damage\.onnx gives luma, wanted damage"):
        Models(folder).get("damage")


def test_nan_is_no_picture(folder: Path):
    planted.all_of_them(folder)
    planted.mean_of_sound(folder, scale=float("nan"))
    with pytest.raises(RenderError, match="the answer of restore holds NaN"):
        Restorer(Models(folder)).restore(Photograph(smooth(), None), RestoreOptions(noise=1.0))


def test_a_version_is_told_where_a_file_does_not_say_one(folder: Path):
    planted.doubled(folder)
    model = Models(folder).get("upscale")
    assert len(model.version) == 8 and int(model.version, 16) >= 0


def test_restoring_needs_no_torch(folder: Path):
    planted.all_of_them(folder)
    code = """
import sys
from pathlib import Path
import numpy as np
import retint.pipelines.restore
from retint.images import Photograph
from retint.restoration.noise import Evidence, evidence_of
from retint.restoration.onnx_models import Models, OnnxModel
from retint.restoration.photo import Restorer
Restorer(Models(Path(sys.argv[1]))).restore(Photograph(np.full((40, 50), 99, np.uint8), None))
print(*(set(sys.modules) & {"torch", "onnx"}))
"""
    done = subprocess.run([sys.executable, "-c", code, str(folder)], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == ""
