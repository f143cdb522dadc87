"""Training of networks that restore: batches that repeat, it learns, it stops and goes on to the same bits."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from retint.networks.mender import build_mender
from retint.networks.mender_files import load_mender
from retint.training.aging import AgedBatches
from retint.training.data import load_photos
from retint.training.recipe import Augmentation, Damage
from retint.training.restoring import restorer_terms
from retint.training.run import open_run
from retint.training.runfolder import FINAL

PLAN = """
variant = "{variant}"
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


@pytest.mark.parametrize("name", ["restore", "damage", "tone", "upscale"])
def test_the_losses_fall(batches: AgedBatches, name: str) -> None:
    torch.manual_seed(0)
    network = build_mender(name)
    optimizer = torch.optim.AdamW(network.parameters(), lr=2e-3)
    batch = batches[1]
    seen: list[float] = []
    for _ in range(20):
        torch.manual_seed(1)  # the same masks and noise each time
        if name == "tone":
            small = {
                key: torch.nn.functional.interpolate(getattr(batch, key), 96) for key in ("clean", "aged", "toned")
            }
            batch_96 = type(batch)(**small, mask=batch.mask, whole=batch.whole)
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
    plan.write_text(PLAN.format(variant=variant, size=size))
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
