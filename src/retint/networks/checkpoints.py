"""Generators from files and to files: recognise, load, save.

Three kinds of file are read, in both of torch's formats (zip, and the one before it):

    the published ones      {"model": state, "opt": ...}, or the bare state; DeOldify's keys, which are ours
    retint's own            {"variant": name, "model": state}

Nothing in a file is ever run: `weights_only=True`, with Python's `slice` allowed, which fastai left in `opt`.
"""

from __future__ import annotations

import os
import uuid
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeGuard, cast

import torch
from torch import Tensor

from retint.errors import WeightsError
from retint.networks.generator import VARIANTS, Generator

State = Mapping[str, Tensor]

_WANTED = "wanted a generator's weights"
_ADVICE = 'take a file of "retint models list", or fetch this one anew'
_SHOWN = 3  # keys named in an error


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
    keys = set(state)
    deep, wide = "layers.4.conv1.0.weight_orig" in keys, "layers.4.conv.0.weight_orig" in keys
    bottleneck, basic = "layers.0.4.0.conv3.weight" in keys, "layers.0.4.0.conv1.weight" in keys
    if deep and basic and not bottleneck:
        return "artistic"
    if wide and bottleneck:
        return "stable"
    if wide and "layers.0.stem.0.weight" in keys:
        return "lite"
    raise WeightsError(f"got {_describe(keys)}, {_WANTED}; {_ADVICE}")


def _describe(keys: set[str]) -> str:
    """What a state dict that is no generator seems to be."""
    if "4.2.query.weight_orig" in keys or "0.0.weight_orig" in keys:
        return "the weights of a critic"
    if any(key.startswith("features.") for key in keys):
        return "the weights of a VGG feature network"
    if "layer1.0.conv1.weight" in keys:
        return "the weights of a plain ResNet"
    if any(key.startswith("layers.0.") for key in keys):
        return "a U-Net of a kind that retint does not know"
    return f"weights with the keys {_listed(sorted(keys))}" if keys else "a file without any weights"


def read_checkpoint(path: Path, *, variant: str | None = None) -> Checkpoint:
    """Open a weights file and tell what it holds.

    variant: what to take it for, where keys leave a choice: `video` in place of `stable`

    Raises WeightsError for a file that is empty, cut off, a web page, unsafe, or no generator.
    """
    content, mapped = _read(path)
    if not isinstance(content, Mapping):
        raise WeightsError(f"{path.name} holds a {type(content).__name__}, {_WANTED}; {_ADVICE}")
    entries = cast("Mapping[object, object]", content)
    inner = entries.get("model", entries)
    if not _is_state(inner):
        held = ", ".join(str(key) for key in list(entries)[:_SHOWN])
        raise WeightsError(f"{path.name} holds {held} and no state dict under 'model', {_WANTED}; {_ADVICE}")
    state = inner
    try:
        found = recognise(state)
    except WeightsError as error:
        raise WeightsError(f"{path.name}: {error}") from None
    said = entries.get("variant") if inner is not entries else None
    wanted = variant or (said if isinstance(said, str) else found)
    if wanted not in VARIANTS or not _same_network(wanted, found):
        raise WeightsError(
            f"{path.name} holds the weights of {found}, and was to be taken for {wanted!r}; take variant {found!r}"
        )
    version = entries.get("version") if inner is not entries else None
    if mapped and 2 * sum(value.nbytes for value in state.values()) > path.stat().st_size:
        content = _load(path, mapped=False)  # mapping would be a second copy in memory, for nothing
        state, mapped = cast("State", content["model"] if inner is not entries else content), False
    return Checkpoint(wanted, None if version is None else str(version), state, mapped)


def _is_state(value: object) -> TypeGuard[State]:
    if not isinstance(value, Mapping):
        return False
    items = cast("Mapping[object, object]", value).items()
    return all(isinstance(key, str) and isinstance(tensor, Tensor) for key, tensor in items)


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
    _check_fit(generator.state_dict(), checkpoint, name)
    if checkpoint.mapped:  # copied, so that a file that changes later cannot change the network
        generator.to_empty(device="cpu")
    generator.load_state_dict(checkpoint.state, assign=not checkpoint.mapped)
    return generator.float().eval()


