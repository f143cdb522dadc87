"""DeOldify's weights: where a notebook of its put them, or from retint's catalogue."""

from __future__ import annotations

from pathlib import Path

from retint.deoldify.devices import Device
from retint.errors import UnknownModelError
from retint.notebook import fetch_weights
from retint.rendering import Colorizer, load_colorizer
from retint.weights import catalog

_FOLDER, _SUFFIX = "models", ".pth"


def load(root_folder: str | Path, weights_name: str, device: Device) -> Colorizer:
    """A colorizer with the weights of that name.

    root_folder: what holds the folder `models`; a file NAME.pth in there is taken as it is
    weights_name: without `.pth`; ColorizeArtistic_gen, ColorizeStable_gen and ColorizeVideo_gen are downloaded into
        retint's own folder where `models` has none, and checked

    Raises
    ------
    UnknownModelError: there is no such file, and no such name in the catalogue
    WeightsError and its kin, MissingExtraError: the weights cannot be had, or are none
    """
    own = Path(root_folder) / _FOLDER / f"{weights_name}{_SUFFIX}"
    if own.is_file():
        return device.check(load_colorizer(own, device=device.place))
    published = {entry.file: entry.name for entry in catalog.CATALOG.values() if entry.role == "generator"}
    name = published.get(own.name)
    if name is None:
        known = ", ".join(Path(file).stem for file in published if file.endswith(_SUFFIX))
        raise UnknownModelError(
            f"got the weights {weights_name}, and there is no file {own}; put it there, or name one of {known}"
        )
    fetch_weights(name)  # with a bar, which load_colorizer has not
    return device.check(load_colorizer(name, device=device.place))
