"""Films made for a test: what is in them is known, frame by frame and packet by packet."""

from __future__ import annotations

import io
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
from av.codec.context import Flags, ThreadType
from av.filter import Graph
from numpy.typing import NDArray

FORMATS = {".mkv": "matroska", ".ts": "mpegts", ".mpg": "mpeg"}
LOSSLESS: dict[str, dict[str, str]] = {
    "libx264": {"qp": "0", "preset": "veryfast"},
    "ffv1": {"level": "3"},
    "libx265": {"preset": "ultrafast", "x265-params": "lossless=1:log-level=none"},
}
ASS_HEADER = (
    b"[Script Info]\r\nScriptType: v4.00+\r\n\r\n[V4+ Styles]\r\nFormat: Name, Fontname, Fontsize\r\n"
    b"Style: Default,Arial,16\r\n\r\n[Events]\r\nFormat: Layer, Start, End, Style, Name, MarginL, MarginR, MarginV, "
    b"Effect, Text\r\n"
)


@dataclass
class Plan:
    """What a film is made of. The defaults: 24 frames, lossless H.264 with B-frames, 25 a second, no sound."""

    frames: int = 24
    size: tuple[int, int] = (96, 64)
    codec: str = "libx264"
    pixel_format: str = "yuv420p"
    time_base: Fraction = Fraction(1, 12800)
    pts: Sequence[int] | None = None  # None: one frame in 1/25 s from `start` on
    start: int = 0
    b_frames: int = 3
    key_every: int = 8
    options: dict[str, str] = field(default_factory=dict[str, str])
    color_range: int = 0
    matrix: int = 2
    primaries: int = 2
    transfer: int = 2
    sample_aspect: Fraction | None = None
    rotation: int = 0
    fields: str | None = None  # tff or bff
    audio: Sequence[str] = ()  # encoders
    audio_start: int = 0  # in samples
    subtitles: str | None = None  # mov_text or subrip
    chapters: Sequence[tuple[float, float, str]] = ()  # begin and end in seconds, title
    metadata: dict[str, str] = field(default_factory=dict[str, str])
    stream_metadata: dict[str, str] = field(default_factory=dict[str, str])
    cover: bool = False
    attachment: bool = False

    @property
    def depth(self) -> int:
        return av.VideoFormat(self.pixel_format, 16, 16).components[0].bits

    @property
    def times(self) -> list[int]:
        step = round(1 / (25 * self.time_base))
        return list(self.pts) if self.pts is not None else [self.start + i * step for i in range(self.frames)]


def varied(count: int, start: int = 0, seed: int = 0) -> list[int]:
    """Timestamps of a film whose frames last unequally long, in units of 1/12800 s."""
    steps = np.random.default_rng(seed).choice([256, 512, 640, 1024, 77], count)
    return [start + int(step) for step in np.cumsum(steps) - steps[0]]


def planted_luma(number: int, size: tuple[int, int], depth: int = 8) -> NDArray[Any]:
    """The luma of a frame, (H, W) in legal limited range: a slope that moves, noise, and a bright bar at `number`."""
    width, height = size
    x, y = np.arange(width), np.arange(height)[:, None]
    luma = 40 + (x * 2 + y + 5 * number) % 120 + np.random.default_rng(number).integers(0, 20, (height, width))
    luma[:, number % width] = 230
    scaled = luma * (1 << depth - 8) + (number % (1 << depth - 8) if depth > 8 else 0)
    return scaled.astype(np.uint8 if depth == 8 else np.uint16)


def planted_frame(number: int, plan: Plan) -> av.VideoFrame:
    """A frame with that luma and some colour, of which a film in grey would have none."""
    frame = av.VideoFrame(*plan.size, plan.pixel_format)
    dtype = np.uint8 if plan.depth == 8 else np.uint16
    for index, plane in enumerate(frame.planes):
        rows = np.frombuffer(plane, np.uint8).reshape(plane.height, plane.line_size).view(dtype)
        content = planted_luma(number, plan.size, plan.depth) if index == 0 else 128 << plan.depth - 8
        rows[:, : plane.width] = content
    return frame


