"""`retint train`: a recipe, photographs and a run folder make a model."""

from __future__ import annotations

import signal
from pathlib import Path
from types import FrameType

import click

from retint.errors import MissingExtraError, RetintError


@click.command()
@click.argument("recipe")
@click.argument("more_photos", nargs=-1, metavar="", type=click.Path(path_type=Path))
@click.option(
    "--photos",
    multiple=True,
    required=True,
    metavar="DIR_OR_TAR...",
    type=click.Path(path_type=Path),
    help="Folders or tar files of colour photographs; several may follow one --photos.",
)
@click.option(
    "--run", "run_folder", required=True, metavar="DIR", type=click.Path(path_type=Path), help="Where the run lives."
)
@click.option(
    "--validation", metavar="DIR_OR_TAR", type=click.Path(path_type=Path), help="Colour photographs for figures."
)
@click.option("--validation-count", default=200, show_default=True, help="How many of them, at most.")
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
    run_folder: Path,
    validation: Path | None,
    validation_count: int,
    resume: bool,
    start: Path | None,
    device: str,
    threads: int,
) -> None:
    """Train a model by RECIPE (lite, or a TOML file) on colour photographs.

    Ctrl-C stops after the step under way and keeps the run; --resume goes on with the same random numbers. The run
    folder holds recipe.toml, log.jsonl, checkpoint.pt and, at the end, generator.pt, which `retint models export`
    turns into ONNX.
    """
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
        resume=resume,
        start=start,
        device=device,
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
    if not finished:
        click.echo(f"stopped; go on with: the same command and --resume (run folder {run_folder})", err=True)
        raise SystemExit(130)
    click.echo(
        f"done: {run_folder / 'generator.pt'}; next: retint models export {run_folder / 'generator.pt'}", err=True
    )
