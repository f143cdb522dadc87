"""Photographs that no phase trains on, and what a generator makes of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
from numpy.typing import NDArray

from retint.evaluation.consistency import consistency
from retint.evaluation.features import lite_features
from retint.evaluation.metrics import colourfulness, frechet_distance, psnr, to_lab, with_true_lightness
from retint.networks.encoders import EfficientNetLite
from retint.networks.generator import Generator
from retint.training.inflection import Scores
from retint.training.players import Players
from retint.training.tensors import denormalize, luma, merge, normalize

if TYPE_CHECKING:
    from retint.evaluation.metrics import Floats, Rgb

SIDE = 256  # px, of the field's protocol
FINER = SIDE + 16  # px: the next render factor
STEADINESS_PROBES = 24  # of all probes, for the figures that want four more renders of each
SKIN = (20.0, 75.0)  # degrees of Lab hue
SKIN_CHROMA = (8.0, 45.0)  # of Lab: less is grey, more is no skin
HUE_BINS = 36


@dataclass(frozen=True)
class Figures:
    """Means over the pictures of one set."""

    psnr: float  # dB
    cf: float
    fd_share: float  # FD(EfficientNet-Lite0) over the same of the grey pictures

    def __str__(self) -> str:
        return "  ".join(f"{name} {value:.3f}" for name, value in asdict(self).items())


class Judge:
    """Holds true pictures and what is needed to score a generator's colours of them."""

    def __init__(self, true: Sequence[Rgb], network: EfficientNetLite) -> None:
        """true: `(256, 256, 3)` RGB pictures, at least two. network: EfficientNet-Lite0 with head, eval mode."""
        self.true, self.network = list(true), network
        self.gray = [_gray(picture) for picture in self.true]
        self.true_features = lite_features(self.true, network)
        gray = [with_true_lightness(one, true) for one, true in zip(self.gray, self.true, strict=True)]
        self.gray_distance = frechet_distance(self.true_features, lite_features(gray, network))
        self._true_lab = [to_lab(picture) for picture in self.true]

    def __len__(self) -> int:
        return len(self.true)

    def renders(self, generator: Generator) -> list[Rgb]:
        """The generator's colours of every picture, merged as the protocol asks."""
        with _Evaluating(generator):
            return [
                with_true_lightness(render(generator, gray), true)
                for gray, true in zip(self.gray, self.true, strict=True)
            ]

    def figures(self, generator: Generator, results: list[Rgb] | None = None) -> Figures:
        """Score a generator (or the `results` that `renders` gave)."""
        results = self.renders(generator) if results is None else results
        distance = frechet_distance(self.true_features, lite_features(results, self.network))
        return Figures(
            float(np.mean([psnr(result, true) for result, true in zip(results, self.true, strict=True)])),
            float(np.mean([colourfulness(result) for result in results])),
            distance / self.gray_distance if self.gray_distance else 0.0,
        )

    def scores(self, players: Players, generator: Generator, results: list[Rgb] | None = None) -> Scores:
        """All that the search for the inflection point asks. `players.critic` is the one that was only pretrained."""
        results = self.renders(generator) if results is None else results
        figures = self.figures(generator, results)
        labs = [to_lab(result) for result in results]
        changes: dict[str, list[float]] = {"shift": [], "noise": [], "render_factor": []}
        with _Evaluating(generator):
            for index in range(min(STEADINESS_PROBES, len(self))):
                gray = self.gray[index]
                found = consistency(
                    gray,
                    render(generator, gray),
                    lambda changed: render(generator, changed),
                    lambda changed: render(generator, changed, FINER),
                    seed=index,
                )
                for name, values in changes.items():
                    values.append(found.distances[name] / max(found.chroma, 1e-6))
        return Scores(
            **asdict(figures),
            hue=_hue_divergence(labs, self._true_lab),
            skin=_skin_excess(labs, self._true_lab),
            **{name: float(np.median(values)) for name, values in changes.items()},
            critic=_verdict(players, results),
        )


