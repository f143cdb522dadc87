"""What a film is, as its header and its first frame say.

Colour is told in the numbers of ITU-T H.273 (matrix, primaries, transfer; 2 is "unspecified"), which FFmpeg shares, and
range in FFmpeg's: 0 unspecified, 1 limited, 2 full.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Literal

import av
from av.container import InputContainer
from av.stream import Disposition, Stream
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from retint.pipelines.film_luma import LumaSource, luma_source

Chroma = Literal["420", "422", "444", "440", "411", "410", "gray", "rgb"]

UNSPECIFIED = 2  # H.273, for matrix, primaries and transfer
UNSPECIFIED_RANGE, LIMITED, FULL = 0, 1, 2  # FFmpeg's AVColorRange
BT709, SMPTE170M = 1, 6  # H.273, for matrix; the second is BT.601

# Kr and Kb of each matrix: H.273 (07/2024), table 4. 10 is constant luminance, of which these are the nearest.
WEIGHTS = {
    1: (0.2126, 0.0722),
    4: (0.30, 0.11),
    5: (0.299, 0.114),
    6: (0.299, 0.114),
    7: (0.212, 0.087),
    9: (0.2627, 0.0593),
    10: (0.2627, 0.0593),
}

# Untagged grey is full range where the codec stores samples as they are. In these, untagged means limited, grey or not.
_LIMITED_CODECS = {"h264", "hevc", "av1", "vp8", "vp9", "mpeg1video", "mpeg2video", "mpeg4", "prores", "dnxhd"}
# AVFieldOrder: 2 TT, 3 BB, 4 TB, 5 BT, by the field coded and then the field shown first
_INTERLACED, _BOTTOM_SHOWN_FIRST = (2, 3, 4, 5), (3, 4)
_NOT_KEPT = {
    "MASTERING_DISPLAY_METADATA": "the colours of its mastering display in its metadata",
    "CONTENT_LIGHT_LEVEL": "light levels in its metadata",
    "DYNAMIC_HDR_PLUS": "HDR10+ metadata",
    "DOVI_RPU_BUFFER": "Dolby Vision metadata",
    "A53_CC": "closed captions inside its pictures",
}


@dataclass(frozen=True)
class OtherStream:
    """A stream beside the film's own pictures."""

    index: int
    kind: Literal["video", "audio", "subtitle", "data", "attachment", "cover", "unknown"]
    codec: str  # FFmpeg's name, or `unknown`

    def __str__(self) -> str:
        return f"stream {self.index} ({self.kind}, {self.codec})"


@dataclass(frozen=True)
class FilmInfo:
    """A film, and the luma that its frames are delivered with."""

    path: Path
    container: str  # FFmpeg's names of the format, such as `mov,mp4,m4a,3gp,3g2,mj2`
    index: int  # of the video stream
    codec: str  # FFmpeg's name, such as `h264`
    width: int  # px, as coded: not turned, not stretched
    height: int
    pixel_format: str  # FFmpeg's name, as coded
    chroma: Chroma  # how the coded pictures are sampled
    bit_depth: int  # of the luma that frames have, 8 to 16
    color_range: int  # as tagged
    full_range: bool  # what the luma is, tagged or not
    matrix: int
    primaries: int
    transfer: int
    sample_aspect: Fraction | None  # width of a pixel to its height
    rotation: int  # degrees counterclockwise that a player turns the picture by
    display_matrix: tuple[int, ...] | None  # the nine numbers that say so, as stored; they can mirror, too
    average_rate: Fraction | None  # frames a second
    time_base: Fraction  # seconds that one unit of a timestamp lasts
    start_time: int | None  # first timestamp, as the header says
    duration: float | None  # seconds, as the header says of the file
    pictures_end: float | None  # seconds at which the last frame ends, where the header says it of the pictures
    frames: int | None  # as the header says
    interlaced: bool  # by the header or the first frame; each frame says it of itself
    top_field_first: bool
    others: tuple[OtherStream, ...]
    notes: tuple[str, ...]  # what is not delivered as coded, a line each

    @property
    def weights(self) -> tuple[float, float]:
        """Kr and Kb: the weights of red and blue in the luma."""
        return WEIGHTS.get(self.matrix, WEIGHTS[self.usual_matrix])

    @property
    def usual_matrix(self) -> int:
        """The matrix that players take for an untagged film of this size."""
        # mpv csputils.c, mp_csp_guess_colorspace
        return BT709 if self.width >= 1280 or self.height > 576 else SMPTE170M

    def seconds(self, pts: int) -> float:
        """A timestamp in seconds."""
        return float(pts * self.time_base)