def make_film(path: Path, plan: Plan | None = None, **changes: Any) -> Plan:
    """Write a film. Returns what is in it."""
    plan = plan or Plan(**changes)
    options = {"movie_timescale": str(plan.time_base.denominator)} if path.suffix in (".mp4", ".mov") else {}
    if options and plan.metadata:
        options["movflags"] = "+use_metadata_tags"
    with av.open(str(path), "w", format=FORMATS.get(path.suffix), container_options=options) as output:
        video = _add_video(output, plan)
        sounds = [_add_audio(output, encoder) for encoder in plan.audio]
        subtitles = _add_subtitles(output, plan.subtitles) if plan.subtitles else None
        cover = _add_cover(output) if plan.cover and path.suffix != ".mkv" else None
        if plan.cover and cover is None:
            output.add_attachment("cover.jpg", "image/jpeg", _cover_picture())
        if plan.attachment:
            output.add_attachment("font.ttf", "font/ttf", b"no font at all")
        output.metadata.update(plan.metadata)
        video.metadata.update(plan.stream_metadata)
        output.set_chapters([_chapter(i, *chapter) for i, chapter in enumerate(plan.chapters)])
        if cover is not None:
            output.mux(_cover_packet(cover))
        packets = list(_pictures(video, plan))
        seconds = float((plan.times[-1] - plan.times[0]) * plan.time_base) + 0.2
        for sound in sounds:
            packets += _sound(sound, seconds, plan.audio_start)
        if subtitles is not None:
            packets += _lines(subtitles, seconds, plan.subtitles or "")
        for packet in sorted(packets, key=lambda packet: (packet.dts or 0) * packet.time_base):
            output.mux(packet)
    return plan


def _add_video(output: Any, plan: Plan) -> Any:
    video = output.add_stream(plan.codec, rate=25)
    video.width, video.height = plan.size
    video.pix_fmt = plan.pixel_format
    video.time_base = plan.time_base
    context = video.codec_context
    context.options = {**LOSSLESS.get(plan.codec, {}), **plan.options}
    context.time_base, context.gop_size = plan.time_base, plan.key_every
    context.color_range, context.colorspace = plan.color_range, plan.matrix
    context.color_primaries, context.color_trc = plan.primaries, plan.transfer
    context.thread_count, context.thread_type = 1, ThreadType.SLICE
    if plan.codec in ("libx264", "mpeg4", "mpeg2video"):
        context.max_b_frames = plan.b_frames
    if plan.sample_aspect is not None:
        context.sample_aspect_ratio = plan.sample_aspect
    if plan.rotation:
        video.set_display_rotation(plan.rotation)
    if plan.fields:
        context.flags |= Flags.interlaced_dct | Flags.interlaced_me
        context.field_order = 2 if plan.fields == "tff" else 3
        if plan.codec == "libx264":
            context.options = {**context.options, "x264-params": f"{plan.fields}=1"}
    return video


def _pictures(video: Any, plan: Plan) -> Iterator[av.Packet[Any]]:
    graph = Graph()
    if plan.fields:
        source = graph.add_buffer(
            width=plan.size[0],
            height=plan.size[1],
            format=av.VideoFormat(plan.pixel_format, *plan.size),
            time_base=plan.time_base,
        )
        order = graph.add("setfield", plan.fields)
        source.link_to(order)
        order.link_to(graph.add("buffersink"))
        graph.configure()
    for number, pts in enumerate(plan.times):
        frame: Any = planted_frame(number, plan)
        frame.pts, frame.time_base = pts, plan.time_base
        if plan.fields:
            graph.push(frame)
            frame = graph.pull()
        yield from video.encode(frame)
    yield from video.encode(None)


def _add_audio(output: Any, encoder: str) -> Any:
    return output.add_stream(encoder, rate=48000 if encoder == "libopus" else 44100)


