"""Networks that restore, from retint's own files: {"variant": name, "model": state}."""

from __future__ import annotations

from pathlib import Path

import torch

from retint.errors import WeightsError
from retint.networks.files import read_state
from retint.networks.mender import MENDERS, Mender, Toner, build_mender
from retint.networks.states import fill, require_fit

_WANTED = "wanted the weights of a network that restores"
_ADVICE = "take a generator.pt of retint train restore, damage, tone or upscale"


def is_mender(path: Path) -> bool:
    """Whether a weights file says that it holds a network that restores. One that cannot be read: loading tells."""
    try:
        return read_state(path, wanted=_WANTED, advice=_ADVICE).beside.get("variant") in MENDERS
    except WeightsError:
        return False


def load_mender(path: Path) -> Mender | Toner:
    """The network of a weights file, float32 on the CPU, in eval mode.

    Raises WeightsError for a file that is empty, cut off, a web page, unsafe, or no network that restores.
    """
    file = read_state(path, wanted=_WANTED, advice=_ADVICE)
    name = file.beside.get("variant")
    if not isinstance(name, str) or name not in MENDERS:
        raise WeightsError(f"{path.name} holds {name or 'weights without a name'}, {_WANTED}; {_ADVICE}")
    file = file.settled()
    with torch.device("meta"):
        network = build_mender(name)
    require_fit(network.state_dict(), file.state, name)
    return fill(network, file.state, copy=file.mapped)
