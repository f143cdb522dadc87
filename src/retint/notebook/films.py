"""Films in a notebook: a player that holds a film small enough, or a small copy of the beginning; single frames."""

from __future__ import annotations

import io
from dataclasses import dataclass
from fractions import Fraction
from html import escape
from pathlib import Path
from typing import Any

import av
import av.error
import numpy as np
from av.container import InputContainer
from PIL import Image

from retint.errors import InputError, UnreadableFilmError
from retint.notebook.pictures import Picture
from retint.notebook.previews import data_address
from retint.pipelines.film_file import opened
from retint.pipelines.film_info import FilmInfo
from retint.pipelines.film_run import MARK
from retint.pipelines.media import clock, open_film

WIDTH = 640  # px on the screen at most, and of a small copy
MOST_BYTES = 16 << 20  # of a film that goes into a notebook

# What browsers play unasked: media type by FFmpeg's name of the container, with the codecs in it
_CONTAINERS = {"mov,mp4,m4a,3gp,3g2,mj2": "video/mp4", "matroska,webm": "video/webm"}
_PICTURES = {"video/mp4": {"h264", "av1", "vp9"}, "video/webm": {"vp8", "vp9", "av1"}}
_SOUNDS = {"video/mp4": {"aac", "mp3", "opus", "flac"}, "video/webm": {"opus", "vorbis"}}
_PIXELS = {"yuv420p", "yuvj420p"}
_COPY_OPTIONS = {"crf": "26", "preset": "veryfast"}
_SOUND_RATE = 44100  # Hz, of a small copy


class Player(Picture):
    """A film that plays in a notebook. Made by `play`."""


@dataclass(frozen=True)
class _Copy:
    content: bytes
    width: int
    height: int
    seconds: float  # that it lasts
    whole: bool  # not only the beginning


def play(
    film: str | Path,
    *,
    width: int = WIDTH,
    most_bytes: int = MOST_BYTES,
    autoplay: bool = False,
    loop: bool = False,
    caption: str | None = None,
) -> Player:
    """Show a film in a player.

    Parameters
    ----------
    film: a path
    width: px on the screen at most
    most_bytes: of the film in the notebook, which is a third larger there. A film of more bytes, or in a codec that
        browsers do not play, is shown as a copy in H.264 of that width, from the beginning as far as the bytes reach
        (and the frames that the encoder holds back just then); the caption says so. The file stays as it is
    autoplay, loop: begin at once; begin again at the end
    caption: below it; None for the name of the file

    Raises
    ------
    InputError: it is no film that can be read
    """
    path = Path(film)
    with open_film(path) as opened_film:
        info = opened_film.info
    if width < 16:
        raise InputError(f"got a player of {width} px, wanted 16 or more")
    name = path.name if caption is None else caption
    kind = _playable(path) if path.stat().st_size <= most_bytes else None
    if kind is not None:
        content, told, size = path.read_bytes(), "", _shown_size(info, 1 << 16)
    else:
        copy = _copied(path, info, width, most_bytes)
        content, kind, size = copy.content, "video/mp4", (copy.width, copy.height)
        extent = "" if copy.whole else f", the first {clock(copy.seconds)}"
        told = f"a copy of {copy.width} x {copy.height} px{extent}; the film is in {path.name}"
    flags = "".join(f" {flag}" for flag, on in (("autoplay", autoplay), ("loop", loop)) if on)
    text = ", ".join(part for part in (name, told) if part)
    html = (
        f'<figure class="retint" style="margin:0;max-width:{min(int(width), size[0])}px">'
        f'<video controls{flags} playsinline width="{size[0]}" height="{size[1]}" style="width:100%;height:auto" '
        f'aria-label="{escape(name)}" src="{data_address(content, kind)}"></video>'
        f"<figcaption>{escape(text)}</figcaption></figure>"
    )
    return Player(html, f"{text}, {info.width} x {info.height} px")


def film_frame(film: str | Path, seconds: float = 0.0) -> Image.Image:
    """The first frame that is shown at `seconds` from the film's beginning or later, upright, in the colours it has.

    >>> before_after(film_frame("reel.mp4", 3), film_frame("reel-color.mp4", 3))

    Raises
    ------
    InputError: it is no film that can be read, or it ends before
    """
    with open_film(film) as opened_film:
        info = opened_film.info
        first = info.seconds(info.start_time or 0)
        found = opened_film.picture(first + seconds - 1e-3)  # clocks of two containers differ by their units
    if found is None:
        raise InputError(f"{film}: has no frame at {clock(seconds)}; name an earlier time")
    image = Image.fromarray(found[1])
    width, height = _stretched(info)
    if (width, height) != image.size:
        image = image.resize((width, height), Image.Resampling.BILINEAR)
    return image.rotate(info.rotation, expand=True) if info.rotation % 360 else image


