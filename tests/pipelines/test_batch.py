from __future__ import annotations

import io
import os
import threading
import time
from collections.abc import Callable, Generator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from retint.errors import InputError, OutputError, RenderError, WeightsError
from retint.pipelines import contents
from retint.pipelines.batch import Outcome, colorize_batch
from retint.pipelines.inputs import gather
from retint.pipelines.outputs import Destination, Namer, choose_destination
from retint.pipelines.photo import PhotoOptions
from retint.rendering import Colorizer
from retint.rendering.fake import FakeNetwork


def look(picture: Path | str | io.BytesIO) -> Image.Image:
    """Open and read a picture whole."""
    with Image.open(picture) as image:
        image.load()
    return image


def run(
    *inputs: Path | str,
    load: Callable[[], Colorizer] = lambda: Colorizer(FakeNetwork()),
    output: str | None = None,
    recursive: bool = False,
    compare: bool = False,
    offline: bool = False,
    stdin: bytes = b"",
    **options: int | bool,
) -> list[Outcome]:
    sources = gather([str(one) for one in inputs], recursive=recursive)
    namer = Namer(choose_destination(output, sources), sources, compare=compare)
    batch = colorize_batch(sources, namer, load, PhotoOptions(**options), offline=offline, stdin=io.BytesIO(stdin))
    return list(batch)


def statuses(outcomes: list[Outcome]) -> list[str]:
    return [outcome.status for outcome in outcomes]


def never() -> Colorizer:
    raise AssertionError("nothing needs the network")


def test_outcomes_come_in_the_order_of_inputs_whatever_becomes_of_them(make_photo, tmp_path: Path):
    (tmp_path / "c.jpg").write_bytes(b"\xff\xd8\xff damaged")
    for name in ("e.jpg", "a.jpg", "b.png"):
        make_photo(name, size=(400, 300))
    (tmp_path / "b-color.png").write_bytes(b"done")
    outcomes = run(tmp_path / "missing.jpg", *(tmp_path / name for name in ("e.jpg", "c.jpg", "b.png", "a.jpg")))
    assert statuses(outcomes) == ["failed", "done", "failed", "skipped", "done"]
    assert [outcome.output for outcome in outcomes if outcome.output] == [
        tmp_path / "e-color.jpg",
        tmp_path / "b-color.png",
        tmp_path / "a-color.jpg",
    ]
    assert all(isinstance(outcome.error, InputError) for outcome in outcomes if outcome.status == "failed")


def test_the_network_is_loaded_once_and_only_when_needed(make_photo, tmp_path: Path):
    loads = []

    def load() -> Colorizer:
        loads.append(1)
        return Colorizer(FakeNetwork())

    for name in ("a.jpg", "b.jpg", "c.jpg"):
        make_photo(name)
    assert statuses(run(tmp_path, load=load)) == ["done"] * 3
    assert statuses(run(tmp_path, load=load)) == ["skipped"] * 3
    assert len(loads) == 1


def test_results_are_not_coloured_again(make_photo, tmp_path: Path):
    make_photo("a.jpg")
    run(tmp_path, compare=True)
    before = sorted(tmp_path.iterdir())
    assert statuses(run(tmp_path, compare=True, load=never)) == ["skipped"]
    (tmp_path / "a-color.jpg").rename(tmp_path / "renamed.jpg")
    renamed = run(tmp_path)[-1]
    assert (renamed.source.relative.name, renamed.status) == ("renamed.jpg", "skipped")
    assert "by its metadata" in renamed.notes[0]
    (tmp_path / "renamed.jpg").unlink()
    assert sorted(tmp_path.iterdir()) == before


def test_a_result_named_among_others_is_skipped_and_named_alone_is_coloured(make_photo, tmp_path: Path):
    source = make_photo("a.jpg")
    run(source)
    outcomes = run(tmp_path / "*.jpg")
    assert [(o.source.relative.name, o.status) for o in outcomes] == [("a-color.jpg", "skipped"), ("a.jpg", "skipped")]
    assert statuses(run(tmp_path / "a-color.jpg")) == ["done"]


