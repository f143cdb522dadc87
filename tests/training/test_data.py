from __future__ import annotations

import logging
import tarfile
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from retint.errors import TrainingError
from retint.training.data import Batches, load_photos
from retint.training.recipe import Augmentation, Phase
from retint.training.tensors import gray_input, merge, split

PHASE = Phase("p", size=32, batch=5, samples=50, rate=1e-3)


def test_folder_and_tar_give_the_same_pictures(photos: Path, tmp_path: Path):
    with tarfile.open(tmp_path / "shard.tar", "w") as tar:
        for path in sorted(photos.iterdir()):
            tar.add(path, path.name)
    one = load_photos([photos], short_side=64)
    other = load_photos([tmp_path / "shard.tar"], short_side=64)
    assert len(one) == len(other) == 12
    assert min(one.pictures[0].size) == 64
    assert all(np.array_equal(np.asarray(a), np.asarray(b)) for a, b in zip(one.pictures, other.pictures, strict=True))


def test_grey_and_broken_photographs_are_left_out_and_told(photos: Path, caplog: pytest.LogCaptureFixture):
    Image.new("RGB", (80, 80), (90, 90, 90)).save(photos / "grey.png")
    (photos / "broken.jpg").write_bytes(b"\xff\xd8 no jpeg")
    with caplog.at_level(logging.WARNING):
        loaded = load_photos([photos], short_side=64)
    assert len(loaded) == 12
    assert "grey.png is grey" in caplog.text
    assert "broken.jpg cannot be read" in caplog.text


def test_nothing_to_train_on_is_an_error(tmp_path: Path):
    (tmp_path / "empty").mkdir()
    with pytest.raises(TrainingError, match="no colour photograph"):
        load_photos([tmp_path / "empty"], short_side=64)
    with pytest.raises(TrainingError, match="a folder of photographs or a tar"):
        load_photos([tmp_path / "missing"], short_side=64)


def test_a_batch_depends_on_seed_phase_and_step_alone(photos: Path):
    loaded = load_photos([photos], short_side=64)
    first = Batches(loaded, PHASE, Augmentation(), seed=1, index=0)
    from_four = {step: colour for step, colour, _ in first.from_step(4)}
    assert list(from_four) == [4, 5, 6, 7, 8, 9]
    again = Batches(loaded, PHASE, Augmentation(), seed=1, index=0)
    assert torch.equal(again.batch(7)[0], from_four[7])
    assert not torch.equal(Batches(loaded, PHASE, Augmentation(), seed=2, index=0).batch(7)[0], from_four[7])
    assert not torch.equal(Batches(loaded, PHASE, Augmentation(), seed=1, index=1).batch(7)[0], from_four[7])


def test_an_epoch_shows_every_photograph_once(photos: Path):
    loaded = load_photos([photos], short_side=64)
    flat = [Image.new("RGB", (64, 64), (index * 20, 0, 0)) for index in range(12)]
    numbered = type(loaded)(flat, loaded.names)
    batches = Batches(numbered, Phase("p", 32, 4, 24, 1e-3), Augmentation(), seed=0, index=0)
    for epoch in (0, 3):
        seen = [
            int(colour[i, 0, 0, 0]) // 20
            for step in range(epoch, epoch + 3)
            for colour in [batches.batch(step)[0]]
            for i in range(4)
        ]
        assert sorted(seen) == list(range(12))


def test_split_and_merge_are_inverse():
    rgb = torch.rand(2, 3, 8, 8, generator=torch.Generator().manual_seed(0))
    assert torch.allclose(merge(*split(rgb)), rgb, atol=1e-6)
    luma, chroma = split(torch.full((1, 3, 2, 2), 0.25))
    assert torch.allclose(luma, torch.tensor(0.25))
    assert torch.allclose(chroma, torch.tensor(0.0), atol=1e-7)


def test_tone_and_grain_come_at_their_odds():
    luma = torch.rand(4, 1, 16, 16, generator=torch.Generator().manual_seed(0)) * 0.9 + 0.05
    draws = torch.tensor([[0.9, 0.5, 0.5, 0.9], [0.1, 0.9, 0.1, 0.9], [0.9, 0.5, 0.5, 0.1], [0.1, 0.1, 0.9, 0.1]])
    seen = gray_input(luma, draws, Augmentation(tone=0.5, noise=0.5), seed=3)
    changed = [(seen[i] - luma[i]).abs().max().item() > 1e-3 for i in range(4)]
    assert changed == [False, True, True, True]
    assert torch.equal(seen, gray_input(luma, draws, Augmentation(tone=0.5, noise=0.5), seed=3))
