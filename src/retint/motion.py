"""Motion between two grey pictures: dense optical flow, following it, chaining it, and how far it can be trusted.

A flow from picture A to picture B is `(H, W, 2)` float32: pixel (x, y) of A is found in B at (x, y) + flow[y, x], in
pixels, x first. `warp` of something that lies on B gives it as A sees it. A `Path` is a flow with its way back.

The same arrays give the same bits, whatever the number of OpenCV's threads (tested), on one kind of processor.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from retint.errors import InputError

Gray = NDArray[np.uint8]  # (H, W)
Plane = NDArray[np.float32]  # (H, W)
Flow = NDArray[np.float32]  # (H, W, 2)
Preset = Literal["fast", "medium"]

SMALLEST_SIDE = 16  # px: two patches of the search
_PRESETS = {"fast": cv2.DISOPTICAL_FLOW_PRESET_FAST, "medium": cv2.DISOPTICAL_FLOW_PRESET_MEDIUM}
_STRETCH, _SLACK = 0.01, 0.5  # px^2: what `holds` allows


def flow_between(one: Gray, other: Gray, preset: Preset = "medium") -> Flow:
    """Flow from `one` to `other`, both (H, W) uint8, by dense inverse search (Kroeger et al. 2016, arXiv 1603.03590).

    preset: OpenCV's. Fast takes a quarter of the time, and after eight frames of quick motion leaves a quarter more
        error in colours carried along it

    Raises InputError for pictures of two sizes or with a side under 16 px.
    """
    if one.shape != other.shape or one.ndim != 2 or min(one.shape) < SMALLEST_SIDE:
        raise InputError(
            f"got pictures of {one.shape} and {other.shape} to find motion between, "
            f"wanted two grey ones of one size, {SMALLEST_SIDE} px or more a side"
        )
    search = cv2.DISOpticalFlow.create(_PRESETS[preset])
    a, b = np.ascontiguousarray(one), np.ascontiguousarray(other)
    found = search.calc(a, b, None)  # pyright: ignore[reportCallIssue, reportArgumentType] - a flow would be a guess
    return np.asarray(found, np.float32)


def warp(field: NDArray[np.float32] | Gray, flow: Flow) -> NDArray[np.float32]:
    """What lies on B, as A sees it: `field` (H, W) or (H, W, n), sampled bilinearly along the flow from A to B.

    Beyond the edge the edge is repeated; `inside` tells where that happened. Integers come back as floats.
    """
    places = _grid(flow.shape[0], flow.shape[1]) + flow
    source = field.astype(np.float32, copy=False)
    out = cv2.remap(  # pyright: ignore[reportCallIssue] - a map of places is one, not two
        source,
        places,
        None,  # pyright: ignore[reportArgumentType]
        cv2.INTER_LINEAR,
        borderMode=cv2.BORDER_REPLICATE,
    )
    return np.asarray(out, np.float32).reshape(field.shape)


def compose(ab: Flow, bc: Flow) -> Flow:
    """The flow from A to C over B. Chain flows, not pictures: what is sampled once is not blurred again and again."""
    return ab + warp(bc, ab)


def inside(flow: Flow) -> NDArray[np.bool_]:
    """(H, W): where the flow ends within the other picture."""
    height, width = flow.shape[:2]
    places = _grid(height, width) + flow
    x, y = places[..., 0], places[..., 1]
    return (x >= -0.5) & (x <= width - 0.5) & (y >= -0.5) & (y <= height - 0.5)


@dataclass(frozen=True)
class Path:
    """The way from one frame to another, and back."""

    there: Flow
    back: Flow

    def then(self, further: Path) -> Path:
        """From A to B, and `further` from B to C: from A to C."""
        return Path(compose(self.there, further.there), compose(further.back, self.back))

    def turned(self) -> Path:
        """From the other frame to the one."""
        return Path(self.back, self.there)

    def holds(self) -> NDArray[np.bool_]:
        """(H, W): where there and back again ends at the start, and within the picture.

        The check of Sundaram, Brox, Keutzer 2010 (Dense Point Trajectories by GPU-accelerated Large Displacement
        Optical Flow, equation 5), in pixels: |F(x) + B(x + F(x))|^2 < 0.01 (|F|^2 + |B|^2) + 0.5.
        """
        home = warp(self.back, self.there)
        allowed = _STRETCH * (_squared(self.there) + _squared(home)) + _SLACK
        return (_squared(self.there + home) < allowed) & inside(self.there)


def path_between(one: Gray, other: Gray, preset: Preset = "medium") -> Path:
    """From `one` to `other`. Raises InputError as `flow_between` does."""
    return Path(flow_between(one, other, preset), flow_between(other, one, preset))


# How fast trust falls. Set so that it follows 1 / squared error of true colours that were carried 4, 8 and 12 frames
# along four colour films: an error of place hardly counts, for chroma is smooth; another brightness does.
_ASTRAY = 1 / 56  # of the longer side: 4 px in 224. There and back again this far from the start halves the trust
_WINDOW = 9  # px a side, of local means and gains
_GRAIN = 4.0  # grey levels: deviation within a window that grain alone makes
_STEADY = 1e3  # squared grey levels, over all pixels: a flat picture says nothing of a gain
_APART = 16.0  # grey levels: difference of local means at which trust has fallen to 1/e


def trust(path: Path, gray: Gray, other: Gray) -> Plane:
    """How far colours of the other frame can be taken along the path: at each pixel of the one, 0 not at all to 1.

    path: from the one to the other
    gray, other: what they look like, (H, W) uint8

    Returns (H, W) float32. It falls with the distance between there-and-back-again and the start, and with
    unlikeness of what is found there (`likeness`); it is 0 beyond the edge.
    """
    return trust_of(path.there, path.back, gray, warp(other, path.there))


def trust_of(forward: Flow, backward: Flow, gray: Gray, warped: Plane) -> Plane:
    """`trust` of flows from A to B and from B to A, with A (H, W) uint8 and B warped to A, (H, W) float32."""
    astray = (_ASTRAY * max(gray.shape)) ** 2
    found = likeness(gray, warped)
    found /= 1 + _squared(forward + warp(backward, forward)) / np.float32(astray)
    found[~inside(forward)] = 0
    return found


def likeness(gray: Gray, warped: Plane) -> Plane:
    """How alike two grey pictures are around each pixel, whatever the brightness of the film: (H, W) float32, 0 to 1.

    Texture is compared after its window's mean and gain are taken off, so that flicker and fading count nothing.
    Means are compared after one gain and offset for the whole picture, so that a smooth dark thing is still told
    from the smooth bright thing that it has uncovered.
    """
    a, b = gray.astype(np.float32), warped
    mean_a, mean_b = _box(a), _box(b)
    texture = _box(a * b) - mean_a * mean_b
    texture += np.float32(_GRAIN**2)
    texture /= np.sqrt(_spread(a, mean_a) * _spread(b, mean_b))
    np.clip(texture, 0, 1, out=texture)
    texture *= texture
    gain, offset = _levels(mean_a, mean_b)
    apart = mean_a - (np.float32(gain) * mean_b + np.float32(offset))
    texture *= np.exp(-np.square(apart) / np.float32(_APART**2))
    return np.asarray(texture, np.float32)


def _spread(plane: Plane, mean: Plane) -> Plane:
    """Variance in the window around each pixel, and of grain."""
    out = _box(plane * plane) - mean * mean
    np.maximum(out, 0, out=out)
    out += np.float32(_GRAIN**2)
    return np.asarray(out, np.float32)


def _levels(a: Plane, b: Plane) -> tuple[float, float]:
    """Gain and offset that bring b to a's levels: a straight line through the pixels whose change is a usual one,
    so that a thing that moves does not pull it."""
    x, y = b[::4, ::4].ravel(), a[::4, ::4].ravel()
    change = y - x
    unusual = np.abs(change - np.median(change))
    usual = unusual <= 1.5 * np.median(unusual) + 1
    x, y = x[usual], y[usual]
    middle_x, middle_y = float(x.mean()), float(y.mean())
    x = x - np.float32(middle_x)
    gain = (float(np.dot(x, y - np.float32(middle_y))) + _STEADY) / (float(np.dot(x, x)) + _STEADY)
    gain = min(max(gain, 0.5), 2.0)
    return gain, middle_y - gain * middle_x


def _box(plane: Plane) -> Plane:
    return np.asarray(cv2.blur(plane, (_WINDOW, _WINDOW), borderType=cv2.BORDER_REFLECT), np.float32)


def _squared(flow: Flow) -> Plane:
    x, y = flow[..., 0], flow[..., 1]
    return np.asarray(x * x + y * y, np.float32)


@lru_cache(maxsize=4)
def _grid(height: int, width: int) -> Flow:
    """(H, W, 2): each pixel's own place, x first."""
    x, y = np.meshgrid(np.arange(width, dtype=np.float32), np.arange(height, dtype=np.float32))
    grid = np.stack([x, y], axis=-1)
    grid.setflags(write=False)
    return grid