def _playable(path: Path) -> str | None:
    """The media type of a film that browsers play as it is."""
    with opened(path) as container:
        kind = _CONTAINERS.get(container.format.name)
        if kind is None:
            return None
        pictures, sounds = container.streams.video, container.streams.audio
        codecs = {stream.codec_context.codec.canonical_name for stream in pictures}
        heard = {stream.codec_context.codec.canonical_name for stream in sounds}
        formats = {stream.codec_context.pix_fmt for stream in pictures}
        fits = codecs <= _PICTURES[kind] and heard <= _SOUNDS[kind] and formats <= _PIXELS
        return kind if fits else None


def _stretched(info: FilmInfo) -> tuple[int, int]:
    """Width and height with square pixels, before the film is turned."""
    aspect = info.sample_aspect or Fraction(1)
    return max(1, round(info.width * aspect)), info.height


def _shown_size(info: FilmInfo, most: int) -> tuple[int, int]:
    """Width and height on the screen, even, the width at most `most`."""
    width, height = _stretched(info)
    if info.rotation // 90 % 2:
        width, height = height, width
    shrink = min(1.0, most / width)
    return max(2, round(width * shrink / 2) * 2), max(2, round(height * shrink / 2) * 2)


def _copied(path: Path, info: FilmInfo, width: int, most_bytes: int) -> _Copy:
    """The film from its beginning in H.264 and AAC, upright and in square pixels, in about `most_bytes` at most."""
    size = _shown_size(info, width)
    out = io.BytesIO()
    with opened(path) as source, av.open(out, "w", format="mp4") as target:
        target.metadata.update({key: value for key, value in source.metadata.items() if MARK in value})
        start = (source.start_time or 0) / av.time_base
        pictures: Any = next(stream for stream in source.streams.video if stream.index == info.index)
        sounds: list[Any] = list(source.streams.audio[:1])
        writer = _Writer(target, info, size, start, with_sound=bool(sounds))
        whole = _copy_packets(source, [pictures, *sounds], writer, most_bytes)
        writer.end()
    if not writer.frames:
        raise UnreadableFilmError(f"{path}: none of its pictures can be decoded; copy it again from where it came")
    return _Copy(out.getvalue(), *size, writer.seconds, whole)


def _copy_packets(source: InputContainer, streams: list[Any], writer: _Writer, most_bytes: int) -> bool:
    """Whether the end was reached."""
    for packet in source.demux(*streams):
        try:
            frames = packet.decode()
        except av.error.FFmpegError:  # a damaged place: players skip it as well
            continue
        for frame in frames:
            writer.add(frame)
            if writer.bytes >= most_bytes:
                return False
    return True


class _Writer:
    """Encodes frames and sound into a container, and counts."""

    def __init__(self, target: Any, info: FilmInfo, size: tuple[int, int], start: float, *, with_sound: bool) -> None:
        """start: second of the film's clock at which the copy's begins"""
        self._target, self._info, self._size, self._start = target, info, size, start
        self._turns = info.rotation // 90 % 4
        self._video = target.add_stream("libx264", rate=info.average_rate or 25, options=_COPY_OPTIONS)
        self._video.width, self._video.height, self._video.pix_fmt = *size, "yuv420p"
        self._video.codec_context.time_base = info.time_base
        self._audio = target.add_stream("aac", rate=_SOUND_RATE) if with_sound else None
        self._resampler = av.AudioResampler("fltp", "stereo", _SOUND_RATE) if with_sound else None
        self._last = -1  # timestamp of the last frame
        self._samples: int | None = None  # of sound and of the silence before it, so far
        self.frames = self.bytes = 0
        self.seconds = 0.0

    def add(self, frame: Any) -> None:
        if isinstance(frame, av.AudioFrame):
            self._add_sound(frame)
        elif frame.pts is not None:
            self._add_picture(frame)

    def _add_picture(self, frame: Any) -> None:
        base = self._info.time_base
        pts = max(self._last + 1, round(frame.pts - self._start / base))
        pixels = frame.to_ndarray(format="rgb24")
        if self._turns:
            pixels = np.ascontiguousarray(np.rot90(pixels, self._turns))
        picture: Any = av.VideoFrame.from_ndarray(pixels, format="rgb24").reformat(*self._size, format="yuv420p")
        picture.pts, picture.time_base = pts, base
        self._last = pts
        self.frames += 1
        self.seconds = float((pts + max(1, frame.duration or 1)) * base)
        self._mux(self._video.encode(picture))

    def _add_sound(self, frame: Any) -> None:
        if self._audio is None or self._resampler is None:
            return
        if self._samples is None:
            heard = 0.0 if frame.pts is None else float(frame.pts * frame.time_base) - self._start
            self._samples = max(0, round(heard * _SOUND_RATE))
        for part in self._resampler.resample(frame):
            part.pts, part.time_base = self._samples, Fraction(1, _SOUND_RATE)
            self._samples += part.samples
            self._mux(self._audio.encode(part))

    def end(self) -> None:
        self._mux(self._video.encode(None))
        if self._audio is not None:
            self._mux(self._audio.encode(None))

    def _mux(self, packets: list[Any]) -> None:
        for packet in packets:
            self.bytes += packet.size
            self._target.mux(packet)
