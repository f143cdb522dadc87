"""Many photographs and films: the next is read and the last is written while the network works on this one."""

from __future__ import annotations

import contextlib
import io
import queue
import threading
import time
from collections import deque
from collections.abc import Callable, Generator, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Literal

from retint.errors import OutputError, UnsupportedInputError
from retint.images import FORMATS, Photograph, read_photo
from retint.pipelines.colouring import Colouring
from retint.pipelines.contents import Contents
from retint.pipelines.crafts import Craft, Piece
from retint.pipelines.inputs import Source
from retint.pipelines.kinds import FILM_SUFFIXES, format_promised
from retint.pipelines.outputs import Namer, Targets
from retint.pipelines.photo import PhotoOptions, PhotoResult, as_source, recognise, recognise_film
from retint.pipelines.room import Room

if TYPE_CHECKING:
    from retint.pipelines.film_options import FilmOptions, FilmProgress, FilmResult
    from retint.pipelines.restore import RestoreResult
    from retint.rendering import Colorizer

WatchFilm = Callable[[Source, "FilmProgress"], None]

_LAST_FILE_SECONDS = 60.0  # for a file that is being written or decoded when a batch is given up
_LAST_WAIT_SECONDS = 0.3  # for what only waits
_POLL_SECONDS = 0.1  # between looks at what has ended; waits without an end cannot be interrupted on Windows


@dataclass(frozen=True)
class Outcome:
    """What became of one input."""

    source: Source
    status: Literal["done", "skipped", "failed"]
    output: Path | None = None  # done: where it is; skipped: what is there already
    encoded: bytes | None = None  # done, and meant for stdout: the picture itself
    result: PhotoResult | RestoreResult | FilmResult | None = None  # only when done
    error: Exception | None = None  # only when failed; not a RetintError: a fault of the program
    notes: tuple[str, ...] = ()  # for people, a line each: why it was skipped, or what else they should know


@dataclass
class _Job:
    """One photograph in flight."""

    source: Source
    output: Path | None  # where the result is in the end, be it there already
    targets: Targets  # what is to be written
    before: Photograph
    pixels: int  # of room that it holds
    notes: tuple[str, ...]
    seconds: float  # of work so far
    outcome: Future[Outcome]
    piece: Piece | None = None


@dataclass(frozen=True)
class _FilmJob:
    """One film, which the caller's thread does by itself."""

    source: Source
    path: Path
    output: Path  # where the result is, or will be
    targets: Targets  # what is missing


@dataclass(frozen=True)
class _Need:
    """A photograph or film is being read that is to be done: word to load the networks meanwhile."""

    kind: Literal["photo", "film"]


class _Skip(Exception):  # noqa: N818 - not an error
    """This input needs no work."""

    def __init__(self, note: str, output: Path | None = None) -> None:
        super().__init__(note)
        self.output = output


def colorize_batch(
    sources: Sequence[Source],
    namer: Namer,
    load: Callable[[], Colorizer],
    options: PhotoOptions,
    film_options: FilmOptions | None = None,
    *,
    offline: bool = False,
    stdin: BinaryIO | None = None,
    watch_film: WatchFilm | None = None,
) -> Generator[Outcome]:
    """Colour photographs and films, and yield what became of each input, in their order.

    Parameters
    ----------
    sources: what to colour, from `gather`
    namer: names the results of exactly these sources
    load: gives the colorizer; called once, when the first input needs it, and not at all when none does
    film_options: for films; by default as `options` says, and else the usual
    offline: fetch no addresses
    stdin: what is read for `-`; best unbuffered, or Python cannot end while it waits there
    watch_film: told from time to time how far a film is, from this thread

    As `run_batch`; raises what `load` raises, too, for no input can be done without it.
    """
    craft = Colouring(load, options, film_options)
    return run_batch(sources, namer, craft, offline=offline, stdin=stdin, watch_film=watch_film)


def run_batch(
    sources: Sequence[Source],
    namer: Namer,
    craft: Craft,
    *,
    offline: bool = False,
    stdin: BinaryIO | None = None,
    watch_film: WatchFilm | None = None,
    room: Room | None = None,
) -> Generator[Outcome]:
    """Do to all inputs what the craft does, and yield what became of each, in their order.

    sources, namer, offline, stdin, watch_film: as of `colorize_batch`
    room: how much is in memory at once

    One input that fails, for whatever reason, ends as an outcome, and the others are done. Closing the generator stops
    after the file that is being written; each result is at its name whole, or not at all.

    Raises
    ------
    RetintError: from `craft.load`; no input can be done without it
    FilmInterrupted: a KeyboardInterrupt within a film
    """
    batch = _Batch(sources, namer, craft, room or Room(), offline=offline, stdin=stdin, watch_film=watch_film)
    try:
        yield from batch.run()
    finally:
        batch.stop()


