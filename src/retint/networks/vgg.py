"""VGG-16 with batch norm (arXiv 1409.1556), as far as DeOldify's feature loss looks into it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from torch import Tensor, nn

from retint.errors import WeightsError
from retint.networks.files import read_state
from retint.networks.states import describe, require_fit

_STAGES = ((64, 64), (128, 128), (256, 256, 256), (512, 512, 512), (512, 512, 512))  # channels; a max-pool between


class Vgg16(nn.Module):
    """The feature part, frozen and always in eval mode, up to the ReLU before the last max-pool.

    Publishes what the encoders do:

        channels   (256, 512, 512)   of its maps, finest first
        strides    (4, 8, 16)        of the same, in input pixels

    The maps are those after the ReLUs just before max-pools 3, 4 and 5: `features` 22, 32 and 42. Keys are
    torchvision's (`features.0.weight`, ...).  # DeOldify loss.py FeatureLoss
    """

    channels = (256, 512, 512)
    strides = (4, 8, 16)
    taps = (22, 32, 42)  # indices in `features`

    def __init__(self) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        inputs = 3
        for stage in _STAGES:
            if layers:
                layers.append(nn.MaxPool2d(2))
            for outputs in stage:
                layers += [nn.Conv2d(inputs, outputs, 3, padding=1), nn.BatchNorm2d(outputs), nn.ReLU(inplace=True)]
                inputs = outputs
        self.features = nn.Sequential(*layers)
        self.requires_grad_(False)
        self.train(False)

    def forward(self, x: Tensor) -> list[Tensor]:
        """Three maps, finest first, of pictures `(N, 3, H, W)`: float RGB, normalised with ImageNet's statistics.

        H, W >= 16. Where a stride does not divide the size, it is rounded down.
        """
        maps: list[Tensor] = []
        for index, layer in enumerate(self.features):
            x = layer(x)
            if index in self.taps:
                maps.append(x)
        return maps

    def train(self, mode: bool = True) -> Vgg16:
        """Stays in eval mode, also where a loss that holds it is put into train mode."""
        return super().train(False)

    def load_torchvision(self, state: Mapping[str, Tensor]) -> None:
        """Take over torchvision's `vgg16_bn-6c64b313.pth`; the classifier's keys are passed over.

        Raises WeightsError where they do not fit, those of VGG-16 without batch norm for example.
        """
        kept = {key: value for key, value in state.items() if not key.startswith("classifier.")}
        require_fit(self.state_dict(), kept, "VGG-16 with batch norm")
        self.load_state_dict(kept)


def load_vgg(path: Path) -> Vgg16:
    """VGG-16 with the weights in a file of torchvision's.

    Raises WeightsError for a file that is empty, cut off, a web page, unsafe, or other weights.
    """
    wanted, advice = (
        "wanted the weights of VGG-16 with batch norm",
        'run "retint models fetch vgg16_bn" and take that file',
    )
    state = read_state(path, wanted=wanted, advice=advice).state
    if not any(key.startswith("features.") for key in state):
        raise WeightsError(f"{path.name}: got {describe(state)}, {wanted}; {advice}")
    network = Vgg16()
    try:
        network.load_torchvision(state)
    except WeightsError as error:
        raise WeightsError(f"{path.name}: {error}; {advice}") from None
    return network
