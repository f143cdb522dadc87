"""AlexNet (one weird trick, arXiv 1404.5997), as far as LPIPS looks into it."""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor, nn

from retint.networks.states import require_fit


class AlexNet(nn.Module):
    """The feature part, frozen and always in eval mode, up to its last ReLU. Keys are torchvision's."""

    channels = (64, 192, 384, 256, 256)
    taps = (1, 4, 7, 9, 11)  # indices in `features`: the ReLUs

    def __init__(self) -> None:
        super().__init__()
        self.features = nn.Sequential(
            nn.Conv2d(3, 64, 11, stride=4, padding=2),
            nn.ReLU(),
            nn.MaxPool2d(3, stride=2),
            nn.Conv2d(64, 192, 5, padding=2),
            nn.ReLU(),
            nn.MaxPool2d(3, stride=2),
            nn.Conv2d(192, 384, 3, padding=1),
            nn.ReLU(),
            nn.Conv2d(384, 256, 3, padding=1),
            nn.ReLU(),
            nn.Conv2d(256, 256, 3, padding=1),
            nn.ReLU(),
        )
        self.requires_grad_(False)
        self.train(False)

    def forward(self, x: Tensor) -> list[Tensor]:
        """Five maps, finest first, of pictures `(N, 3, H, W)`: float RGB, normalised. H, W >= 63."""
        maps: list[Tensor] = []
        for index, layer in enumerate(self.features):
            x = layer(x)
            if index in self.taps:
                maps.append(x)
        return maps

    def train(self, mode: bool = True) -> AlexNet:
        """Stays in eval mode."""
        return super().train(False)

    def load_torchvision(self, state: Mapping[str, Tensor]) -> None:
        """Take over torchvision's `alexnet-owt-7be5be79.pth`; the classifier's keys are passed over.

        Raises WeightsError where they do not fit.
        """
        kept = {key: value for key, value in state.items() if not key.startswith("classifier.")}
        require_fit(self.state_dict(), kept, "AlexNet")
        self.load_state_dict(kept)
