"""From a recipe's name and folders of photographs to a trainer that is ready to start, or to go on."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from retint.errors import TrainingError
from retint.networks.checkpoints import load_generator
from retint.networks.encoders import EfficientNetLite
from retint.networks.generator import VARIANTS, Generator
from retint.networks.imagenet import feature_network
from retint.networks.mender import Mender, Toner, build_mender
from retint.networks.mender_files import load_mender
from retint.networks.vgg import Vgg16
from retint.training.data import PhotoSet, load_photos
from retint.training.imagenet_weights import feature_weights, load_encoder_weights
from retint.training.loop import Trainer
from retint.training.players import encoder_of, gather
from retint.training.probes import SIDE, Judge
from retint.training.processes import Processes
from retint.training.recipe import Recipe, load_recipe
from retint.training.restoring import RestorerJudge
from retint.training.runfolder import CHECKPOINT, RunFolder


def open_run(
    recipe_name: str,
    photos: Sequence[Path],
    folder: Path,
    *,
    validation: Path | None = None,
    validation_count: int = 200,
    probes: Path | None = None,
    resume: bool = False,
    start: Path | None = None,
    device: str = "auto",
    pack: bool = False,
    progress: Callable[[str], None] | None = None,
) -> Trainer:
    """A trainer that is ready to start (from the weights file `start`, if given) or, with `resume`, to go on.

    probes: photographs to score GAN checkpoints by, in place of some that are held out of `photos`
    pack: keep photographs compressed in memory (`load_photos`); a run must go on as it began

    Raises RecipeError, TrainingError (photographs missing, the folder already holds a run), WeightsError,
    MissingExtraError.
    """
    recipe, text = load_recipe(recipe_name)
    if (folder / CHECKPOINT).exists() and not resume:
        raise TrainingError(f"{folder} already holds a run; add --resume to go on with it, or name another folder")
    processes = Processes(device, precision=recipe.precision)
    decoded = load_photos(photos, short_side=recipe.loaded_side, pack=pack)
    torch.manual_seed(recipe.seed)
    if recipe.restores and probes is not None:
        raise TrainingError(f"got --probes for {recipe.variant}, which has no GAN phase; leave them out")
    network, features, others = _networks(recipe, fresh=start is None and not resume)
    players = gather(network, recipe, features, processes, others)
    judge: Judge | RestorerJudge | None = None
    probing: Judge | None = None
    known = [] if validation is None else pictures(load_photos([validation], short_side=SIDE), validation_count)
    if recipe.restores:
        judge = RestorerJudge(known) if known else None
    else:
        judging = feature_network("efficientnet_lite0", head=True)
        judge = Judge(known, judging) if known else None
        if probes is None:
            decoded, probing = hold_out(decoded, recipe, judging)
        else:
            probing = Judge(pictures(load_photos([probes], short_side=SIDE), recipe.probes), judging)
    run = RunFolder(folder, text)
    trainer = Trainer(recipe, players, decoded, run, probes=probing, validation=judge, progress=progress)
    if resume:
        trainer.resume()
    else:
        if start is not None:
            trainer.start_from(load_mender(start) if recipe.restores else load_generator(start))
        if processes.is_first:
            run.begin()
    if processes.is_first and not run.open_board() and progress is not None:
        progress("no TensorBoard logs: tensorboard is not installed (pip install 'retint[train]')")
    return trainer


def _networks(
    recipe: Recipe, *, fresh: bool
) -> tuple[Generator | Mender | Toner, EfficientNetLite | Vgg16 | None, list[EfficientNetLite]]:
    """What learns, with ImageNet's encoder where it has one and begins `fresh`; the feature loss's networks, if any."""
    network = build_mender(recipe.variant) if recipe.restores else Generator(VARIANTS[recipe.variant])
    encoder = encoder_of(network)
    if fresh and encoder is not None:
        load_encoder_weights(encoder, recipe.encoder_weights)
    if any(phase.losses.features for phase in recipe.phases) or recipe.critic == "features":
        first, *others = (feature_weights(name) for name in recipe.feature_networks)
        return network, first, others  # type: ignore[return-value] - a recipe has VGG-16 alone
    return network, None, []


def hold_out(photos: PhotoSet, recipe: Recipe, network: EfficientNetLite) -> tuple[PhotoSet, Judge | None]:
    """The photographs to train on, and those to score GAN checkpoints by, which no phase sees: chosen by the seed.

    Raises TrainingError where a GAN phase is asked for and there are too few to hold out two.
    """
    if not any(phase.kind == "gan" for phase in recipe.phases):
        return photos, None
    count = min(recipe.probes, max(2, len(photos) // 10))
    if len(photos) < count + 2:
        raise TrainingError(
            f"got {len(photos)} photographs, wanted at least {count + 2}: {count} are held out as probes"
        )
    order = np.random.default_rng((recipe.seed, 7)).permutation(len(photos)).tolist()
    held = photos.part(order[:count])
    return photos.part(sorted(order[count:])), Judge(pictures(held, count), network)


def pictures(photos: PhotoSet, count: int) -> list[np.ndarray]:
    """The first `count` of them as the field's protocol has them: stretched to `(256, 256, 3)`."""
    chosen = range(min(count, len(photos)))
    size = (SIDE, SIDE)
    return [np.asarray(Image.fromarray(photos.picture(i)).resize(size, Image.Resampling.BICUBIC)) for i in chosen]
