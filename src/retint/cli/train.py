"""`retint train`: a recipe, photographs and a run folder make a model."""

from __future__ import annotations

import signal
from pathlib import Path
from types import FrameType

import click

from retint.errors import MissingExtraError, RetintError

QUICK_PHOTOS = Path("samples/colour")
QUICK_RUN = Path("runs/lite-quick")


@click.command()
@click.argument("recipe", required=True)
@click.argument("more_photos", nargs=-1, metavar="", type=click.Path(path_type=Path))
@click.option(
    "--photos",
    multiple=True,
    metavar="DIR_OR_TAR...",
    type=click.Path(path_type=Path),
    help="Folders or tar files of colour photographs; several may follow one --photos.",
)
@click.option("--run", "run_folder", metavar="DIR", type=click.Path(path_type=Path), help="Where the run lives.")
@click.option(
    "--quick",
    is_flag=True,
    help="Minutes on two cores instead of hours: every step of RECIPE, small, on a few photographs, to watch. "
    f"Without --photos it takes {QUICK_PHOTOS}/, without --run {QUICK_RUN}/.",
)
@click.option(
    "--validation", metavar="DIR_OR_TAR", type=click.Path(path_type=Path), help="Colour photographs for figures."
)
@click.option("--validation-count", default=200, show_default=True, help="How many of them, at most.")
@click.option(
    "--probes",
    metavar="DIR_OR_TAR",
    type=click.Path(path_type=Path),
    help="Photographs to score GAN checkpoints by; default: some that are held out of --photos. Give some where the "
    "weights of --start have seen --photos.",
)
@click.option(
    "--packed",
    is_flag=True,
    help="Keep photographs in memory as JPEGs, and decode those of each batch: for sets that do not fit decoded.",
)
@click.option("--resume", is_flag=True, help="Go on with the run in DIR where it stopped.")
@click.option(
    "--start", metavar="FILE", type=click.Path(path_type=Path), help="Begin with the weights in FILE (.pt, .pth)."
)
@click.option("--device", default="auto", type=click.Choice(["auto", "cpu", "cuda", "mps"]), show_default=True)
@click.option("--threads", default=0, help="CPU threads; 0: all cores that are free to use.")
def train(
    recipe: str,
    more_photos: tuple[Path, ...],
    photos: tuple[Path, ...],
    run_folder: Path | None,
    quick: bool,
    validation: Path | None,
    validation_count: int,
    probes: Path | None,
    packed: bool,
    resume: bool,
    start: Path | None,
    device: str,
    threads: int,
) -> None:
    """Train a model on colour photographs by RECIPE.

    That is lite, artistic, stable or video (these colour), restore, damage, tone or upscale (these restore), or a TOML
    file.

    Ctrl-C stops after the step under way and keeps the run; --resume goes on with the same random numbers. The run
    folder holds recipe.toml, log.jsonl, checkpoint.pt, report.html, the checkpoints and probes of GAN phases and, at
    the end, generator.pt, which `retint models export` turns into ONNX. Several GPUs: accelerate launch -m retint
    train ...
    """
    if quick:
        recipe, photos, run_folder = _quick(recipe, (*photos, *more_photos), run_folder)
        more_photos = ()
    if not photos or run_folder is None:
        raise click.UsageError(f"missing {'--photos' if not photos else '--run'}; wanted both, or --quick")
    try:
        import torch

        from retint.training.run import open_run
    except ImportError as error:
        raise MissingExtraError(
            f"training needs torch ({error.name} is missing); do this: pip install 'retint[torch]'"
        ) from error
    from retint.rendering.memory import cores_available

    torch.set_num_threads(threads or cores_available())
    trainer = open_run(
        recipe,
        [*photos, *more_photos],
        run_folder,
        validation=validation,
        validation_count=validation_count,
        probes=probes,
        resume=resume,
        start=start,
        device=device,
        pack=packed,
        progress=lambda line: click.echo(line, err=True),
    )

    def stop(_signal: int, _frame: FrameType | None) -> None:
        trainer.stop_requested = True

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, stop)
    try:
        finished = trainer.train()
    except OSError as error:
        raise RetintError(f"cannot write to {run_folder}: {error}; free some space, then add --resume") from error
    report = f"report: {run_folder / 'report.html'}"
    if not finished:
        click.echo(f"stopped; {report}; go on with: the same command and --resume (run folder {run_folder})", err=True)
        raise SystemExit(130)
    result = run_folder / "generator.pt"
    click.echo(f"done: {result}; {report}; next: retint models export {result}", err=True)


def _quick(recipe: str, photos: tuple[Path, ...], run_folder: Path | None) -> tuple[str, tuple[Path, ...], Path]:
    if recipe != "lite":
        raise click.UsageError(f"got --quick with recipe {recipe!r}; only lite has a quick form")
    if not photos and not QUICK_PHOTOS.is_dir():
        raise click.UsageError(f"--quick found no {QUICK_PHOTOS}/ here; name some colour photographs with --photos")
    return "lite-quick", photos or (QUICK_PHOTOS,), run_folder or QUICK_RUN
