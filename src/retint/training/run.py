"""A run folder: the recipe, the log, the checkpoint, and the trainer that belongs to them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from retint.errors import TrainingError
from retint.networks.checkpoints import load_generator
from retint.networks.imagenet import feature_network, load_imagenet
from retint.training.data import load_photos
from retint.training.figures import SIDE, Judge
from retint.training.loop import CHECKPOINT, Trainer
from retint.training.recipe import load_recipe


def open_run(
    recipe_name: str,
    photos: Sequence[Path],
    folder: Path,
    *,
    validation: Path | None = None,
    validation_count: int = 200,
    resume: bool = False,
    start: Path | None = None,
    device: str = "auto",
    progress: Callable[[str], None] | None = None,
) -> Trainer:
    """A trainer that is ready to start (from the weights file `start`, if given) or, with `resume`, to go on.

    Raises RecipeError, TrainingError (photographs missing, the folder already holds a run), WeightsError,
    MissingExtraError.
    """
    recipe, text = load_recipe(recipe_name)
    if (folder / CHECKPOINT).exists() and not resume:
        raise TrainingError(f"{folder} already holds a run; add --resume to go on with it, or name another folder")
    decoded = load_photos(photos, short_side=max(192, *(phase.size for phase in recipe.phases)))
    judge = None
    if validation is not None:
        held_out = load_photos([validation], short_side=SIDE).pictures[:validation_count]
        true = [np.asarray(picture.resize((SIDE, SIDE), Image.Resampling.BICUBIC)) for picture in held_out]
        judge = Judge(true, feature_network("efficientnet_lite0", head=True))
    trainer = Trainer(
        recipe,
        decoded,
        folder,
        encoder=lambda encoder: load_imagenet(encoder, recipe.encoder_weights),
        features=lambda: feature_network(recipe.feature_weights, head=True),
        judge=judge,
        device=_device(device),
        progress=progress,
    )
    if resume:
        trainer.resume()
    else:
        if start is not None:
            trainer.start_from(load_generator(start))
        (folder / "recipe.toml").write_text(text, encoding="utf-8")
    return trainer


def _device(device: str) -> str:
    if device == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    if device == "cuda" and not torch.cuda.is_available():
        raise TrainingError("got device 'cuda', and torch sees no CUDA device; take --device cpu")
    return device
