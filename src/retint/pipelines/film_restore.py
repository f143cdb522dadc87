"""A film mended, and not coloured: streamed, and gone on with where it stopped, as films that are coloured are.

Two threads: one decodes and mends, the other encodes. Chroma, where the film has some, goes through as it is; where the
picture is held in the gate it goes along.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import numpy as np

from retint.errors import InputError, OutputError
from retint.pipelines.film import film_suffix
from retint.pipelines.film_encoding import Codec, Encoding, Target, choose_codec, plan_encoding
from retint.pipelines.film_file import opened as opened_file
from retint.pipelines.film_options import FilmInterrupted, FilmOptions, FilmProgress, FilmResult, Turn, check_times
from retint.pipelines.film_pass import MENDED_MARK, FilmPass, job_of, mended_mark
from retint.pipelines.film_preview import save_comparison
from retint.pipelines.film_stages import Handover
from retint.pipelines.film_work import Part, WorkFolder, opened
from retint.pipelines.film_writer import PartWriter
from retint.pipelines.media import Film, FilmFrame, open_film
from retint.pipelines.outputs import Targets
from retint.pipelines.photo import refuse_existing
from retint.restoration.film import USUAL, FilmStage, parse_film_stages

PART_FRAMES = 240  # work is kept in parts of so many


def restore_film(
    source: str | Path,
    target: str | Path,
    *,
    stages: str | Sequence[FilmStage] = USUAL,
    codec: Codec | None = None,
    quality: int | None = None,
    start: float | None = None,
    end: float | None = None,
    overwrite: bool = False,
    resume: bool = True,
    progress: Callable[[FilmProgress], None] | None = None,
) -> FilmResult:
    """Mend a film without colouring it: same length, same timestamps, same sound, in bounded memory.

    Parameters
    ----------
    source: a path
    target: a path; its suffix says the container (.mp4, .m4v, .mov, .mkv, .webm, .avi)
    stages: what is mended, such as "dust,flicker=0.5,weave", of dust, flicker, scratches, weave, noise; each with a
        strength of 0 to 1, or "auto", which does nothing where nothing is wrong
    codec, quality, start, end, overwrite, resume, progress: as in `colorize_film`

    Raises
    ------
    InputError: the source is no film that can be read, or has no frame between `start` and `end`; no such stage
    OutputError: the target exists, cannot be written, or has parts of a run with other settings
    FilmInterrupted: a KeyboardInterrupt that says what there is so far

    Whatever is raised, what was done until there is kept, and a call with the same arguments goes on with it.
    """
    chosen = parse_film_stages(stages) if isinstance(stages, str) else tuple(stages)
    options = FilmOptions(
        codec=codec, quality=quality, start=start, end=end, overwrite=overwrite, resume=resume, restore=chosen
    )
    return run_restore(Path(source), Path(target), options, progress=progress)


def run_restore(
    source: Path,
    target: Path,
    options: FilmOptions,
    *,
    progress: Callable[[FilmProgress], None] | None = None,
    turn: Turn | None = None,
) -> FilmResult:
    """As `restore_film`, with options; those of colouring mean nothing here.

    turn: where others want the machine, too, frames are mended in turns with them
    """
    check_times(options)
    if not options.restore and not options.stages:
        raise InputError("got no stage, wanted some of dust, flicker, scratches, weave, noise")
    if target.exists() and source.exists() and target.samefile(source):
        raise OutputError(f"{target}: is the film itself; name another target")
    refuse_existing(Targets(target), overwrite=options.overwrite)
    codec = choose_codec(target, options.codec)
    with open_film(source) as film:
        encoding = plan_encoding(film.info, Target(target, codec, options.quality))
        job = job_of(source, options, encoding) | {"parts": PART_FRAMES}
        with opened(target, job, resume=options.resume) as work:
            run = RestoreRun(film, work, options, encoding, progress, turn)
            try:
                run.mend()
                notes = run.save(target)
            except KeyboardInterrupt:
                raise FilmInterrupted(work.frames, run.of, run.save_so_far(target)) from None
            finally:
                if not work.parts:  # nothing to go on with
                    work.remove()
            work.remove()
            return run.result(target, notes)


def is_restored_film(path: Path) -> bool:
    """Whether the film's metadata says that retint mended it. False for what is no film."""
    try:
        with opened_file(path) as container:
            return any(MENDED_MARK in value for value in container.metadata.values())
    except InputError:
        return False


