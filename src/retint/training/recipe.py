"""A recipe: a training plan as data, read from TOML."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass, fields
from importlib import resources
from pathlib import Path
from typing import Any, TypeVar

from retint.errors import RecipeError

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib  # pyright: ignore[reportMissingImports]


@dataclass(frozen=True)
class Losses:
    """Weights of the terms. Each term is 1 for a picture left grey, so the weights compare."""

    chroma: float = 1.0  # smooth L1 between chroma planes
    chroma_beta: float = 0.1  # where smooth L1 turns from square to line, in chroma units (full scale is 1)
    features: float = 0.0  # L1 between feature maps of the merged and of the true picture
    pooled: float = 0.0  # squared error between the last features, averaged over each picture
    features_share: float = 1.0  # of the batch that the feature loss and the critic look at; the network is not cheap
    adversarial: float = 0.0  # what the critic says of the rendered pictures (hinge loss); 0: no critic in this phase


@dataclass(frozen=True)
class Phase:
    """One stretch of generator pretraining, with a one-cycle rate of its own (arXiv 1708.07120)."""

    name: str
    size: int  # side of the square that the network sees, px
    batch: int  # pictures a step
    samples: int  # pictures in all; steps = samples // batch
    rate: float  # highest learning rate, of the decoder
    encoder_rate: float = 0.0  # the same of the encoder; 0: frozen
    frozen_stages: int = 0  # of the encoder, counted from the input, that stay frozen all the same
    warm: float = 0.1  # share of the steps until the highest rate
    critic_rate: float = 2e-4  # learning rate of the critic, constant
    critic_alone: float = 0.1  # share of the steps in which the critic only learns, and the generator does not hear it
    losses: Losses = Losses()


@dataclass(frozen=True)
class Augmentation:
    """What happens to a photograph on its way into a batch. Odds are per picture."""

    smallest_crop: float = 0.6  # crop sides are U(this, 1) of the picture's, each by itself
    flip: float = 0.5  # odds of a left-right flip
    tone: float = 0.3  # odds that the grey input's gamma and contrast change (the chroma to be found does not)
    noise: float = 0.1  # odds of film grain on the grey input


@dataclass(frozen=True)
class Recipe:
    """A whole plan."""

    variant: str  # of the generator
    encoder_weights: str  # catalogue name of the ImageNet weights the encoder starts from
    feature_weights: str  # catalogue name of the network behind the feature loss
    phases: tuple[Phase, ...]
    augmentation: Augmentation = Augmentation()
    weight_decay: float = 1e-3  # decoupled (AdamW)
    average: float = 0.999  # decay of the running average of the weights, which is what a run delivers
    checkpoint_minutes: float = 5.0
    figures_minutes: float = 15.0  # between two rounds of figures on the validation photographs
    seed: int = 0

    def __post_init__(self) -> None:
        if not self.phases:
            raise RecipeError("got a recipe without phases, wanted at least one [[phases]] table")
        for phase in self.phases:
            if phase.size % 32 or phase.size < 32:
                raise RecipeError(f"phase {phase.name!r}: got size {phase.size}, wanted a multiple of 32")
            if (phase.losses.adversarial or phase.losses.pooled) and not phase.losses.features:
                raise RecipeError(
                    f"phase {phase.name!r}: got an adversarial or pooled loss without a feature loss, whose maps they "
                    "read; give losses.features a weight too"
                )
            if phase.samples < phase.batch or phase.batch < 1:
                raise RecipeError(
                    f"phase {phase.name!r}: got {phase.samples} samples in batches of {phase.batch}, "
                    "wanted at least one whole batch"
                )


T = TypeVar("T")


def _build(kind: type[T], table: Mapping[str, Any], where: str) -> T:
    known = {field.name for field in fields(kind)}  # type: ignore[arg-type]
    unknown = sorted(set(table) - known)
    if unknown:
        raise RecipeError(f"{where}: got unknown {', '.join(unknown)}; wanted some of {', '.join(sorted(known))}")
    try:
        return kind(**table)
    except TypeError as error:
        raise RecipeError(f"{where}: {error}") from error


def parse_recipe(text: str, *, where: str = "recipe") -> Recipe:
    """A recipe from its TOML text. Raises RecipeError on bad TOML, unknown or missing names, impossible numbers."""
    try:
        table = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise RecipeError(f"{where}: not TOML: {error}") from error
    phases = []
    for index, raw in enumerate(table.pop("phases", [])):
        place = f"{where}, phase {raw.get('name', index + 1)}"
        losses = _build(Losses, raw.pop("losses", {}), f"{place}, losses")
        phases.append(_build(Phase, {**raw, "losses": losses}, place))
    augmentation = _build(Augmentation, table.pop("augmentation", {}), f"{where}, augmentation")
    return _build(Recipe, {**table, "phases": tuple(phases), "augmentation": augmentation}, where)


def load_recipe(name_or_path: str) -> tuple[Recipe, str]:
    """The recipe and its text: a name from the package (`lite`) or a TOML file.

    Raises RecipeError if neither exists, or for what `parse_recipe` refuses.
    """
    shipped = resources.files("retint.training") / "recipes"
    inside = shipped / f"{name_or_path}.toml"
    if inside.is_file():
        text = inside.read_text(encoding="utf-8")
    elif Path(name_or_path).is_file():
        text = Path(name_or_path).read_text(encoding="utf-8")
    else:
        names = sorted(entry.name.removesuffix(".toml") for entry in shipped.iterdir() if entry.name.endswith(".toml"))
        raise RecipeError(f"got recipe {name_or_path!r}, wanted a TOML file or one of: {', '.join(names)}")
    return parse_recipe(text, where=name_or_path), text
