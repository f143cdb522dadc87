"""The folder in which the finished parts of a film wait for each other, so that work is never done twice.

    reel-color.mp4.partial/
        job.json        what is being done: the film, the model and the settings; another job may not go on with it
        parts.jsonl     one line for every part that is whole and on the disk; what it does not name does not count
        000000.part     a part: the packets of its frames
        000000.npz      what the next part has to know of it
        lock            who works on it now

The order of writing is the promise: first a part and its state, each whole and on the disk, then its line. A process
that is killed at any moment leaves a folder from which the next goes on behind the last line.
"""

from __future__ import annotations

import contextlib
import hashlib
import io
import json
import os
import shutil
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, cast

import numpy as np
import psutil
from numpy.typing import NDArray

from retint.errors import OutputError
from retint.images.atomic import whole_file
from retint.pipelines.inputs import WORK_ENDING

_SAMPLES, _SAMPLE_BYTES = 16, 1 << 17  # that a film's fingerprint is made of

State = Mapping[str, NDArray[Any]]


@dataclass(frozen=True)
class Part:
    """A run of frames that is done."""

    index: int
    first: int  # number of its first frame in the film
    frames: int
    last_pts: int  # of its last frame, in the film's time base
    scene: int  # that it belongs to, counted from 0
    ends_scene: bool  # the next part begins a new one


def folder_of(target: Path) -> Path:
    """Where the parts of the film `target` lie while it is being made."""
    return target.with_name(target.name + WORK_ENDING)