def describe(path: Path, container: InputContainer, stream: VideoStream, frame: VideoFrame) -> FilmInfo:
    """Describe an opened film whose first frame has been decoded."""
    context, coded = stream.codec_context, frame.format
    source = luma_source(coded.name)
    others = tuple(other_stream(other) for other in container.streams if other.index != stream.index)
    matrix = _tag(frame.colorspace, context.colorspace)
    color_range = _tag(frame.color_range, context.color_range, UNSPECIFIED_RANGE)
    chroma = _chroma(coded, source)
    order = context.field_order
    side = _side_data(frame)
    notes = _notes_on(coded, source, side)
    notes += [f"{other}: is copied as it is" for other in others if other.kind == "video"]
    turned = side.get("DISPLAYMATRIX")
    if chroma == "rgb":
        matrix, color_range = SMPTE170M, FULL
    aspect = stream.sample_aspect_ratio
    return FilmInfo(
        path=path,
        container=container.format.name,
        index=stream.index,
        codec=context.codec.canonical_name,
        width=frame.width,
        height=frame.height,
        pixel_format=coded.name,
        chroma=chroma,
        bit_depth=source.depth,
        color_range=color_range,
        full_range=_full_range(color_range, coded.name, context.codec.canonical_name),
        matrix=matrix,
        primaries=_tag(frame.color_primaries, context.color_primaries),
        transfer=_tag(frame.color_trc, context.color_trc),
        sample_aspect=aspect if aspect else None,
        rotation=frame.rotation,
        display_matrix=struct.unpack("=9i", turned[:36]) if turned is not None else None,
        average_rate=stream.average_rate or stream.guessed_rate or None,
        time_base=stream.time_base or Fraction(1, av.time_base),
        start_time=stream.start_time,
        duration=None if container.duration is None else container.duration / av.time_base,
        pictures_end=_pictures_end(stream),
        frames=_frames(stream),
        interlaced=frame.interlaced_frame or order in _INTERLACED,
        top_field_first=order not in _BOTTOM_SHOWN_FIRST,
        others=others,
        notes=tuple(notes),
    )


def _tag(of_frame: int, of_stream: int, unspecified: int = UNSPECIFIED) -> int:
    return int(of_frame if of_frame != unspecified else of_stream)


def is_cover(stream: Stream) -> bool:
    """Whether a video stream is a still picture that belongs to the file, and no film."""
    return bool(stream.disposition & (Disposition.attached_pic | Disposition.timed_thumbnails))


def other_stream(stream: Stream) -> OtherStream:
    """Describe a stream that is not the film's pictures."""
    kind = "cover" if stream.type == "video" and is_cover(stream) else stream.type
    return OtherStream(stream.index, kind, _codec_name(stream))


def _codec_name(stream: Stream) -> str:
    context = getattr(stream, "codec_context", None)
    if context is not None:
        return str(context.codec.canonical_name)
    return str(getattr(stream, "name", None) or "unknown")


def _chroma(coded: av.VideoFormat, source: LumaSource) -> Chroma:
    if source.rgb:
        return "rgb"
    if not any(component.is_chroma or component.plane for component in coded.components[1:3]):
        packed = len(coded.components) >= 3  # 4:4:4 in one plane; grey with alpha has two components
        return "444" if packed else "gray"
    names: dict[tuple[int, int], Chroma] = {
        (8, 8): "420",
        (8, 16): "422",
        (16, 16): "444",
        (16, 8): "440",
        (4, 16): "411",
        (4, 4): "410",
    }
    return names.get((coded.chroma_width(16), coded.chroma_height(16)), "420")


def _notes_on(coded: av.VideoFormat, source: LumaSource, side: Mapping[str, bytes]) -> list[str]:
    notes: list[str] = []
    if source.rgb:
        notes.append(f"the film is {coded.name}: its luma is that of BT.601, full range, {source.depth} bit")
    elif coded.components[0].bits > source.depth or "f16" in coded.name:
        notes.append(f"the film is {coded.name}: its luma is taken at {source.depth} bit")
    if any(component.is_alpha for component in coded.components):
        notes.append(f"the film is {coded.name}: its transparency is not kept")
    notes += [f"the film has {what}, which is not kept" for kind, what in _NOT_KEPT.items() if kind in side]
    return notes


def _full_range(color_range: int, pixel_format: str, codec: str) -> bool:
    if color_range != UNSPECIFIED_RANGE:
        return color_range == FULL
    grey = pixel_format.startswith(("gray", "ya"))
    return pixel_format.startswith("yuvj") or (grey and codec not in _LIMITED_CODECS)


def _side_data(frame: VideoFrame) -> dict[str, bytes]:
    try:
        return {side.type.name: bytes(side) for side in frame.side_data}  # pyright: ignore
    except ValueError:  # a kind that this PyAV has no name for
        return {}


def _pictures_end(stream: VideoStream) -> float | None:
    if stream.duration is not None and stream.time_base is not None:
        return float((stream.duration + (stream.start_time or 0)) * stream.time_base)
    # what programs that write Matroska say instead: 00:00:01.600000000
    tag = next((value for key, value in stream.metadata.items() if key.upper().startswith("DURATION")), "")
    hours, _, rest = tag.partition(":")
    minutes, _, seconds = rest.partition(":")
    try:
        return int(hours) * 3600 + int(minutes) * 60 + float(seconds)
    except ValueError:
        return None


def _frames(stream: VideoStream) -> int | None:
    # mkvmerge's tag, which stands in for a field that Matroska lacks
    tags = [value for key, value in stream.metadata.items() if key.upper().startswith("NUMBER_OF_FRAMES")]
    return stream.frames or next((int(value) for value in tags if value.isdecimal()), None)
