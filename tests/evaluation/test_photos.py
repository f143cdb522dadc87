from __future__ import annotations

import io
import tarfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from retint.errors import InputError, UnreadablePhotoError
from retint.evaluation.photos import Photos
from retint.images.profiles import srgb_profile


def photo(*, size: tuple[int, int] = (60, 40), seed: int = 0, format: str = "PNG", **options: object) -> bytes:
    corners = np.random.default_rng(seed).integers(0, 256, (3, 3, 3)).astype(np.uint8)
    out = io.BytesIO()
    Image.fromarray(corners).resize(size, Image.Resampling.BILINEAR).save(out, format, **options)
    return out.getvalue()


def tar(path: Path, members: dict[str, bytes], mode: str = "w") -> Path:
    with tarfile.open(path, mode) as archive:
        for name, content in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return path


def names(*sources: Path) -> list[str]:
    with Photos(sources) as photos:
        return [file.shown for file in photos.files]


def test_folders_archives_and_files_in_the_order_of_their_names(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)
    for name in ("in/b.png", "in/deeper/a.png", "in/.hidden.png", "z.png"):
        Path(name).parent.mkdir(parents=True, exist_ok=True)
        Path(name).write_bytes(photo())
    Path("in/notes.txt").write_text("no photograph")
    Path("in/no-suffix").write_bytes(photo())
    tar(Path("more.tar"), {"./2.png": photo(), "./1.jpg": photo(), "1.json": b"{}", "._1.jpg": b"", "3": photo()})
    sources = [Path(name) for name in ("z.png", "more.tar", "in", "in/b.png")]
    assert names(*sources) == [
        "in/b.png",
        "in/deeper/a.png",
        "in/no-suffix",
        "more.tar/./1.jpg",
        "more.tar/./2.png",
        "more.tar/3",
        "z.png",
    ]


@pytest.mark.parametrize("mode", ["w", "w:gz"])
def test_a_photograph_in_an_archive_reads_as_in_a_file(tmp_path: Path, mode: str):
    (tmp_path / "a.png").write_bytes(photo(seed=4))
    # the suffix lies: what it is, is told from the content
    tar(tmp_path / "archive.jpg", {"x/0.png": photo(seed=3), "x/a.png": photo(seed=4)}, mode)
    with Photos([tmp_path / "a.png", tmp_path / "archive.jpg"]) as photos:
        alone, _, packed = (photos.read(file) for file in photos.files)
    assert alone is not None and packed is not None
    assert alone.shape == (256, 256, 3) and alone.dtype == np.uint8
    assert (alone == packed).all()


def test_the_protocol_s_size_is_reached_as_training_reaches_it(tmp_path: Path):
    (tmp_path / "a.png").write_bytes(photo(size=(700, 520)))
    with Photos([tmp_path]) as photos:
        found = photos.read(photos.files[0])
    image = Image.open(io.BytesIO(photo(size=(700, 520))))
    small = image.resize((345, 256), Image.Resampling.BILINEAR, reducing_gap=2.0)
    assert (np.asarray(small.resize((256, 256), Image.Resampling.BICUBIC)) == found).all()


def test_upright_16_bit_and_profile(tmp_path: Path):
    exif = Image.Exif()
    exif[274] = 3  # upside down
    (tmp_path / "turned.png").write_bytes(photo(exif=exif))
    (tmp_path / "plain.png").write_bytes(photo())
    deep = np.asarray(Image.open(io.BytesIO(photo()))).astype(np.uint16) * 257
    import imagecodecs

    (tmp_path / "deep.png").write_bytes(imagecodecs.png_encode(deep))
    swapped = bytearray(srgb_profile())  # a profile in which the red primary stands for blue and the other way round
    swapped = swapped.replace(b"rXYZ", b"----").replace(b"bXYZ", b"rXYZ").replace(b"----", b"bXYZ")
    (tmp_path / "swapped.png").write_bytes(photo(icc_profile=bytes(swapped)))
    with Photos([tmp_path]) as photos:
        found = {Path(file.shown).stem: photos.read(file) for file in photos.files}
    plain = found["plain"]
    assert plain is not None
    assert np.array_equal(plain[::-1, ::-1], found["turned"])
    assert np.array_equal(plain, found["deep"])
    assert np.abs(plain[..., ::-1].astype(int) - found["swapped"]).max() <= 2


@pytest.mark.parametrize("mode", ["L", "RGB"])
def test_grey_has_nothing_to_compare_with(tmp_path: Path, mode: str):
    Image.open(io.BytesIO(photo())).convert("L").convert(mode).save(tmp_path / "grey.png")
    with Photos([tmp_path]) as photos:
        assert photos.read(photos.files[0]) is None


def test_what_cannot_be_read_is_told_by_name(tmp_path: Path):
    (tmp_path / "cut.png").write_bytes(photo()[:100])
    (tmp_path / "empty").mkdir()
    tar(tmp_path / "cut-inside.tar", {"a.png": photo()[:100]})
    tar(tmp_path / "nothing.tar", {"a.txt": b"text"})
    (tmp_path / "text.jpg").write_text("no photograph")
    whole = tar(tmp_path / "whole.tar", {"a.png": photo(), "b.png": photo()}).read_bytes()
    (tmp_path / "cut.tar").write_bytes(whole[: 1024 + -(-len(photo()) // 512) * 512 + 100])  # within the second
    wanted = {
        "cut.png": (UnreadablePhotoError, "cut.png: the file is damaged or cut short"),
        "empty": (InputError, "empty: no photographs in this folder"),
        "cut-inside.tar": (UnreadablePhotoError, "cut-inside.tar/a.png: the file is damaged"),
        "nothing.tar": (InputError, "nothing.tar: no photographs in this archive"),
        "text.jpg": (InputError, "text.jpg: this is no kind of picture"),
        "nowhere.jpg": (InputError, "nowhere.jpg: there is no such file"),
        "cut.tar": (InputError, "cut.tar: the archive is damaged"),
    }
    for name, (kind, message) in wanted.items():
        with Photos([tmp_path / name]) as photos:
            (file,) = photos.files
            with pytest.raises(kind, match=message):
                photos.read(file)


def test_a_damaged_profile_is_not_taken_for_srgb(tmp_path: Path):
    profile = srgb_profile()
    at = profile.index(b"curv")
    (tmp_path / "a.png").write_bytes(photo(icc_profile=profile[:at] + b"\xff" * 40 + profile[at + 40 :]))
    with Photos([tmp_path]) as photos, pytest.raises(InputError, match=r"a\.png: its colour profile is damaged"):
        photos.read(photos.files[0])
