"""What a film holds beside its pictures, and how it gets into the coloured one: copied, or said to be left out."""

from __future__ import annotations

import io
from collections.abc import Iterator, Mapping
from fractions import Fraction
from typing import Any

import av
import av.error
from av.audio.stream import AudioStream
from av.container import InputContainer, OutputContainer
from av.packet import Packet
from av.stream import Discard, Stream
from av.video.stream import VideoStream

from retint.pipelines.film_encoding import Container, Encoding, container_named
from retint.pipelines.film_file import demuxed, opened
from retint.pipelines.film_info import OtherStream, is_cover, other_stream

Timed = tuple[Fraction, "Packet[Any]"]  # when it is to be decoded, in seconds of the new film, and a packet

_LAYOUTS = ("mono", "stereo", "2.1", "4.0", "5.0", "5.1", "6.1", "7.1")  # usual ones, by the number of channels
_PICTURES = {"mjpeg": ("cover.jpg", "image/jpeg"), "png": ("cover.png", "image/png"), "bmp": ("cover.bmp", "image/bmp")}
# Metadata that speaks of the file or the coding of the source, and would be untrue of the result
_OF_THE_FILE = {"major_brand", "minor_version", "compatible_brands", "encoder"}
_OF_THE_CODING = {"encoder", "duration", "bps", "number_of_frames", "number_of_bytes", "vendor_id"}


class Streams:
    """The streams of a film that is put together: its pictures, and copies of all others that the container holds."""

    def __init__(self, source: InputContainer, output: OutputContainer, encoding: Encoding) -> None:
        self.notes: list[str] = []
        self.pictures: VideoStream | None = None
        self.cover = False  # whether there is one
        self._source = source
        self._output = output
        self._encoding = encoding
        self._copies: dict[int, Stream] = {}  # by index in the source
        self._said: list[tuple[str, Mapping[str, str]]] = []  # kind and metadata of what is written, in order
        for stream in source.streams:
            if stream.index == encoding.film.index:
                self.pictures = self._add_pictures(stream)
            elif not self._written_anew(stream):
                self._add_copy(stream)

    @property
    def rates(self) -> list[int]:
        """Units a second of the timestamps of the copies."""
        bases = [copy.time_base for copy in self._copies.values()]
        return [base.denominator for base in bases if base is not None]

    def _add_pictures(self, stream: Stream) -> VideoStream:
        encoding = self._encoding
        pictures = self._output.add_stream(encoding.encoder, rate=encoding.rate)
        assert isinstance(pictures, VideoStream)
        encoding.set_up(pictures.codec_context)
        pictures.time_base = encoding.film.time_base
        if encoding.film.display_matrix is not None:
            pictures.set_display_matrix(encoding.film.display_matrix)
        if encoding.encoder == "libx265" and encoding.container.name in ("mp4", "mov"):
            pictures.codec_context.codec_tag = "hvc1"  # Apple's players take no other
        pictures.metadata.update(_without(_OF_THE_CODING, stream.metadata))
        pictures.disposition = stream.disposition
        self._said.append(("video", pictures.metadata))
        return pictures

    def _written_anew(self, stream: Stream) -> bool:
        """Whether a stream is one that the container's writer makes itself, from what it is told otherwise."""
        if stream.type != "data" or "mov" not in self._source.format.name:
            return False
        chapters = other_stream(stream).codec == "bin_data" and bool(self._source.chapters())
        time_code = "timecode" in stream.metadata and self._encoding.container.name in ("mp4", "mov")
        return chapters or time_code

    def _add_copy(self, stream: Stream) -> None:
        other = other_stream(stream)
        self.cover |= other.kind == "cover"
        if other.kind == "cover" and self._encoding.container.name == "matroska":
            self._attach(stream, other)
        elif fits(stream, self._encoding.container):
            copy = self._output.add_stream_from_template(stream, opaque=True)
            copy.metadata.update(_without({"encoder", "duration"}, stream.metadata))
            copy.disposition = stream.disposition
            if other.kind != "cover":
                self._said.append((stream.type, copy.metadata))
            if isinstance(copy, AudioStream):
                _name_channels(copy)
            if stream.type != "attachment":  # those are in the header, and have no packets
                self._copies[stream.index] = copy
        else:
            self._leave_out(stream, other)

    def _attach(self, cover: Stream, other: OtherStream) -> None:
        """Matroska keeps covers as files, with a name."""
        usual = _PICTURES.get(other.codec)
        with opened(self._encoding.film.path) as again:
            packets = again.demux(again.streams[cover.index])
            content = next((bytes(packet) for packet in packets if packet.size), b"")
        if usual is None or not content:
            self._leave_out(cover, other)
            return
        name, kind = cover.metadata.get("filename", usual[0]), cover.metadata.get("mimetype", usual[1])
        self._output.add_attachment(name, kind, content)

    def _leave_out(self, stream: Stream, other: OtherStream) -> None:
        suffix = self._encoding.container.suffixes[0]
        elsewhere = "; .mkv does" if fits(stream, container_named("matroska")) else ""
        self.notes.append(f"{other} is left out: {suffix} does not hold it{elsewhere}")

    def lost(self, result: InputContainer) -> list[str]:
        """Name the titles and languages of streams that the written file does not give back."""
        lost: list[str] = []
        for kind in ("video", "audio", "subtitle"):
            said = [metadata for of_kind, metadata in self._said if of_kind == kind]
            found = [stream.metadata for stream in result.streams if stream.type == kind and not is_cover(stream)]
            for ours, theirs in zip(said, found, strict=False):
                keys = {key.lower() for key in theirs}
                for key, value in ours.items():
                    if key.lower() in ("title", "language") and value not in ("", "und") and key.lower() not in keys:
                        lost.append(f"{key.lower()} {value} ({kind})")
        return lost

    def packets(self, start: Fraction | None, end: Fraction | None, shift: Fraction) -> Iterator[Timed]:
        """Read the packets of the copies, those shown from `start` until before `end`, earlier by `shift` seconds."""
        if not self._copies:
            return
        for stream in self._source.streams:
            if stream.index not in self._copies:
                stream.discard = Discard.all
        last: dict[int, int] = {}
        damaged = 0

        def count() -> None:
            nonlocal damaged
            damaged += 1

        for packet in demuxed(self._source, [self._source.streams[index] for index in self._copies], count):
            if packet.dts is None and packet.size == 0:  # PyAV's sign of the end
                continue
            if packet.size == 2 and self._is_gap(packet):
                continue
            if _within(packet, start, end):
                copy = self._copies[packet.stream_index]
                _retime(packet, shift, last)
                packet.stream = copy
                yield (packet.dts or 0) * packet.time_base, packet
        if damaged:
            self.notes.append(
                f"{damaged} places of the file could not be read: sound or subtitles lack something there"
            )

    def _is_gap(self, packet: Packet[Any]) -> bool:
        """Whether a packet only says that no subtitle is shown: the writer of MP4 adds these itself."""
        return other_stream(packet.stream).codec == "mov_text" and bytes(packet) == b"\0\0"


