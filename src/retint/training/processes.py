"""One process, or several on several GPUs and machines, started by `accelerate launch -m retint train ...`.

Why accelerate (docs/decisions/010): it starts processes, on one machine or many, and hands out devices; networks stay
as they are, for all that training needs from it is the mean of the gradients.
"""

from __future__ import annotations

import atexit
import os
from collections.abc import Iterable
from contextlib import AbstractContextManager
from typing import Any, Literal

import torch
from torch import Tensor, nn

from retint.errors import MissingExtraError, TrainingError


class Processes:
    """This process among its peers. A single one needs nothing but torch."""

    def __init__(self, device: str = "auto", *, precision: Literal["fp32", "bf16"] = "fp32") -> None:
        """Raises TrainingError for a device that is not there, MissingExtraError where several want accelerate."""
        self.precision = precision
        self._accelerator: Any = None
        if int(os.environ.get("WORLD_SIZE", "1")) > 1:
            self._accelerator = _accelerator(cpu=device == "cpu")
            self.rank, self.count = self._accelerator.process_index, self._accelerator.num_processes
            self.device = torch.device(self._accelerator.device)
        else:
            self.rank, self.count = 0, 1
            self.device = torch.device(_single_device(device))

    @property
    def is_first(self) -> bool:
        """Whether this one writes and tells."""
        return self.rank == 0

    def arithmetic(self) -> AbstractContextManager[Any]:
        """Within it, convolutions and products run in the precision asked for."""
        return torch.autocast(self.device.type, torch.bfloat16, enabled=self.precision == "bf16")

    def share(self, batch: int) -> slice:
        """This process's part of a batch. Raises TrainingError where it does not divide."""
        if batch % self.count:
            raise TrainingError(
                f"got a batch of {batch} for {self.count} processes; wanted a batch that they divide, or fewer of them"
            )
        each = batch // self.count
        return slice(self.rank * each, (self.rank + 1) * each)

    def average_gradients(self, parameters: Iterable[nn.Parameter]) -> None:
        """Every gradient becomes its mean over all processes; one message for all."""
        gradients = [parameter.grad for parameter in parameters if parameter.grad is not None]
        if self._accelerator is None or not gradients:
            return
        flat = self._accelerator.reduce(torch.cat([gradient.flatten() for gradient in gradients]), "mean")
        for gradient, part in zip(gradients, flat.split([g.numel() for g in gradients]), strict=True):
            gradient.copy_(part.view_as(gradient))

    def agree(self, value: float) -> float:
        """The first process's value, in all: so that every one takes the same turn."""
        if self._accelerator is None:
            return value
        from accelerate.utils import broadcast

        return float(broadcast(torch.tensor([value], dtype=torch.float64, device=self.device))[0])

    def wait(self) -> None:
        """Until all processes are here."""
        if self._accelerator is not None:
            self._accelerator.wait_for_everyone()


def _accelerator(*, cpu: bool) -> Any:
    try:
        from accelerate import Accelerator
    except ImportError as missing:
        raise MissingExtraError(
            "training in several processes needs accelerate, which is not installed; do this: "
            "pip install 'retint[train]'"
        ) from missing
    accelerator = Accelerator(cpu=cpu)
    # Else its threads are still talking to the peers when Python ends, and now and then abort the process (SIGABRT).
    atexit.register(accelerator.end_training)
    return accelerator


def _single_device(device: str) -> str:
    offered = [
        name
        for name, there in (("cuda", torch.cuda.is_available()), ("mps", torch.backends.mps.is_available()))
        if there
    ]
    offered.append("cpu")
    if device == "auto":
        return "cuda" if "cuda" in offered else "cpu"
    if device not in offered:
        raise TrainingError(f"got device {device!r}, and torch finds only {', '.join(offered)} here; take one of these")
    return device


def losses_to_floats(terms: dict[str, Tensor]) -> dict[str, float]:
    """One transfer from the device for all."""
    values = torch.stack([value.detach().float() for value in terms.values()]).tolist()
    return dict(zip(terms, values, strict=True))
