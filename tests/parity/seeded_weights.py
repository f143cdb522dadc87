"""Seeded weights, bit for bit the same everywhere, for comparison with what the original DeOldify made of them.

    info = json.load(open("keys_artistic.json"))
    state = seeded_state(info["keys"], bn_stats=info.get("bn_stats"))

keys: [[key, shape, dtype], ...]. bn_stats: {name of a batch norm: [mean, variance]}, measured once on the original so
that every activation has about unit scale and deep layers matter; [0, 1] where absent.

Each tensor depends on its key, its shape and the seed alone: numpy's RandomState(crc32(key) ^ seed), whose stream is
frozen. Rules, first match wins; N is a normal draw, U a uniform one in 0.5..1.5:

    *.num_batches_tracked       0
    *.running_mean, *_var       m + 0.1 sqrt(v) N,  v U
    batch norm *.weight         U
    *.bias                      0.1 N
    *.gamma                     0.5
    *.weight_g                  U ||weight_v||, per output channel
    other weights               sqrt(2 / fan_in) N
    *.weight_u, *.weight_v      beside weight_orig: five power iterations in float32 from a normalised N

Three u are not of unit length, on purpose: sigma is u . (W v) with the stored vectors, and a reader that recomputes it
fails.
"""

from __future__ import annotations

import math
import zlib
from collections.abc import Mapping, Sequence

import numpy as np
import torch
from torch import Tensor

_U_SCALE = {"layers.11.0.weight_u": 0.8, "4.2.query.weight_u": 0.125, "4.2.key.weight_u": 0.125}


def seeded_state(
    manifest: Sequence[tuple[str, Sequence[int], str]],
    seed: int = 0,
    bn_stats: Mapping[str, tuple[float, float]] | None = None,
) -> dict[str, Tensor]:
    """The state dict of the keys, in their order."""
    shapes = {key: tuple(shape) for key, shape, _ in manifest}
    state: dict[str, Tensor] = {}
    for key, shape in shapes.items():
        module, _, leaf = key.rpartition(".")
        mean, variance = (bn_stats or {}).get(module, (0.0, 1.0))
        in_norm, spectral = f"{module}.running_mean" in shapes, f"{module}.weight_orig" in shapes
        if leaf == "num_batches_tracked":
            state[key] = torch.zeros(shape, dtype=torch.int64)
        elif leaf == "running_mean":
            state[key] = _normal(key, shape, seed, 0.1 * math.sqrt(variance)) + np.float32(mean)
        elif leaf == "running_var":
            state[key] = _uniform(key, shape, seed, 0.5 * variance, 1.5 * variance)
        elif in_norm and leaf == "weight":
            state[key] = _uniform(key, shape, seed)
        elif leaf == "bias":
            state[key] = _normal(key, shape, seed, 0.1)
        elif leaf == "gamma":
            state[key] = torch.full(shape, 0.5)
        elif leaf == "weight_u" or leaf == "weight_g" or (leaf == "weight_v" and spectral):
            state[key] = torch.empty(0)  # from its sibling, below; here for the order
        elif leaf in ("weight", "weight_orig", "weight_v"):
            state[key] = _normal(key, shape, seed, math.sqrt(2.0 / np.prod(shape[1:])))
        else:
            raise KeyError(f"no rule for {key} {shape}")
    for key, shape in shapes.items():
        module, _, leaf = key.rpartition(".")
        if leaf == "weight_g":
            direction = state[f"{module}.weight_v"]
            length = direction.reshape(direction.shape[0], -1).norm(dim=1).reshape(shape)
            state[key] = _uniform(key, shape, seed) * length
        elif leaf == "weight_u":
            weight = state[f"{module}.weight_orig"]
            weight = weight.reshape(weight.shape[0], -1)
            v = _normalized(_normal(f"{module}.weight_v", shapes[f"{module}.weight_v"], seed))
            u = v
            for _ in range(5):
                u = _normalized(weight @ v)
                v = _normalized(weight.t() @ u)
            state[key] = u * _U_SCALE.get(key, 1.0)
            state[f"{module}.weight_v"] = v
    return state


def _random(key: str, seed: int) -> np.random.RandomState:
    return np.random.RandomState((zlib.crc32(key.encode()) ^ seed) & 0xFFFFFFFF)


def _normal(key: str, shape: Sequence[int], seed: int, scale: float = 1.0) -> Tensor:
    values = _random(key, seed).standard_normal(math.prod(shape))
    values *= scale
    return torch.from_numpy(values.astype(np.float32).reshape(shape))


def _uniform(key: str, shape: Sequence[int], seed: int, low: float = 0.5, high: float = 1.5) -> Tensor:
    values = _random(key, seed).random_sample(math.prod(shape)) * (high - low) + low
    return torch.from_numpy(values.astype(np.float32).reshape(shape))


def _normalized(x: Tensor) -> Tensor:
    return x / max(float(x.norm()), 1e-12)
