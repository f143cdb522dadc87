"""Films in: frames one by one, with the timestamps and the luma that the film holds.

Nothing is kept but the frames in the decoder, so memory does not grow with the film. Every run of `Film.frames` opens
the file for itself, and can start behind any frame of an earlier run.
"""

from __future__ import annotations

import contextlib
import math
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple, cast

import av.error
import cv2
import numpy as np
from av.container import InputContainer
from av.filter import Graph
from av.packet import Packet
from av.video.frame import VideoFrame
from av.video.stream import VideoStream
from numpy.typing import NDArray

from retint.color import Chroma
from retint.errors import UnreadableFilmError, UnsupportedInputError
from retint.images import Pixels
from retint.pipelines.film_chroma import read_chroma
from retint.pipelines.film_file import demuxed, opened
from retint.pipelines.film_info import FilmInfo, describe, is_cover
from retint.pipelines.film_luma import gray_of, luma_source, read_luma

_HICCUP = 1.0  # seconds; timestamps that step back by less are smoothed out
_EARLY = 0.5  # seconds; pictures that end sooner than the header says by more are told of


@dataclass(frozen=True, eq=False)
class FilmFrame:
    """One frame."""

    index: int  # from 0, in the order of showing
    pts: int  # when it is shown, in units of the film's time base; rises strictly
    duration: int  # how long, in the same units; 0: the film does not say
    luma: Pixels  # (H, W) uint8, or uint16 of which `FilmInfo.bit_depth` bits count; the numbers that the film holds
    interlaced: bool = False  # its rows are those of two moments,
    top_field_first: bool = False  # and row 0 is of the earlier one
    key: bool = False  # coded without other frames
    chroma: Chroma | None = None  # (h, w, 2) BT.601's U and V in units of full scale, where it was asked for


def gray8(frame: FilmFrame, info: FilmInfo, size: tuple[int, int] | None = None) -> NDArray[np.uint8]:
    """Return a frame's grey: (H, W) uint8 in full range, whatever the film's depth and range.

    size: width and height, px, to shrink it to; None: as it is
    """
    coded = frame.luma
    if size is not None and size != (coded.shape[1], coded.shape[0]):
        coded = cast("Pixels", cv2.resize(coded, size, interpolation=cv2.INTER_AREA))
    return gray_of(coded, depth=info.bit_depth, full_range=info.full_range)


def clock(seconds: float) -> str:
    """Write a time as people do: `1:02:03.450`."""
    thousandths = round(abs(seconds) * 1000)
    minutes, rest = divmod(thousandths, 60_000)
    sign = "-" if seconds < 0 else ""
    return f"{sign}{minutes // 60}:{minutes % 60:02d}:{rest / 1000:06.3f}"


@contextmanager
def open_film(path: str | Path) -> Generator[Film]:
    """Open a film for reading.

    Raises
    ------
    UnreadableFilmError: empty, cut off, not a film, sound alone, or no frame in it that can be decoded
    UnsupportedInputError: a codec that this FFmpeg does not decode
    InputError: the file cannot be opened
    """
    film = Film(_first_look(Path(path)))
    try:
        yield film
    finally:
        film.close()


