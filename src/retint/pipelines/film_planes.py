"""Frames for the encoder: the film's own luma, and chroma in the film's own matrix.

BT.601's U and V are the differences B - Y and R - Y, scaled. Whatever weights the film's luma has, these differences
are kept: they are scaled to the Cb and Cr of its matrix.
"""

from __future__ import annotations

from functools import lru_cache

import cv2
import numpy as np
from av.filter import Graph
from av.video.frame import VideoFrame
from numpy.typing import NDArray

from retint.color import U_SCALE, V_SCALE, Chroma
from retint.images import Pixels
from retint.pipelines.film_chroma import chroma_codes
from retint.pipelines.film_encoding import Encoding
from retint.pipelines.film_luma import plane_view
from retint.pipelines.media import FilmFrame

Plane = NDArray[np.float32]

_STRIP = 24_000  # px at a time: what is between stays in the processor's cache


def planes_of(frame: FilmFrame, chroma: Chroma | None, encoding: Encoding) -> VideoFrame:
    """Join a frame's luma with chroma, ready for the encoder.

    chroma: (h, w, 2) float32, BT.601's U and V in units of full scale, of the size `Encoding.chroma_size`, or
        `Encoding.merge_size`; None for none

    Luma goes in as it is where the encoding has the film's depth and range, and else is rescaled. Chroma beyond what
    the format holds is clipped to its limits; the film's own, `frame.chroma`, keeps what it has beyond.

    Raises
    ------
    ValueError: luma or chroma are not of the encoding's size
    """
    film, sizes = encoding.film, (encoding.chroma_size, encoding.merge_size)
    if frame.luma.shape != (film.height, film.width) or (
        chroma is not None and chroma.shape not in [(*size[::-1], 2) for size in sizes]
    ):
        raise ValueError(
            f"luma is {film.height, film.width} and chroma {*encoding.chroma_size[::-1], 2} here, "
            f"not {frame.luma.shape} and {None if chroma is None else chroma.shape}"
        )
    joined = VideoFrame(film.width, film.height, encoding.pixel_format)
    luma, *others = (plane_view(plane, encoding.depth) for plane in joined.planes)
    table = _luma_table(film.bit_depth, film.full_range, encoding.depth, encoding.full_range)
    if table is None:
        np.copyto(luma, frame.luma)
    else:
        np.take(table, frame.luma, out=luma, mode="clip")
    middle, span, low, high = chroma_codes(encoding.depth, encoding.full_range)
    if chroma is frame.chroma:
        low, high = 0.0, (1 << encoding.depth) - 1.0
    kr, kb = encoding.weights
    for channel, (plane, weight, scale) in enumerate(zip(others, (kb, kr), (U_SCALE, V_SCALE), strict=True)):
        if chroma is None:
            plane[:] = int(middle)
            continue
        # H.273 (07/2024), equations 39 and 40: Cb = (B - Y) / (2 (1 - Kb)), Cr = (R - Y) / (2 (1 - Kr))
        _write_codes(plane, chroma[..., channel], span / (2 * (1 - weight) * scale), middle, low, high)
    joined.pts, joined.time_base, joined.duration = frame.pts, film.time_base, frame.duration
    joined.color_range, joined.colorspace = encoding.color_range, encoding.matrix
    joined.color_primaries, joined.color_trc = film.primaries, film.transfer
    return joined


def _write_codes(plane: Pixels, chroma: Plane, scale: float, middle: float, low: float, high: float) -> None:
    """Write `scale` times chroma (h, w) around `middle` into a plane, rounded, and clipped to `low` to `high`.
    A plane of another size gets it enlarged."""
    if plane.shape != chroma.shape:
        small = np.empty(chroma.shape, plane.dtype)
        _write_codes(small, chroma, scale, middle, low, high)
        cv2.resize(small, plane.shape[::-1], plane, interpolation=cv2.INTER_LINEAR)
        return
    if plane.dtype == np.uint8:
        source = np.ascontiguousarray(chroma)
        cv2.addWeighted(source, scale, source, 0, middle, plane, dtype=cv2.CV_8U)
        np.clip(plane, int(low), int(high), out=plane)
        return
    step = max(1, _STRIP // chroma.shape[1])
    for top in range(0, chroma.shape[0], step):
        rows = slice(top, top + step)
        codes = chroma[rows] * np.float32(scale)
        codes += np.float32(middle)
        np.rint(codes, out=codes)
        np.clip(codes, low, high, out=codes)
        np.copyto(plane[rows], codes, casting="unsafe")


@lru_cache
def _luma_table(depth: int, full: bool, to_depth: int, to_full: bool) -> Pixels | None:
    """Return the new code of each luma code, (2 ** depth,), or None where they stay."""
    if (depth, full) == (to_depth, to_full):
        return None

    def black_and_span(depth: int, full: bool) -> tuple[float, float]:
        return (0.0, (1 << depth) - 1.0) if full else (16.0 * (1 << depth - 8), 219.0 * (1 << depth - 8))

    black, span = black_and_span(depth, full)
    to_black, to_span = black_and_span(to_depth, to_full)
    codes = (np.arange(1 << depth) - black) / span * to_span + to_black
    codes = np.clip(np.rint(codes), 0, (1 << to_depth) - 1)
    return codes.astype(np.uint8) if to_depth <= 8 else codes.astype(np.uint16)


class FrameMarks:
    """Puts on frames what PyAV's frames have no attribute for: the order of fields, and the sample aspect."""

    def __init__(self, encoding: Encoding) -> None:
        self._encoding = encoding
        self._graphs: dict[str, Graph] = {}

    def put(self, joined: VideoFrame, frame: FilmFrame) -> VideoFrame:
        """Mark a frame of `planes_of` as the one it was made from is marked. The pixels are shared, not copied."""
        encoding = self._encoding
        # FFV1 writes the aspect of each frame, the other encoders that of their context
        aspect = encoding.film.sample_aspect if encoding.encoder == "ffv1" else None
        fields = "prog"
        if encoding.fields != "progressive" and frame.interlaced:
            fields = "tff" if frame.top_field_first else "bff"
        if aspect is None and encoding.fields == "progressive":
            return joined
        graph = self._graphs.get(fields)
        if graph is None:
            graph = self._graphs[fields] = self._graph(joined, fields)
        graph.push(joined)
        marked = graph.pull()
        assert isinstance(marked, VideoFrame)
        return marked

    def _graph(self, joined: VideoFrame, fields: str) -> Graph:
        graph = Graph()
        film = self._encoding.film
        source = graph.add_buffer(
            width=joined.width, height=joined.height, format=joined.format, time_base=film.time_base
        )
        order, aspect = graph.add("setfield", fields), graph.add("setsar", str(film.sample_aspect or 0))
        source.link_to(order)
        order.link_to(aspect)
        aspect.link_to(graph.add("buffersink"))
        graph.configure()
        return graph
