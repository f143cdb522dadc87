"""From what a person names (files, folders, globs, addresses, `-`) to the single inputs of a run."""

from __future__ import annotations

import glob
import os
import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from retint.errors import InputError
from retint.images import sniff_format
from retint.pipelines.addresses import is_address, name_from
from retint.pipelines.kinds import FILM_SUFFIXES, HEAD_BYTES, PHOTO_SUFFIXES, film_kind

RESULT_ENDING = "-color"
RESTORED_ENDING = "-restored"
MASK_ENDING = "-mask"
COMPARE_ENDING = "-compare"
PREVIEW_ENDING = "-preview"
_ENDINGS = (RESULT_ENDING, COMPARE_ENDING, PREVIEW_ENDING, MASK_ENDING)
WORK_ENDING = ".partial"  # of the folder of a film that is under way


@dataclass(frozen=True)
class Source:
    """One input of a run. What it holds (photo, film, neither) is told when it is opened, not before."""

    shown: str  # as messages name it
    place: Literal["file", "address", "stdin"]
    relative: Path  # where its result lies below an output folder: the name, behind the sub-folders it came from
    path: Path | None = None  # only for a file
    from_folder: bool = False  # found in a folder that was named, not named itself
    earlier_result: bool = False  # its name says that an earlier run made it, from an input that still lies beside it
    error: InputError | None = None  # nothing usable by that name


def gather(
    arguments: Sequence[str],
    *,
    recursive: bool = False,
    avoid: Path | None = None,
    made_here: Sequence[str] = (),
) -> list[Source]:
    """Return the inputs that the arguments of the command mean, in order, each file once.

    Parameters
    ----------
    arguments: paths, folders, glob patterns (for shells that do not expand them), http(s) addresses, `-` for stdin
    recursive: look into sub-folders of folders too
    avoid: a folder not to look into, however it is reached: where results go
    made_here: endings of names, beside the usual ones, by which results of earlier runs are known: a restored
        photograph is a result for `restore`, and an input like any other for `colorize`

    What cannot be used (no such file, a folder without photographs) becomes a `Source` with its `error`, so that
    the other inputs are still done. Results of earlier runs are left out of folders, and marked elsewhere.

    Raises
    ------
    InputError: `-` is named twice
    """
    if list(arguments).count("-") > 1:
        raise InputError("- (stdin) is named twice, and can be read only once")
    finder = _Finder(recursive=recursive, avoid=avoid, endings=(*_ENDINGS, *made_here))
    found = _once(source for argument in arguments for source in finder.find(argument))
    if len(found) == 1:  # one photograph named alone is meant, whatever it is called
        found = [replace(found[0], earlier_result=False)]
    return found


def _once(sources: Iterable[Source]) -> list[Source]:
    """Drop the repetitions of a file that is named twice, say by itself and by its folder."""
    seen: set[str] = set()
    found: list[Source] = []
    for source in sources:
        key = source.shown if source.path is None else path_key(source.path)
        if key not in seen:
            seen.add(key)
            found.append(source)
    return found


def path_key(path: Path) -> str:
    """Return the same text for the same place, as far as that can be told without touching the disk."""
    key = os.path.normcase(os.path.abspath(path))
    return key.casefold() if sys.platform in ("win32", "darwin") else key


