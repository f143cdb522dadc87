"""Generators from files and to files: recognise, load, save.

Three kinds of file are read, in both of torch's formats (zip, and the one before it):

    the published ones      {"model": state, "opt": ...}, or the bare state; DeOldify's keys, which are ours
    retint's own            {"variant": name, "model": state}
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from retint.errors import WeightsError
from retint.networks.files import read_state, save_whole
from retint.networks.generator import VARIANTS, Generator
from retint.networks.states import State, describe, fill, generator_of, misfits

_WANTED = "wanted a generator's weights"
_ADVICE = 'take a file of "retint models list", or fetch this one anew'


@dataclass(frozen=True)
class Checkpoint:
    """What a weights file holds. `state` may lie in the file itself (memory-mapped) where `mapped`."""

    variant: str
    version: str | None  # retint's own files may say one
    state: State
    mapped: bool


def recognise(state: State) -> str:
    """The variant that a state dict belongs to, told from its keys.

    `stable` and `video` share all keys: both are told to be `stable`. Raises WeightsError for anything else.
    """
    variant = generator_of(state)
    if variant is None:
        raise WeightsError(f"got {describe(state)}, {_WANTED}; {_ADVICE}")
    return variant


def read_checkpoint(path: Path, *, variant: str | None = None) -> Checkpoint:
    """Open a weights file and tell what it holds.

    variant: what to take it for, where keys leave a choice: `video` in place of `stable`

    Raises WeightsError for a file that is empty, cut off, a web page, unsafe, or no generator.
    """
    file = read_state(path, wanted=_WANTED, advice=_ADVICE)
    try:
        found = recognise(file.state)
    except WeightsError as error:
        raise WeightsError(f"{path.name}: {error}") from None
    said, version = file.beside.get("variant"), file.beside.get("version")
    wanted = variant or (said if isinstance(said, str) else found)
    if wanted not in VARIANTS or not _same_network(wanted, found):
        raise WeightsError(
            f"{path.name} holds the weights of {found}, and was to be taken for {wanted!r}; take variant {found!r}"
        )
    file = file.settled()
    return Checkpoint(wanted, None if version is None else str(version), file.state, file.mapped)


def _same_network(one: str, other: str) -> bool:
    return one == other or {one, other} == {"stable", "video"}


def load_generator(path: Path, *, variant: str | None = None) -> Generator:
    """The generator of a weights file, float32 on the CPU, in eval mode. Arguments and errors as `read_checkpoint`."""
    return build_from(read_checkpoint(path, variant=variant), path.name)


def build_from(checkpoint: Checkpoint, name: str) -> Generator:
    """A generator with the weights of a checkpoint; `name` is the file's, for errors.

    Raises WeightsError where keys are missing, left over, or misshapen.
    """
    with torch.device("meta"):  # no memory and no random numbers for weights that are about to be replaced
        generator = Generator(VARIANTS[checkpoint.variant])
    wanted = generator.state_dict()
    problems = misfits(wanted, checkpoint.state)
    if problems:
        raise WeightsError(
            f"{name} looks like {checkpoint.variant} but does not fit it: keys {problems}; "
            f"wanted {len(wanted)} keys as DeOldify saves them; {_ADVICE}"
        )
    return fill(generator, checkpoint.state, copy=checkpoint.mapped)


def save_generator(generator: Generator, path: Path, *, version: str | None = None) -> None:
    """Write `{"variant", "model"}` (and `version`, if given). The file is whole or not there.

    Raises WeightsError where it cannot be written.
    """
    content: dict[str, Any] = {"variant": generator.variant.name, "model": generator.state_dict()}
    if version is not None:
        content["version"] = version
    save_whole(content, path)
