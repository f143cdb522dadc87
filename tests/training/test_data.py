from __future__ import annotations

import logging
import tarfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import psutil
import pytest
import torch
from PIL import Image

from retint.errors import TrainingError
from retint.training import data
from retint.training.data import Batches, PhotoSet, load_photos
from retint.training.packed import PackedCanvas
from retint.training.recipe import Augmentation
from retint.training.tensors import luma, merge, split


def batches(photos: PhotoSet, *, seed: int = 1, phase: int = 0, size: int = 5) -> Batches:
    plan = Augmentation(smallest_crop=0.5, rotate=5)
    return Batches(photos, plan, side=32, batch=size, key=(seed, phase))


def test_folder_and_tar_give_the_same_pictures(photos: Path, tmp_path: Path):
    with tarfile.open(tmp_path / "shard.tar", "w") as tar:
        for path in sorted(photos.iterdir()):
            tar.add(path, path.name)
    one = load_photos([photos], short_side=64)
    other = load_photos([tmp_path / "shard.tar"], short_side=64)
    assert len(one) == len(other) == 12
    assert min(one.picture(0).shape[:2]) == 64
    assert torch.equal(one.canvas, other.canvas)


def test_portraits_and_landscapes_come_back_upright(tmp_path: Path):
    steps = np.linspace(0, 255, 90).astype(np.uint8)
    wide = np.zeros((60, 90, 3), np.uint8)
    wide[..., 0], wide[..., 1] = steps[None, :], 120
    Image.fromarray(wide).save(tmp_path / "a.png")
    Image.fromarray(wide.transpose(1, 0, 2)).save(tmp_path / "b.png")
    loaded = load_photos([tmp_path], short_side=60)
    assert loaded.turned.tolist() == [False, True]
    assert np.array_equal(loaded.picture(0), wide)
    assert np.array_equal(loaded.picture(1), wide.transpose(1, 0, 2))


def test_a_panorama_loses_its_ends_and_nothing_is_squeezed(tmp_path: Path):
    wide = np.zeros((40, 200, 3), np.uint8)
    wide[:, :50], wide[:, 50:150], wide[:, 150:] = (255, 0, 0), (0, 255, 0), (0, 0, 255)
    Image.fromarray(wide).save(tmp_path / "a.png")
    picture = load_photos([tmp_path], short_side=40).picture(0)
    assert picture.shape == (40, 72, 3)
    assert (picture == (0, 255, 0)).all()


def test_grey_and_broken_photographs_are_left_out_and_told(photos: Path, caplog: pytest.LogCaptureFixture):
    Image.new("RGB", (80, 80), (90, 90, 90)).save(photos / "grey.png")
    (photos / "broken.jpg").write_bytes(b"\xff\xd8 no jpeg")
    with caplog.at_level(logging.WARNING):
        loaded = load_photos([photos], short_side=64)
    assert len(loaded) == 12 == len(loaded.names)
    assert "grey.png is grey" in caplog.text
    assert "broken.jpg cannot be read" in caplog.text


def test_nothing_to_train_on_is_an_error(tmp_path: Path):
    (tmp_path / "empty").mkdir()
    with pytest.raises(TrainingError, match="no colour photograph"):
        load_photos([tmp_path / "empty"], short_side=64)
    with pytest.raises(TrainingError, match="a folder of photographs or a tar"):
        load_photos([tmp_path / "missing"], short_side=64)


def test_more_photographs_than_memory_say_how_many_fit(photos: Path, monkeypatch: pytest.MonkeyPatch):
    free = type(psutil.virtual_memory())  # the same kind of answer, with next to nothing free
    monkeypatch.setattr(psutil, "virtual_memory", lambda: free(*([100_000] * len(free._fields))))
    with pytest.raises(TrainingError, match="give at most 3 of them, or add --packed"):
        load_photos([photos], short_side=64)


def test_a_batch_depends_on_seed_phase_and_step_alone(photos: Path):
    loaded = load_photos([photos], short_side=64)
    first = batches(loaded)[7]
    assert torch.equal(batches(loaded)[7].rgb, first.rgb)
    assert not torch.equal(batches(loaded, seed=2)[7].rgb, first.rgb)
    assert not torch.equal(batches(loaded, phase=1)[7].rgb, first.rgb)
    assert first.rgb.shape == (5, 3, 32, 32) and first.gray.shape == (5, 1, 32, 32)
    assert torch.allclose(first.luma, luma(first.rgb))


def test_processes_share_a_batch_without_overlap(photos: Path):
    loaded = load_photos([photos], short_side=64)
    whole, _ = batches(loaded, size=6).chosen(3)
    parts = [
        Batches(loaded, Augmentation(), side=32, batch=6, key=(1, 0), share=share).chosen(3)[0]
        for share in (slice(0, 3), slice(3, 6))
    ]
    assert np.concatenate(parts).tolist() == whole.tolist()


