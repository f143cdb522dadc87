"""Critics from files and to files.

Read are DeOldify's (`ColorizeArtistic_crit.pth`: {"model": state, "opt": ...}, or the bare state) and retint's own,
which are bare states with the same keys: DeOldify's `learn_crit.load` takes them, too.
"""

from __future__ import annotations

from pathlib import Path

import torch

from retint.errors import WeightsError
from retint.networks.critic import Critic
from retint.networks.files import read_state, save_whole
from retint.networks.states import State, describe, fill, is_critic, misfits

_WANTED = "wanted a critic's weights"
_ADVICE = 'take "artistic-critic" of "retint models list", or a critic that "retint train" wrote'
_NARROWEST = 4  # width whose attention has a channel to query with
_MOST_BLOCKS = 8  # each halves the picture and doubles the channels


def load_critic(path: Path) -> Critic:
    """The critic of a weights file, float32 on the CPU, in eval mode. Its size is told from the weights' shapes.

    Dropout, which no file tells, is DeOldify's.

    Raises WeightsError for a file that is empty, cut off, a web page, unsafe, or no critic, a generator's for example;
    and where keys are missing, left over, or misshapen.
    """
    file = read_state(path, wanted=_WANTED, advice=_ADVICE)
    if not is_critic(file.state):
        raise WeightsError(f"{path.name}: got {describe(file.state)}, {_WANTED}; {_ADVICE}")
    width, blocks = _size(file.state)
    with torch.device("meta"):  # no memory and no random numbers for weights that are about to be replaced
        critic = Critic(width, blocks)
    wanted = critic.state_dict()
    problems = misfits(wanted, file.state)
    if problems:
        raise WeightsError(
            f"{path.name} looks like a critic of width {width} with {blocks} blocks but does not fit it: keys "
            f"{problems}; wanted {len(wanted)} keys as DeOldify saves them; {_ADVICE}"
        )
    file = file.settled()
    return fill(critic, file.state, copy=file.mapped)


def _size(state: State) -> tuple[int, int]:
    """(width, blocks): outputs of the first convolution, and half of the convolutions beyond the first and last two."""
    first = state.get("0.0.weight_orig")
    blocks = (sum(key.endswith(".0.weight_orig") for key in state) - 3) // 2
    if first is None or first.ndim != 4 or first.shape[0] < _NARROWEST or not 1 <= blocks <= _MOST_BLOCKS:
        return 256, 3  # DeOldify's; what does not fit is told with it
    return first.shape[0], blocks


def save_critic(critic: Critic, path: Path) -> None:
    """Write the bare state dict. The file is whole or not there. Raises WeightsError where it cannot be written."""
    save_whole(critic.state_dict(), path)
