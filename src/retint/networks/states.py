"""State dicts: whose they are, whether they fit a network, and how they get into it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeGuard, TypeVar, cast

import torch
from torch import Tensor, nn

from retint.errors import WeightsError

State = Mapping[str, Tensor]
Network = TypeVar("Network", bound=nn.Module)

SHOWN = 3  # keys named in an error


def is_state(value: object) -> TypeGuard[State]:
    """Whether it maps names to tensors, and nothing else."""
    if not isinstance(value, Mapping):
        return False
    items = cast("Mapping[object, object]", value).items()
    return all(isinstance(key, str) and isinstance(tensor, Tensor) for key, tensor in items)


def generator_of(state: State) -> str | None:
    """The variant of the generator that a state dict belongs to, told from its keys; None for what is no generator.

    `stable` and `video` share all keys: both are told to be `stable`.
    """
    deep, wide = "layers.4.conv1.0.weight_orig" in state, "layers.4.conv.0.weight_orig" in state
    bottleneck, basic = "layers.0.4.0.conv3.weight" in state, "layers.0.4.0.conv1.weight" in state
    if deep and basic and not bottleneck:
        return "artistic"
    if wide and bottleneck:
        return "stable"
    if wide and "layers.0.stem.0.weight" in state:
        return "lite"
    return None


def is_critic(state: State) -> bool:
    """Whether a state dict belongs to a critic, told from its keys."""
    return "4.2.query.weight_orig" in state or "0.0.weight_orig" in state


def describe(state: State) -> str:
    """What a state dict seems to be, for an error: `the weights of ...`."""
    variant = generator_of(state)
    if variant is not None:
        return f"the weights of the generator {variant}"
    if is_critic(state):
        return "the weights of a critic"
    if any(key.startswith("features.") for key in state):
        return "the weights of a VGG feature network"
    if "layer1.0.conv1.weight" in state:
        return "the weights of a plain ResNet"
    if any(key.startswith("layers.0.") for key in state):
        return "a U-Net of a kind that retint does not know"
    return f"weights with the keys {listed(sorted(state))}" if state else "a file without any weights"


def listed(keys: list[str]) -> str:
    """The first few, for an error."""
    return ", ".join(keys[:SHOWN]) + (", ..." if len(keys) > SHOWN else "")


def misfits(wanted: State, state: State) -> str:
    """In what a state dict differs from the one that is wanted, in keys and shapes; empty where it fits.

    `num_batches_tracked` may be missing: batch norms saved before torch 0.4.1 have none, and none is used.
    """
    missing = [key for key in wanted if key not in state and not key.endswith("num_batches_tracked")]
    unexpected = [key for key in state if key not in wanted]
    misshapen = [key for key in wanted if key in state and state[key].shape != wanted[key].shape]
    problems: list[str] = []
    if missing:
        problems.append(f"{len(missing)} missing ({listed(missing)})")
    if unexpected:
        problems.append(f"{len(unexpected)} unexpected ({listed(unexpected)})")
    if misshapen:
        first = misshapen[0]
        shapes = f"{first} is {tuple(state[first].shape)}, not {tuple(wanted[first].shape)}"
        problems.append(f"{len(misshapen)} misshapen ({shapes})")
    return ", ".join(problems)


def require_fit(wanted: State, state: State, kind: str) -> None:
    """Raise WeightsError where a state dict does not fit the network `kind`, whose own is `wanted`."""
    problems = misfits(wanted, state)
    if problems:
        raise WeightsError(
            f"got weights that do not fit {kind}: keys {problems}; wanted {len(wanted)} keys; take the file made for it"
        )


def fill(network: Network, state: State, *, copy: bool) -> Network:
    """Give a network on torch's meta device its weights, which fit; float32 on the CPU, in eval mode.

    copy: the state lies in a file: a file that changes later must not change the network
    """
    absent = [key for key in network.state_dict() if key not in state]  # batch counters only, see `misfits`
    if copy:
        network.to_empty(device="cpu")
    network.load_state_dict({**state, **{key: torch.tensor(0) for key in absent}}, assign=not copy)
    return network.float().eval()
