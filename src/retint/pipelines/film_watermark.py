"""The visible mark on frames of film: the same as on photographs, in the planes that films have."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
from numpy.typing import NDArray

from retint.color import Chroma, chroma_of, luma
from retint.pipelines.film_encoding import Encoding
from retint.pipelines.media import FilmFrame
from retint.rendering.watermark import add_watermark


class FilmWatermark:
    """Puts the mark into the corner that is the lower left one where the film is shown."""

    def __init__(self, encoding: Encoding) -> None:
        film = encoding.film
        turns = film.rotation // 90 % 4  # counterclockwise, from coded to shown
        size = (film.width, film.height) if turns % 2 else (film.height, film.width)
        shown = np.zeros((*size, 3), np.uint8)
        black, white = add_watermark(shown), add_watermark(shown + np.uint8(255))
        black, white = (np.rot90(marked, -turns).copy() for marked in (black, white))
        cover = 1 - (white[..., 0].astype(np.float32) - black[..., 0]) / 255  # how much of the mark hides the film
        self._rows, self._columns = _box(cover)
        self._cover = cover[self._rows, self._columns]
        unit = 1 << (film.bit_depth - 8)
        # H.273, equations 41 and 29: luma codes of black, and from black to white
        offset, scale = (0, (1 << film.bit_depth) - 1) if film.full_range else (16 * unit, 219 * unit)
        bright = luma(black)[self._rows, self._columns].astype(np.float32) / 255  # times the cover already
        self._luma = bright * scale + self._cover * offset
        size = encoding.merge_size
        self._small_cover = cv2.resize(cover, size, interpolation=cv2.INTER_AREA)[..., None]
        self._chroma = cv2.resize(chroma_of(black), size, interpolation=cv2.INTER_AREA)

    def put(self, frame: FilmFrame, chroma: Chroma) -> tuple[FilmFrame, Chroma]:
        """The frame and its chroma, at the planes' size, with the mark; what was given stays as it is."""
        pixels = frame.luma.copy()
        place = pixels[self._rows, self._columns]
        place[:] = np.rint(place * (1 - self._cover) + self._luma)
        return replace(frame, luma=pixels), chroma * (1 - self._small_cover) + self._chroma


def _box(cover: NDArray[np.float32]) -> tuple[slice, slice]:
    rows, columns = np.flatnonzero(cover.any(axis=1)), np.flatnonzero(cover.any(axis=0))
    return slice(int(rows[0]), int(rows[-1]) + 1), slice(int(columns[0]), int(columns[-1]) + 1)
