"""Who plays: the generator, its running average, the critic, and the frozen network that sees as people do."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from retint.networks.critic import Critic
from retint.networks.encoders import EfficientNetLite, ResNet
from retint.networks.generator import Generator
from retint.networks.mender import Mender, Toner
from retint.networks.vgg import Vgg16
from retint.training.losses import FeatureCritic, LiteFeatureLoss, band_loss, chroma_loss
from retint.training.perceptual import FeatureLoss
from retint.training.processes import Processes
from retint.training.recipe import Losses, Phase, Recipe
from retint.training.tensors import denormalize, merge, normalize, normalize_rgb, split


@dataclass
class Players:
    """The networks of a run, on their device."""

    generator: Generator | Mender | Toner  # what learns to colour, or to restore
    average: Generator | Mender | Toner  # what is judged and delivered
    critic: Critic | FeatureCritic | None  # None: the recipe has no critic
    features: LiteFeatureLoss | FeatureLoss | None  # None: the recipe has no feature loss
    processes: Processes
    others: tuple[LiteFeatureLoss, ...] = ()  # further networks of the feature loss, for `seeing`
    feature_size: int = 0  # px to which pictures are resized before the feature loss sees them; 0: as they are

    def seeing(self, sizes: Sequence[int], key: tuple[int, ...]) -> Players:
        """The same players, whose feature loss sees through one of its networks, at one of `sizes` (none: as it is).

        Which ones is a function of `key` alone. What pleases one network at one size and no other is not learnt so.
        """
        if not self.others and not sizes:
            return self
        draw = np.random.default_rng(key)
        networks = (self.features, *self.others)
        chosen = networks[draw.integers(len(networks))]
        return replace(self, features=chosen, feature_size=int(draw.choice(sizes)) if sizes else 0)

    def colour(self, generator: Generator, gray: Tensor, luma: Tensor) -> Tensor:
        """The generator's picture, RGB `(N, 3, H, W)` around 0..1, not clamped; gray, luma: `(N, 1, H, W)` in 0..1.

        A chroma generator's picture has the true luma; an RGB generator's has whatever it painted.
        """
        with self.processes.arithmetic():
            out = generator(normalize(gray).contiguous(memory_format=torch.channels_last)).float()
        return merge(luma, out) if generator.variant.head == "chroma" else denormalize(out)

    def colorizer(self) -> Generator:
        """The generator, in a run that makes one."""
        assert not isinstance(self.generator, Mender | Toner)
        return self.generator

    def restorer(self) -> Mender | Toner:
        """The network that restores, in a run that makes one."""
        assert isinstance(self.generator, Mender | Toner)
        return self.generator

    def maps(self, rgb: Tensor) -> list[Tensor]:
        """What the frozen network sees in pictures: feature maps, finest first. Empty where there is none."""
        if self.features is None:
            return []
        if self.feature_size not in (0, rgb.shape[-1]):
            rgb = F.interpolate(rgb, (self.feature_size, self.feature_size), mode="bilinear", antialias=True)
        with self.processes.arithmetic():
            maps = self.features.maps(rgb if isinstance(self.features, LiteFeatureLoss) else normalize_rgb(rgb))
        return [part.float() for part in maps]

    @torch.no_grad()
    def true_maps(self, rgb: Tensor, losses: Losses) -> list[Tensor]:
        """`maps` of true pictures, without gradients; empty where the losses do not ask for them."""
        return self.maps(rgb) if losses.features else []

    def terms(
        self, coloured: Tensor, rgb: Tensor, maps: list[Tensor], true: list[Tensor], losses: Losses
    ) -> dict[str, Tensor]:
        """The weighted losses of coloured against true pictures; both kinds of maps as `maps` gives them."""
        terms: dict[str, Tensor] = {}
        if losses.chroma:
            chroma, wanted = split(coloured)[1], split(rgb)[1]
            terms["chroma"] = losses.chroma * chroma_loss(chroma, wanted, losses.chroma_beta)
            if losses.bands:
                terms["bands"] = losses.chroma * band_loss(chroma, wanted, losses.bands)
        if losses.features and self.features is not None:
            if isinstance(self.features, LiteFeatureLoss):
                terms["features"] = losses.features * self.features(maps, true)
            else:
                terms["features"] = losses.features * self.features.total(
                    normalize_rgb(coloured), normalize_rgb(rgb), maps, true
                )
        if losses.pooled and isinstance(self.features, LiteFeatureLoss):
            terms["pooled"] = losses.pooled * self.features.pooled(maps, true)
        return terms

    def verdict(self, rgb: Tensor, maps: list[Tensor]) -> list[Tensor]:
        """The critic's logits, high for true: one tensor a head. maps: `maps(rgb)`, which only some critics look at."""
        assert self.critic is not None
        with self.processes.arithmetic():
            if isinstance(self.critic, FeatureCritic):
                logits = self.critic(maps)
            else:
                logits = [self.critic(normalize_rgb(rgb).contiguous(memory_format=torch.channels_last))]
        return [part.float() for part in logits]

    @property
    def critic_sees_maps(self) -> bool:
        return isinstance(self.critic, FeatureCritic)

    @torch.no_grad()
    def update_average(self, decay: float) -> None:
        """Move the running average toward the generator; decay 0 makes them equal."""
        live = self.generator.state_dict()
        for name, value in self.average.state_dict().items():
            if decay and value.dtype.is_floating_point and not name.endswith(("weight_u", "weight_v")):
                value.lerp_(live[name], 1 - decay)
            else:
                value.copy_(live[name])

    def take(self, state: dict[str, Tensor]) -> None:
        """Generator and average become what `state` says."""
        self.generator.load_state_dict(state)
        self.average.load_state_dict(state)


