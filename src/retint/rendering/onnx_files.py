"""Exported ONNX files: what torch's tracer needs around it, and a file that is whole, checked, or not there."""

from __future__ import annotations

import logging
import os
import uuid
import warnings
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import cast

import numpy as np
import onnx
import onnxruntime as ort
import torch
from onnx import TensorProto, helper, numpy_helper
from torch import nn

from retint.errors import RenderError, WeightsError
from retint.rendering.memory import cores_available
from retint.rendering.network import Floats

_TOLERANCE = 1e-4  # of the norm; rounding to fp16 is done on both sides of the comparison
_LARGEST_FILE = 2**31 - 1  # bytes, protobuf's limit

References = list[tuple[Floats, tuple[Floats, ...]]]
"""Inputs, and what torch makes of them."""


@contextmanager
def silent() -> Generator[None]:
    """Without what torch's exporter says of its own insides."""
    loggers = [logging.getLogger(name) for name in ("torch.onnx", "onnxscript", "onnx_ir")]
    levels = [logger.level for logger in loggers]
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", category=DeprecationWarning)
        warnings.filterwarnings("ignore", category=FutureWarning)
        try:
            for logger in loggers:
                logger.setLevel(logging.ERROR)
            yield
        finally:
            for logger, level in zip(loggers, levels, strict=True):
                logger.setLevel(level)


@torch.no_grad()
def round_to_half(network: nn.Module) -> None:
    """Round kernels to what fp16 can hold, in place. Biases and norms stay: they are few."""
    for parameter in network.parameters():
        if parameter.dim() > 1:
            half = parameter.half()
            if not torch.isfinite(half).all():
                raise WeightsError("these weights hold numbers beyond fp16's range, 65504; export with precision fp32")
            parameter.copy_(half.float())


def strip(graph: onnx.GraphProto) -> None:
    """Remove the tracer's notes, which name this machine's files, from a graph and the bodies of its loops."""
    del graph.metadata_props[:], graph.value_info[:]
    for value in (*graph.node, *graph.input, *graph.output, *graph.initializer):
        del value.metadata_props[:]
    for node in graph.node:
        for attribute in node.attribute:
            if attribute.type == onnx.AttributeProto.GRAPH:
                strip(attribute.g)


def store_as_half(model: onnx.ModelProto) -> None:
    """Kernels as fp16 initializers, each with a Cast to fp32, which ONNX Runtime does once, at load."""
    graph = model.graph
    casts: list[onnx.NodeProto] = []
    for tensor in graph.initializer:
        if tensor.data_type == TensorProto.FLOAT and len(tensor.dims) > 1:
            values = numpy_helper.to_array(tensor)
            if not np.array_equal(values, values.astype(np.float16)):
                continue  # the tracer folded a norm into it, after the rounding
            wanted = tensor.name
            tensor.CopyFrom(numpy_helper.from_array(values.astype(np.float16), f"{wanted}_fp16"))
            casts.append(helper.make_node("Cast", [tensor.name], [wanted], to=TensorProto.FLOAT))
    nodes = [*casts, *graph.node]
    del graph.node[:]
    graph.node.extend(nodes)


def write(model: onnx.ModelProto, target: Path, references: References) -> None:
    """Write the file under its name once ONNX Runtime gives what torch gave.

    Raises WeightsError where it cannot be written, RenderError as `verify`.
    """
    if model.ByteSize() > _LARGEST_FILE:
        raise WeightsError(f"{target.name} would be over 2 GB, more than ONNX files can be; export with precision fp16")
    part = target.with_name(f".{target.name}.{uuid.uuid4().hex[:8]}.part")
    try:
        with part.open("xb") as handle:
            handle.write(model.SerializeToString())
            handle.flush()
            os.fsync(handle.fileno())
        verify(part, references)
        part.replace(target)
    except OSError as error:
        raise WeightsError(f"{target} cannot be written: {error.strerror}") from error
    finally:
        part.unlink(missing_ok=True)


def verify(file: Path, references: References) -> None:
    """Render the first of each pair with ONNX Runtime and compare with the second.

    Raises RenderError where shapes differ, or numbers by more than 1e-4 of their norm.
    """
    options = ort.SessionOptions()
    options.intra_op_num_threads = cores_available()
    options.log_severity_level = 3
    try:
        session = ort.InferenceSession(file, options, providers=["CPUExecutionProvider"])
        (wanted,) = (value.name for value in session.get_inputs())
        renders = [cast("Sequence[Floats]", session.run(None, {wanted: given})) for given, _ in references]
    except Exception as error:  # ONNX Runtime's own exceptions share no public base
        raise RenderError(f"ONNX Runtime cannot render the exported file: {str(error).splitlines()[0]}") from error
    for (given, expected), got in zip(references, renders, strict=True):
        for one, other in zip(got, expected, strict=True):
            _compare(one, other, f"{given.shape[3]}x{given.shape[2]} px")


def _compare(got: Floats, wanted: Floats, size: str) -> None:
    if got.shape != wanted.shape:
        raise RenderError(
            f"the exported file renders {size} to shape {got.shape}, and torch to {wanted.shape}; "
            "nothing written; please report this"
        )
    error = float(np.linalg.norm(got - wanted) / np.linalg.norm(wanted))
    if not error <= _TOLERANCE:
        raise RenderError(
            f"the exported file renders {size} otherwise than torch (by {error:.1e} of the norm, wanted at most "
            f"{_TOLERANCE:.0e}); nothing written; please report this"
        )
