"""Where results go: their names, and the promise that no two inputs share one and no input is overwritten."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from retint.errors import OutputError
from retint.images import FORMATS, result_suffix
from retint.pipelines.inputs import COMPARE_ENDING, MASK_ENDING, RESTORED_ENDING, RESULT_ENDING, Source, path_key
from retint.pipelines.kinds import FILM_SUFFIXES, PHOTO_SUFFIXES

_WRITABLE = [format for format in FORMATS.values() if format.writable]
FILM_CONTAINERS = (".mp4", ".m4v", ".mov", ".mkv", ".webm", ".avi")  # film_encoding's, which needs FFmpeg to import
_WRITABLE_SUFFIXES = frozenset(suffix for format in _WRITABLE for suffix in format.suffixes) | set(FILM_CONTAINERS)
_NAMES_A_FILE = PHOTO_SUFFIXES | FILM_SUFFIXES


@dataclass(frozen=True)
class Destination:
    """What `-o` means for a run."""

    place: Literal["beside", "file", "folder", "stdout"]
    path: Path = Path()


@dataclass(frozen=True)
class Targets:
    """The files that one input becomes."""

    result: Path | None = None  # None: a stream
    compare: Path | None = None  # before and after side by side, where asked for
    mask: Path | None = None  # what was filled, where asked for

    @property
    def all(self) -> list[Path]:
        """Those there are, in the order of writing: the result last, so that it says "all done"."""
        return [path for path in (self.mask, self.compare, self.result) if path is not None]

    def missing(self) -> Targets:
        """Those that are not there yet."""
        wanted = (self.result, self.compare, self.mask)
        return Targets(*(None if path is None or path.exists() else path for path in wanted))


def choose_destination(output: str | None, sources: Sequence[Source]) -> Destination:
    """Tell whether `-o` names a file, a folder or stdout (`-`); without it, results lie beside their inputs.

    A name that does not exist is a file's when its suffix is a picture's, and else a folder's.

    Raises
    ------
    OutputError: `-o` cannot be meant so: one file for several inputs, or a suffix that results are not saved as
    """
    many = len(sources) != 1 or sources[0].from_folder
    if output is None:
        return Destination("stdout" if not many and sources[0].place == "stdin" else "beside")
    if output == "-":
        if many:
            raise OutputError(f"-o - (stdout) takes one picture, and there {_count(sources)}; name a folder")
        return Destination("stdout")
    path = Path(output)
    suffix = path.suffix.lower()
    if path.is_dir() or output.endswith(("/", os.sep)):
        return Destination("folder", path)
    if many and (path.exists() or suffix in _NAMES_A_FILE):
        raise OutputError(f"-o {output} names one file, and there {_count(sources)}; name a folder")
    if suffix in _WRITABLE_SUFFIXES:
        return Destination("file", path)
    if suffix and not many:
        usual = ", ".join([*(format.suffixes[0] for format in _WRITABLE), *FILM_CONTAINERS])
        raise OutputError(f"-o {output}: results are not saved as {suffix}; use one of {usual}, or name a folder")
    if path.exists():
        raise OutputError(f"-o {output}: exists and is not a folder; name a folder, or a file with a suffix like .jpg")
    return Destination("folder", path)


def _count(sources: Sequence[Source]) -> str:
    return "is a folder of inputs" if len(sources) == 1 else f"are {len(sources)} inputs"


class Namer:
    """Names the results of a run, and remembers the names it gave."""

    def __init__(
        self,
        destination: Destination,
        sources: Sequence[Source],
        *,
        compare: bool = False,
        mask: bool | Path = False,
        ending: str = RESULT_ENDING,
    ) -> None:
        """mask: name masks, too, or where the only one goes. ending: of results that lie beside their inputs."""
        self.destination = destination
        self._compare = compare
        self._mask = mask
        self._ending = ending
        self._inputs = {path_key(s.path) for s in sources if s.path is not None and not s.earlier_result}
        self._given: dict[str, str] = {}

    def targets_of(self, source: Source, format: str) -> Targets:
        """Name what an input becomes.

        format: Pillow's name of the format that the input's content has; the suffix of the result follows it

        Raises
        ------
        OutputError: another input has that name already, or an input is there
        """
        if self.destination.place == "stdout":
            return Targets()
        result = self._result_of(source, lambda given: result_suffix(given, format))
        mask = self._mask if isinstance(self._mask, Path) else mask_beside(result) if self._mask else None
        return self._claimed(source, Targets(result, compare_beside(result) if self._compare else None, mask))

    def film_targets_of(self, source: Source, suffix: str) -> Targets:
        """Name what a film becomes.

        suffix: of the result, where no file is named for it

        Raises
        ------
        OutputError: another input has that name already, or an input is there, or the result would go to stdout
        """
        if self.destination.place == "stdout":
            raise OutputError(f"{source.shown}: is a film, which is saved as a file; name one with -o")
        result = self._result_of(source, lambda _: suffix)
        sheet = compare_beside(result).with_suffix(".jpg") if self._compare else None
        return self._claimed(source, Targets(result, sheet))

    def _claimed(self, source: Source, targets: Targets) -> Targets:
        if len({path_key(target) for target in targets.all}) < len(targets.all):
            raise OutputError(
                f"{source.shown}: result, comparison and mask would be one file, {targets.result}; name another"
            )
        for target in targets.all:
            if path_key(target) in self._inputs or path_key(Path(os.path.realpath(target))) in self._inputs:
                raise OutputError(f"{source.shown}: would overwrite the input {target}; give another -o")
            other = self._given.get(path_key(target), source.shown)
            if other != source.shown:
                raise OutputError(
                    f"{source.shown}: would be saved as {target}, like {other}; do one apart, with its own -o"
                )
        self._given.update((path_key(target), source.shown) for target in targets.all)
        return targets

    def _result_of(self, source: Source, suffix_for: Callable[[Path], str]) -> Path:
        if self.destination.place == "file":
            return self.destination.path
        given = source.relative
        stem = given.stem if given.suffix.lower() in _NAMES_A_FILE else given.name
        name = given.with_name(stem + suffix_for(given))
        marked = given.with_name(stem + self._ending + name.suffix)
        if self.destination.place == "folder":
            into = self.destination.path / name
            own = source.path is not None and path_key(into.parent) == path_key(source.path.parent)
            return self.destination.path / marked if own else into
        return marked if source.path is None else source.path.with_name(marked.name)


def compare_beside(result: Path) -> Path:
    """Name the comparison that lies beside a result: that of `a-color.jpg`, or of `a.jpg`, is `a-compare.jpg`."""
    return result.with_name(result.stem.removesuffix(RESULT_ENDING) + COMPARE_ENDING + result.suffix)


def mask_beside(result: Path) -> Path:
    """Name the mask that lies beside a result: that of `a-restored.jpg`, or of `a.jpg`, is `a-mask.png`."""
    return result.with_name(result.stem.removesuffix(RESTORED_ENDING) + MASK_ENDING + ".png")
