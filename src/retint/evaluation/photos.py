"""Photographs to evaluate on: found in folders, tar files and by name, read as the protocol wants them."""

from __future__ import annotations

import io
import lzma
import tarfile
import zlib
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path, PurePath
from types import TracebackType

from PIL import Image

from retint.errors import InputError
from retint.evaluation.metrics import Rgb
from retint.evaluation.protocol import is_gray, shrink, stretch
from retint.images import FORMATS, read_photo, sniff_format
from retint.images.photograph import Photograph
from retint.images.tones import rgb_to_srgb, to_8_bit

_SUFFIXES = frozenset(suffix for format in FORMATS.values() for suffix in format.suffixes)
_HEAD = 64  # bytes that tell a format
_DAMAGED = (tarfile.TarError, OSError, EOFError, zlib.error, lzma.LZMAError)  # what damaged archives raise


@dataclass(frozen=True)
class PhotoFile:
    """A photograph that was found and not yet read, or the reason why nothing was found."""

    shown: str
    """As messages and reports name it: its path, or archive.tar/path."""
    path: Path
    """The file, or the archive that holds it."""
    member: tarfile.TarInfo | None = None
    problem: str | None = None
    """Why nothing can be read there: an empty folder, a damaged archive."""


class Photos:
    """The photographs of some paths; a context, within which they can be read (it keeps archives open)."""

    def __init__(self, sources: Iterable[Path]) -> None:
        """sources: folders, with those inside; tar files, compressed or not; photographs. What is none of these
        becomes a file that fails when it is read, so that the others are still done.
        """
        self._sources = tuple(sources)
        self._open = ExitStack()
        self._archives: dict[Path, tarfile.TarFile] = {}
        self.files: list[PhotoFile] = []
        """In the order of their names, each once."""

    def __enter__(self) -> Photos:
        found = {file.shown: file for source in self._sources for file in self._find(source)}
        self.files = sorted(found.values(), key=lambda file: file.shown)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, where: TracebackType | None
    ) -> None:
        self._open.close()

    def read(self, file: PhotoFile) -> Rgb | None:
        """The photograph in sRGB, upright, 8 bit, stretched to `(256, 256, 3)`; None where it is grey.

        Raises InputError and its kin, with the file's name.
        """
        if file.problem is not None:
            raise InputError(f"{file.shown}: {file.problem}")
        photo = read_photo(file.path if file.member is None else self._extract(file, file.member))
        if photo.pixels.ndim == 2:
            return None
        try:
            picture = shrink(_in_srgb(photo))
        except RuntimeError as error:
            raise InputError(f"{file.shown}: its colour profile is damaged ({error}); convert it to sRGB") from error
        return None if is_gray(picture) else stretch(picture)

    def _find(self, source: Path) -> Iterator[PhotoFile]:
        if source.is_dir():
            found = [
                PhotoFile(str(path), path)
                for path in source.rglob("*")
                if path.is_file() and _is_meant(path.relative_to(source), lambda path=path: _head(path))
            ]
            yield from found or [PhotoFile(str(source), source, problem="no photographs in this folder")]
        elif source.is_file() and sniff_format(_head(source)) is None and tarfile.is_tarfile(source):
            yield from self._in_archive(source)
        else:
            yield PhotoFile(str(source), source)

    def _in_archive(self, source: Path) -> Iterator[PhotoFile]:
        try:
            archive = self._open.enter_context(tarfile.open(source))  # noqa: SIM115 - closed with the rest
            found = [
                PhotoFile(f"{source.name}/{member.name}", source, member)
                for member in archive.getmembers()
                if member.isfile() and _is_meant(PurePath(member.name), lambda member=member: _head_in(archive, member))
            ]
        except _DAMAGED as error:
            yield PhotoFile(str(source), source, problem=f"the archive is damaged ({error}); copy it again")
            return
        self._archives[source] = archive
        yield from found or [PhotoFile(str(source), source, problem="no photographs in this archive")]

    def _extract(self, file: PhotoFile, member: tarfile.TarInfo) -> io.BytesIO:
        try:
            handle = self._archives[file.path].extractfile(member)
            assert handle is not None  # a file, as `_in_archive` saw to
            with handle:
                return _Named(handle.read(), file.shown)
        except _DAMAGED as error:
            raise InputError(f"{file.shown}: the archive is damaged ({error}); copy it again") from error


class _Named(io.BytesIO):
    """The content of a file with the name that messages give it."""

    def __init__(self, content: bytes, name: str) -> None:
        super().__init__(content)
        self.name = name


def _in_srgb(photo: Photograph) -> Image.Image:
    """(H, W, 3) of any depth and RGB profile as 8-bit sRGB, of which all figures are. Transparency is not looked at."""
    pixels = photo.pixels
    if photo.metadata.icc is not None:
        pixels = rgb_to_srgb(pixels, photo.metadata.icc)
    return Image.fromarray(to_8_bit(pixels) if pixels.dtype != "uint8" else pixels)


def _is_meant(name: PurePath, head: Callable[[], bytes]) -> bool:
    """Whether a file of a folder or archive is meant: by its suffix, or, under a foreign one, by its content.

    Hidden files (and what macOS puts beside files) are not. Camera raw files open like a TIFF, and any text may open
    like a BMP ("BM"): these two need their suffix.
    """
    if any(part.startswith(".") for part in name.parts):
        return False
    return name.suffix.lower() in _SUFFIXES or sniff_format(head()) not in (None, "TIFF", "BMP")


def _head(path: Path) -> bytes:
    """The first bytes; none where they may not be read, which reading the photograph will tell."""
    try:
        with path.open("rb") as file:
            return file.read(_HEAD)
    except OSError:
        return b""


def _head_in(archive: tarfile.TarFile, member: tarfile.TarInfo) -> bytes:
    handle = archive.extractfile(member)
    return b"" if handle is None else handle.read(_HEAD)
