"""The whole film, put together from its parts and from all else that the source holds.

Nothing is encoded. The packets of the parts follow each other; sound, subtitles, data, attachments and chapters are
copied as they are. What the container cannot hold is said in the notes.
"""

from __future__ import annotations

import contextlib
import heapq
import json
import math
from collections.abc import Iterator, Mapping, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import av.error
import numpy as np
from av.container import InputContainer
from av.packet import Packet
from numpy.typing import NDArray

from retint.errors import OutputError
from retint.images.atomic import whole_file
from retint.pipelines.film_encoding import Encoding, container_of
from retint.pipelines.film_file import opened
from retint.pipelines.film_parts import Part, decoding_times, read_part
from retint.pipelines.film_streams import Streams, Timed, film_metadata

_MOST_TIMESCALE = (1 << 31) - 1
_AVI_RATE = 1000  # frames a second at most: AVI has no timestamps, and gaps are filled with empty frames
_INTERLEAVE_MICROSECONDS = 1_000_000  # what comes in is in order already: no need to wait for sparse subtitles
# What MP4 has a place of its own for.  # FFmpeg movenc.c, mov_write_ilst_tag
_MP4_KEYS = {
    *("title", "artist", "album_artist", "composer", "album", "date", "comment", "genre", "copyright", "grouping"),
    *("lyrics", "description", "synopsis", "show", "episode_id", "network", "keywords", "episode_sort", "track"),
    *("season_number", "media_type", "hd_video", "gapless_playback", "compilation", "disc", "tmpo", "creation_time"),
}


def assemble(
    encoding: Encoding,
    parts: Sequence[Path],
    *,
    target: Path | None = None,
    tags: Mapping[str, str] | None = None,
    start: float | None = None,
    end: float | None = None,
    overwrite: bool = False,
) -> tuple[str, ...]:
    """Put the film together: the pictures of the parts in order, and all else copied from the source.

    encoding: what the parts were encoded with
    target: a file in the same container as the encoding's own target, which is taken if it is None
    tags: metadata to add, such as a comment that a machine made the colours
    start, end: seconds on the film's own clock (`FilmInfo.seconds`): packets of other streams shown from `start` until
        before `end` are copied. What was shown at `start` is shown at 0, pictures, sound and chapters alike
    overwrite: replace a file that is there

    Returns notes, a line each: what codec and container do not hold, or hold otherwise. The file takes its name when it
    is whole and on the disk; until then it is a hidden one beside it.

    Raises
    ------
    OutputError: parts are missing, or of another encoding; the container does not hold it; the disk is full
    OutputExistsError: the file exists, and `overwrite` is not set
    InputError: the film cannot be read again
    """
    target = encoding.target.path if target is None else target
    if container_of(target) != encoding.container:
        raise OutputError(f"{target}: the film was encoded for {encoding.target.path.suffix}; use that suffix")
    if target.exists() and encoding.film.path.exists() and target.samefile(encoding.film.path):
        raise OutputError(f"{target}: is the film itself; name another target")
    pieces = _read_alike(encoding, parts)
    shift = _shift(encoding, pieces, start)
    with whole_file(target, overwrite=overwrite) as file, opened(encoding.film.path) as source:
        try:
            notes = _write(Path(file.name), source, encoding, pieces, tags or {}, _seconds(start), _seconds(end), shift)
        except av.error.FFmpegError as error:
            if isinstance(error, OSError):  # a full disk and the like, which `whole_file` reports
                raise
            raise OutputError(
                f"{target}: could not be written as {encoding.container.name} ({error.strerror}); save as .mkv"
            ) from error
    return (*encoding.notes, *notes)


def _seconds(value: float | None) -> Fraction | None:
    # the fraction that was meant: 0.1 is 1/10, and not the double beside it
    return None if value is None else Fraction(value).limit_denominator(1_000_000)


def _shift(encoding: Encoding, pieces: Sequence[Part], start: float | None) -> Fraction:
    """How much earlier all is shown, in seconds: whole units of the film's own, so that pictures stay exact."""
    base = encoding.film.time_base
    if encoding.container.name == "avi":  # it begins with the first frame
        return pieces[0].first_pts * base
    return Fraction(0) if start is None else round(Fraction(start) / base) * base


