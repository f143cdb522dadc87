from __future__ import annotations

import io
import tempfile
import threading
from collections.abc import Generator
from pathlib import Path

import pytest

from retint.errors import InputError, OutputError, UnsupportedInputError
from retint.pipelines import contents
from retint.pipelines.addresses import Limits
from retint.pipelines.contents import Contents
from retint.pipelines.inputs import Source

FILM = b"\x1a\x45\xdf\xa3" + bytes(5000)
PHOTO = b"\x89PNG\r\n\x1a\n" + bytes(5000)
STDIN = Source("-", "stdin", Path("stdin"))


class Trickle(io.BytesIO):
    """Gives a few bytes at a time, as pipes may."""

    def read(self, size: int | None = -1) -> bytes:
        return super().read(min(size or 100, 100))


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where temporary files lie."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return tmp_path


def files(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]


@pytest.mark.parametrize("stream", [io.BytesIO, Trickle])
@pytest.mark.parametrize("content", [FILM, FILM[:40]])
def test_a_film_from_stdin_lies_on_disk_until_it_is_left(stream: type[io.BytesIO], content: bytes, folder: Path):
    opened = Contents(offline=True, stdin=stream(content))
    path = opened.open(STDIN)
    assert isinstance(path, Path) and path.read_bytes() == content and folder in path.parents
    opened.leave(path)
    assert not files(folder)
    opened.close()
    assert not list(folder.iterdir())


@pytest.mark.parametrize("content", [PHOTO, PHOTO[:40], b""])
def test_a_picture_from_stdin_stays_in_memory(content: bytes, folder: Path):
    assert Contents(offline=True, stdin=Trickle(content)).open(STDIN) == content
    assert not list(folder.iterdir())


def test_a_file_stays_where_it_is(folder: Path):
    path = folder / "reel.mkv"
    path.write_bytes(FILM)
    opened = Contents(offline=True, stdin=None)
    assert opened.open(Source(str(path), "file", Path(path.name), path)) == path
    opened.leave(path)
    opened.close()
    assert path.read_bytes() == FILM


@pytest.mark.parametrize("content", [FILM, PHOTO])
def test_limits_are_those_of_the_kind(content: bytes, folder: Path, monkeypatch: pytest.MonkeyPatch):
    """Each kind's own limit is kept, and the other's does not matter to it."""
    monkeypatch.setattr(contents, "MAX_STDIN_BYTES", 3000)
    monkeypatch.setattr(contents, "FILM", Limits("film", 10**6, 20))
    opened = Contents(offline=True, stdin=Trickle(content))
    if content is PHOTO:
        with pytest.raises(InputError, match=r"-: more than .* GiB came in"):
            opened.open(STDIN)
        return
    assert isinstance(opened.open(STDIN), Path)
    monkeypatch.setattr(contents, "FILM", Limits("film", 3000, 20))
    opened = Contents(offline=True, stdin=Trickle(content))
    with pytest.raises(InputError, match=r"-: more than .* GiB came in"):
        opened.open(STDIN)
    assert len(files(folder)) == 1, "of the first alone"


def test_what_is_still_coming_when_the_batch_ends_goes_too(folder: Path, monkeypatch: pytest.MonkeyPatch):
    came, ended, told = threading.Event(), threading.Event(), []

    def pieces(address: str, limits: object) -> Generator[bytes]:
        yield FILM
        came.set()
        ended.wait(10)
        yield FILM

    monkeypatch.setattr(contents, "pieces", pieces)
    opened = Contents(offline=False, stdin=None)

    def fetch() -> None:
        try:
            opened.open(Source("http://example.org/reel", "address", Path("reel")))
        except InputError as error:
            told.append(str(error))

    thread = threading.Thread(target=fetch)
    thread.start()
    assert came.wait(10) and files(folder)
    opened.close()
    assert not list(folder.iterdir())
    ended.set()
    thread.join(10)
    assert not list(folder.iterdir())
    assert told == ["http://example.org/reel: was given up before it was whole"]


def test_a_folder_that_cannot_be_written_is_told(folder: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(tempfile, "tempdir", str(folder / "nowhere"))
    with pytest.raises(OutputError, match=r"nowhere: cannot be written .*; make room there"):
        Contents(offline=True, stdin=io.BytesIO(FILM)).open(STDIN)


def test_a_pipe_that_breaks_is_not_the_disks_fault(folder: Path):
    class Broken(io.BytesIO):
        def read(self, size: int | None = -1) -> bytes:
            if piece := super().read(1000):
                return piece
            raise OSError(5, "Input/output error")

    with pytest.raises(InputError, match=r"-: cannot be read \(Input/output error\)"):
        Contents(offline=True, stdin=Broken(FILM)).open(STDIN)
    assert not files(folder)


def address(name: str) -> Source:
    return Source(f"http://example.org/{name}", "address", Path(name))


def test_one_film_at_a_time_lies_on_the_disk(folder: Path, monkeypatch: pytest.MonkeyPatch):
    asked: list[str] = []

    def pieces(where: str, limits: object) -> Generator[bytes]:
        asked.append(where)
        yield FILM

    monkeypatch.setattr(contents, "pieces", pieces)
    opened, came = Contents(offline=False, stdin=None), threading.Event()
    first = opened.open(address("a"))
    thread = threading.Thread(target=lambda: (opened.open(address("b")), came.set()))
    thread.start()
    assert not came.wait(0.2) and asked == ["http://example.org/a"]
    opened.leave(first)
    assert came.wait(10) and len(files(folder)) == 1
    thread.join(10)
    opened.close()


def test_giving_up_ends_the_wait(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(contents, "pieces", lambda where, limits: (part for part in [FILM]))
    opened, told = Contents(offline=False, stdin=None), []
    opened.open(address("a"))

    def fetch() -> None:
        with pytest.raises(InputError) as caught:
            opened.open(address("b"))
        told.append(str(caught.value))

    thread = threading.Thread(target=fetch)
    thread.start()
    opened.close()
    thread.join(10)
    assert told == ["http://example.org/b: was given up before it was whole"]


def test_a_film_that_is_refused_is_not_fetched_whole(folder: Path, monkeypatch: pytest.MonkeyPatch):
    def pieces(where: str, limits: object) -> Generator[bytes]:
        yield FILM
        pytest.fail("more was asked for")

    monkeypatch.setattr(contents, "pieces", pieces)
    with pytest.raises(UnsupportedInputError, match="done with photographs alone"):
        Contents(offline=False, stdin=None, films=False).open(address("reel"))
    assert not files(folder)
