"""Tone: fading and uneven light, mended by a coarse field of gain and offset and one gamma.

A network sees the whole picture as a thumbnail and answers with the field; a field of 12 x 12 cells cannot touch
detail, so nothing can go wrong in it but light. `limited` keeps skies and faces from being blown out.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from retint.errors import RenderError
from retint.restoration.onnx_models import OnnxModel
from retint.restoration.options import Strength, ramp
from retint.restoration.planes import Floats, Luma, as_unit, from_unit, strips

THUMBNAIL = 96  # px, both ways, whatever the picture's shape
CELLS = 12  # of the field, both ways


@dataclass(frozen=True)
class ToneGate:
    """When the tone is corrected on `auto`, and how far at most.

    Between the first of a pair and the second the strength rises from 0 to 1 with the network's confidence. What is
    otherwise sound is more often a misty morning than a faded print, so it takes more there.
    """

    sound: tuple[float, float] = (0.75, 0.9)
    old: tuple[float, float] = (0.55, 0.65)  # of pictures with marks or noise, and of those in one tone
    most_clipped: float = 0.01  # share of the picture that the correction may drive into black, and into white

    def strength(self, confidence: float, *, old: bool) -> float:
        """0..1 of a confidence of 0..1."""
        return ramp(confidence, self.old if old else self.sound)


@dataclass(frozen=True, eq=False)
class Light:
    """What a picture's light is to become: clip(gain * y + offset, 1e-4, 1) ** gamma, y in 0..1."""

    gain: Floats  # (12, 12)
    offset: Floats  # (12, 12)
    gamma: float
    confidence: float  # 0..1: how sure it is that its correction helps


def thumbnail(luma: Luma) -> Floats:
    """The whole picture, means of areas: (96, 96) float32 in 0..1."""
    return as_unit(np.asarray(cv2.resize(luma, (THUMBNAIL, THUMBNAIL), interpolation=cv2.INTER_AREA), np.uint16))


def read_light(luma: Luma, model: OnnxModel) -> Light:
    """Ask the network. Raises RenderError."""
    field, gamma, confidence = model.answers(thumbnail(luma)[None, None])
    if field.shape != (1, 2, CELLS, CELLS) or gamma.size != 1 or confidence.size != 1:
        raise RenderError(
            f"{model.name} gave a field of {field.shape}, wanted (1, 2, {CELLS}, {CELLS}), and one gamma and one "
            "confidence; please report this"
        )
    return Light(field[0, 0], field[0, 1], float(gamma.flat[0]), float(confidence.flat[0]))


def relit(luma: Luma, light: Light, strength: float) -> Luma:
    """The picture in that light, `strength` of the way."""
    if strength <= 0:
        return luma
    height, width = luma.shape
    down, across = _weights(height), _weights(width).T
    gains, offsets = light.gain @ across, light.offset @ across  # (12, W)
    out = np.empty_like(luma)
    for rows in strips(height):
        value = as_unit(luma[rows])
        out[rows] = from_unit(_mixed(value, down[rows] @ gains, down[rows] @ offsets, light.gamma, strength))
    return out


def limited(luma: Luma, light: Light, strength: float, most_clipped: float) -> float:
    """The strength, lowered until the correction clips no more of the picture than allowed at either end.

    Judged on the thumbnail, where a sky or a face is an area and a glint is none. What the picture itself has clipped
    does not count.
    """
    value = thumbnail(luma)
    weights = _weights(THUMBNAIL)
    gain, offset = weights @ light.gain @ weights.T, weights @ light.offset @ weights.T
    own = value <= 1 / 255, value >= 254 / 255
    while strength > 0:
        mixed = value + strength * (gain * value + offset - value)
        black, white = ((mixed <= 1 / 255) & ~own[0]).mean(), ((mixed >= 254 / 255) & ~own[1]).mean()
        if max(black, white) <= most_clipped:
            break
        strength = round(strength - 0.05, 6)
    return max(0.0, strength)


def chosen_strength(luma: Luma, light: Light, wanted: Strength, gate: ToneGate, *, old: bool) -> float:
    """How far to correct: what is asked for, or, on `auto`, what the network is sure of.

    old: whether anything else speaks for an old print
    """
    strength = gate.strength(light.confidence, old=old) if wanted == "auto" else float(wanted)
    return limited(luma, light, strength, gate.most_clipped)


def _mixed(value: Floats, gain: Floats, offset: Floats, gamma: float, strength: float) -> Floats:
    corrected = np.clip(gain * value + offset, 1e-4, 1) ** np.float32(gamma)
    return (value + np.float32(strength) * (corrected - value)).astype(np.float32)


def _weights(length: int) -> Floats:
    """(length, 12): how much each cell counts at each pixel; bilinear between centres, the outermost repeated."""
    at = np.clip((np.arange(length, dtype=np.float64) + 0.5) * CELLS / length - 0.5, 0, CELLS - 1)
    left = np.minimum(at.astype(np.intp), CELLS - 2)
    share = (at - left).astype(np.float32)
    weights = np.zeros((length, CELLS), np.float32)
    rows = np.arange(length)
    weights[rows, left] = 1 - share
    weights[rows, left + 1] = share
    return weights
