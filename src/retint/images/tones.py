"""Pixels into sRGB, where the profile of a file cannot stay: CMYK, and grey in a tone far from sRGB."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import imagecodecs
import numpy as np
from numpy.typing import NDArray

from retint.images.photograph import Pixels
from retint.images.profiles import srgb_profile

_STRIP = 2**22
"""Pixels worked on at once: the intermediate arrays stay small beside a scan of 100 megapixels."""
_FAR = 0.12
"""Greatest difference from sRGB's code values, of 1, up to which a grey tone stays as it is. Gamma 1.8 and 2.2, L* and
the dot gain curves of 10 to 30 % differ by up to 0.09, linear light by 0.24."""


def strips(height: int, width: int) -> Iterator[slice]:
    """Rows in pieces of about four megapixels."""
    step = max(1, _STRIP // max(1, width))
    for start in range(0, height, step):
        yield slice(start, min(start + step, height))


def grey_to_srgb(pixels: Pixels, icc: bytes, *, always: bool) -> Pixels | None:
    """Grey pixels of profile `icc` in the tone of sRGB; None where they can stay because the tone is close to it.

    pixels: (H, W); `always` converts the close ones too. Raises CmsError (a RuntimeError) for a damaged profile.
    """
    steps = int(np.iinfo(pixels.dtype).max) + 1
    ramp = np.linspace(0, 65535, steps).round().astype(np.uint16)[np.newaxis]
    mapped = _transform(ramp, icc, "gray")[0, :, 1]
    if not always and np.abs(mapped.astype(np.int32) - ramp[0]).max() <= _FAR * 65535:
        return None
    table = mapped if pixels.dtype == np.uint16 else to_8_bit(mapped)
    return _look_up(table, pixels)


def cmyk_to_srgb(ink: Pixels, icc: bytes | None) -> Pixels:
    """CMYK as sRGB of the same dtype.

    ink: (H, W, 4), 0 is bare paper. With a profile by LittleCMS; without one by (1 - ink)(1 - black), the formula of
    PostScript (Red Book, 7.2.4), which knows nothing about real inks. Raises CmsError (a RuntimeError).
    """
    height, width = ink.shape[:2]
    result: Pixels = np.empty((height, width, 3), ink.dtype)
    most = int(np.iinfo(ink.dtype).max)
    for rows in strips(height, width):
        if icc is not None:
            result[rows] = _transform(np.ascontiguousarray(ink[rows]), icc, "cmyk")
        else:
            paper = most - ink[rows].astype(np.uint64)
            result[rows] = (paper[..., :3] * paper[..., 3:] + most // 2) // most
    return result


def rgb_to_srgb(pixels: Pixels, icc: bytes) -> Pixels:
    """RGB pixels (H, W, 3) of profile `icc` as sRGB of the same dtype. Raises CmsError (a RuntimeError)."""
    result: Pixels = np.empty(pixels.shape, pixels.dtype)
    for rows in strips(*pixels.shape[:2]):
        result[rows] = _transform(np.ascontiguousarray(pixels[rows]), icc, "rgb")
    return result


def to_8_bit(pixels: NDArray[np.uint16] | Pixels) -> NDArray[np.uint8]:
    """16-bit samples rounded to 8 bits: v / 257."""
    result = np.empty(pixels.shape, np.uint8)
    if pixels.ndim == 1:
        result[:] = (pixels.astype(np.uint32) + 128) // 257
        return result
    for rows in strips(*pixels.shape[:2]):
        result[rows] = (pixels[rows].astype(np.uint32) + 128) // 257
    return result


def widen(samples: NDArray[np.integer[Any] | np.bool_], bits: int) -> Pixels:
    """Samples of 1 to 16 bits stretched to the full range of 8 or 16: white stays white, black stays black.

    A picture of 9 to 15 bits becomes one of 16.
    """
    if bits == 8:
        return samples.astype(np.uint8, copy=False)
    if bits == 16:
        return samples.astype(np.uint16, copy=False)
    kind = np.uint8 if bits < 8 else np.uint16
    most = 2**bits - 1
    table: Pixels = (np.arange(most + 1, dtype=np.float64) * (np.iinfo(kind).max / most)).round().astype(kind)
    return _look_up(table, samples.astype(np.uint8 if bits < 8 else np.uint16, copy=False))


def _look_up(table: Pixels, samples: NDArray[np.integer[Any]]) -> Pixels:
    """table[samples] by strips: numpy turns an index into 64-bit numbers, all at once if it may."""
    result: Pixels = np.empty(samples.shape, table.dtype)
    for rows in strips(*samples.shape[:2]):
        result[rows] = table[samples[rows]]
    return result


def _transform(samples: Pixels, icc: bytes, space: str) -> Pixels:
    """LittleCMS to sRGB, relative colorimetric with black point compensation: what Photoshop does unasked."""
    return imagecodecs.cms_transform(
        samples,
        icc,
        srgb_profile(),
        colorspace=space,
        outcolorspace="rgb",
        intent=imagecodecs.CMS.INTENT.RELATIVE_COLORIMETRIC,
        flags=imagecodecs.CMS.FLAGS.BLACKPOINTCOMPENSATION,
    )
