"""How a coloured film is coded: what each codec and container holds, and what becomes of the film's own properties.

An `Encoding` is made once for a film and a target. Everything that encodes a piece of the film is set up from it alone,
so the pieces fit together.

`quality` is 1 to 100 and means, in the encoders' own numbers:

    h264    crf 50 - 0.4 quality     80, the default, is crf 18: eyes do not tell it from the source
    h265    crf 52 - 0.4 quality     80 is crf 20
    av1     crf 63 - 0.45 quality    80 is crf 27
    ffv1    nothing: it has no losses
    prores  below 25 Proxy, below 50 LT, below 75 standard, then HQ; 4444 for 4:4:4
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Literal

import av
import av.error
import cv2
from av.codec.context import Flags, ThreadType
from av.video.codeccontext import VideoCodecContext

from retint.errors import OutputError
from retint.pipelines.film_info import BT709, FULL, LIMITED, UNSPECIFIED, UNSPECIFIED_RANGE, WEIGHTS, FilmInfo

Codec = Literal["h264", "h265", "av1", "ffv1", "prores"]
Fields = Literal["progressive", "tff", "bff"]

DEFAULT_QUALITY = 80
_INTERLACED_FLAGS = Flags.interlaced_dct | Flags.interlaced_me
_TOP_FIRST, _BOTTOM_FIRST = 2, 3  # AVFieldOrder
_AVX_512 = 13  # OpenCV cvdef.h, CpuFeatures


@dataclass(frozen=True)
class Container:
    """A kind of file that films are saved as."""

    name: str  # of FFmpeg's muxer
    suffixes: tuple[str, ...]
    codecs: tuple[Codec, ...]  # that it holds, the usual one first


@dataclass(frozen=True)
class _Holds:
    """What a codec's encoder takes."""

    encoder: str
    chroma: tuple[str, ...]
    depths: tuple[int, ...]
    interlaced: bool = False  # frames whose rows are of two moments are marked as such
    full_range: bool = True


CONTAINERS = (
    Container("mp4", (".mp4", ".m4v"), ("h264", "h265", "av1", "ffv1")),
    Container("mov", (".mov",), ("h264", "h265", "prores")),
    Container("matroska", (".mkv",), ("h264", "h265", "av1", "ffv1", "prores")),
    Container("webm", (".webm",), ("av1",)),
    Container("avi", (".avi",), ("h264", "ffv1")),
)
_CODECS: dict[Codec, _Holds] = {
    "h264": _Holds("libx264", ("420", "422", "444"), (8, 10), interlaced=True),
    "h265": _Holds("libx265", ("420", "422", "444"), (8, 10, 12)),
    "av1": _Holds("libsvtav1", ("420",), (8, 10)),
    "ffv1": _Holds("ffv1", ("420", "422", "444", "440", "411", "410"), (8, 10, 12, 14, 16), interlaced=True),
    "prores": _Holds("prores_ks", ("422", "444"), (10,), interlaced=True, full_range=False),
}
# The sampling that a film has, and what stands in for it where the codec does not hold that, the nearest first
_NEAREST = {
    "420": ("420", "422", "444"),
    "422": ("422", "444", "420"),
    "444": ("444", "422", "420"),
    "440": ("440", "444", "420"),
    "411": ("411", "422", "420"),
    "410": ("410", "420", "422"),
    "gray": ("420", "422"),
    "rgb": ("420", "422"),
}
_ONLY_8_BIT = ("440", "411", "410")


@dataclass(frozen=True)
class Target:
    """What a film is saved as."""

    path: Path  # whose suffix says the container
    codec: Codec
    quality: int | None = None  # 1 to 100; None: `DEFAULT_QUALITY`
    threads: int = 4  # of the encoder; the coded bytes depend on it


