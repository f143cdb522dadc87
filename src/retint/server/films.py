"""Films in a queue, one in work at a time, each in a folder of its own, known again after a restart."""

from __future__ import annotations

import contextlib
import logging
import secrets
import shutil
import threading
import time
from pathlib import Path
from typing import Any

from retint.errors import OutputError, RetintError
from retint.server.film_work import Stopped, look_at, work_on
from retint.server.job import INTERRUPTED, OVER, Job
from retint.server.models import Models
from retint.server.problems import Problem, busy, problem_of
from retint.server.settings import Settings
from retint.server.uploads import require_disk

_LOG = logging.getLogger("retint.server")
_USUAL_SECONDS = 60.0  # after which a client that found no room comes again
_JOIN_SECONDS = 30.0


class Films:
    """Thread-safe. Ids are looked up here, and never become part of a path that a client could choose."""

    def __init__(self, settings: Settings, models: Models) -> None:
        self._settings, self._models = settings, models
        self._folder = settings.data / "jobs"
        self._jobs: dict[str, Job] = {}
        self._queue: list[Job] = []
        self._running: Job | None = None
        self._changed = threading.Condition()
        self._stopping = False
        self._recall()
        self._thread = threading.Thread(target=self._work, name="retint-films", daemon=True)
        self._thread.start()

    def _recall(self) -> None:
        for folder in self._folder.iterdir():
            job = Job.load(folder)
            if job is None:
                shutil.rmtree(folder, ignore_errors=True)
                continue
            job.save()
            self._jobs[job.id] = job

    # what clients ask for

    @property
    def waiting(self) -> int:
        """Films that wait or are in work."""
        return len(self._queue) + (self._running is not None)

    def require_room(self, size: int = 0) -> None:
        """Refuse a film that there is no place for, before it is sent. Raises Problem (429, 507)."""
        if self._stopping:
            raise Problem(503, "Stopping", "the server is being stopped; send it again later")
        if self.waiting >= self._settings.films:
            raise busy(f"{self.waiting} films are waiting already", self._seconds_left())
        require_disk(self._settings, size)

    def _seconds_left(self) -> float:
        running = self._running
        left = (running.progress or {}).get("seconds_left") if running is not None else None
        return min(float(left or _USUAL_SECONDS), 3600.0)

    def add(self, path: Path, name: str, options: dict[str, Any]) -> Job:
        """Take a film that has come, and queue it. Moves `path`. Raises Problem, RetintError."""
        if options.get("colorize", True):
            self._models.require(options.get("model"))
        look = look_at(path, name, options)
        identity = secrets.token_urlsafe(18)
        folder = self._folder / identity
        job = Job(
            id=identity,
            folder=folder,
            name=name,
            options=options,
            source="source" + look.source_suffix,
            target="result" + look.target_suffix,
            width=look.width,
            height=look.height,
            frames=look.frames,
        )
        folder.mkdir()
        try:
            path.rename(job.source_path)
            self._enqueue(job)
        except BaseException:
            shutil.rmtree(folder, ignore_errors=True)
            raise
        return job

    def _enqueue(self, job: Job) -> None:
        job.state, job.stop, job.told, job.problem, job.ended = "waiting", None, None, None, None
        job.seen = time.monotonic()
        job.save()
        with self._changed:
            self.require_room()
            self._jobs[job.id] = job
            self._queue.append(job)
            job.changed()
            self._changed.notify_all()

    def get(self, identity: str) -> Job:
        """Raises Problem (404)."""
        job = self._jobs.get(identity)
        if job is None:
            raise Problem(
                404, "NoSuchJob", "there is no such film here; it was removed, or its time was over. Send it again"
            )
        job.seen = time.monotonic()
        return job

    def before(self, job: Job) -> int | None:
        """How many films come before it; None where it does not wait."""
        queue = list(self._queue)
        return queue.index(job) + (self._running is not None) if job in queue else None

    def resume(self, identity: str) -> Job:
        """Go on with a film that was interrupted, or failed. Raises Problem (404, 409, 429)."""
        job = self.get(identity)
        if job.state not in ("interrupted", "failed"):
            raise Problem(409, "NotInterrupted", f"{job.shown} is {job.state}; there is nothing to go on with")
        self._enqueue(job)
        return job

    def remove(self, identity: str) -> None:
        """Stop it, and remove all that is there of it. Raises Problem (404)."""
        job = self.get(identity)
        with self._changed:
            self._jobs.pop(identity, None)
            job.stop = "removed"
            job.changed()
            if job in self._queue:
                self._queue.remove(job)
            if job is not self._running:  # else its thread removes it as soon as it has stopped
                shutil.rmtree(job.folder, ignore_errors=True)

    # from time to time

    def sweep(self) -> None:
        """Stop films that nobody watches, and remove what has been kept long enough."""
        now, watched = time.time(), time.monotonic() - self._settings.unwatched_seconds
        for job in list(self._jobs.values()):
            if job.state in OVER:
                if job.ended is not None and now - job.ended > self._settings.keep_seconds:
                    with contextlib.suppress(Problem):
                        self.remove(job.id)
            elif job.options.get("while_watched") and job.seen < watched:
                self._interrupt_unwatched(job)

    def _interrupt_unwatched(self, job: Job) -> None:
        with self._changed:
            job.stop = "unwatched"
            if job in self._queue:
                self._queue.remove(job)
                self._interrupted(job)

    def stop(self) -> None:
        """Interrupt what is in work and what waits; all of it can be gone on with after a restart."""
        with self._changed:
            self._stopping = True
            for job in self._queue:
                job.stop = "shutdown"
                self._interrupted(job)
            self._queue.clear()
            if self._running is not None and self._running.stop is None:
                self._running.stop = "shutdown"
            self._changed.notify_all()
        self._thread.join(_JOIN_SECONDS)

    # the films' own thread

    def _work(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._stopping or self._queue)
                if self._stopping:
                    return
                job = self._running = self._queue.pop(0)
            try:
                self._work_on(job)
            except Exception as error:  # a disk that is full when its state is saved
                _LOG.error("film %s", job.id, exc_info=error)
            finally:
                with self._changed:
                    self._running = None
                    removed = job.id not in self._jobs
                if removed:
                    shutil.rmtree(job.folder, ignore_errors=True)

    def _work_on(self, job: Job) -> None:
        job.state = "running"
        job.changed()
        with contextlib.suppress(OutputError):  # it is only for a restart in the middle; the end is saved again
            job.save()
        try:
            result = work_on(job, self._models, self._settings)
        except Stopped:
            self._interrupted(job)
            return
        except RetintError as error:
            self._failed(job, problem_of(error, {str(job.source_path): job.shown, str(job.target_path): "the result"}))
            return
        except Exception as error:
            _LOG.error("film %s failed", job.id, exc_info=error)
            self._failed(job, Problem(500, "Fault", "retint failed on this film; its log says how. Please report it"))
            return
        job.finish(result)
        self._end(job, "done")

    def _interrupted(self, job: Job) -> None:
        if job.stop is not None and job.stop != "removed":
            job.told = INTERRUPTED[job.stop]
            self._end(job, "interrupted")

    def _failed(self, job: Job, problem: Problem) -> None:
        job.problem = problem.body()
        self._end(job, "failed")

    def _end(self, job: Job, state: Any) -> None:
        job.ended = time.time()
        job.state = state
        job.changed()
        if job.folder.exists():
            job.save()