def _name_channels(copy: AudioStream) -> None:
    """Say what channels are where the source has a number only, which MP4 does not take for PCM."""
    layout = copy.codec_context.layout
    if layout.name.endswith(" channels") and layout.nb_channels <= len(_LAYOUTS):
        copy.codec_context.layout = _LAYOUTS[layout.nb_channels - 1]


def _within(packet: Packet[Any], start: Fraction | None, end: Fraction | None) -> bool:
    ticks = packet.pts if packet.pts is not None else packet.dts
    if ticks is None:
        return True
    shown = ticks * packet.time_base
    return (start is None or shown >= start) and (end is None or shown < end)


def _retime(packet: Packet[Any], shift: Fraction, last: dict[int, int]) -> None:
    """Move a packet's timestamps, and make those of decoding rise, as containers ask for."""
    by = round(shift / packet.time_base)
    before = last.get(packet.stream_index)
    dts = packet.dts if packet.dts is not None else packet.pts
    dts = (before or 0) + 1 if dts is None else dts - by
    if before is not None and dts <= before:
        dts = before + 1
    pts = None if packet.pts is None else packet.pts - by
    if not packet.duration and packet.stream.type != "subtitle":  # MP4's readers drop a last packet that lasts no time
        packet.duration = 1 if before is None else dts - before
    packet.dts = last[packet.stream_index] = dts
    packet.pts = dts if pts is None else max(pts, dts)


def fits(stream: Stream, container: Container) -> bool:
    """Whether a container holds a stream as it is. FFmpeg itself knows only when it has written a header with it."""
    if stream.type == "attachment":
        return container.name == "matroska"
    if other_stream(stream).kind == "cover":
        return container.name in ("mp4", "matroska")
    trial = av.open(io.BytesIO(), "w", format=container.name)
    try:
        trial.add_stream_from_template(stream, opaque=True).disposition = stream.disposition
        trial.start_encoding()
        trial.close()
    except (ValueError, av.error.FFmpegError):
        return False
    return True


def film_metadata(source: InputContainer, tags: Mapping[str, str]) -> dict[str, str]:
    """Return what the film says of itself, with `tags`; where it says something else there, both stand."""
    found = _without(_OF_THE_FILE, source.metadata)
    names = {key.lower(): key for key in found}
    for key, value in tags.items():
        name = names.get(key.lower(), key)
        before = found.get(name, "")
        found[name] = before if value in before else "; ".join(filter(None, (before, value)))
    return found


def _without(keys: set[str], metadata: Mapping[str, str]) -> dict[str, str]:
    """Return metadata without some keys, in any case and with the language that Matroska's tags may end with."""

    def name(key: str) -> str:
        return key.lower().partition("-")[0]

    kept = {key: value for key, value in metadata.items() if not name(key).startswith("_statistics")}
    return {key: value for key, value in kept.items() if name(key) not in keys}