@dataclass(frozen=True)
class Encoding:
    """How one film is coded for one target."""

    film: FilmInfo
    target: Target
    container: Container
    encoder: str  # FFmpeg's name
    pixel_format: str  # FFmpeg's name
    depth: int  # bits
    color_range: int  # as tagged
    full_range: bool
    matrix: int  # as tagged
    weights: tuple[float, float]  # Kr and Kb of that matrix
    fields: Fields
    options: tuple[tuple[str, str], ...]  # of the encoder
    notes: tuple[str, ...]  # what the codec does not hold as the film has it, a line each

    @property
    def chroma_size(self) -> tuple[int, int]:
        """Width and height of the chroma planes, in px."""
        format = av.VideoFormat(self.pixel_format, self.film.width, self.film.height)
        return format.chroma_width(), format.chroma_height()

    @property
    def merge_size(self) -> tuple[int, int]:
        """Width and height at which chroma is made for these planes, in px: half of the frame's at most. Eyes resolve
        it no finer, and neither do renders: planes that are larger get it enlarged."""
        width, height = self.chroma_size
        return min(width, -(-self.film.width // 2)), min(height, -(-self.film.height // 2))

    @property
    def rate(self) -> Fraction:
        """Frames a second, as encoders want it: a plausible number, for plans only. Timestamps say when frames show."""
        rate = self.film.average_rate
        return rate if rate is not None and 1 <= rate <= 240 else Fraction(25)

    def describe(self) -> dict[str, object]:
        """Everything that coded bytes depend on, as JSON holds it."""
        film = self.film
        return {
            "encoder": [self.encoder, self.pixel_format, film.width, film.height, self.target.threads, self.options],
            "colour": [self.color_range, self.matrix, film.primaries, film.transfer, str(film.sample_aspect)],
            "time": [str(film.time_base), str(self.rate), self.fields],
            "header": self.container.name != "avi",
        }

    def set_up(self, context: VideoCodecContext) -> None:
        """Make an encoder's context ready to be opened."""
        film = self.film
        context.width, context.height, context.pix_fmt = film.width, film.height, self.pixel_format
        context.time_base, context.framerate = film.time_base, self.rate
        if film.sample_aspect is not None:
            context.sample_aspect_ratio = film.sample_aspect
        context.color_range, context.colorspace = self.color_range, self.matrix
        context.color_primaries, context.color_trc = film.primaries, film.transfer
        context.options = dict(self.options)
        if self.encoder == "libx264" and cv2.checkHardwareSupport(_AVX_512):
            # Its code for AVX-512 gives other bytes in every run, seen with x264 core 165 at most widths
            given = context.options.get("x264-params")
            context.options["x264-params"] = "asm=avx2" if given is None else f"{given}:asm=avx2"
        if self.encoder == "libsvtav1":
            os.environ.setdefault("SVT_LOG", "1")  # errors only: it has no other way to be told
        context.thread_count = self.target.threads
        context.thread_type = ThreadType.FRAME if self.encoder == "libx264" else ThreadType.SLICE
        if self.container.name != "avi":
            context.flags |= Flags.global_header
        if self.encoder == "ffv1":
            context.gop_size = 1
        if self.fields == "progressive":
            context.field_order = 1
        else:
            context.flags |= _INTERLACED_FLAGS
            context.field_order = _TOP_FIRST if self.fields == "tff" else _BOTTOM_FIRST


def refused(encoding: Encoding, error: av.error.FFmpegError) -> OutputError:
    """Return the error for an encoder that failed."""
    film, codec = encoding.film, encoding.target.codec
    other = "ffv1" if codec != "ffv1" else "h264"
    return OutputError(
        f"{encoding.target.path}: {codec} does not encode pictures of {film.width}x{film.height} px in "
        f"{encoding.pixel_format} ({error.strerror}); choose another codec, such as {other}"
    )


def container_of(path: Path) -> Container:
    """Tell the container from a suffix.

    Raises
    ------
    OutputError: films are not saved as that
    """
    for container in CONTAINERS:
        if path.suffix.lower() in container.suffixes:
            return container
    usual = ", ".join(container.suffixes[0] for container in CONTAINERS)
    raise OutputError(f"{path}: films are not saved as {path.suffix or 'a file without a suffix'}; use one of {usual}")


def container_named(name: str) -> Container:
    """Return the container that FFmpeg calls so."""
    return next(container for container in CONTAINERS if container.name == name)


def choose_codec(path: Path, codec: Codec | None = None) -> Codec:
    """Return `codec`, or where it is None the usual one of the container: H.264, and AV1 for WebM.

    Raises
    ------
    OutputError: the container does not hold that codec, or films are not saved as that
    """
    container = container_of(path)
    if codec is None:
        return container.codecs[0]
    if codec not in container.codecs:
        suffixes = (other.suffixes[0] for other in CONTAINERS if codec in other.codecs)
        raise OutputError(
            f"{path}: {path.suffix} does not hold {codec}, it holds {', '.join(container.codecs)}; "
            f"use one of these, or save as {', '.join(suffixes)}"
        )
    return codec


def plan_encoding(film: FilmInfo, target: Target) -> Encoding:
    """Choose how a film is coded: as it is itself where the codec holds that, else as near as it can be.

    Raises
    ------
    OutputError: the container does not hold the codec, or the codec not such pictures
    ValueError: quality or threads out of range
    """
    quality = DEFAULT_QUALITY if target.quality is None else target.quality
    if not 1 <= quality <= 100 or target.threads < 1:
        raise ValueError(f"quality is 1 to 100 and threads at least 1, not {quality} and {target.threads}")
    codec = choose_codec(target.path, target.codec)
    holds, notes = _CODECS[codec], []
    chroma = _choose_chroma(film, codec, holds, notes)
    depth = _choose_depth(film, chroma, codec, holds, notes)
    color_range, full_range = _choose_range(film, codec, holds, notes)
    matrix = _choose_matrix(film, notes)
    fields = _choose_fields(film, codec, holds, notes)
    container = container_of(target.path)
    return Encoding(
        film=film,
        target=target,
        container=container,
        encoder=holds.encoder,
        pixel_format=f"yuv{chroma}p" + (f"{depth}le" if depth > 8 else ""),
        depth=depth,
        color_range=color_range,
        full_range=full_range,
        matrix=matrix,
        weights=WEIGHTS.get(matrix, film.weights),
        fields=fields,
        options=tuple(_options(codec, quality, chroma, fields, target.threads, container).items()),
        notes=tuple(notes),
    )


def _choose_chroma(film: FilmInfo, codec: Codec, holds: _Holds, notes: list[str]) -> str:
    fitting = [chroma for chroma in _NEAREST[film.chroma] if chroma in holds.chroma and _divides(film, chroma, codec)]
    fitting += [chroma for chroma in holds.chroma if _divides(film, chroma, codec)]
    if not fitting:
        raise OutputError(
            f"{film.path}: {codec} holds no pictures of an odd size, and these have {film.width}x{film.height} px; "
            "choose another codec, such as h264"
        )
    chroma = fitting[0]
    wanted = film.chroma if film.chroma not in ("gray", "rgb") else "420"
    if chroma != wanted:
        notes.append(f"chroma is sampled {_colons(chroma)}: {codec} does not hold {_colons(wanted)} of this film")
    return chroma


def _divides(film: FilmInfo, chroma: str, codec: Codec) -> bool:
    """Whether the planes come out even, which all encoders but FFV1 ask for."""
    wide, high = chroma != "444", chroma == "420"
    even = not (wide and film.width % 2) and not (high and film.height % 2)
    return even or codec == "ffv1"


def _colons(chroma: str) -> str:
    return ":".join(chroma)


def _choose_depth(film: FilmInfo, chroma: str, codec: Codec, holds: _Holds, notes: list[str]) -> int:
    depths = (8,) if chroma in _ONLY_8_BIT else holds.depths
    depth = min((depth for depth in depths if depth >= film.bit_depth), default=max(depths))
    if depth < film.bit_depth:
        notes.append(f"luma is saved at {depth} of its {film.bit_depth} bits: {codec} holds no more; ffv1 does")
    return depth


def _choose_range(film: FilmInfo, codec: Codec, holds: _Holds, notes: list[str]) -> tuple[int, bool]:
    if not film.full_range:
        return (LIMITED if film.color_range == LIMITED else UNSPECIFIED_RANGE), False
    if not holds.full_range:
        notes.append(f"luma is saved in limited range: {codec} does not hold full range; no level is lost at 10 bit")
        return LIMITED, False
    return FULL, True


def _choose_matrix(film: FilmInfo, notes: list[str]) -> int:
    """The film's own; where it has none, the one that players would take, and said so where they do not agree."""
    if film.matrix in WEIGHTS:
        return film.matrix
    usual = film.usual_matrix
    if film.matrix != UNSPECIFIED:
        notes.append(f"the colour matrix is {usual} of H.273: the film's, {film.matrix}, holds no such chroma")
        return usual
    if usual != BT709:
        return UNSPECIFIED
    notes.append("the film does not say its colour matrix; it is saved as BT.709, usual for its size")
    return BT709


def _choose_fields(film: FilmInfo, codec: Codec, holds: _Holds, notes: list[str]) -> Fields:
    if not film.interlaced:
        return "progressive"
    if not holds.interlaced:
        notes.append(f"the film is interlaced, and {codec} does not say so: its rows are kept; h264 does")
        return "progressive"
    return "tff" if film.top_field_first else "bff"


def _options(
    codec: Codec, quality: int, chroma: str, fields: Fields, threads: int, container: Container
) -> dict[str, str]:
    match codec:
        case "h264":
            # subq: a third less time for a tenth more bytes and 0.3 dB  # docs/decisions/012
            options = {"preset": "veryfast", "crf": f"{50 - 0.4 * quality:.1f}", "subq": "1"}
            if fields != "progressive":
                options["x264-params"] = f"{fields}=1"
            if container.name == "avi":  # it has no timestamps, so frames are shown in the order of coding
                options["bf"] = "0"
            return options
        case "h265":
            # frame-threads: how it would be set otherwise depends on the machine, and the bytes on it
            params = f"log-level=none:open-gop=0:pools={threads}:frame-threads={min(threads, 4)}"
            return {"preset": "fast", "crf": f"{52 - 0.4 * quality:.1f}", "x265-params": params}
        case "av1":
            crf = round(63 - 0.45 * quality)
            return {"preset": "8", "crf": str(crf), "svtav1-params": f"lp={min(threads, 6)}"}
        case "ffv1":
            return {"level": "3", "slicecrc": "1"}
        case "prores":
            names = ("proxy", "lt", "standard", "hq")
            return {"profile": "4444" if chroma == "444" else names[min(quality // 25, 3)], "vendor": "apl0"}
