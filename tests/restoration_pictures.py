"""Pictures for tests of restoration."""

from __future__ import annotations

import cv2
import numpy as np


def smooth(height: int = 96, width: int = 128, seed: int = 0) -> np.ndarray:
    """(H, W) uint8: soft hills of 40 to 200, without noise or edges."""
    small = np.random.default_rng(seed).integers(40, 200, (4, 5)).astype(np.float32)
    large = cv2.resize(small, (width, height), interpolation=cv2.INTER_CUBIC)
    return np.clip(np.rint(large), 10, 235).astype(np.uint8)


def textured(height: int = 96, width: int = 128, seed: int = 0) -> np.ndarray:
    """(H, W) uint8 of coarse noise, different everywhere."""
    noise = np.random.default_rng(seed).normal(0, 40, (height, width)).astype(np.float32)
    return np.clip(cv2.GaussianBlur(noise, (0, 0), 2) * 3 + 120, 0, 255).astype(np.uint8)
