"""One film to mend, to colour, or both: what was asked for, how far it is, and what became of it."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, cast

from retint.images.atomic import whole_file
from retint.pipelines.film_options import FilmProgress, FilmResult
from retint.pipelines.inputs import RESTORED_ENDING, RESULT_ENDING

State = Literal["waiting", "running", "done", "failed", "interrupted"]
Stop = Literal["removed", "unwatched", "shutdown", "time"]

OVER = ("done", "failed", "interrupted")
INTERRUPTED: dict[Stop, str] = {
    "unwatched": "stopped, for nobody watched it any more; what was done is kept for a time, and can be gone on with",
    "shutdown": "the server was stopped in the middle; what was done is kept, and can be gone on with",
    "time": "stopped, for it took longer than this server allows at once; it can be gone on with",
}


@dataclass
class Job:
    """A film in the queue, or what became of it. Changed by the films' thread, read by all: whole values only."""

    id: str
    folder: Path
    name: str  # of the film, as its sender called it
    options: dict[str, Any]
    source: str  # names of files in the folder, all given by the server
    target: str
    width: int  # px, as shown
    height: int
    frames: int | None  # as the film's header says
    state: State = "waiting"
    created: float = field(default_factory=time.time)
    ended: float | None = None  # when it was done, failed or was interrupted
    progress: dict[str, Any] | None = None
    result: dict[str, Any] | None = None
    problem: dict[str, Any] | None = None  # RFC 9457, where it failed
    told: str | None = None  # why it was interrupted
    stop: Stop | None = None  # asked for
    seen: float = field(default_factory=time.monotonic)  # when somebody asked for it last
    version: int = 0  # counts changes
    preview: bytes | None = None  # JPEG, the latest frame that was rendered
    preview_count: int = 0

    @property
    def shown(self) -> str:
        return self.name or "the film"

    @property
    def source_path(self) -> Path:
        return self.folder / self.source

    @property
    def target_path(self) -> Path:
        return self.folder / self.target

    @property
    def is_coloured(self) -> bool:
        """Whether it is to be coloured; else it is only mended."""
        return self.options.get("colorize", True)

    @property
    def result_name(self) -> str:
        ending = RESULT_ENDING if self.is_coloured else RESTORED_ENDING
        return f"{Path(self.name).stem or 'film'}{ending}{self.target_path.suffix}"

    def changed(self) -> None:
        self.version += 1

    def show(self, progress: FilmProgress) -> None:
        """How far it is, for people."""
        left = progress.seconds_left
        self.progress = {
            "stage": progress.stage,
            "frames": progress.frames,
            "of": progress.of,
            "scene": progress.scene,
            "per_second": round(progress.per_second, 1),
            "seconds_left": None if left is None else round(left, 1),
        }
        self.changed()

    def finish(self, result: FilmResult) -> None:
        self.result = {
            "name": self.result_name,
            "bytes": self.target_path.stat().st_size,
            "frames": result.frames,
            "rendered": result.rendered,
            "scenes": result.scenes,
            "model": result.model,
            "render_factor": result.render_factor,
            "restored": list(result.restored),
            "seconds": result.seconds,
            "notes": list(result.notes),
        }

    def body(self, queue: int | None = None) -> dict[str, Any]:
        """What the API says. queue: films before it."""
        return {
            "id": self.id,
            "state": self.state,
            "name": self.name,
            "width": self.width,
            "height": self.height,
            "frames": self.frames,
            "queue": queue,
            "progress": self.progress,
            "preview": self.preview_count,
            "result": self.result,
            "problem": self.problem,
            "told": self.told,
        }

    # on the disk, so that a restart knows it

    def save(self) -> None:
        """Raises OutputError where the disk is full."""
        kept = ("id", "name", "options", "source", "target", "width", "height", "frames", "state", "created", "ended")
        said = {key: getattr(self, key) for key in (*kept, "progress", "result", "problem", "told")}
        with whole_file(self.folder / "job.json", overwrite=True) as file:
            file.write(json.dumps(said).encode())

    @staticmethod
    def load(folder: Path) -> Job | None:
        """The job of a folder; None where there is none that can be read. What ran is interrupted now."""
        try:
            said = cast("dict[str, Any]", json.loads((folder / "job.json").read_bytes()))
            job = Job(folder=folder, **said)
            whole = job.state != "done" or job.target_path.exists()
        except (OSError, ValueError, TypeError):
            return None
        if not whole:
            return None
        if job.state in ("waiting", "running"):
            job.state, job.told, job.ended = "interrupted", INTERRUPTED["shutdown"], time.time()
        return job