def _read_alike(encoding: Encoding, parts: Sequence[Path]) -> list[Part]:
    pieces = [piece for piece in map(read_part, parts) if piece.frames]
    if not pieces:
        raise OutputError(f"{encoding.target.path}: there is nothing to save: no frame of the film is coloured")
    how = json.loads(json.dumps(encoding.describe()))
    for piece, before in zip(pieces, [None, *pieces], strict=False):
        if piece.how != how or piece.header != pieces[0].header:
            raise OutputError(f"{piece.path}: was encoded with other settings; colour the film again from the start")
        if before is not None and piece.first_pts <= before.last_pts:
            raise OutputError(f"{piece.path}: does not follow {before.path.name} in time; name the parts in order")
    return pieces


def _write(
    path: Path,
    source: InputContainer,
    encoding: Encoding,
    pieces: list[Part],
    tags: Mapping[str, str],
    start: Fraction | None,
    end: Fraction | None,
    shift: Fraction,
) -> list[str]:
    pts = np.sort(np.concatenate([piece.packets["pts"] for piece in pieces]))
    metadata = film_metadata(source, tags)
    output = av.open(str(path.absolute()), "w", format=encoding.container.name, metadata_errors="surrogateescape")
    try:
        streams = Streams(source, output, encoding)
        assert streams.pictures is not None
        output.metadata.update(metadata)
        chapters = _chapters(source, start, end, shift)
        output.set_chapters(chapters)
        notes = _fit_time(streams, encoding, pts, shift)
        if start is None and shift:
            notes.append(f"the film begins at 0 and not at {float(shift):.3f} s: .avi keeps no such time; .mp4 does")
        output.container_options.update(_options(encoding, streams, metadata))
        output.start_encoding()
        if (streams.pictures.codec_context.extradata or b"") != pieces[0].header:
            raise OutputError(f"{pieces[0].path}: was encoded by another version; colour the film again from the start")
        pictures = _pictures(pieces, encoding, streams, shift)
        for _, packet in heapq.merge(pictures, streams.packets(start, end, shift), key=_when):
            output.mux_one(packet)
        output.close()
    except BaseException:
        with contextlib.suppress(av.error.FFmpegError):
            output.close()
        raise
    notes += streams.notes
    return notes + _lost(path, encoding, streams, metadata, len(chapters))


def _when(timed: Timed) -> Fraction:
    return timed[0]


def _pictures(pieces: Sequence[Part], encoding: Encoding, streams: Streams, shift: Fraction) -> Iterator[Timed]:
    """Yield the packets of all parts, with times of decoding that fit the whole film."""
    base = encoding.film.time_base
    by = int(shift / base)
    number = 0
    times = decoding_times(pieces)
    durations = _durations(pieces, encoding)
    for piece in pieces:
        shown, keys = piece.packets["pts"].tolist(), piece.packets["key"].tolist()
        for content, pts, key in zip(piece.read(), shown, keys, strict=True):
            packet: Packet[Any] = Packet(content)
            packet.pts, packet.dts, packet.duration = pts - by, int(times[number]) - by, int(durations[number])
            packet.time_base, packet.is_keyframe = base, key
            packet.stream = streams.pictures
            number += 1
            yield packet.dts * base, packet


def _durations(pieces: Sequence[Part], encoding: Encoding) -> NDArray[np.int64]:
    """How long each packet's frame is shown: until the next one, and the last one as long as the film says."""
    packets = np.concatenate([piece.packets for piece in pieces])
    order = np.argsort(packets["pts"])
    usual = max(1, round(1 / (encoding.rate * encoding.film.time_base)))
    last = int(packets["duration"][order[-1]]) or usual
    durations = np.empty(len(packets), np.int64)
    durations[order] = np.append(np.diff(packets["pts"][order]), last)
    return durations


