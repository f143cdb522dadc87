"""Films of `synthetic_film` coloured all in one colour, as tests want them."""

from __future__ import annotations

import itertools
import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import av
import numpy as np
from numpy.typing import NDArray
from synthetic_film import Contents, contents_of, make_film

from retint.pipelines.film_info import FilmInfo
from retint.pipelines.film_writer import (
    Codec,
    Encoding,
    PartWriter,
    Target,
    assemble,
    choose_codec,
    plan_encoding,
)
from retint.pipelines.media import open_film

CLIPS = Path(os.environ.get("RETINT_CLIPS", Path(__file__).parents[3] / "shared" / "clips"))
BLUE_YELLOW, RED_GREEN = -0.06, 0.1  # U and V of the films here


def chroma_for(encoding: Encoding) -> NDArray[np.float32]:
    width, height = encoding.chroma_size
    return np.broadcast_to(np.array([BLUE_YELLOW, RED_GREEN], np.float32), (height, width, 2))


def encode(
    source: Path, target: Path, codec: Codec | None = None, cuts: Sequence[int] = (9, 10), **settings: Any
) -> tuple[Encoding, list[Path]]:
    """Colour a film all in one colour, in parts that end before the frames `cuts`."""
    with open_film(source) as film:
        encoding = plan_encoding(film.info, Target(target, choose_codec(target, codec), threads=2, **settings))
        chroma, parts = chroma_for(encoding), list[Path]()
        frames = list(film.frames())
        bounds = [0, *(cut for cut in cuts if cut < len(frames)), len(frames)]
        for first, end in itertools.pairwise(bounds):
            parts.append(target.with_name(f"{target.name}.{first}.part"))
            with PartWriter(parts[-1], encoding) as part:
                for frame in frames[first:end]:
                    part.write(frame, chroma)
            assert part.frames == end - first
    return encoding, parts


def colour(source: Path, target: Path, codec: Codec | None = None, **more: Any) -> tuple[str, ...]:
    """Return the notes of a film put together at `target`."""
    encoding, parts = encode(source, target, codec)
    return assemble(encoding, parts, **more)


def info_of(tmp_path: Path, **changes: Any) -> FilmInfo:
    make_film(tmp_path / "planned.mp4", frames=1)
    with open_film(tmp_path / "planned.mp4") as film:
        return replace(film.info, **changes)


def shown(path: Path, codec: str) -> Contents:
    """As `contents_of`, with times of H.264 in AVI as the file has them.

    PyAV makes FFmpeg guess the timestamps that AVI lacks, and for H.264 it guesses a frame too late.
    """
    contents = contents_of(path)
    if path.suffix == ".avi" and codec == "h264":
        with av.open(str(path)) as film:
            film.flags &= ~av.container.Flags.gen_pts.value
            stream = film.streams.video[0]
            contents.seconds = [frame.dts * stream.time_base for frame in film.decode(stream)]
    return contents