class _Batch:
    """Three threads in a row: one reads, the caller's renders, one writes. `Room` bounds what is between them."""

    def __init__(
        self,
        sources: Sequence[Source],
        namer: Namer,
        craft: Craft,
        room: Room,
        *,
        offline: bool,
        stdin: BinaryIO | None,
        watch_film: WatchFilm | None,
    ) -> None:
        self._sources = sources
        self._namer = namer
        self._craft = craft
        self._room = room
        self._watch_film = watch_film
        self._contents = Contents(offline=offline, stdin=stdin, films=craft.films is not None)
        self._stopped = threading.Event()
        self._decoding = threading.Event()
        self._read: queue.SimpleQueue[Outcome | _Job | _FilmJob | _Need | None] = queue.SimpleQueue()
        self._worked: queue.SimpleQueue[_Job | None] = queue.SimpleQueue()
        self._loaded: set[str] = set()
        # Daemons: neither a stalled server nor a pipe that never ends may keep the program from ending.
        self._reader = threading.Thread(target=self._read_all, name="retint-reader", daemon=True)
        self._writer = threading.Thread(target=self._write_all, name="retint-writer", daemon=True)

    def run(self) -> Generator[Outcome]:
        """Work on what is read, and yield outcomes in the order of the inputs."""
        self._reader.start()
        self._writer.start()
        waiting: deque[Future[Outcome]] = deque()
        more = True
        while more or waiting:
            while waiting and waiting[0].done():
                yield waiting.popleft().result()
            if not more:
                time.sleep(_POLL_SECONDS / 10)
                continue
            try:
                item = self._read.get(timeout=_POLL_SECONDS)
            except queue.Empty:
                continue
            if isinstance(item, Outcome):
                waiting.append(_finished(item))
            elif isinstance(item, _Need):
                if item.kind not in self._loaded:  # while the first photograph is still being read
                    self._craft.load(item.kind)
                    self._loaded.add(item.kind)
            elif isinstance(item, _FilmJob):
                while waiting:  # a film takes long: what came before it is told first
                    if waiting[0].done():
                        yield waiting.popleft().result()
                    else:
                        time.sleep(_POLL_SECONDS / 10)
                yield self._do_film(item)
            elif item is not None:
                waiting.append(item.outcome)
                self._work_on(item)
            else:
                more = False

    def stop(self) -> None:
        """End both threads: the writer after the file it is at, the reader when it next looks."""
        self._stopped.set()
        self._room.close()
        self._worked.put(None)
        self._contents.give_up()
        # The reader may hang at a server, and is not waited for then; but to leave a decoder to itself while Python
        # ends is asking for a crash.
        try:
            _join(self._writer, _LAST_FILE_SECONDS)
            _join(self._reader, _LAST_FILE_SECONDS if self._decoding.is_set() else _LAST_WAIT_SECONDS)
        finally:
            self._contents.close()

    # the reader's thread

    def _read_all(self) -> None:
        many = len(self._sources) > 1 or any(source.from_folder for source in self._sources)
        for source in self._sources:
            if self._stopped.is_set():
                return
            try:
                self._read.put(self._open(source, many=many))
            except _Skip as skip:
                self._read.put(Outcome(source, "skipped", skip.output, notes=(str(skip),)))
            except Exception as error:
                # Whatever is wrong with one file, the others are done.
                self._read.put(Outcome(source, "failed", error=error))
        self._read.put(None)

    def _open(self, source: Source, *, many: bool) -> _Job | _FilmJob:
        """Do for one input all that comes before the work itself."""
        if source.error is not None:
            raise source.error
        if source.earlier_result:
            raise _Skip(f"is a result of an earlier run, by its name; name it alone to {self._craft.verb} it again")
        started = time.monotonic()
        if source.place == "address":  # what is there already need not be fetched again
            promised, films = format_promised(source.relative.suffix), self._craft.films
            if promised is not None:
                self._missing(self._namer.targets_of(source, promised))
            elif films is not None and source.relative.suffix.lower() in FILM_SUFFIXES:
                with contextlib.suppress(OutputError):  # it may hold a photograph, which can go where a film cannot
                    self._missing(self._namer.film_targets_of(source, films.suffix(source.relative)))
        content = self._contents.open(source)
        if isinstance(content, Path) and recognise_film(content, source.shown) is not None:
            try:
                return self._open_film(source, content, many=many)
            except BaseException:
                self._contents.leave(content)
                raise
        format = recognise(content, source.shown) or format_promised(source.relative.suffix) or "PNG"
        targets = self._namer.targets_of(source, format)
        missing = self._missing(targets)
        self._read.put(_Need("photo"))
        pixels = self._room.enter()
        try:
            self._decoding.set()
            if self._stopped.is_set():
                raise _Skip("was not come to")
            before = read_photo(as_source(content, source.shown))
            if many and self._craft.is_result(before):
                raise _Skip(f"is a result of retint, by its metadata; name it alone to {self._craft.verb} it again")
        except BaseException:
            self._room.leave(pixels)
            raise
        finally:
            self._decoding.clear()
        pixels = self._room.correct(pixels, before.width * before.height)
        notes = _suffix_notes(source, before)
        seconds = time.monotonic() - started
        return _Job(source, targets.result, missing, before, pixels, notes, seconds, Future())

    def _open_film(self, source: Source, path: Path, *, many: bool) -> _FilmJob:
        films = self._craft.films
        if films is None:
            raise UnsupportedInputError(f"{source.shown}: is a film; this is done with photographs alone")
        targets = self._namer.film_targets_of(source, films.suffix(source.relative))
        missing = self._missing(targets)
        assert targets.result is not None  # a film has a name
        if many and films.is_result(path):
            raise _Skip(f"is a result of retint, by its metadata; name it alone to {self._craft.verb} it again")
        if missing.result is not None:
            self._read.put(_Need("film"))
        return _FilmJob(source, path, targets.result, missing)

    def _missing(self, targets: Targets) -> Targets:
        """Return targets without what is there already; _Skip when nothing is missing."""
        if self._craft.overwrite or not targets.all:
            return targets
        missing = targets.missing()
        if not missing.all:
            raise _Skip(f"is done already: {targets.result} exists; --overwrite does it again", targets.result)
        return missing

    # the caller's thread

    def _work_on(self, job: _Job) -> None:
        started = time.monotonic()
        try:
            job.piece = self._craft.work(job.before)
        except Exception as error:
            self._room.leave(job.pixels)
            job.outcome.set_result(Outcome(job.source, "failed", error=error))
            return
        job.seconds += time.monotonic() - started
        self._worked.put(job)

    def _do_film(self, job: _FilmJob) -> Outcome:
        films, watch = self._craft.films, self._watch_film
        assert films is not None  # or it had not been opened
        try:
            _make_folder(job.output.parent)
            result = films.run(job.path, job.output, job.targets, watch and partial(watch, job.source))
        except Exception as error:
            return Outcome(job.source, "failed", error=error)
        finally:
            self._contents.leave(job.path)
        return Outcome(job.source, "done", job.output, result=result, notes=() if result is None else result.notes)

    # the writer's thread

    def _write_all(self) -> None:
        while (job := self._worked.get()) is not None and not self._stopped.is_set():
            try:
                outcome = self._save(job)
            except Exception as error:
                # As in the reader.
                outcome = Outcome(job.source, "failed", error=error)
            self._room.leave(job.pixels)
            job.outcome.set_result(outcome)

    def _save(self, job: _Job) -> Outcome:
        started = time.monotonic()
        assert job.piece is not None
        stream = io.BytesIO()
        if not job.targets.all:
            notes = job.piece.save(stream)
        else:
            for path in job.targets.all:
                _make_folder(path.parent)
            notes = job.piece.save(job.targets)
        job.seconds += time.monotonic() - started
        result = job.piece.describe(job.targets, notes=(*job.notes, *notes), seconds=job.seconds)
        encoded = None if job.targets.all else stream.getvalue()
        return Outcome(job.source, "done", job.output, encoded, result, notes=result.notes)


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"{folder}: cannot be made ({error.strerror}); choose another -o") from error


def _join(thread: threading.Thread, seconds: float) -> None:
    """Wait for a thread in small steps: one long wait cannot be interrupted on Windows."""
    deadline = time.monotonic() + seconds
    while thread.is_alive() and time.monotonic() < deadline:
        thread.join(_POLL_SECONDS)


def _finished(outcome: Outcome) -> Future[Outcome]:
    future: Future[Outcome] = Future()
    future.set_result(outcome)
    return future


def _suffix_notes(source: Source, photo: Photograph) -> tuple[str, ...]:
    """Tell of a name that does not fit the content: the result's name will look strange beside it."""
    promised = format_promised(source.relative.suffix)
    if source.place == "stdin" or promised in (None, photo.format):
        return ()
    usual = FORMATS[photo.format].suffixes[0]
    return (f"holds a {photo.format} picture in spite of its name; {usual} would be its suffix",)