def test_an_epoch_shows_every_photograph_once(photos: Path):
    loaded = load_photos([photos], short_side=64)
    subject = batches(loaded, size=4)
    for epoch in (0, 3):
        seen = np.concatenate([subject.chosen(step)[0] for step in range(epoch, epoch + 3)])
        assert sorted(seen) == list(range(12))


def test_batches_larger_than_the_set_are_refused(photos: Path):
    with pytest.raises(TrainingError, match="batches of 13 and 12 photographs"):
        batches(load_photos([photos], short_side=64), size=13)


def test_split_and_merge_are_inverse():
    rgb = torch.rand(2, 3, 8, 8, generator=torch.Generator().manual_seed(0))
    assert torch.allclose(merge(*split(rgb)), rgb, atol=1e-6)
    gray, chroma = split(torch.full((1, 3, 2, 2), 0.25))
    assert torch.allclose(gray, torch.tensor(0.25))
    assert torch.allclose(chroma, torch.tensor(0.0), atol=1e-7)


# sets that do not fit decoded


def test_packed_photographs_are_the_same_but_for_jpeg(photos: Path):
    decoded, packed = (load_photos([photos], short_side=64, pack=pack) for pack in (False, True))
    assert packed.names == decoded.names
    assert packed.short_side == decoded.short_side
    assert torch.equal(packed.sizes, decoded.sizes)
    assert torch.equal(packed.turned, decoded.turned)
    for index in range(len(decoded)):
        one, other = decoded.picture(index), packed.picture(index)
        assert one.shape == other.shape
        assert np.abs(one.astype(int) - other).mean() < 3
    for step in (0, 5):
        assert (batches(decoded)[step].rgb - batches(packed)[step].rgb).abs().mean() < 3 / 255


def test_a_packed_batch_depends_on_seed_phase_and_step_alone(photos: Path):
    packed = load_photos([photos], short_side=64, pack=True)
    own, afresh = batches(packed), load_photos([photos], short_side=64, pack=True)
    in_a_row = [own[step].rgb for step in range(6)]
    for step in (4, 1, 5, 1):
        assert torch.equal(batches(afresh)[step].rgb, in_a_row[step])


def test_a_part_of_packed_photographs(photos: Path):
    packed = load_photos([photos], short_side=64, pack=True)
    part = packed.part([4, 1]).to("cpu")
    assert part.names == [packed.names[4], packed.names[1]]
    assert part.canvas.shape == (2, *packed.canvas.shape[1:])
    assert np.array_equal(part.picture(0), packed.picture(4))


def test_the_next_batch_is_decoded_ahead_and_no_more(photos: Path):
    packed = load_photos([photos], short_side=64, pack=True)
    canvas = packed.canvas
    assert isinstance(canvas, PackedCanvas)
    one = batches(packed)
    for step in (0, 1, 0):
        assert one[step].rgb.shape[0] == 5
        assert set(canvas._ahead) <= set(one.chosen(step + 1)[0].tolist())


def test_packed_photographs_that_do_not_fit_either_are_told(photos: Path, monkeypatch: pytest.MonkeyPatch):
    free = type(psutil.virtual_memory())
    monkeypatch.setattr(psutil, "virtual_memory", lambda: free(*([3_000] * len(free._fields))))
    monkeypatch.setattr(data, "_CHECKED", 2)
    with pytest.raises(TrainingError, match="or a recipe with a smaller photo_side"):
        load_photos([photos], short_side=64, pack=True)


def test_native_crops_are_pixels_of_the_picture_as_it_is(photos: Path):
    loaded = load_photos([photos], short_side=80)
    batches = Batches(loaded, Augmentation(smallest_crop=0.6, native=1.0, flip=0.0), side=64, batch=6, key=(0, 0))
    for step in range(2):
        index, _ = batches.chosen(step)
        for crop, number in zip(batches[step].rgb, index, strict=True):
            found = (crop * 255).round().to(torch.uint8).permute(1, 2, 0).numpy()
            picture = loaded.picture(int(number))
            windows = np.lib.stride_tricks.sliding_window_view(picture, (64, 64, 3)).reshape(-1, 64, 64, 3)
            assert (windows == found).all(axis=(1, 2, 3)).any()


def test_packed_pictures_can_be_read_by_several_threads(photos: Path):
    """All of them the same ones at once, as where a batch that is aged ahead shares one with the batch before it."""
    packed = load_photos([photos], short_side=64, pack=True)
    wanted = [packed.picture(index) for index in range(3)]
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda turn: packed.picture(turn % 3), range(300)))
    assert all(np.array_equal(one, wanted[turn % 3]) for turn, one in enumerate(found))
