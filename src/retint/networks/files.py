"""Torch's files: read without running anything in them, written whole or not at all.

Both of torch's formats are read (zip, and the one before it), with the state dict bare or as {"model": state, ...}.
Nothing in a file is ever run: `weights_only=True`, with Python's `slice` allowed, which fastai left in `opt`.
"""

from __future__ import annotations

import os
import uuid
import warnings
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, cast

import torch

from retint.errors import WeightsError
from retint.networks.states import SHOWN, State, is_state


@dataclass(frozen=True)
class TorchFile:
    """What a weights file holds."""

    path: Path
    state: State
    beside: Mapping[object, object]  # what stands beside "model"; empty for a bare state dict
    mapped: bool  # whether the tensors lie in the file itself (memory-mapped)

    def settled(self) -> TorchFile:
        """The same in memory, where mapping most of a file would be a second copy of it for nothing."""
        if not self.mapped or 2 * sum(value.nbytes for value in self.state.values()) <= self.path.stat().st_size:
            return self
        content = _load(self.path, mapped=False)
        return replace(self, state=content["model"] if self.beside else content, mapped=False)


def read_state(path: Path, *, wanted: str, advice: str) -> TorchFile:
    """Open a weights file.

    wanted, advice: what errors say beside what was got: `wanted a generator's weights`, and what to do

    Raises WeightsError for a file that is empty, cut off, a web page, unsafe, or holds no state dict.
    """
    content, mapped = _read(path, wanted, advice)
    if not isinstance(content, Mapping):
        raise WeightsError(f"{path.name} holds a {type(content).__name__}, {wanted}; {advice}")
    entries = cast("Mapping[object, object]", content)
    state = entries.get("model", entries)
    if not is_state(state):
        held = ", ".join(str(key) for key in list(entries)[:SHOWN])
        raise WeightsError(f"{path.name} holds {held} and no state dict under 'model', {wanted}; {advice}")
    return TorchFile(path, state, {} if state is entries else entries, mapped)


def _read(path: Path, wanted: str, advice: str) -> tuple[object, bool]:
    """What torch reads in a file, and whether its tensors are mapped."""
    try:
        with path.open("rb") as handle:
            head = handle.read(512)
    except OSError as error:
        raise WeightsError(f"{path} cannot be read ({error.strerror}), {wanted}; check the path") from error
    if not head:
        raise WeightsError(f"{path.name} is empty, {wanted}; {advice}")
    if head.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"<"):
        raise WeightsError(f"{path.name} is a web page, {wanted}; the link that it came from is dead: {advice}")
    zipped = head.startswith(b"PK\x03\x04")  # mapped, so that the optimiser's state of a training file is never read
    try:
        return _load(path, mapped=zipped), zipped
    except MemoryError:
        raise
    except Exception as error:  # a broken or hostile pickle may raise anything at all
        raise WeightsError(f"{path.name} {_complaint(str(error))}, {wanted}; {advice}") from error


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


def save_whole(content: Mapping[str, Any], path: Path) -> None:
    """Write with torch.save. The file is whole or not there. Raises WeightsError where it cannot be written."""
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
