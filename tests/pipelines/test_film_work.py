"""The folder of finished parts: what counts after a crash, and who may go on with it."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from retint.errors import OutputError
from retint.pipelines.film_work import Part, WorkFolder, fingerprint, folder_of, opened

JOB = {"model": "lite", "quality": 80, "film": {"bytes": 3}}


def _add(work: WorkFolder, index: int) -> None:
    work.file_of(index).write_bytes(b"packets %d" % index)
    part = Part(index, first=10 * index, frames=10, last_pts=10 * index + 9, scene=0, ends_scene=False)
    work.add(part, {"chroma": np.full((2, 3), index, np.float32)})


@pytest.fixture
def target(tmp_path: Path) -> Path:
    return tmp_path / "reel-color.mp4"


def _three_parts(target: Path) -> Path:
    with opened(target, JOB, resume=True) as work:
        for index in range(3):
            _add(work, index)
    return folder_of(target)


def test_parts_and_the_last_state_are_found_again(target: Path) -> None:
    _three_parts(target)
    with opened(target, JOB, resume=True) as work:
        assert [part.first for part in work.parts] == [0, 10, 20]
        assert work.frames == 30
        assert [file.read_bytes() for file in work.files] == [b"packets 0", b"packets 1", b"packets 2"]
        np.testing.assert_array_equal(work.last_state()["chroma"], np.full((2, 3), 2, np.float32))


def test_a_torn_line_does_not_count_and_is_cut_off(target: Path) -> None:
    folder = _three_parts(target)
    journal = folder / "parts.jsonl"
    whole = journal.read_bytes()
    journal.write_bytes(whole + b'{"index": 3, "fir')
    with opened(target, JOB, resume=True) as work:
        assert len(work.parts) == 3
        _add(work, 3)
    with opened(target, JOB, resume=True) as work:
        assert [part.index for part in work.parts] == [0, 1, 2, 3]


def test_files_that_the_journal_does_not_name_are_removed(target: Path) -> None:
    folder = _three_parts(target)
    (folder / "000003.part").write_bytes(b"killed before its line")
    (folder / ".retint-0123.part").write_bytes(b"half")
    with opened(target, JOB, resume=True) as work:
        assert len(work.parts) == 3
        left = {file.name for file in folder.iterdir()}
    assert left == {"job.json", "parts.jsonl", "lock", "000000.part", "000001.part", "000002.part", "000002.npz"}


def test_a_part_without_its_state_is_done_again(target: Path) -> None:
    folder = _three_parts(target)
    (folder / "000002.npz").unlink()
    (folder / "000001.npz").write_bytes(b"")
    with opened(target, JOB, resume=True) as work:
        assert len(work.parts) == 2


def test_other_settings_are_refused_and_named(target: Path) -> None:
    _three_parts(target)
    with (
        pytest.raises(OutputError, match=r"quality differ.*--no-resume"),
        opened(target, JOB | {"quality": 90}, resume=True),
    ):
        pass
    with opened(target, JOB, resume=True) as work:
        assert len(work.parts) == 3  # nothing was lost


def test_without_resume_everything_begins_again(target: Path) -> None:
    _three_parts(target)
    with opened(target, JOB | {"quality": 90}, resume=False) as work:
        assert work.parts == []
        assert work.last_state() == {}


def test_a_second_process_is_kept_out(target: Path) -> None:
    with (
        opened(target, JOB, resume=True),
        pytest.raises(OutputError, match=r"process \d+ works on this film now"),
        opened(target, JOB, resume=True),
    ):
        pass


def test_the_lock_of_a_dead_process_does_not_hold(target: Path) -> None:
    folder = _three_parts(target)
    (folder / "lock").write_text(json.dumps({"pid": 2**22 + 1, "born": 1.0}))
    with opened(target, JOB, resume=True) as work:
        assert len(work.parts) == 3


def test_nothing_is_left_when_all_is_done(target: Path) -> None:
    with opened(target, JOB, resume=True) as work:
        _add(work, 0)
        work.remove()
    assert not folder_of(target).exists()


def test_a_changed_film_has_another_fingerprint(tmp_path: Path) -> None:
    film = tmp_path / "reel.mp4"
    film.write_bytes(b"a" * 3_000_000)
    before = fingerprint(film)
    assert fingerprint(film) == before
    film.write_bytes(b"a" * 2_999_999 + b"b")
    assert fingerprint(film)["samples"] != before["samples"]