class Film:
    """A film that is open for reading.

    `corrupt` counts the packets that could not be decoded and were skipped, `damaged` the frames that came out although
    the decoder had to patch them. Both are those of the latest `frames`, as are its `notes`.
    """

    def __init__(self, info: FilmInfo) -> None:
        self.info = info
        self._run: Generator[_Decoded] | None = None
        self._reset()

    def _reset(self) -> None:
        self.corrupt = self.damaged = self._packets_read = self._missing = 0
        self._short: str | None = None
        self._timer = _Timer(self.info)
        self._field_order = _FieldOrder()

    @property
    def notes(self) -> tuple[str, ...]:
        """What reading dropped or changed so far, a line each; empty for a sound film."""
        told = (
            (self.corrupt, "packets could not be decoded and were skipped"),
            (self.damaged, "frames are damaged in the file, and shown as well as they can be"),
            (self._missing, "more frames could not be decoded"),
            (self._timer.derived, "frames had no timestamp, and got one from the frame before"),
            (self._timer.nudged, "frames had no later timestamp than the frame before, and follow it at once"),
        )
        counted = [f"{count} {what}" for count, what in told if count]
        return (*self.info.notes, *counted, *([self._short] if self._short else []))

    def frames(
        self, start: int = 0, *, after_pts: int | None = None, since: float | None = None, chroma: bool = False
    ) -> Generator[FilmFrame]:
        """Decode the frames in the order of showing: all, or those behind the one shown at `after_pts`, or `since`.

        start: index of the first frame that is yielded
        after_pts: the timestamp of a frame from an earlier run
        since: seconds on the film's own clock (`FilmInfo.seconds`); not with `after_pts`, which says more
        chroma: with the film's own chroma; a film in grey has none

        Those behind `after_pts` are the same, in pixels and timestamps, as in a run over the whole film: decoding
        starts at a key frame before, and counts as right only if the frame shown at `after_pts` comes out on the way.
        Otherwise everything is decoded from the start. A new run ends the one before.

        Raises
        ------
        UnsupportedInputError: the pictures change their size or depth, or time jumps back
        UnreadableFilmError: the file cannot be read on, or has no frame at `after_pts`
        """
        self.close()
        whole = after_pts is None and since is None
        if after_pts is not None:
            decoded = self._behind(after_pts)
        else:
            decoded = self._decode(None) if since is None else self._since(since)
        self._run = decoded
        index = start
        for pts, frame in decoded:
            tff = frame.interlaced_frame and self._field_order.top_first(frame)
            luma = read_luma(frame)
            colours = read_chroma(frame, self.info) if chroma else None
            yield FilmFrame(index, pts, frame.duration, luma, frame.interlaced_frame, tff, frame.key_frame, colours)
            index += 1
        if whole:
            self._tell_what_lacks(index - start)

    def picture(self, since: float) -> tuple[int, NDArray[np.uint8]] | None:
        """The first frame that is shown at `since` seconds or later, in the colours that the film has.

        Returns its timestamp, and (H, W, 3) RGB as coded, without the film's rotation; None behind the last frame.
        """
        self.close()
        for pts, frame in self._since(since):
            return pts, np.asarray(frame.to_ndarray(format="rgb24"), np.uint8)
        return None

    def _tell_what_lacks(self, frames: int) -> None:
        info, end = self.info, self._timer.end
        if not info.interlaced:  # of which a frame may be two packets
            self._missing = max(0, self._packets_read - self.corrupt - frames)
        if info.pictures_end is not None and end + _EARLY < info.pictures_end:
            promised = clock(info.pictures_end)
            self._short = f"the file is cut off: its pictures end at {clock(end)} and not at {promised}"

    def close(self) -> None:
        """End a run under way."""
        if self._run is not None:
            with contextlib.suppress(ValueError):  # another thread is in it; it ends there
                self._run.close()
            self._run = None

    def _behind(self, after_pts: int) -> Generator[_Decoded]:
        for seek_to in (after_pts, None):
            decoded = self._decode(seek_to)
            for pts, _ in decoded:
                doubtful = seek_to is not None and (self._timer.derived or self._timer.nudged or self.damaged)
                if pts > after_pts or doubtful:
                    break
                if pts == after_pts:
                    yield from decoded
                    return
            decoded.close()
        raise UnreadableFilmError(
            f"{self.info.path}: has no frame at {clock(self.info.seconds(after_pts))} any more, "
            "where it had one before; start anew"
        )

    def _since(self, since: float) -> Generator[_Decoded]:
        for seek_to in (math.floor(since / self.info.time_base), None):
            decoded = self._decode(seek_to)
            before = seek_to is None  # a frame that is shown no later came out: none is left out
            for pts, frame in decoded:
                shown = self.info.seconds(pts)
                before |= shown <= since and not self._timer.derived
                if not before:
                    break
                if shown >= since:
                    yield _Decoded(pts, frame)
            decoded.close()
            if before:
                return

    def _decode(self, seek_to: int | None) -> Generator[_Decoded]:
        """Decode all frames, or those from a key frame at or before `seek_to` on; none where that cannot be had."""
        self._reset()
        with opened(self.info.path) as container:
            stream = container.streams.video[0]
            for candidate in container.streams.video:
                if candidate.index == self.info.index:
                    stream = candidate
            _prepare(stream)
            if seek_to is not None:
                try:
                    container.seek(seek_to, stream=stream)
                except av.error.FFmpegError:  # not every format can
                    return
            for frame in self._pictures(container, stream):
                if seek_to is not None and self._timer.last is None and not frame.key_frame:
                    return
                pts = self._timer.time(frame)
                self._check(frame, pts)
                yield _Decoded(pts, frame)

    def _pictures(self, container: InputContainer, stream: VideoStream) -> Generator[VideoFrame]:
        for packet in self._packets(container, stream):
            if packet is not None and packet.size and not packet.is_discard:
                self._packets_read += 1
            try:
                frames = stream.decode(packet)
            except EOFError:  # the last of `_packets`, where the file's own end said so already
                continue
            except av.error.FFmpegError as error:
                if isinstance(error, MemoryError):
                    raise
                self.corrupt += 1
                continue
            for frame in frames:
                self.damaged += frame.is_corrupt
                yield frame

    def _packets(self, container: InputContainer, stream: VideoStream) -> Generator[Packet[Any] | None]:
        """Read the packets, and last what makes the decoder give all that it holds."""

        def count() -> None:
            self.corrupt += 1

        yield from demuxed(container, [stream], count)
        yield None

    def _check(self, frame: VideoFrame, pts: int) -> None:
        info, found = self.info, luma_source(frame.format.name)
        if (frame.width, frame.height) != (info.width, info.height):
            change = f"from {info.width}x{info.height} to {frame.width}x{frame.height} px"
        elif (found.depth, found.rgb) != (info.bit_depth, info.chroma == "rgb"):
            change = f"from {info.pixel_format} to {frame.format.name}"
        else:
            return
        raise UnsupportedInputError(
            f"{info.path}: its pictures change {change} at {clock(info.seconds(pts))}; "
            "cut the film there, and colour the pieces one by one"
        )