@dataclass(frozen=True)
class RestoringFilms:
    """Films mended, for who works through many inputs."""

    options: FilmOptions  # whose `restore` says what is mended
    for_photographs: tuple[str, ...] = ()  # what was asked for that films cannot have; they are refused then

    def suffix(self, given: Path) -> str:
        """Of the result of a film with that name. Raises OutputError for an unknown codec."""
        return film_suffix(given, self.options.codec)

    def is_result(self, path: Path) -> bool:
        """Whether it was mended already."""
        return is_restored_film(path)

    def run(
        self, path: Path, output: Path, targets: Targets, watch: Callable[[FilmProgress], None] | None
    ) -> FilmResult | None:
        """Make what is missing: the film `output`, and a sheet of before and after. Raises as `restore_film` does."""
        if self.for_photographs:
            raise InputError(
                f"{path}: is a film, and {', '.join(self.for_photographs)} is for photographs; mend the film without it"
            )
        result = None
        if targets.result is not None:
            result = run_restore(path, output, self.options, progress=watch)
        if targets.compare is not None:
            start = self.options.start or 0.0
            save_comparison(path, output, targets.compare, start=start, overwrite=self.options.overwrite)
        return result


class RestoreRun(FilmPass):
    """Mends the frames that no part has yet, and puts the film together."""

    def __init__(
        self,
        film: Film,
        work: WorkFolder,
        options: FilmOptions,
        encoding: Encoding,
        progress: Callable[[FilmProgress], None] | None,
        turn: Turn | None = None,
    ) -> None:
        super().__init__(film, work, options, encoding, progress, turn)
        self._ready: Handover[FilmFrame | None] = Handover(self._stages)

    def mend(self) -> None:
        """Mend the frames that no part has yet. Raises what a stage raised; the parts that are finished stay."""
        with self._stages as stages:
            stages.start("mend", self._read)
            frame = self._ready.get()
            while frame is not None:
                frame = self._part(frame)
        self._refuse_nothing()

    def _read(self) -> None:
        width, height = self._encoding.chroma_size
        for frame in self._frames(chroma=True):
            if frame.chroma is not None and frame.chroma.shape[:2] != (height, width):  # the codec samples it otherwise
                chroma = cv2.resize(frame.chroma, (width, height), interpolation=cv2.INTER_AREA)
                frame = replace(frame, chroma=np.asarray(chroma, np.float32))
            self._ready.put(frame)
        self._ready.put(None)

    def _part(self, frame: FilmFrame | None) -> FilmFrame | None:
        """Encode a part that begins with that frame. Returns the first frame of the next one."""
        index, first, count, last = len(self._work.parts), self._work.frames, 0, 0
        with PartWriter(self._work.file_of(index), self._encoding) as writer:
            while frame is not None and count < PART_FRAMES:
                with self._stages.timed("encode"):
                    writer.write(frame, frame.chroma)
                count, last = count + 1, frame.pts
                self._done += 1
                self._tell_sometimes("restore")
                frame = self._ready.get()
        self._work.add(Part(index, first, count, last, 0, ends_scene=frame is None), {})
        return frame

    def save(self, target: Path) -> tuple[str, ...]:
        """Put the film together at `target`. Returns what it does not hold as the source does, a line each."""
        return self._put_together(target, {"comment": mended_mark(self._options.restore)})

    def result(self, target: Path, notes: tuple[str, ...]) -> FilmResult:
        """What became of the film."""
        return self._result(target, notes, None, None)
