"""Augmentation: each transform with a planted answer, and the odds that a recipe names."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor

from retint.training import augment
from retint.training.augment import draw, perspective, resample
from retint.training.recipe import Augmentation
from retint.training.tensors import LUMA

SIZES = np.array([[40, 60], [60, 40], [40, 40]])


def sampled(canvas: Tensor, size: tuple[int, int], matrix: np.ndarray, side: int, *, turned: bool = False) -> Tensor:
    return resample(
        canvas[None],
        torch.tensor([size]),
        torch.tensor([turned]),
        torch.from_numpy(matrix.astype(np.float32))[None],
        side,
    )[0]


@pytest.fixture
def numbered() -> Tensor:
    """A canvas `(3, 8, 12)` in whose first 8 x 8 px red counts columns and green counts rows, times 10."""
    canvas = torch.full((3, 8, 12), 255, dtype=torch.uint8)
    steps = torch.arange(8, dtype=torch.uint8) * 10
    canvas[0, :, :8], canvas[1, :, :8], canvas[2, :, :8] = steps[None, :], steps[:, None], 0
    return canvas


def test_the_identity_gives_the_picture_back(numbered: Tensor):
    out = sampled(numbered, (8, 8), np.eye(3), 8)
    assert torch.allclose(out * 255, numbered[:, :, :8].float(), atol=1e-3)


def test_a_lying_portrait_comes_out_upright(numbered: Tensor):
    out = sampled(numbered, (8, 8), np.eye(3), 8, turned=True)
    assert torch.allclose(out[0] * 255, numbered[1, :, :8].float(), atol=1e-3)


def test_beyond_the_edges_the_picture_is_mirrored_and_the_canvas_is_never_seen(numbered: Tensor):
    wide = np.diag([2.0, 2.0, 1.0])  # 16 px of a picture of 8: four more on every side
    out = sampled(numbered, (8, 8), wide, 16)
    row = [30, 20, 10, 0, 0, 10, 20, 30, 40, 50, 60, 70, 70, 60, 50, 40]
    assert (out[0, 8] * 255).tolist() == pytest.approx(row, abs=1e-3)
    assert out[2].max() == 0


def test_finer_sampling_averages(numbered: Tensor):
    one = torch.from_numpy(np.eye(3, dtype=np.float32))[None]
    out = resample(numbered[None], torch.tensor([[8, 8]]), torch.tensor([False]), one, 4, finer=2)
    assert (out[0, 0, 0] * 255).tolist() == pytest.approx([5, 25, 45, 65], abs=1e-3)


def test_perspective_brings_the_moved_corners_home():
    magnitudes = np.array([[0.1, -0.2, 0.05, 0.15], [0, 0, 0, 0]])
    matrices = perspective(magnitudes)
    assert np.allclose(matrices[1], np.eye(3))
    m = magnitudes[0]
    moved = [(-1 - m[3], -1 - m[1]), (-1 - m[2], 1 + m[1]), (1 + m[3], -1 - m[0]), (1 + m[2], 1 + m[0])]
    for (x, y), home in zip(moved, [(-1, -1), (-1, 1), (1, -1), (1, 1)], strict=True):
        at = matrices[0] @ [x, y, 1]
        assert at[:2] / at[2] == pytest.approx(home)


def test_without_augmentation_a_crop_is_the_largest_square():
    draws = draw(SIZES, Augmentation(flip=0.0), np.random.default_rng(0))
    scale = draws.matrices[:, [0, 1], [0, 1]]
    assert scale == pytest.approx(np.array([[2 / 3, 1], [1, 2 / 3], [1, 1]]))
    assert (draws.light == [0, 1]).all()
    assert draws.channels == pytest.approx(np.tile(LUMA, (3, 1)))
    assert not draws.patches.any() and not draws.grain.any() and not draws.specks.any()


def test_each_transform_comes_at_its_odds():
    sizes = np.tile([40, 40], (4000, 1))
    plan = Augmentation(flip=0.5, warp=0.25, rotate=10, zoom=1.2, light=0.5, patch=0.3, film=0.2, tone=0.4, grain=0.1)
    draws = draw(sizes, plan, np.random.default_rng(0))

    def share(there: np.ndarray) -> float:
        return float(there.mean())

    assert share(draws.light[:, 0] != 0) == pytest.approx(0.75, abs=0.03)
    assert share(draws.light[:, 1] != 1) == pytest.approx(0.75, abs=0.03)
    assert np.abs(draws.light[:, 0]).max() <= np.log(3) + 1e-6  # logit(0.75)
    assert draws.light[:, 1].min() >= 0.5 and draws.light[:, 1].max() <= 2
    assert share(draws.patches.any(axis=1)) == pytest.approx(0.3, abs=0.03)
    assert share(np.abs(draws.channels - LUMA).max(axis=1) > 1e-6) == pytest.approx(0.2, abs=0.03)
    assert draws.channels.sum(axis=1) == pytest.approx(np.ones(4000), abs=1e-6)
    assert share(draws.tone[:, 0] != 1) == pytest.approx(0.4, abs=0.03)
    assert share(draws.grain > 0) == pytest.approx(0.1, abs=0.02)
    # a flip turns the sign of the upper left number, and nothing else here can
    assert share(draws.matrices[:, 0, 0] < 0) == pytest.approx(0.5, abs=0.03)
    unwarped = (draws.matrices[:, 2, :2] == 0).all(axis=1)
    assert share(unwarped) == pytest.approx(0.25, abs=0.03)
    angles = np.degrees(np.arctan2(draws.matrices[unwarped, 1, 0], draws.matrices[unwarped, 0, 0])) % 180
    turned = np.minimum(angles, 180 - angles)
    assert share(turned > 1e-3) == pytest.approx(0.75, abs=0.05)
    assert turned.max() <= 10.001


def test_a_patch_comes_from_the_next_picture():
    rgb = torch.stack([torch.full((3, 8, 8), value) for value in (0.2, 0.8)])
    out = augment.patch(rgb, torch.tensor([[0.25, 0.5, 0.75, 1.0], [0, 0, 0, 0]]))
    expected = torch.full((8, 8), 0.2)
    expected[4:, 2:6] = 0.8
    assert torch.equal(out[0, 0], expected)
    assert torch.equal(out[1], rgb[1])


def test_relighting_works_on_logits():
    rgb = torch.full((1, 3, 2, 2), 0.5)
    out = augment.relight(rgb, torch.tensor([[float(np.log(3)), 2.0]]))
    assert out[0, 0, 0, 0].item() == pytest.approx(0.9)  # logit 0 + log 3, doubled: 9 to 1


def test_the_grey_input_changes_at_the_odds_of_the_draws_alone():
    rgb = torch.rand(2, 3, 16, 16, generator=torch.Generator().manual_seed(0)) * 0.9 + 0.05
    plan = Augmentation(film=1.0, tone=1.0, grain=1.0, specks=1.0)
    still = draw(np.tile([16, 16], (2, 1)), Augmentation(), np.random.default_rng(1))
    luma = (rgb * torch.tensor(LUMA)[:, None, None]).sum(dim=1, keepdim=True)
    assert torch.allclose(augment.gray_input(rgb, still, plan), luma, atol=1e-6)
    moved = draw(np.tile([16, 16], (2, 1)), plan, np.random.default_rng(1))
    seen = augment.gray_input(rgb, moved, plan)
    assert (seen - luma).abs().mean() > 0.02
    assert torch.equal(seen, augment.gray_input(rgb, moved, plan))
    assert seen.min() >= 0 and seen.max() <= 1


def test_specks_hit_the_share_of_pixels_that_was_drawn_and_no_more_than_their_range():
    rgb = torch.full((1, 3, 100, 100), 0.5)
    plan = Augmentation(specks=1.0)
    draws = draw(np.array([[100, 100]]), plan, np.random.default_rng(3))
    changed = (augment.gray_input(rgb, draws, plan) - 0.5).abs()
    assert (changed > 1e-6).float().mean().item() == pytest.approx(float(draws.specks[0]), abs=0.02)
    assert changed.max() <= augment.NOISE_RANGE + 1e-6
