"""Weights files by name or path: in the package, in the home folder, or downloaded and checked."""

from __future__ import annotations

import atexit
import contextlib
import functools
import importlib.resources
import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from retint.errors import ChecksumError, OfflineError, WeightsError
from retint.weights.catalog import CATALOG, Entry, entry_of, is_name
from retint.weights.checks import verify_once
from retint.weights.connection import Patience
from retint.weights.download import Partial, Progress, download
from retint.weights.home import addresses_of, offline_asked, weights_folder
from retint.weights.lock import exclusive

State = Literal["embedded", "missing", "here", "partial", "not here", "damaged"]


@dataclass(frozen=True)
class Holding:
    """What this machine has of a catalogue entry."""

    entry: Entry
    state: State  # "here" by its size alone: the SHA-256 is checked when it is used; "missing" from its package
    path: Path | None  # the file, or the partial file; None where there is none
    size: int | None  # bytes on this machine; None where there are none


def fetch(
    name: str | Path, *, home: Path | None = None, offline: bool = False, progress: Progress | None = None
) -> Path:
    """The file of the weights of that name, downloaded where needed, and checked.

    name      a name of the catalogue, or the path of a weights file, which is used as it is, unchecked
              (`./artistic` for a file that is called like a model)
    home      folder that holds the folder `weights`; default: `home_folder()`
    offline   True, or RETINT_OFFLINE=1: nothing is downloaded
    progress  called with the bytes that are here, and the bytes of the whole file (0 while not known)

    Raises
    ------
    UnknownModelError
        No such name in the catalogue.
    OfflineError
        It is not here, and offline was asked for.
    DownloadError, ChecksumError
        No address delivered it; or what lies there under its name is something else.
    WeightsError
        No such file; the disk is full; the folder cannot be written.
    """
    path = _as_path(name)
    if path is not None:
        return path
    return fetch_entry(entry_of(str(name)), home=home, offline=offline, progress=progress)


def fetch_entry(
    entry: Entry,
    *,
    home: Path | None = None,
    offline: bool = False,
    progress: Progress | None = None,
    patience: Patience | None = None,
) -> Path:
    """As `fetch`, for an entry that need not be in the catalogue."""
    if entry.package is not None:
        return _embedded_file(entry.package, entry.file)
    target = weights_folder(home) / entry.file
    if os.path.exists(target):
        return _checked(target, entry)
    addresses = addresses_of(entry)
    if offline or offline_asked():
        raise OfflineError(
            f"{entry.name} is not on this machine, and offline was asked for. Run `retint models fetch {entry.name}`"
            f" with a network, or put {addresses[0]} into {target.parent} by hand."
        )
    report = progress or _no_progress
    shared = target.with_name(f"{entry.file}.partial")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with exclusive(
            target.with_name(f"{entry.file}.lock"), lambda: report(Partial(shared).size, entry.size or 0)
        ) as held:
            if os.path.exists(target):  # another process brought it meanwhile
                pass
            elif held:
                download(entry, target, Partial(shared), addresses, patience or Patience(), report)
            else:
                _download_unlocked(entry, target, addresses, patience or Patience(), report)
    except OSError as error:
        raise WeightsError(
            f"cannot use the folder {target.parent}: {error.strerror}. Set RETINT_HOME to one that can be written."
        ) from error
    return _checked(target, entry)


def locate(name_or_path: str | Path, *, home: Path | None = None) -> Path | None:
    """The file of these weights if this machine has it, checked as in `fetch`; None if it would be downloaded.

    Raises
    ------
    UnknownModelError, ChecksumError, WeightsError
        As in `fetch`.
    """
    path = _as_path(name_or_path)
    if path is not None:
        return path
    entry = entry_of(str(name_or_path))
    if entry.package is not None:
        return _embedded_file(entry.package, entry.file)
    target = weights_folder(home) / entry.file
    return _checked(target, entry) if os.path.exists(target) else None


def status(entry: Entry, *, home: Path | None = None) -> Holding:
    """What this machine has of an entry. Looks at sizes only, so it is quick; raises nothing but for a missing home."""
    if entry.package is not None:
        try:
            path = _embedded_file(entry.package, entry.file)
        except WeightsError:
            return Holding(entry, "missing", None, None)
        return Holding(entry, "embedded", path, path.stat().st_size)
    target = weights_folder(home) / entry.file
    partial = Partial(target.with_name(f"{entry.file}.partial"))
    try:
        if target.is_file():
            size = target.stat().st_size
            good = size == entry.size if entry.size is not None else size > 0
            return Holding(entry, "here" if good else "damaged", target, size)
        if partial.size:
            return Holding(entry, "partial", partial.path, partial.size)
    except OSError:
        return Holding(entry, "damaged", target, None)
    return Holding(entry, "not here", None, None)


def holdings(*, home: Path | None = None) -> tuple[Holding, ...]:
    """`status` of the whole catalogue, in its order."""
    return tuple(status(entry, home=home) for entry in CATALOG.values())


def _as_path(name: str | Path) -> Path | None:
    """The existing file that is meant, or None if a name of the catalogue is."""
    if isinstance(name, str) and is_name(name):
        return None
    path = Path(name)
    if os.path.isfile(path):
        return path
    if os.path.isdir(path):
        raise WeightsError(f"{path} is a folder, wanted a weights file.")
    if isinstance(name, Path) or re.search(r"[/\\]|\.(pth|pt|onnx|safetensors)$", name):
        if path.parent == Path() and isinstance(name, str):
            entry_of(name)  # raises, and knows the catalogue's file names too
        raise WeightsError(f"no weights file {path}. Check the path, or choose from `retint models list`.")
    return None


def _checked(target: Path, entry: Entry) -> Path:
    try:
        verify_once(target, entry)
    except ChecksumError as error:
        advice = f"Delete it and run `retint models fetch {entry.name}`."
        raise ChecksumError(f"{error} ({target}). {advice}") from error
    return target


_resources = contextlib.ExitStack()
atexit.register(_resources.close)


@functools.cache
def _embedded_file(package: str, file: str) -> Path:
    """The file in its package; a temporary copy, to the end of the process, where the package is in a zip file."""
    try:
        found = importlib.resources.files(package) / file
        if found.is_file():
            return _resources.enter_context(importlib.resources.as_file(found))
    except ModuleNotFoundError as error:
        raise WeightsError(f"the package {package}, which carries {file}, is not installed.") from error
    raise WeightsError(f"{file} is missing from the installed package {package}. Reinstall retint.")


def _download_unlocked(
    entry: Entry, target: Path, addresses: Sequence[str], patience: Patience, progress: Progress
) -> None:
    """Where the file system has no locks: into a file of our own, which nobody can go on with."""
    partial = Partial(target.with_name(f"{entry.file}.{os.getpid()}.partial"))
    try:
        download(entry, target, partial, addresses, patience, progress)
    finally:
        partial.discard()


def _no_progress(done: int, total: int) -> None:
    pass
