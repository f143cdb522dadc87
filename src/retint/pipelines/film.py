"""A film in colour: streamed, scene by scene, and gone on with where it stopped.

Three threads in a row, with bounded queues between them: one decodes, the caller's renders and steadies the chroma, one
merges and encodes (`film_run`). What is finished lies in parts (`film_work`): a scene, or some hundred frames of a long
one. At the end the parts and the other streams of the film are put together without being encoded again (`film_mux`).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from retint.errors import InputError, OutputError
from retint.pipelines.film_encoding import CONTAINERS, Codec, Target, choose_codec, plan_encoding
from retint.pipelines.film_file import opened as opened_file
from retint.pipelines.film_options import (
    FilmInterrupted,
    FilmOptions,
    FilmProgress,
    FilmResult,
    FrameStage,
    Turn,
    check_times,
)
from retint.pipelines.film_run import MARK, FilmRun, job_of
from retint.pipelines.film_work import opened
from retint.pipelines.media import open_film
from retint.pipelines.outputs import Targets
from retint.pipelines.photo import Device, RenderFactor, refuse_existing
from retint.pipelines.stabilizer import KeyFrames, Strength
from retint.restoration.film import FilmStage, parse_film_stages

if TYPE_CHECKING:
    from retint.rendering import Colorizer

__all__ = ["FilmInterrupted", "FilmOptions", "FilmProgress", "FilmResult", "FrameStage", "colorize_film", "run_film"]


def colorize_film(
    source: str | Path,
    target: str | Path,
    *,
    model: str | Path = "lite",
    render_factor: RenderFactor = None,
    device: Device = "auto",
    stabilize: Strength = "normal",
    keyframes: KeyFrames = "auto",
    codec: Codec | None = None,
    quality: int | None = None,
    watermark: bool = False,
    restore: str | Sequence[FilmStage] = (),
    start: float | None = None,
    end: float | None = None,
    overwrite: bool = False,
    resume: bool = True,
    colorizer: Colorizer | None = None,
    progress: Callable[[FilmProgress], None] | None = None,
) -> FilmResult:
    """Colour a film: same length, same timestamps, same sound, in bounded memory.

    Parameters
    ----------
    source: a path
    target: a path; its suffix says the container (.mp4, .m4v, .mov, .mkv, .webm, .avi)
    model: `lite`, `artistic`, `stable`, `video`, or a weights file
    render_factor: size of the render in units of 16 px; `auto` chooses it from the picture
    device: `auto`, `cpu`, `cuda`, `mps`
    stabilize: `off`, `normal`, `strong`: how much the chroma of neighbouring frames is used where motion is trusted
    keyframes: `off`: every frame is rendered; N: about one in N, and the others get their chroma along the motion;
        `auto`: as many as the motion needs
    codec: `h264`, `h265`, `av1`, `ffv1`, `prores`; None for the container's usual one
    quality: 1 to 100; None for one that eyes do not tell from the source
    watermark: put a visible mark into a corner
    restore: what is mended before, such as "dust,flicker=0.5", as `restore_film` has it; by default nothing
    start, end: seconds from the film's beginning; the result is the frames shown from `start` until before `end`
    overwrite: replace a target that exists
    resume: go on with the parts that an earlier run left in TARGET.partial
    colorizer: one that is loaded already, in place of `model` and `device`
    progress: called from time to time from this thread

    Raises
    ------
    InputError: the source is no film that can be read, or has no frame between `start` and `end`
    OutputError: the target exists, cannot be written, or has parts of a run with other settings
    WeightsError, RenderError, MissingExtraError: the model cannot be had, or cannot render
    FilmInterrupted: a KeyboardInterrupt that says what there is so far

    Whatever is raised, what was done until there is kept, and a call with the same arguments goes on with it.
    """
    options = FilmOptions(
        render_factor=render_factor,
        stabilize=stabilize,
        keyframes=keyframes,
        codec=codec,
        quality=quality,
        watermark=watermark,
        restore=parse_film_stages(restore) if isinstance(restore, str) else tuple(restore),
        start=start,
        end=end,
        overwrite=overwrite,
        resume=resume,
    )
    if colorizer is None:
        from retint.rendering import load_colorizer

        colorizer = load_colorizer(model, device=device)
    return run_film(Path(source), Path(target), colorizer, options, progress=progress)


def run_film(
    source: Path,
    target: Path,
    colorizer: Colorizer,
    options: FilmOptions,
    *,
    progress: Callable[[FilmProgress], None] | None = None,
    turn: Turn | None = None,
) -> FilmResult:
    """Colour a film with a colorizer that is loaded; else as `colorize_film`.

    turn: where others want the machine, too, frames are mended in turns with them
    """
    check_times(options)
    if target.exists() and source.exists() and target.samefile(source):
        raise OutputError(f"{target}: is the film itself; name another target")
    refuse_existing(Targets(target), overwrite=options.overwrite)
    codec = choose_codec(target, options.codec)
    with open_film(source) as film:
        encoding = plan_encoding(film.info, Target(target, codec, options.quality))
        factor = colorizer.resolve_render_factor(options.render_factor, (film.info.width, film.info.height))
        job = job_of(source, colorizer, factor, options, encoding)
        with opened(target, job, resume=options.resume) as work:
            run = FilmRun(film, work, colorizer, factor, options, encoding, progress, turn)
            try:
                run.colour()
                notes = run.save(target)
            except KeyboardInterrupt:
                raise FilmInterrupted(work.frames, run.of, run.save_so_far(target)) from None
            finally:
                if not work.parts:  # nothing to go on with
                    work.remove()
            work.remove()
            return run.result(target, notes)


def film_suffix(given: Path, codec: Codec | None) -> str:
    """The suffix of a film's result: its own where films are saved as that and it holds the codec, else one that does.

    Raises OutputError for an unknown codec.
    """
    own = given.suffix.lower()
    holding = [container for container in CONTAINERS if codec is None or codec in container.codecs]
    if any(own in container.suffixes for container in holding):
        return given.suffix
    return ".mkv" if codec is None else holding[0].suffixes[0]


def is_film_result(path: Path) -> bool:
    """Whether the film's metadata says that retint coloured it. False for what is no film."""
    try:
        with opened_file(path) as container:
            return any(MARK in value for value in container.metadata.values())
    except InputError:
        return False
