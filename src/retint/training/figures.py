"""Figures of a generator in training on photographs it never saw."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from retint.evaluation.metrics import colourfulness, frechet_distance, psnr, with_true_lightness
from retint.networks.encoders import EfficientNetLite
from retint.training.tensors import merge, normalize, split

SIDE = 256  # px, of the protocol


@dataclass(frozen=True)
class Figures:
    """Means over the pictures of one set."""

    psnr: float  # dB
    cf: float
    fd_share: float  # FD(EfficientNet-Lite0) over the same of the grey pictures

    def __str__(self) -> str:
        return "  ".join(f"{name} {value:.3f}" for name, value in asdict(self).items())


def lite_features(pictures: Iterable[NDArray[np.uint8]], network: EfficientNetLite) -> NDArray[np.float64]:
    """Mean of the last map of `network` (with head) over height and width: `(pictures, 1280)`."""
    rows: list[Tensor] = []
    with torch.no_grad():
        for picture in pictures:
            rgb = torch.tensor(picture).permute(2, 0, 1)[None].float()
            rows.append(network((rgb - 127) / 128)[-1].mean(dim=(2, 3))[0])
    return torch.stack(rows).double().numpy()


class Judge:
    """Holds true pictures and what is needed to score a generator's colours of them."""

    def __init__(self, true: list[NDArray[np.uint8]], network: EfficientNetLite) -> None:
        """true: `(256, 256, 3)` RGB pictures. network: EfficientNet-Lite0 with head, eval mode."""
        self.true, self.network = true, network
        self.true_features = lite_features(true, network)
        gray = [with_true_lightness(np.repeat(self._luma(picture), 3, axis=2), picture) for picture in true]
        self.gray_distance = frechet_distance(self.true_features, lite_features(gray, network))

    @staticmethod
    def _luma(picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
        luma, _ = split(torch.tensor(picture).permute(2, 0, 1)[None].float())
        return luma[0, 0].round().to(torch.uint8).numpy()[..., None]

    def render(self, generator: nn.Module, picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """The colours that a chroma generator gives to the luma of `picture`, merged as the protocol asks."""
        luma = torch.from_numpy(self._luma(picture)).permute(2, 0, 1)[None].float() / 255
        device = next(generator.parameters()).device
        with torch.no_grad():
            chroma = generator(normalize(luma.to(device))).float().cpu()
        rendered = (merge(luma, chroma).clamp(0, 1) * 255).round().to(torch.uint8)[0].permute(1, 2, 0).numpy()
        return with_true_lightness(rendered, picture)

    def figures(self, generator: nn.Module) -> Figures:
        """Score a generator; it is in eval mode meanwhile, and in its former mode after."""
        training = generator.training
        generator.eval()
        results = [self.render(generator, picture) for picture in self.true]
        generator.train(training)
        return Figures(
            float(np.mean([psnr(result, true) for result, true in zip(results, self.true, strict=True)])),
            float(np.mean([colourfulness(result) for result in results])),
            frechet_distance(self.true_features, lite_features(results, self.network)) / self.gray_distance,
        )