def _check_fit(wanted: State, checkpoint: Checkpoint, name: str) -> None:
    state = checkpoint.state
    missing = [key for key in wanted if key not in state]
    unexpected = [key for key in state if key not in wanted]
    misshapen = [key for key in wanted if key in state and state[key].shape != wanted[key].shape]
    if not (missing or unexpected or misshapen):
        return
    problems: list[str] = []
    if missing:
        problems.append(f"{len(missing)} missing ({_listed(missing)})")
    if unexpected:
        problems.append(f"{len(unexpected)} unexpected ({_listed(unexpected)})")
    if misshapen:
        first = misshapen[0]
        shapes = f"{first} is {tuple(state[first].shape)}, not {tuple(wanted[first].shape)}"
        problems.append(f"{len(misshapen)} misshapen ({shapes})")
    raise WeightsError(
        f"{name} looks like {checkpoint.variant} but does not fit it: keys {', '.join(problems)}; "
        f"wanted {len(wanted)} keys as DeOldify saves them; {_ADVICE}"
    )


def _listed(keys: list[str]) -> str:
    return ", ".join(keys[:_SHOWN]) + (", ..." if len(keys) > _SHOWN else "")


def _read(path: Path) -> tuple[object, bool]:
    """What torch reads in a file, and whether its tensors are mapped."""
    try:
        with path.open("rb") as handle:
            head = handle.read(512)
    except OSError as error:
        raise WeightsError(f"{path} cannot be read ({error.strerror}), {_WANTED}; check the path") from error
    if not head:
        raise WeightsError(f"{path.name} is empty, {_WANTED}; {_ADVICE}")
    if head.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"<"):
        raise WeightsError(f"{path.name} is a web page, {_WANTED}; the link that it came from is dead: {_ADVICE}")
    zipped = head.startswith(b"PK\x03\x04")  # mapped, so that the optimiser's state of a training file is never read
    try:
        return _load(path, mapped=zipped), zipped
    except MemoryError:
        raise
    except Exception as error:  # a broken or hostile pickle may raise anything at all
        raise WeightsError(f"{path.name} {_complaint(str(error))}, {_WANTED}; {_ADVICE}") from error


def _load(path: Path, *, mapped: bool) -> Any:
    with warnings.catch_warnings(), torch.serialization.safe_globals([slice]):
        warnings.filterwarnings("ignore", message="Detected pickle protocol")  # of a file that is refused anyway
        return torch.load(path, map_location="cpu", weights_only=True, mmap=mapped)


def _complaint(text: str) -> str:
    """One clause for what torch says in paragraphs."""
    if "GLOBAL" in text or "REDUCE" in text or "NEWOBJ" in text:  # torch names the pickle instruction that it refused
        return "holds Python code beside numbers and was not opened"
    if "central directory" in text or "EOF" in text or "end of file" in text:
        return "is cut off or damaged"
    return "is no torch weights file, or is cut off or damaged"


def save_generator(generator: Generator, path: Path, *, version: str | None = None) -> None:
    """Write `{"variant", "model"}` (and `version`, if given). The file is whole or not there.

    Raises WeightsError where it cannot be written.
    """
    content: dict[str, Any] = {"variant": generator.variant.name, "model": generator.state_dict()}
    if version is not None:
        content["version"] = version
    part = path.with_name(f".{path.name}.{uuid.uuid4().hex[:8]}.part")
    try:
        with part.open("xb") as handle:
            torch.save(content, handle)
            handle.flush()
            os.fsync(handle.fileno())
        part.replace(path)
    except OSError as error:
        raise WeightsError(f"{path} cannot be written: {error.strerror}") from error
    finally:
        part.unlink(missing_ok=True)