def _fit_time(streams: Streams, encoding: Encoding, pts: NDArray[np.int64], shift: Fraction) -> list[str]:
    """Choose the unit of time that the container keeps, and tell what it does to the film's timestamps.

    pts: of all frames, in order
    """
    base, name = encoding.film.time_base, encoding.container.name
    assert streams.pictures is not None
    shown = pts - int(shift / base)
    if name in ("mp4", "mov"):
        return []
    notes: list[str] = []
    unit = Fraction(1, 1000)
    if name == "avi":
        step = int(np.gcd.reduce(np.diff(shown), initial=0)) or round(1 / (encoding.rate * base)) or 1
        streams.pictures.time_base = unit = max(step * base, Fraction(1, _AVI_RATE))
    ticks = base / unit
    if np.any(shown * ticks.numerator % ticks.denominator):
        off, suffix = f"{float(unit) * 500:.2g} ms", encoding.container.suffixes[0]
        notes.append(f"frames are shown up to {off} sooner or later: {suffix} keeps no finer times; .mp4 does")
    return notes


def _options(encoding: Encoding, streams: Streams, metadata: Mapping[str, str]) -> dict[str, str]:
    """Options of the container's writer."""
    options = {"fflags": "+bitexact", "max_interleave_delta": str(_INTERLEAVE_MICROSECONDS)}  # no dates, no random ids
    # Else all would be shifted where sound begins before 0, as that of AAC does. Matroska and MP4 can say -23 ms.
    options["avoid_negative_ts"] = "disabled"
    if encoding.container.name in ("mp4", "mov"):
        # The unit in which a track's beginning is told: by default a millisecond, which most frames do not begin at.
        rate = encoding.film.time_base.denominator
        while rate < 10_000:  # FFmpeg movenc.c, mov_init
            rate *= 2
        whole = math.lcm(rate, *streams.rates)
        options["movie_timescale"] = str(whole if whole <= _MOST_TIMESCALE else rate)
        # In that second way of writing metadata any key is kept, and no cover.
        known = all(key.lower() in _MP4_KEYS for key in metadata)
        options["movflags"] = "+faststart" if known or streams.cover else "+faststart+use_metadata_tags"
    return options


def _chapters(source: InputContainer, start: Fraction | None, end: Fraction | None, shift: Fraction) -> list[Any]:
    """Return the chapters of the piece that is saved, cut to it."""
    kept: list[Any] = []
    for chapter in source.chapters():
        base = chapter["time_base"] or Fraction(1, 1000)
        begins, ends = chapter["start"] * base, chapter["end"] * base
        if (start is not None and ends <= start) or (end is not None and begins >= end):
            continue
        begins = begins if start is None else max(begins, start)
        ends = ends if end is None else min(ends, end)
        cut = {"start": round((begins - shift) / base), "end": round((ends - shift) / base), "time_base": base}
        kept.append({**chapter, **cut})
    return kept


def _lost(path: Path, encoding: Encoding, streams: Streams, metadata: Mapping[str, str], chapters: int) -> list[str]:
    """Look at the file that was written, and tell what the container did not keep."""

    def plain(key: str) -> str:  # Matroska writes keys in capitals, and without spaces
        return key.lower().replace(" ", "_")

    film, suffix, notes = encoding.film, encoding.container.suffixes[0], list[str]()
    with av.open(str(path.absolute()), "r", metadata_errors="surrogateescape") as result:
        found = {plain(key) for key in result.metadata}
        missing = sorted(key for key, value in metadata.items() if value and plain(key) not in found)
        missing += streams.lost(result)
        if missing:
            notes.append(f"metadata left out, as {suffix} does not hold it: {', '.join(missing)}")
        if len(result.chapters()) < chapters:
            notes.append(f"chapters are left out, {chapters} of them: {suffix} does not hold them; .mkv does")
        pictures = next((stream for stream in result.streams.video if stream.width == film.width), None)
        aspect = film.sample_aspect or 1
        in_frames = encoding.encoder == "ffv1"  # which say it themselves
        if pictures is not None and not in_frames and (pictures.sample_aspect_ratio or 1) != aspect:
            what = f"the shape of pixels, {aspect}, is left out"
            notes.append(f"{what}: {suffix} does not hold it for {encoding.target.codec}; .mp4 does")
        if film.display_matrix is not None and encoding.container.name == "avi":
            notes.append(f"the rotation by {film.rotation} degrees is left out: {suffix} does not hold it; .mp4 does")
    return notes