def test_a_missing_comparison_is_made_up_for_and_the_result_left_alone(make_photo, tmp_path: Path):
    source = make_photo("a.png")
    run(source)
    kept = (tmp_path / "a-color.png").stat()
    (outcome,) = run(source, compare=True)
    assert (outcome.status, outcome.output) == ("done", tmp_path / "a-color.png")
    assert (tmp_path / "a-compare.png").exists()
    assert (tmp_path / "a-color.png").stat().st_ino == kept.st_ino


def test_overwrite_does_it_again(make_photo, tmp_path: Path):
    source = make_photo("a.jpg")
    (tmp_path / "a-color.jpg").write_bytes(b"old")
    assert statuses(run(source, load=never)) == ["skipped"]
    assert statuses(run(source, overwrite=True)) == ["done"]
    assert look(tmp_path / "a-color.jpg").size == (48, 32)


def test_sub_folders_are_mirrored(make_photo, tmp_path: Path):
    for name in ("in/a.jpg", "in/one/b.png", "in/one/two/c.jpg"):
        make_photo(name)
    outcomes = run(tmp_path / "in", output=str(tmp_path / "out"), recursive=True, compare=True)
    assert statuses(outcomes) == ["done"] * 3
    found = sorted(p.relative_to(tmp_path / "out").as_posix() for p in (tmp_path / "out").rglob("*.*"))
    assert found == [
        "a-compare.jpg",
        "a.jpg",
        "one/b-compare.png",
        "one/b.png",
        "one/two/c-compare.jpg",
        "one/two/c.jpg",
    ]


def test_the_second_of_two_that_collide_is_told(make_photo, tmp_path: Path):
    make_photo("one/a.jpg", seed=1)
    make_photo("two/a.jpg", seed=2)
    first, second = run(tmp_path / "one/a.jpg", tmp_path / "two/a.jpg", output=str(tmp_path / "out"), overwrite=True)
    assert (first.status, second.status) == ("done", "failed")
    assert isinstance(second.error, OutputError)
    assert str(tmp_path / "one/a.jpg") in str(second.error)


def test_content_decides_the_suffix_and_says_so(make_photo, tmp_path: Path):
    make_photo("a.jpg", format="PNG")
    (outcome,) = run(tmp_path / "a.jpg")
    assert outcome.output == tmp_path / "a-color.png"
    assert look(outcome.output).format == "PNG"
    assert outcome.notes == ("holds a PNG picture in spite of its name; .png would be its suffix",)


def test_a_fault_in_one_file_does_not_stop_the_others(make_photo, tmp_path: Path):
    for name in ("a.jpg", "b.jpg", "c.jpg"):
        make_photo(name)
    calls = []

    def answer(batch: np.ndarray) -> np.ndarray:
        calls.append(1)
        if len(calls) == 2:
            raise ZeroDivisionError("planted")
        return np.full((1, 2, *batch.shape[2:]), 0.1, np.float32)

    outcomes = run(tmp_path, load=lambda: Colorizer(FakeNetwork(answer=answer)))
    assert statuses(outcomes) == ["done", "failed", "done"]
    assert isinstance(outcomes[1].error, ZeroDivisionError)


def test_a_render_that_fails_is_no_result(make_photo, tmp_path: Path):
    make_photo("a.jpg")
    blank = FakeNetwork(answer=lambda batch: np.zeros((1, 2, *batch.shape[2:]), np.float32))
    (outcome,) = run(tmp_path / "a.jpg", load=lambda: Colorizer(blank))
    assert isinstance(outcome.error, RenderError)
    assert not (tmp_path / "a-color.jpg").exists()


def test_without_a_model_there_is_no_batch(make_photo, tmp_path: Path):
    make_photo("a.jpg")

    def load() -> Colorizer:
        raise WeightsError("planted")

    with pytest.raises(WeightsError, match="planted"):
        run(tmp_path, load=load)