class _Decoded(NamedTuple):
    pts: int
    frame: VideoFrame


class _Timer:
    """Gives every frame its timestamp: the film's own, if there is one and it rises."""

    def __init__(self, info: FilmInfo) -> None:
        self._info = info
        self._usual = max(1, round(1 / (info.average_rate * info.time_base))) if info.average_rate else 1
        self._duration = 0  # of the last frame
        self.last: int | None = None
        self.derived = 0
        self.nudged = 0

    @property
    def end(self) -> float:
        """When the last frame ends, in seconds."""
        return 0.0 if self.last is None else self._info.seconds(self.last + (self._duration or self._usual))

    def time(self, frame: VideoFrame) -> int:
        pts = frame.pts
        if pts is None:
            self.derived += 1
            first = self._info.start_time or 0
            pts = first if self.last is None else self.last + (self._duration or self._usual)
        elif self.last is not None and pts <= self.last:
            back = self._info.seconds(self.last - pts)
            if back > _HICCUP:
                at = clock(self._info.seconds(self.last))
                raise UnsupportedInputError(
                    f"{self._info.path}: its time jumps back by {back:.1f} s at {at}; "
                    "cut the film there, and colour the pieces one by one"
                )
            self.nudged += 1
            pts = self.last + 1
        self.last, self._duration = pts, frame.duration
        return pts


class _FieldOrder:
    """Tells which field of an interlaced frame is the earlier one, which PyAV's frames do not say themselves."""

    def __init__(self) -> None:
        self._graph: Graph | None = None
        self._format = ""

    def top_first(self, frame: VideoFrame) -> bool:
        if self._graph is None or self._format != frame.format.name:
            self._graph, self._format = Graph(), frame.format.name
            source = self._graph.add_buffer(
                width=frame.width, height=frame.height, format=frame.format, time_base=frame.time_base
            )
            select = self._graph.add("select", "eq(interlace_type,1)")  # FFmpeg f_select.c: 1 is top field first
            source.link_to(select)
            select.link_to(self._graph.add("buffersink"))
            self._graph.configure()
        self._graph.push(frame)
        try:
            self._graph.pull()
        except BlockingIOError:
            return False
        return True


def _prepare(stream: VideoStream) -> None:
    # The deepest reordering that the film may use, from its first frame on: then no frame comes out late or is lost,
    # wherever decoding starts.  # FFmpeg h264_ps.c, num_reorder_frames
    if stream.codec_context.name == "h264":
        stream.codec_context.options = {"strict": "1"}


def _first_look(path: Path) -> FilmInfo:
    with opened(path) as container:
        stream = _film_stream(path, container)
        _prepare(stream)
        packets = 0
        try:
            for packet in container.demux(stream):
                packets += packet.size > 0
                try:
                    frames = stream.decode(packet)
                except av.error.FFmpegError:
                    continue
                if frames:
                    return describe(path, container, stream, frames[0])
        except av.error.FFmpegError:
            pass
    if packets:
        raise UnreadableFilmError(
            f"{path}: is damaged: none of its {packets} packets of pictures can be decoded; "
            "copy it again from where it came"
        )
    raise UnreadableFilmError(f"{path}: has no frames (0 in its picture stream); copy it again from where it came")


def _film_stream(path: Path, container: InputContainer) -> VideoStream:
    films = [stream for stream in container.streams.video if not is_cover(stream)]
    if not films:
        if container.streams.audio:
            raise UnreadableFilmError(f"{path}: has sound and no pictures; give a film")
        raise UnreadableFilmError(f"{path}: has no stream of pictures; give a film, or copy it again if it is one")
    best = container.streams.best("video")
    stream = best if isinstance(best, VideoStream) and not is_cover(best) else films[0]
    if getattr(stream, "codec_context", None) is None:
        raise UnsupportedInputError(
            f"{path}: its pictures are in a codec that cannot be decoded here; convert it first"
        )
    return stream