def gather(
    generator: Generator | Mender | Toner,
    recipe: Recipe,
    features: EfficientNetLite | Vgg16 | None,
    processes: Processes,
    others: Sequence[EfficientNetLite] = (),
) -> Players:
    """Put the players on their device. `features`, `others`: networks of the feature loss, frozen, in eval mode."""

    def placed(network: nn.Module) -> nn.Module:
        return network.to(processes.device, memory_format=torch.channels_last)  # type: ignore[call-overload]

    placed(generator)
    average = copy.deepcopy(generator).eval().requires_grad_(False)
    loss: LiteFeatureLoss | FeatureLoss | None = None
    if features is not None:
        loss = LiteFeatureLoss(features) if isinstance(features, EfficientNetLite) else FeatureLoss(features)
        placed(loss)
    critic: Critic | FeatureCritic | None = None
    if any(phase.kind == "critic" for phase in recipe.phases):
        if recipe.critic == "pixels":
            critic = Critic(recipe.critic_width)
        else:
            assert isinstance(loss, LiteFeatureLoss)
            critic = FeatureCritic(loss.channels, recipe.critic_width)
        placed(critic)
    further = tuple(LiteFeatureLoss(network) for network in others)
    for one in further:
        placed(one)
    return Players(generator, average, critic, loss, processes, further)


# what learns


def network_optimizer(network: Generator | Mender | Toner, phase: Phase, weight_decay: float) -> torch.optim.AdamW:
    """AdamW over what the phase trains; all else is frozen. Each group's "top" is its highest rate.

    The halves of an encoder, where there is one, have rates of their own. A frozen half keeps its batch norms
    trainable, at the decoder's rate.  # fastai train_bn=True
    """
    encoder = encoder_of(network)
    network.requires_grad_(True)
    if encoder is not None and not phase.depthwise:
        for part in encoder.modules():
            if isinstance(part, nn.Conv2d) and part.groups > 1:
                part.requires_grad_(False)
    inside = set() if encoder is None else {id(parameter) for parameter in encoder.parameters()}
    ours = [parameter for parameter in network.parameters() if id(parameter) not in inside]
    groups: list[dict[str, object]] = [{"params": ours, "top": phase.rate}]
    for half, rate in [] if encoder is None else zip(encoder.halves(), phase.encoder_rates, strict=True):
        if rate > 0:
            learnt = [p for module in half for p in module.parameters() if p.requires_grad]
            groups.append({"params": learnt, "top": rate})
            continue
        for module in half:
            module.requires_grad_(False)
            for norm in (part for part in module.modules() if isinstance(part, nn.BatchNorm2d)):
                norm.requires_grad_(True)
                ours += list(norm.parameters())
    betas = (0.0, 0.9) if phase.kind == "gan" else (0.95, 0.99)
    return torch.optim.AdamW(groups, lr=phase.rate, betas=betas, eps=1e-8, weight_decay=weight_decay)


def encoder_of(network: Generator | Mender | Toner) -> EfficientNetLite | ResNet | None:
    """The part that starts from ImageNet's weights, where there is one."""
    if isinstance(network, Mender):
        return None
    encoder = network.encoder if isinstance(network, Toner) else network.layers[0]
    assert isinstance(encoder, EfficientNetLite | ResNet)
    return encoder


def critic_optimizer(critic: nn.Module, phase: Phase, weight_decay: float) -> torch.optim.AdamW:
    """AdamW over the whole critic; in a GAN phase `critic_factor` times as fast as the generator."""
    betas = (0.0, 0.9) if phase.kind == "gan" else (0.95, 0.99)
    rate = phase.rate * (phase.critic_factor if phase.kind == "gan" else 1)
    critic.requires_grad_(True)
    groups = [{"params": list(critic.parameters()), "top": rate}]
    return torch.optim.AdamW(groups, lr=rate, betas=betas, eps=1e-8, weight_decay=weight_decay)