def _sound(stream: Any, seconds: float, start: int) -> list[av.Packet[Any]]:
    """A tone whose pitch rises, so that no two packets are the same."""
    rate = stream.codec_context.sample_rate
    count = math.ceil(seconds * rate)
    time = np.arange(count) / rate
    wave = (np.sin(2 * np.pi * (300 + 200 * time) * time) * 8000).astype(np.int16)
    stereo = np.ascontiguousarray(np.stack([wave, wave // 2], axis=1).reshape(1, -1))
    whole = av.AudioFrame.from_ndarray(stereo, format="s16", layout="stereo")
    whole.sample_rate, whole.pts, whole.time_base = rate, start, Fraction(1, rate)
    resampler = av.AudioResampler(
        stream.codec_context.format.name, "stereo", rate, frame_size=stream.codec_context.frame_size or 1024
    )
    packets: list[av.Packet[Any]] = []
    for frame in [*resampler.resample(whole), *resampler.resample(None)]:
        packets += stream.encode(frame)
    return packets + stream.encode(None)


def _add_subtitles(output: Any, kind: str) -> Any:
    stream = output.add_stream(kind)
    stream.codec_context.subtitle_header = ASS_HEADER
    stream.time_base = Fraction(1, 1000)
    stream.metadata["language"] = "deu"
    return stream


def _lines(stream: Any, seconds: float, kind: str) -> list[av.Packet[Any]]:
    packets: list[av.Packet[Any]] = []
    for number in range(int(seconds / 0.4)):
        text = f"Zeile {number}".encode()
        packet: av.Packet[Any] = av.Packet(len(text).to_bytes(2, "big") + text if kind == "mov_text" else text)
        packet.pts = packet.dts = 400 * number
        packet.duration, packet.time_base, packet.stream = 300, Fraction(1, 1000), stream
        packets.append(packet)
    return packets


def _add_cover(output: Any) -> Any:
    stream = output.add_stream("mjpeg", rate=1)
    stream.width, stream.height, stream.pix_fmt = 32, 24, "yuvj420p"
    stream.disposition = av.stream.Disposition.attached_pic
    return stream


def _cover_packet(stream: Any) -> list[av.Packet[Any]]:
    frame = av.VideoFrame(32, 24, "yuvj420p")
    for plane in frame.planes:
        np.frombuffer(plane, np.uint8)[:] = 90
    frame.pts, frame.time_base = 0, Fraction(1)
    return [*stream.encode(frame), *stream.encode(None)]


def _cover_picture() -> bytes:
    with av.open(io.BytesIO(), "w", format="mjpeg") as output:
        return bytes(_cover_packet(_add_cover(output))[0])


def _chapter(number: int, begin: float, end: float, title: str) -> Any:
    base = Fraction(1, 1000)
    times = {"start": round(begin * 1000), "end": round(end * 1000), "time_base": base}
    return {"id": number + 1, **times, "metadata": {"title": title}}


@dataclass
class Contents:
    """What a film file holds, read with PyAV and nothing of ours."""

    seconds: list[Fraction]  # at which frames are shown
    lumas: list[NDArray[Any]]
    packets: dict[int, list[bytes]]  # of the other streams, by index
    times: dict[int, list[Fraction]]  # when those are shown, in seconds


def contents_of(path: Path) -> Contents:
    seconds: list[Fraction] = []
    lumas: list[NDArray[Any]] = []
    packets: dict[int, list[bytes]] = {}
    times: dict[int, list[Fraction]] = {}
    with av.open(str(path)) as film:
        pictures = next(s for s in film.streams.video if not s.disposition & av.stream.Disposition.attached_pic)
        for packet in film.demux():
            if packet.stream.index == pictures.index:
                for frame in packet.decode():
                    seconds.append(frame.pts * pictures.time_base)
                    lumas.append(first_plane(frame))
            elif packet.size:
                packets.setdefault(packet.stream.index, []).append(bytes(packet))
                times.setdefault(packet.stream.index, []).append((packet.pts or 0) * packet.time_base)
    return Contents(seconds, lumas, packets, times)


def first_plane(frame: av.VideoFrame) -> NDArray[Any]:
    plane = frame.planes[0]
    deep = frame.format.components[0].bits > 8
    rows = np.frombuffer(plane, np.uint8).reshape(plane.height, plane.line_size)
    return rows.view(np.uint16)[:, : plane.width].copy() if deep else rows[:, : plane.width].copy()