@torch.no_grad()
def render(generator: Generator, gray: Rgb, side: int | None = None) -> Rgb:
    """What a generator in eval mode makes of `(H, W, 3)` grey: RGB uint8 of the same size, luma kept.

    side: of the square that it sees, px; its render is brought back bilinearly. None: the picture's own.
    """
    device = next(generator.parameters()).device
    own = torch.tensor(gray[..., 0])[None, None].to(device).float() / 255
    seen = own
    if side is not None:
        seen = torch.nn.functional.interpolate(own, (side, side), mode="bilinear", align_corners=False)
    out = generator(normalize(seen)).float()
    if generator.variant.head == "rgb":
        colours = denormalize(out)
        red, blue = colours[:, 0], colours[:, 2]
        brightness = luma(colours)[:, 0]
        out = torch.stack([(blue - brightness) * 0.492, (red - brightness) * 0.877], dim=1)
    if side is not None:
        out = torch.nn.functional.interpolate(out, own.shape[2:], mode="bilinear", align_corners=False)
    coloured = (merge(own, out).clamp(0, 1) * 255).round().to(torch.uint8)
    return coloured[0].permute(1, 2, 0).cpu().numpy()


class _Evaluating:
    """A context in which a network is in eval mode; in its former mode after."""

    def __init__(self, network: torch.nn.Module) -> None:
        self.network, self.training = network, network.training

    def __enter__(self) -> None:
        self.network.eval()

    def __exit__(self, *_: object) -> None:
        self.network.train(self.training)


def _gray(picture: Rgb) -> Rgb:
    gray = luma(torch.tensor(picture).permute(2, 0, 1)[None].float())[0, 0].round().to(torch.uint8).numpy()
    return np.repeat(gray[..., None], 3, axis=2)


def _polar(lab: Floats) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Chroma, and hue in degrees 0..360."""
    return np.hypot(lab[..., 1], lab[..., 2]), np.degrees(np.arctan2(lab[..., 2], lab[..., 1])) % 360


def _hue_divergence(labs: list[Floats], true: list[Floats]) -> float:
    """Jensen-Shannon divergence in bits, 0..1, of all hues of one set from all of another, weighted by chroma."""

    def histogram(pictures: list[Floats]) -> NDArray[np.float64]:
        total = np.zeros(HUE_BINS)
        for lab in pictures:
            chroma, hue = _polar(lab)
            total += np.bincount((hue.ravel() / 360 * HUE_BINS).astype(int) % HUE_BINS, chroma.ravel(), HUE_BINS)
        return total / max(total.sum(), 1e-9)

    p, q = histogram(labs), histogram(true)
    middle = (p + q) / 2

    def divergence(one: NDArray[np.float64]) -> float:
        there = one > 0
        return float((one[there] * np.log2(one[there] / middle[there])).sum())

    return (divergence(p) + divergence(q)) / 2


def _skin_excess(labs: list[Floats], true: list[Floats]) -> float:
    """Mean overshoot of chroma where the truth has skin's hue and chroma, over the truth's mean chroma there."""
    over = whole = 0.0
    for lab, truth in zip(labs, true, strict=True):
        wanted, hue = _polar(truth)
        skin = (hue > SKIN[0]) & (hue < SKIN[1]) & (wanted > SKIN_CHROMA[0]) & (wanted < SKIN_CHROMA[1])
        got, _ = _polar(lab)
        over += float((got - wanted)[skin].clip(min=0).sum())
        whole += float(wanted[skin].sum())
    return over / whole if whole else 0.0


@torch.no_grad()
def _verdict(players: Players, results: list[Rgb]) -> float:
    if players.critic is None:
        return 0.0
    with _Evaluating(players.critic):
        says: list[float] = []
        for picture in results:
            rgb = torch.tensor(picture).permute(2, 0, 1)[None].float().to(players.processes.device) / 255
            maps = players.maps(rgb) if players.critic_sees_maps else []
            says.append(float(np.mean([torch.sigmoid(part).mean().item() for part in players.verdict(rgb, maps)])))
    return float(np.mean(says))
