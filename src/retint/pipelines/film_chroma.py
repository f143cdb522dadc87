"""The chroma of a decoded frame, for films that keep their own.

It is BT.601's U and V, the differences B - Y and R - Y scaled, as renders give it; what `planes_of` makes of it in the
same format are the numbers that the film held.
"""

from __future__ import annotations

import numpy as np
from av.video.frame import VideoFrame

from retint.color import U_SCALE, V_SCALE, Chroma, chroma_of
from retint.pipelines.film_info import FilmInfo
from retint.pipelines.film_luma import plane_view


def chroma_codes(depth: int, full_range: bool) -> tuple[float, float, float, float]:
    """Code of no chroma, codes from -0.5 to 0.5, lowest and highest code. H.273 (07/2024), equations 27, 28, 42, 43."""
    middle, unit = float(1 << depth - 1), 1 << depth - 8
    if full_range:
        return middle, (1 << depth) - 1.0, 0.0, (1 << depth) - 1.0
    return middle, 224.0 * unit, 16.0 * unit, 240.0 * unit


def read_chroma(frame: VideoFrame, info: FilmInfo) -> Chroma | None:
    """Return the chroma of a frame, (h, w, 2) float32 of the size that it is sampled at; None for a film in grey."""
    if info.chroma == "gray":
        return None
    if info.chroma == "rgb":
        return chroma_of(np.asarray(frame.to_ndarray(format="rgb24", threads=1), np.uint8))
    deep = info.bit_depth > 8
    planar = f"yuv{info.chroma}p" + (f"{info.bit_depth}le" if deep else "")
    if frame.format.name not in (planar, planar.replace("yuv", "yuvj")):
        frame = frame.reformat(format=planar, threads=1)
    middle, span, _, _ = chroma_codes(info.bit_depth, info.full_range)
    kr, kb = info.weights
    planes = [plane_view(plane, info.bit_depth) for plane in frame.planes[1:3]]
    out = np.empty((*planes[0].shape, 2), np.float32)
    for channel, (plane, weight, scale) in enumerate(zip(planes, (kb, kr), (U_SCALE, V_SCALE), strict=True)):
        # H.273 (07/2024), equations 39 and 40, the other way round
        codes = np.subtract(plane, np.float32(middle), dtype=np.float32)
        out[..., channel] = codes * np.float32(2 * (1 - weight) * scale / span)
    return out