class _Finder:
    """Finds files; remembers folders it has listed."""

    def __init__(self, *, recursive: bool, avoid: Path | None, endings: Sequence[str]) -> None:
        self._endings = tuple(endings)
        self._recursive = recursive
        self._avoid = None if avoid is None else path_key(avoid)
        self._stems: dict[str, frozenset[str]] = {}

    def find(self, argument: str) -> Iterator[Source]:
        """Yield the inputs that one argument means: at least one, be it only an error."""
        if argument == "-":
            yield Source("-", "stdin", Path("stdin"))
        elif is_address(argument):
            yield Source(argument, "address", Path(name_from(argument)))
        else:
            yield from self._find_path(argument)

    def _find_path(self, argument: str) -> Iterator[Source]:
        path = Path(argument)
        if not os.path.lexists(path) and argument.startswith("~"):
            path = path.expanduser()
        if path.is_dir():
            yield from self._in_folder(path)
        elif os.path.lexists(path):
            yield self._named(path)
        elif glob.has_magic(argument):
            matches = sorted(glob.glob(str(path), recursive=True))
            for match in matches:
                yield from self._in_folder(Path(match)) if os.path.isdir(match) else [self._named(Path(match))]
            if not matches:
                yield _unusable(argument, "no file matches this pattern")
        else:
            yield _unusable(argument, "no such file or folder")

    def _named(self, path: Path) -> Source:
        earlier = is_earlier_result(path, self._stems_in(path.parent), self._endings)
        return Source(str(path), "file", Path(path.name), path, earlier_result=earlier)

    def _in_folder(self, folder: Path) -> Iterator[Source]:
        nothing = True
        for source in self._walk(folder, Path()):
            nothing = False
            yield source
        if nothing:
            hint = "" if self._recursive else "; --recursive looks into its sub-folders"
            yield replace(_unusable(str(folder), f"no photographs or films in this folder{hint}"), from_folder=True)

    def _walk(self, folder: Path, below: Path) -> Iterator[Source]:
        """Yield the photographs and films of a folder by name, then its sub-folders'. `below` mirrors them."""
        try:
            with os.scandir(folder) as listing:
                entries = sorted((e for e in listing if not e.name.startswith(".")), key=lambda entry: entry.name)
        except OSError as error:
            yield replace(_unusable(str(folder), f"cannot be listed ({error.strerror})"), from_folder=True)
            return
        stems = _stems(entry.name for entry in entries)
        for entry in entries:
            path = folder / entry.name
            if entry.is_file() and _is_meant(path) and not is_earlier_result(path, stems, self._endings):
                yield Source(str(path), "file", below / entry.name, path, from_folder=True)
        for entry in entries if self._recursive else ():
            # Linked folders are not entered: they may lead back here.
            ours = entry.name.endswith(WORK_ENDING) or path_key(folder / entry.name) == self._avoid
            if entry.is_dir(follow_symlinks=False) and not ours:
                yield from self._walk(folder / entry.name, below / entry.name)

    def _stems_in(self, folder: Path) -> frozenset[str]:
        key = path_key(folder)
        if key not in self._stems:
            try:
                self._stems[key] = _stems(os.listdir(folder))
            except OSError:  # without the right to list: then nothing is known of its neighbours
                self._stems[key] = frozenset()
        return self._stems[key]


def _unusable(shown: str, problem: str) -> Source:
    return Source(shown, "file", Path(), error=InputError(f"{shown}: {problem}"))


def _stems(names: Iterable[str]) -> frozenset[str]:
    """Return the names of a folder's photographs and films without their suffixes."""
    meant = PHOTO_SUFFIXES | FILM_SUFFIXES
    return frozenset(stem for stem, suffix in map(os.path.splitext, names) if suffix.lower() in meant)


def is_earlier_result(path: Path, stems: frozenset[str], endings: Sequence[str] = _ENDINGS) -> bool:
    """Whether a file's name is that of a result, comparison, mask or preview of an input among `stems`."""
    return any(path.stem.endswith(ending) and path.stem.removesuffix(ending) in stems for ending in endings)


def _is_meant(path: Path) -> bool:
    """Whether a file found in a folder is meant: by its suffix, or, when that says nothing, by its content.

    A suffix alone suffices, so that a damaged photograph is told rather than passed over. Camera raw files and others
    open like a TIFF, and any text may open like a BMP ("BM"): under a foreign suffix these two are not taken.
    """
    suffix = path.suffix.lower()
    if suffix in PHOTO_SUFFIXES or suffix in FILM_SUFFIXES:
        return True
    try:
        with path.open("rb") as file:
            head = file.read(HEAD_BYTES)
    except OSError:  # somebody else's locked file; nothing about it says photograph
        return False
    return sniff_format(head) not in (None, "TIFF", "BMP") or film_kind(head) is not None