@pytest.mark.skipif(os.name == "nt" or os.geteuid() == 0, reason="needs a folder that refuses files")
def test_a_folder_that_refuses_is_told(make_photo, tmp_path: Path):
    source = make_photo("in/a.jpg")
    (tmp_path / "closed").mkdir(mode=0o500)
    (outcome,) = run(source, output=str(tmp_path / "closed" / "deeper" / ""))
    assert isinstance(outcome.error, OutputError)


def test_a_file_in_the_place_of_a_folder_is_told(make_photo, tmp_path: Path):
    source = make_photo("a.jpg")
    (tmp_path / "plain").write_bytes(b"")
    (outcome,) = run(source, output=str(tmp_path / "plain" / "deeper" / "b.jpg"))
    assert isinstance(outcome.error, OutputError)


def test_stdin_becomes_encoded_bytes_in_its_own_format(photo_bytes):
    (outcome,) = run("-", stdin=photo_bytes("WEBP"))
    assert outcome.status == "done"
    assert outcome.output is None
    assert outcome.encoded is not None
    assert look(io.BytesIO(outcome.encoded)).format == "WEBP"


def test_nothing_on_stdin_is_told():
    (outcome,) = run("-")
    assert str(outcome.error).startswith("-: is empty")


@pytest.mark.skipif(os.name == "nt", reason="no named pipes among files")
def test_a_pipe_is_read_once(photo_bytes, tmp_path: Path):
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    feeder = threading.Thread(target=lambda: pipe.write_bytes(photo_bytes()))
    feeder.start()
    (outcome,) = run(pipe, output=str(tmp_path / "a.jpg"))
    feeder.join(5)
    assert outcome.status == "done"


def test_offline_fetches_nothing(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    monkeypatch.setattr(contents, "pieces", lambda *_: never())
    (outcome,) = run("http://example.org/a.jpg", offline=True, output=f"{tmp_path}/")
    assert "offline was asked for" in str(outcome.error)


def test_an_address_that_is_done_is_not_fetched_again(photo_bytes, monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    fetched = []

    def pieces(address: str, limits: object) -> Generator[bytes]:
        fetched.append(address)
        yield photo_bytes()

    monkeypatch.setattr(contents, "pieces", pieces)
    arguments = ("http://example.org/a.jpg", "http://example.org/b")
    assert statuses(run(*arguments, output=str(tmp_path))) == ["done", "done"]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.jpg", "b.jpg"]
    assert statuses(run(*arguments, output=str(tmp_path))) == ["skipped", "skipped"]
    assert fetched == [*arguments, "http://example.org/b"], "only where the name says nothing of the format"


def test_reading_and_writing_happen_while_the_network_renders(make_photo, tmp_path: Path):
    for index in range(4):
        make_photo(f"{index}.png")
    seen: list[tuple[int, bool]] = []

    def answer(batch: np.ndarray) -> np.ndarray:
        """Render until the result before this one is there, which only another thread can write."""
        index, deadline = len(seen), time.monotonic() + 10
        before = tmp_path / f"{index - 1}-color.png"
        while index and not before.exists() and time.monotonic() < deadline:
            time.sleep(0.01)
        seen.append((index, index == 0 or before.exists()))
        return np.full((1, 2, *batch.shape[2:]), 0.1, np.float32)

    assert statuses(run(tmp_path, load=lambda: Colorizer(FakeNetwork(answer=answer)))) == ["done"] * 4
    assert all(there for _, there in seen)


def test_closing_early_leaves_whole_files_only(make_photo, tmp_path: Path):
    for index in range(8):
        make_photo(f"{index}.png", size=(200, 150))
    sources = gather([str(tmp_path)])
    batch = colorize_batch(
        sources, Namer(Destination("beside"), sources), lambda: Colorizer(FakeNetwork()), PhotoOptions()
    )
    assert next(batch).status == "done"
    batch.close()
    assert not any("retint" in thread.name for thread in threading.enumerate())
    made = [path for path in tmp_path.iterdir() if path not in {source.path for source in sources}]
    assert 1 <= len(made) < 8
    for path in made:
        assert path.name.endswith("-color.png")
        look(path)
    assert set(statuses(run(tmp_path))) == {"done", "skipped"}
    assert len(list(tmp_path.glob("*-color.png"))) == 8
