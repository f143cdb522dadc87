"""`retint evaluate`: colour photographs in, figures of a model's colours out."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import click

import retint
from retint.cli.chosen import bring, download, refuse_unknown
from retint.cli.evaluate_film import FilmEvaluation, are_films, evaluate_films
from retint.cli.film import KeyFrames, keyframes_of
from retint.errors import InputError, OutputError, OutputExistsError, RenderError, RetintError

if TYPE_CHECKING:
    from retint.evaluation.benchmark import Benchmark, Candidate, Report
    from retint.evaluation.photos import PhotoFile, Photos
    from retint.evaluation.protocol import Render
    from retint.evaluation.report import LeftOut, Subject
    from retint.rendering import Colorizer

_RENDER_FACTORS = (4, 128)  # retint.rendering's, which is not imported for --help
_FILES = ("report.json", "report.md", "contact-sheet.jpg")


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.argument("photos", metavar="PHOTOS...", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option(
    "-m", "--model", default="lite", show_default=True, help="lite, artistic, stable, video, or a weights file."
)
@click.option(
    "-r",
    "--render-factor",
    "render_factors",
    multiple=True,
    type=click.IntRange(*_RENDER_FACTORS),
    metavar="N",
    help="Size of the square that the network sees, in units of 16 px; several: one row each. "
    "By default the model's own.",
)
@click.option("--engine", type=click.Choice(["auto", "onnxruntime", "torch"]), default="auto", show_default=True)
@click.option("--device", type=click.Choice(["auto", "cpu", "cuda", "mps"]), default="auto", show_default=True)
@click.option("--count", type=click.IntRange(1), metavar="N", help="At most N photographs, the first by name.")
@click.option(
    "-o",
    "--output",
    metavar="DIR",
    type=click.Path(path_type=Path),
    help=f"Write {', '.join(_FILES)} there: best, middle and worst pictures are on the sheet.",
)
@click.option("--overwrite", is_flag=True, help="Replace these files in DIR if they exist.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON on stdout in place of Markdown.")
@click.option(
    "--consistency/--no-consistency",
    default=True,
    show_default=True,
    help="Also render each photograph moved, noisy, compressed and finer, and tell how far its colours move.",
)
@click.option("--lpips", is_flag=True, help="LPIPS too; downloads its network (233 MB) where it is not here.")
@click.option("--fid", is_flag=True, help="FID too; downloads its network (104 MB) where it is not here.")
@click.option(
    "--stabilize",
    type=click.Choice(["off", "normal", "strong"]),
    default="normal",
    show_default=True,
    help="Film: how much colours of neighbouring frames are used.",
)
@click.option(
    "--keyframes",
    callback=keyframes_of,
    default="auto",
    show_default=True,
    metavar="auto|N|off",
    help="Film: which frames are rendered.",
)
@click.option("--threads", type=click.IntRange(0), default=0, help="CPU threads; 0: all cores that are free to use.")
@click.option("--offline", is_flag=True, help="Leave the network alone; so does RETINT_OFFLINE=1.")
def evaluate(
    photos: tuple[Path, ...],
    model: str,
    render_factors: tuple[int, ...],
    engine: Literal["auto", "onnxruntime", "torch"],
    device: Literal["auto", "cpu", "cuda", "mps"],
    count: int | None,
    output: Path | None,
    overwrite: bool,
    as_json: bool,
    consistency: bool,
    lpips: bool,
    fid: bool,
    stabilize: Literal["off", "normal", "strong"],
    keyframes: KeyFrames,
    threads: int,
    offline: bool,
) -> None:
    """Measure a model's colours on photographs whose true colours are known.

    PHOTOS are photographs in colour, folders (with those inside) and tar files of them. Each is made grey, coloured by
    the model at 256x256, and compared with what it was: PSNR, SSIM, colourfulness, CIEDE2000, Frechet distance, and how
    steady the colours are. Needs the torch extra. Photographs without colour are left out.

    Films have figures of their own, for each and in all: how still the colours hold (CDC, warp error), colourfulness,
    and PSNR where the film is in colour; frame by frame, and as --stabilize and --keyframes say. N counts frames there.

    Exit codes: 0 all done; 1 some photographs could not be read, each with a line on stderr, and the figures are of the
    others, or nothing could be evaluated; 2 the command itself was wrong.
    """
    refuse_unknown(model)
    _refuse_output(output, overwrite=overwrite)
    if are_films(photos):
        _evaluate_films(
            photos,
            model,
            render_factors,
            count,
            output,
            load=dict(device=device, engine=engine, offline=offline, threads=threads),
            how=(stabilize, keyframes),
            overwrite=overwrite,
            as_json=as_json,
        )
        return
    from retint.evaluation.benchmark import Benchmark, PictureFigure
    from retint.evaluation.features import efficientnet_lite0
    from retint.evaluation.photos import Photos
    from retint.evaluation.report import to_json, to_markdown
    from retint.rendering import load_colorizer

    _set_threads(threads)
    spaces, more_figures = [efficientnet_lite0()], list[PictureFigure]()
    if lpips or fid:
        from retint.evaluation.perceptual import fid_space, lpips_figure

        fetch = partial(bring, offline=offline)
        spaces += [fid_space(fetch)] if fid else []
        more_figures += [lpips_figure(fetch)] if lpips else []
    download(model, offline=offline)
    colorizer = load_colorizer(model, device=device, engine=engine, offline=offline, threads=threads)
    candidates = _candidates(colorizer, render_factors)
    benchmark = Benchmark(candidates, spaces=spaces, more_figures=more_figures, with_consistency=consistency)
    with Photos(photos) as found:
        left_out = _measure(benchmark, found, count)
        if not len(benchmark):
            raise InputError("none of these could be evaluated; give at least one photograph in colour")
        report = benchmark.report()
        subject = _subject(colorizer)
        as_object = json.dumps(to_json(report, subject, left_out, software=f"retint {retint.__version__}"))
        as_text = to_markdown(report, subject, left_out)
        if output is not None:
            _write_text(output, {"report.json": as_object + "\n", "report.md": as_text}, overwrite=overwrite)
            _write_sheet(output / "contact-sheet.jpg", report, found, candidates[0], colorizer, overwrite=overwrite)
    click.echo(as_object if as_json else as_text.rstrip("\n"))
    if any(one.why == "failed" for one in left_out):
        raise click.exceptions.Exit(1)


def _evaluate_films(
    films: tuple[Path, ...],
    model: str,
    render_factors: tuple[int, ...],
    count: int | None,
    output: Path | None,
    *,
    load: dict[str, Any],
    how: tuple[Literal["off", "normal", "strong"], KeyFrames],
    overwrite: bool,
    as_json: bool,
) -> None:
    """The same for films."""
    if len(render_factors) > 1:
        raise click.UsageError("films are evaluated at one render factor at a time; give one -r")
    from retint.images import Photograph, write_photo
    from retint.rendering import load_colorizer

    download(model, offline=load["offline"])
    colorizer = load_colorizer(model, **load)
    evaluation = FilmEvaluation(colorizer, how, render_factors[0] if render_factors else None, count)
    failed = evaluate_films(evaluation, films)
    as_object, as_text = json.dumps(evaluation.as_object(failed)), evaluation.as_text()
    if output is not None:
        _write_text(output, {"report.json": as_object + "\n", "report.md": as_text}, overwrite=overwrite)
        sheet = Photograph(evaluation.sheet(), alpha=None)
        write_photo(sheet, output / "contact-sheet.jpg", mark=colorizer.mark, overwrite=overwrite)
    click.echo(as_object if as_json else as_text.rstrip("\n"))
    if failed:
        raise click.exceptions.Exit(1)


def _refuse_output(folder: Path | None, *, overwrite: bool) -> None:
    """Before minutes of work, not after."""
    if folder is None:
        return
    if os.path.lexists(folder) and not folder.is_dir():
        raise click.BadParameter(f"{folder} is no folder; name one, or a new one", param_hint="-o")
    for name in _FILES:
        if (folder / name).exists() and not overwrite:
            raise OutputExistsError(f"{folder / name} exists. Choose another folder with -o, or give --overwrite.")


def _set_threads(threads: int) -> None:
    """For the feature network, which runs on the CPU."""
    import torch

    from retint.rendering.memory import cores_available

    torch.set_num_threads(threads or cores_available())


def _subject(colorizer: Colorizer) -> Subject:
    from retint.evaluation.report import Subject

    info = colorizer.info
    return Subject(info.name, info.variant, info.version, info.engine, info.device)


def _candidates(colorizer: Colorizer, render_factors: tuple[int, ...]) -> list[Candidate]:
    """The model at each render factor that was asked for."""
    from retint.evaluation.benchmark import Candidate

    def finer(factor: int) -> Render | None:
        return _render(colorizer, factor + 1) if factor < _RENDER_FACTORS[1] else None

    factors = dict.fromkeys(render_factors or (colorizer.default_render_factor,))
    return [Candidate(colorizer.name, _render(colorizer, one), finer(one), one) for one in factors]


def _render(colorizer: Colorizer, factor: int) -> Render:
    import numpy as np
    from PIL import Image

    return lambda gray: np.asarray(colorizer.render(Image.fromarray(gray), factor))


def _measure(benchmark: Benchmark, photos: Photos, count: int | None) -> list[LeftOut]:
    """Put photographs into the benchmark until there are `count`; those that were left out, each told on stderr."""
    from retint.evaluation.report import LeftOut

    left_out: list[LeftOut] = []
    for file in _with_progress(photos.files, benchmark, count, left_out):
        try:
            true = photos.read(file)
        except InputError as error:
            left_out.append(LeftOut(file.shown, "failed", " ".join(str(error).split())))
            continue
        if true is None:
            left_out.append(
                LeftOut(file.shown, "grey", f"{file.shown}: left out, for it has no colour to compare with")
            )
            continue
        try:
            benchmark.add(file.shown, true)
        except RenderError as error:
            raise type(error)(f"{file.shown}: {error}") from error
    return left_out


def _with_progress(
    files: list[PhotoFile], benchmark: Benchmark, count: int | None, left_out: list[LeftOut]
) -> Iterator[PhotoFile]:
    """The files, until `count` of them are in the benchmark; a bar on a terminal, and a line for each left out."""
    from tqdm import tqdm

    from retint.cli.report import quiet

    most = len(files) if count is None else min(count, len(files))
    told = 0
    with tqdm(total=most, unit="photo", disable=quiet(), dynamic_ncols=True, leave=False) as bar:
        for file in files:
            if count is not None and len(benchmark) >= count:
                return
            yield file
            for one in left_out[told:]:
                bar.clear()
                click.echo(one.reason, err=True)
                bar.refresh()
            told = len(left_out)
            bar.update(len(benchmark) - bar.n)


def _write_text(folder: Path, files: dict[str, str], *, overwrite: bool) -> None:
    from retint.images import whole_file

    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"{folder}: cannot be made ({error.strerror or error}); choose another folder") from error
    for name, text in files.items():
        with whole_file(folder / name, overwrite=overwrite) as file:
            file.write(text.encode("utf-8"))


def _write_sheet(
    target: Path, report: Report, photos: Photos, candidate: Candidate, colorizer: Colorizer, *, overwrite: bool
) -> None:
    """The sheet of the first candidate. Its photographs are read and rendered once more: nothing else was kept."""
    from retint.evaluation.contact_sheet import Strip, caption, choose, draw
    from retint.evaluation.metrics import with_true_lightness
    from retint.evaluation.protocol import gray_of
    from retint.evaluation.report import label
    from retint.images import Photograph, write_photo

    row = report.candidates[0]
    differences = row.values["ciede2000"]
    files = {file.shown: file for file in photos.files}
    strips: list[Strip] = []
    for rank, index in choose(differences):
        name = report.names[index]
        true = photos.read(files[name])
        if true is None:
            raise RetintError(f"{name}: the photograph changed meanwhile; run this again")
        gray = gray_of(true)
        pictures = (gray, with_true_lightness(candidate.render(gray), true), true)
        strips.append(Strip(caption(rank, name, differences[index]), pictures))
    sheet = draw(f"{label(row)}: grey, coloured, true; best, middle and worst by CIEDE2000", strips)
    write_photo(Photograph(sheet, alpha=None), target, mark=colorizer.mark, overwrite=overwrite)