def fingerprint(film: Path) -> dict[str, int | str]:
    """Size, and SHA-256 of sixteen samples from the first byte to the last: enough to tell that it is the same film."""
    size = film.stat().st_size
    digest = hashlib.sha256()
    with film.open("rb") as file:
        for sample in range(_SAMPLES):
            file.seek(max(0, size - _SAMPLE_BYTES) * sample // (_SAMPLES - 1))
            digest.update(file.read(_SAMPLE_BYTES))
    return {"bytes": size, "samples": digest.hexdigest()}


class WorkFolder:
    """The parts that are there, and room for more. Get one from `opened`."""

    def __init__(self, path: Path, parts: list[Part]) -> None:
        self.path = path
        self.parts = parts

    @property
    def files(self) -> list[Path]:
        """Those of the finished parts, in order."""
        return [self.file_of(part.index) for part in self.parts]

    @property
    def frames(self) -> int:
        """That are done."""
        return sum(part.frames for part in self.parts)

    def file_of(self, index: int) -> Path:
        return self.path / f"{index:06d}.part"

    def state_of(self, index: int) -> Path:
        return self.path / f"{index:06d}.npz"

    def add(self, part: Part, state: State) -> None:
        """Keep a part whose file is whole already, and what the next part has to know.

        Raises OutputError where the disk is full.
        """
        buffer = io.BytesIO()
        np.savez(buffer, **state)  # pyright: ignore[reportArgumentType] - its first keyword is not one of ours
        with whole_file(self.state_of(part.index), overwrite=True) as file:
            file.write(buffer.getvalue())
        line = json.dumps(asdict(part)) + "\n"
        try:
            with (self.path / "parts.jsonl").open("ab") as file:
                file.write(line.encode())
                file.flush()
                os.fsync(file.fileno())
        except OSError as error:
            raise OutputError(
                f"{self.path}: could not be written ({error.strerror or error}); make room, and run the command again"
            ) from error
        self.parts.append(part)
        with contextlib.suppress(OSError):  # only the last one's is ever read
            self.state_of(part.index - 1).unlink(missing_ok=True)

    def last_state(self) -> dict[str, NDArray[Any]]:
        """What the next part has to know; empty at the beginning of the film."""
        if not self.parts:
            return {}
        with np.load(self.state_of(self.parts[-1].index), allow_pickle=False) as arrays:
            return {name: arrays[name] for name in arrays.files}

    def remove(self) -> None:
        """When the film is whole."""
        shutil.rmtree(self.path, ignore_errors=True)


@contextmanager
def opened(target: Path, job: Mapping[str, Any], *, resume: bool) -> Generator[WorkFolder]:
    """The work folder of `target`, made where there is none, and this process's alone within the block.

    job: everything that the frames depend on, as JSON can hold it
    resume: go on with parts that are there; else they are removed

    Raises
    ------
    OutputError: the parts that are there are of another job; another process works on them; the folder cannot be made
    """
    path = folder_of(target)
    try:
        path.mkdir(exist_ok=True)
    except OSError as error:
        raise OutputError(f"{path}: cannot be made ({error.strerror or error}); choose another -o") from error
    with _locked(path):
        if not resume:
            _clear(path)
        parts = _parts_of(path, job)
        work = WorkFolder(path, parts)
        _drop_strays(work)
        yield work


def _parts_of(path: Path, job: Mapping[str, Any]) -> list[Part]:
    wanted = cast("dict[str, Any]", json.loads(json.dumps(job)))
    note = path / "job.json"
    if not note.exists():
        with whole_file(note, overwrite=True) as file:
            file.write(json.dumps(wanted, indent=2).encode())
        return []
    try:
        found = cast("dict[str, Any]", json.loads(note.read_bytes()))
    except ValueError:
        found = {"unreadable": True}
    differing = sorted(key for key in wanted.keys() | found.keys() if wanted.get(key) != found.get(key))
    if differing:
        raise OutputError(
            f"{path}: holds parts of this film made with other settings ({', '.join(differing)} differ); "
            "use those settings to go on with them, or begin again (--no-resume, resume=False)"
        )
    return _journal(path / "parts.jsonl")


def _journal(path: Path) -> list[Part]:
    """The parts that count: whole lines up to the first that is torn, and files that are there."""
    parts: list[Part] = []
    if not path.exists():
        return parts
    whole = 0
    content = path.read_bytes()
    for line in content.splitlines(keepends=True):
        if not line.endswith(b"\n"):
            break
        try:
            part = Part(**json.loads(line))
        except (ValueError, TypeError):
            break
        if part.index != len(parts) or not path.with_name(f"{part.index:06d}.part").exists():
            break
        parts.append(part)
        whole += len(line)
    while parts and not path.with_name(f"{parts[-1].index:06d}.npz").exists():
        # without what the next part has to know, the last is done again
        parts.pop()
        whole = len(b"".join(content.splitlines(keepends=True)[: len(parts)]))
    if whole < len(content):
        with path.open("r+b") as file:
            file.truncate(whole)
            os.fsync(file.fileno())
    return parts


def _drop_strays(work: WorkFolder) -> None:
    """Remove what a killed process left half done."""
    known = {"job.json", "parts.jsonl", "lock"} | {file.name for file in work.files}
    if work.parts:
        known.add(work.state_of(work.parts[-1].index).name)
    for stray in work.path.iterdir():
        if stray.name not in known and stray.is_file():
            with contextlib.suppress(OSError):
                stray.unlink()


def _clear(path: Path) -> None:
    for old in path.iterdir():
        if old.name != "lock" and old.is_file():
            old.unlink()


@contextmanager
def _locked(path: Path) -> Generator[None]:
    lock = path / "lock"
    me = {"pid": os.getpid(), "born": psutil.Process().create_time()}
    while True:
        try:
            with lock.open("x") as file:
                json.dump(me, file)
            break
        except FileExistsError:
            owner = _owner(lock)
            if owner is not None:
                raise OutputError(
                    f"{path}: process {owner} works on this film now; let it end, or name another -o"
                ) from None
            lock.unlink(missing_ok=True)
        except OSError as error:
            raise OutputError(f"{lock}: cannot be written ({error.strerror or error}); choose another -o") from error
    try:
        yield
    finally:
        lock.unlink(missing_ok=True)
        with contextlib.suppress(OSError):
            path.rmdir()  # only where nothing is in it


def _owner(lock: Path) -> int | None:
    """The process that holds the lock; None where it is gone, whatever has its number now."""
    try:
        found = cast("dict[str, Any]", json.loads(lock.read_text()))
        pid = int(found["pid"])
        return pid if abs(psutil.Process(pid).create_time() - float(found["born"])) < 1 else None
    except (OSError, ValueError, KeyError, psutil.Error):
        return None
