"""A recipe: a training plan as data, read from TOML.

A plan is a list of phases in three kinds, NoGAN's own: generator pretraining, critic pretraining, and the GAN. From the
first critic phase on they make a cycle, which is repeated until it brings nothing, `cycles` times at most.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Mapping
from dataclasses import dataclass, fields
from importlib import resources
from pathlib import Path
from typing import Any, Literal, TypeVar, get_args, get_origin, get_type_hints

from retint.errors import RecipeError
from retint.networks.generator import VARIANTS
from retint.networks.mender import MENDERS, THUMBNAIL
from retint.restoration.degradation import KINDS

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib  # pyright: ignore[reportMissingImports]


@dataclass(frozen=True)
class Losses:
    """Weights of the terms."""

    chroma: float = 0.0  # smooth L1 between chroma planes, over its value for a picture left grey
    chroma_beta: float = 0.5  # where smooth L1 turns from square to line, in chroma units (full scale is 1)
    bands: tuple[float, ...] = ()  # times `chroma`: further weights of its error's octaves, finest first, at beta 0.5
    features: float = 0.0  # L1 between feature maps; over VGG-16: DeOldify's feature loss, with its L1 between pixels
    pooled: float = 0.0  # squared error between the last features, averaged over each picture (EfficientNet-Lite only)
    adversarial: float = 0.0  # cross-entropy of the critic's verdict; GAN phases only


@dataclass(frozen=True)
class Augmentation:
    """What happens to a photograph on its way into a batch. Odds are per picture; 0 is never."""

    smallest_crop: float = 1.0  # crop sides are U(this, 1) of the picture's, each by itself; 1: the largest square
    native: float = 0.0  # odds that a crop is `size` px of the photograph as loaded, neither shrunk nor warped
    warp: float = 0.0  # largest perspective, in half sides of the picture
    rotate: float = 0.0  # largest rotation, degrees
    zoom: float = 1.0  # largest zoom
    light: float = 0.0  # range of brightness and contrast, of the picture and so of its colours; under 1
    flip: float = 0.5  # odds of a left-right flip
    patch: float = 0.0  # odds that a rectangle comes from another picture
    # of the grey input alone; the colours to be found stay as they are:
    film: float = 0.0  # odds that other weights than luma's make it, as films see colours differently
    tone: float = 0.0  # odds that its gamma and contrast change
    grain: float = 0.0  # odds of Gaussian grain
    specks: float = 0.0  # odds of noise on some of the pixels, DeOldify's for film


ODDS = ("native", "flip", "patch", "film", "tone", "grain", "specks")  # of an augmentation
MIRRORED = 32  # px of a mirrored crop's width, and of its height, that lie beyond its edges
LEAST_SIDE = 192  # px that photographs are kept at where no phase is larger
CROPS = ("smallest_crop", "native", "flip")  # of an augmentation, what networks that restore are trained with


@dataclass(frozen=True)
class Damage:
    """What is planted on a clean picture before a network that restores sees it. Odds are per picture."""

    clean: float = 0.1  # odds that it stays clean
    single: float = 0.2  # odds, of the others, that one kind alone is planted; else by the documented mix
    copied: float = 1.0  # odds, of the others, that the mix's blur, noise, scaling and JPEG are planted, too
    mirrored: float = 0.0  # odds that a crop is `MIRRORED` px smaller and mirrored at its edges, as pictures are
    kinds: tuple[str, ...] = ()  # some of retint.restoration.degradation's; empty: all


@dataclass(frozen=True)
class Phase:
    """One stretch of training. Rates of pretraining follow one cycle (arXiv 1708.07120); a GAN's is constant."""

    name: str
    size: int  # side of the square that the networks see, px
    batch: int  # pictures a step, over all processes; in a critic phase of each kind, true and coloured
    rate: float  # highest learning rate: of the generator's decoder, or of the critic in a critic phase
    kind: Literal["generator", "critic", "gan", "restorer"] = "generator"
    samples: int = 0  # pictures in all; steps = samples // batch
    epochs: float = 0.0  # the same as a share of the photographs; one of the two
    encoder_rates: tuple[float, float] = (0.0, 0.0)  # early half (to stride 8), late half; 0: all but its norms frozen
    depthwise: bool = True  # whether the encoder's depthwise convolutions learn; dear on a CPU (EfficientNet-Lite)
    warm: float = 0.1  # share of the steps until the highest rate
    accumulate: int = 1  # batches whose gradients make one step (pretraining)
    average: float = 0.0  # decay of the running average of the generator's weights, which a phase ends with; 0: none
    losses: Losses = Losses()
    feature_sizes: tuple[int, ...] = ()  # generator phases: px, one a step, that the feature loss sees; (): `size`
    augmentation: Augmentation | None = None  # in place of the recipe's
    damage: Damage = Damage()  # restorer phases
    first_cycle_only: bool = False  # not repeated in later cycles
    pictures: float = 1.0  # critic phases: share of the photographs that the generator colours for it
    threshold: float = 0.65  # GAN: the generator's turn comes once the critic's loss is below
    critic_factor: float = 5.0  # GAN: the critic's rate over the generator's (two time scales, arXiv 1706.08500)
    checkpoint_every: int = 100  # GAN: steps between two checkpoints, each scored on the probes
    patience: int = 5  # GAN: checkpoints without a better score that end the phase; 0: never

    def steps(self, photos: int) -> int:
        """Steps over `photos` photographs. At least one."""
        return max(1, (self.samples or int(self.epochs * photos)) // self.batch)


@dataclass(frozen=True)
class Recipe:
    """A whole plan."""

    variant: str  # of the generator, or of the network that restores
    encoder_weights: str = ""  # name of the ImageNet weights that the encoder of a generator, or of `tone`, starts from
    # name of the network behind the feature loss: vgg16_bn, efficientnet_liteN, or several of these, one drawn a step
    feature_weights: str | tuple[str, ...] = ""
    phases: tuple[Phase, ...] = ()  # at least one
    critic: Literal["pixels", "features"] = "pixels"  # DeOldify's own, or heads on the feature loss's frozen maps
    critic_width: int = 256  # channels of its first layer, or of each head
    cycles: int = 1  # of critic and GAN, at most
    photo_side: int = 0  # px that photographs' short sides are brought to, kept so; 0: 192, or more for a larger phase
    probes: int = 64  # photographs held out to score checkpoints by; never more than a tenth of all
    augmentation: Augmentation = Augmentation()
    weight_decay: float = 1e-3  # decoupled (AdamW)
    clip: float = 0.0  # largest norm of the generator's gradients in pretraining; 0: not clipped
    precision: Literal["fp32", "bf16"] = "fp32"  # of the networks' arithmetic; weights are kept in fp32
    checkpoint_minutes: float = 5.0
    figures_minutes: float = 15.0  # between two rounds of figures on the validation photographs
    seed: int = 0

    def __post_init__(self) -> None:
        if not self.phases:
            raise RecipeError("got a recipe without phases, wanted at least one [[phases]] table")
        if self.variant not in (*VARIANTS, *MENDERS):
            raise RecipeError(f"got variant {self.variant!r}, wanted one of: {', '.join((*VARIANTS, *MENDERS))}")
        if not self.restores and not (self.encoder_weights and self.feature_weights):
            raise RecipeError(f"variant {self.variant!r} wants encoder_weights and feature_weights, got one or none")
        if self.cycles < 1 or self.critic_width < 1:
            raise RecipeError(
                f"got cycles {self.cycles} and critic_width {self.critic_width}, wanted 1 or more of either"
            )
        if 0 < self.photo_side < 32:
            raise RecipeError(f"got photo_side {self.photo_side}, wanted at least 32, or 0")
        if len(set(self.feature_networks)) < len(self.feature_networks):
            raise RecipeError(f"got feature_weights {', '.join(self.feature_networks)}, wanted each once")
        if "vgg16_bn" in self.feature_networks and len(self.feature_networks) > 1:
            raise RecipeError("got feature_weights of vgg16_bn and others, wanted it alone, or efficientnet_lite0 to 2")
        if self.critic == "features" and "vgg16_bn" in self.feature_networks:
            raise RecipeError("got critic 'features' over vgg16_bn, wanted critic 'pixels', or efficientnet_lite0 to 2")
        if self.restores and self.encoder_weights != (encoder := MENDERS[self.variant].encoder):
            wanted = f"{encoder!r}, which its encoder starts from" if encoder else "none: it has no encoder"
            raise RecipeError(f"{self.variant!r}: got encoder_weights {self.encoder_weights!r}, wanted {wanted}")
        for phase in self.phases:
            self._check(phase)
        kinds = [phase.kind for phase in self.phases]
        if "gan" in kinds and "critic" not in kinds[: kinds.index("gan")]:
            raise RecipeError("got a GAN phase before any critic phase; NoGAN pretrains the critic first")
        if "critic" in kinds and "generator" in kinds[kinds.index("critic") :]:
            raise RecipeError("got a generator phase after a critic phase; pretrain the generator first")

    @property
    def loaded_side(self) -> int:
        """px that photographs' short sides are brought to."""
        return self.photo_side or max(LEAST_SIDE, *(phase.size for phase in self.phases))

    @property
    def feature_networks(self) -> tuple[str, ...]:
        """Names of the networks behind the feature loss. A critic on features sees through the first."""
        names = self.feature_weights
        return ((names,) if names else ()) if isinstance(names, str) else tuple(names)

    @property
    def restores(self) -> bool:
        """Whether the plan makes a network that restores, and none that colours."""
        return self.variant in MENDERS

    def _check(self, phase: Phase) -> None:
        where = f"phase {phase.name!r}"
        if phase.kind not in ("generator", "critic", "gan", "restorer"):
            raise RecipeError(f"{where}: got kind {phase.kind!r}, wanted generator, critic, gan or restorer")
        if (phase.kind == "restorer") != self.restores:
            raise RecipeError(f"{where}: got kind {phase.kind!r} for variant {self.variant!r}, which does not train so")
        self._check_restoring(phase, where)
        if phase.size % 32 or phase.size < 32:
            raise RecipeError(f"{where}: got size {phase.size}, wanted a multiple of 32")
        self._check_ranges(phase, where)
        if (phase.samples > 0) == (phase.epochs > 0):
            raise RecipeError(f"{where}: got samples {phase.samples} and epochs {phase.epochs}, wanted one of the two")
        if phase.batch < 1 or phase.accumulate < 1 or 0 < phase.samples < phase.batch:
            raise RecipeError(
                f"{where}: got {phase.samples} samples in batches of {phase.batch}, wanted at least one whole batch"
            )
        native = (phase.augmentation or self.augmentation).native
        if native and 0 < self.photo_side < phase.size:
            raise RecipeError(
                f"{where}: got photo_side {self.photo_side}, wanted at least {phase.size} for native crops of that size"
            )
        if not phase.depthwise and (phase.kind not in ("generator", "gan") or "lite" not in self.encoder_weights):
            raise RecipeError(
                f"{where}: got depthwise = false, which belongs into phases that train an EfficientNet-Lite encoder"
            )
        losses = phase.losses
        if phase.kind == "generator" and not (losses.chroma or losses.features):
            raise RecipeError(f"{where}: got no loss; give losses.chroma or losses.features a weight")
        if losses.adversarial and phase.kind != "gan":
            raise RecipeError(f"{where}: got an adversarial loss in a {phase.kind} phase; it belongs into a gan phase")
        if losses.bands and (not losses.chroma or phase.size % 2 ** len(losses.bands)):
            raise RecipeError(
                f"{where}: got {len(losses.bands)} bands, wanted a chroma loss that they are part of, and a size that "
                f"halves that often"
            )
        if any(size % 32 or size < 32 for size in phase.feature_sizes):
            raise RecipeError(f"{where}: got feature_sizes {phase.feature_sizes}, wanted multiples of 32")
        if phase.feature_sizes and (phase.kind != "generator" or not losses.features):
            raise RecipeError(f"{where}: got feature_sizes, which only a generator phase with a feature loss looks at")
        if losses.pooled and "vgg16_bn" in self.feature_networks:
            raise RecipeError(f"{where}: got a pooled loss over vgg16_bn, wanted efficientnet_lite0 to 2")
        if phase.kind == "gan" and not (losses.adversarial and losses.features):
            raise RecipeError(f"{where}: a gan phase wants both an adversarial and a feature loss")

    def _check_ranges(self, phase: Phase, where: str) -> None:
        """Shares, odds and rates are what they are called."""
        plan = phase.augmentation or self.augmentation
        for name, value, fits, wanted in (
            ("rate", phase.rate, phase.rate > 0, "more than 0"),
            ("encoder_rates", rates := phase.encoder_rates, len(rates) == 2 and min(rates) >= 0, "two of 0 or more"),
            ("checkpoint_every", phase.checkpoint_every, phase.checkpoint_every >= 1, "1 or more"),
            ("chroma_beta", phase.losses.chroma_beta, phase.losses.chroma_beta > 0, "more than 0"),
            ("warm", phase.warm, 0 <= phase.warm <= 1, "a share of 0 to 1"),
            ("average", phase.average, 0 <= phase.average < 1, "a decay of 0 to less than 1"),
            ("pictures", phase.pictures, 0 < phase.pictures <= 1, "a share of more than 0 to 1"),
            ("smallest_crop", plan.smallest_crop, 0 < plan.smallest_crop <= 1, "a share of more than 0 to 1"),
            ("zoom", plan.zoom, plan.zoom >= 1, "1 or more"),
            ("light", plan.light, 0 <= plan.light < 1, "a range of 0 to less than 1"),
            *((name, odds := getattr(plan, name), 0 <= odds <= 1, "odds of 0 to 1") for name in ODDS),
        ):
            if not fits:
                raise RecipeError(f"{where}: got {name} {value}, wanted {wanted}")

    def _check_restoring(self, phase: Phase, where: str) -> None:
        """What belongs to networks that restore stands there alone, and what does not, does not."""
        if not self.restores:
            if phase.damage != Damage():
                raise RecipeError(f"{where}: got damage, which {self.variant!r} is not trained on; leave it out")
            return
        if phase.losses != Losses():
            raise RecipeError(f"{where}: got losses; {self.variant!r} has one of its own, leave them out")
        if any(phase.encoder_rates) and not self.encoder_weights:
            raise RecipeError(f"{where}: got encoder_rates; {self.variant!r} has no encoder, leave them out")
        plan, plain = phase.augmentation or self.augmentation, Augmentation()
        if idle := sorted(
            one.name
            for one in fields(plan)
            if one.name not in CROPS and getattr(plan, one.name) != getattr(plain, one.name)
        ):
            raise RecipeError(
                f"{where}: got {', '.join(idle)}; {self.variant!r} is trained with {', '.join(CROPS)} alone"
            )
        if self.variant == "tone" and phase.size % THUMBNAIL:
            raise RecipeError(
                f"{where}: got size {phase.size}, wanted a multiple of {THUMBNAIL}, the thumbnail that 'tone' sees"
            )
        damage = phase.damage
        if unknown := sorted(set(damage.kinds) - set(KINDS)):
            raise RecipeError(f"{where}: got damage {', '.join(unknown)}, wanted some of {', '.join(KINDS)}")
        for name in ("clean", "single", "copied", "mirrored"):
            if not 0 <= (odds := getattr(damage, name)) <= 1:
                raise RecipeError(f"{where}: got {name} {odds} for damage, wanted odds of 0 to 1")
        if damage.mirrored and phase.size < 3 * MIRRORED:
            raise RecipeError(
                f"{where}: got size {phase.size}, wanted {3 * MIRRORED} or more for crops that are mirrored"
            )

    def plan(self) -> list[tuple[Phase, int]]:
        """Every phase in order, with the number of its cycle (0 before the first)."""
        kinds = [phase.kind for phase in self.phases]
        first = kinds.index("critic") if "critic" in kinds else len(kinds)
        out = [(phase, 0) for phase in self.phases[:first]]
        for cycle in range(1, self.cycles + 1):
            out += [(phase, cycle) for phase in self.phases[first:] if cycle == 1 or not phase.first_cycle_only]
        return out


T = TypeVar("T")


def _build(kind: type[T], table: object, where: str) -> T:
    if not isinstance(table, Mapping):
        raise RecipeError(f"{where}: got {table!r}, wanted a table of names and values")
    known = {field.name for field in fields(kind)}  # type: ignore[arg-type]
    unknown = sorted(set(table) - known)
    if unknown:
        raise RecipeError(f"{where}: got unknown {', '.join(unknown)}; wanted some of {', '.join(sorted(known))}")
    hints = get_type_hints(kind)
    for name, value in table.items():
        if (wanted := _misfit(hints[name], value)) is not None:
            raise RecipeError(f"{where}: got {name} {value!r}, wanted {wanted}")
    try:
        return kind(**table)
    except TypeError as error:
        raise RecipeError(f"{where}: {error}") from error


_SCALARS: dict[object, str] = {
    bool: "true or false",
    int: "a whole number of 0 or more",
    float: "a number of 0 or more",
    str: "text in quotes",
}


def _misfit(hint: Any, value: object) -> str | None:
    """What a field of that type takes, where the value is not of the kind; None where it is, and for other types."""
    if get_origin(hint) is Literal:
        choices = get_args(hint)
        return None if value in choices else f"{', '.join(choices[:-1])} or {choices[-1]}"
    fits = type(value) is hint or (hint is float and type(value) is int)
    if fits and isinstance(value, (int, float)):
        fits = 0 <= value < math.inf
    return None if fits else _SCALARS.get(hint)


def _list(value: object, of: type, name: str, place: str) -> tuple[Any, ...]:
    if not isinstance(value, list) or any(_misfit(of, one) for one in value):
        raise RecipeError(f"{place}: got {name} {value!r}, wanted a list, each {_SCALARS[of]}")
    return tuple(value)


def parse_recipe(text: str, *, where: str = "recipe") -> Recipe:
    """A recipe from its TOML text. Raises RecipeError on bad TOML, unknown or missing names, impossible numbers."""
    try:
        table = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise RecipeError(f"{where}: not TOML: {error}") from error
    phases = []
    tables = table.pop("phases", [])
    if not isinstance(tables, list) or not all(isinstance(one, dict) for one in tables):
        raise RecipeError(f"{where}: got phases {tables!r}, wanted [[phases]] tables")
    for index, raw in enumerate(tables):
        place = f"{where}, phase {raw.get('name', index + 1)}"
        losses = raw.pop("losses", {})
        if not isinstance(losses, dict):
            raise RecipeError(f"{place}: got losses {losses!r}, wanted a table, as {{ chroma = 1.0 }}")
        if "bands" in losses:
            losses["bands"] = _list(losses["bands"], float, "bands", place)
        parts: dict[str, Any] = {"losses": _build(Losses, losses, f"{place}, losses")}
        if "damage" in raw:
            table_of_damage = raw.pop("damage")
            if not isinstance(table_of_damage, dict):
                raise RecipeError(f"{place}: got damage {table_of_damage!r}, wanted a table, as {{ clean = 0.1 }}")
            if "kinds" in table_of_damage:
                table_of_damage["kinds"] = _list(table_of_damage["kinds"], str, "kinds", place)
            parts["damage"] = _build(Damage, table_of_damage, f"{place}, damage")
        if "augmentation" in raw:
            parts["augmentation"] = _build(Augmentation, raw.pop("augmentation"), f"{place}, augmentation")
        for name, of in (("encoder_rates", float), ("feature_sizes", int)):
            if name in raw:
                parts[name] = _list(raw.pop(name), of, name, place)
        phases.append(_build(Phase, {**raw, **parts}, place))
    augmentation = _build(Augmentation, table.pop("augmentation", {}), f"{where}, augmentation")
    networks = table.get("feature_weights", "")
    if not all(isinstance(name, str) for name in (networks if isinstance(networks, list) else [networks])):
        raise RecipeError(f"{where}: got feature_weights {networks!r}, wanted a name, or a list of names")
    if isinstance(networks, list):
        table["feature_weights"] = tuple(networks)
    return _build(Recipe, {**table, "phases": tuple(phases), "augmentation": augmentation}, where)


def load_recipe(name_or_path: str) -> tuple[Recipe, str]:
    """The recipe and its text: a name from the package (`lite`, `artistic`, ...) or a TOML file.

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
