"""Coloured films out: parts that are encoded one by one, and the whole that is put together from them.

A part is a scene or a piece of one. Its encoder starts afresh, so it can be decoded alone, and a run that was killed
goes on behind the last part on the disk. `assemble` (film_mux) joins the packets without encoding anything again.
"""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path
from types import TracebackType

import av.error
from av.codec.context import CodecContext
from av.video.codeccontext import VideoCodecContext
from av.video.frame import VideoFrame

from retint.color import Chroma
from retint.errors import OutputError
from retint.images.atomic import whole_file
from retint.pipelines.film_encoding import Codec, Encoding, Target, choose_codec, plan_encoding, refused
from retint.pipelines.film_mux import assemble
from retint.pipelines.film_parts import PartFile, read_part
from retint.pipelines.film_planes import FrameMarks, planes_of
from retint.pipelines.media import FilmFrame

__all__ = [
    "Codec",
    "Encoding",
    "PartWriter",
    "Target",
    "assemble",
    "choose_codec",
    "plan_encoding",
    "planes_of",
    "read_part",
]


class PartWriter:
    """Encodes the frames of one part into a file, which takes its name when the `with` block ends well.

        with PartWriter(path, encoding) as part:
            part.write(frame, chroma)

    A block that ends with an exception leaves no file. Same frames, same encoding: same bytes. Entering, leaving and
    writing raise OutputError where the file cannot be written, or where the codec does not take such pictures.
    """

    def __init__(self, path: Path, encoding: Encoding) -> None:
        self.path = path
        self.frames = 0
        self._encoding = encoding
        self._marks = FrameMarks(encoding)
        self._durations: dict[int, int] = {}  # by pts, of the frames in the encoder
        self._last: int | None = None
        self._stack = ExitStack()

    def __enter__(self) -> PartWriter:
        self._encoder = _open_encoder(self._encoding)
        file = self._stack.enter_context(whole_file(self.path, overwrite=True))
        self._file = PartFile(file, self._encoding.describe(), self._encoder.extradata or b"")
        return self

    def write(self, frame: FilmFrame, chroma: Chroma | None) -> None:
        """Encode a frame.

        chroma: (h, w, 2) float32, BT.601's U and V in units of full scale, of the size `Encoding.chroma_size`
            or `Encoding.merge_size`; None for none

        Raises
        ------
        OutputError: the disk is full, or the encoder failed
        ValueError: frame or chroma are not of the encoding's size, or the frame is not later than the one before
        """
        if self._last is not None and frame.pts <= self._last:
            raise ValueError(f"frames follow each other in time, and {frame.pts} came after {self._last}")
        joined = self._marks.put(planes_of(frame, chroma, self._encoding), frame)
        self._last = frame.pts
        self._durations[frame.pts] = frame.duration
        self._encode(joined)
        self.frames += 1

    def _encode(self, joined: VideoFrame | None) -> None:
        try:
            for packet in self._encoder.encode(joined):
                self._file.add(packet, self._durations.pop(packet.pts or 0, 0))
        except av.error.FFmpegError as error:
            raise refused(self._encoding, error) from error
        except OSError as error:
            raise OutputError(
                f"{self.path}: could not be written ({error.strerror or error}); make room on the disk"
            ) from error

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is not None:
            self._stack.__exit__(kind, error, trace)
            return
        with self._stack:
            self._encode(None)
            self._file.end()


def _open_encoder(encoding: Encoding) -> VideoCodecContext:
    context = CodecContext.create(encoding.encoder, "w")
    assert isinstance(context, VideoCodecContext)
    encoding.set_up(context)
    try:
        context.open()
    except av.error.FFmpegError as error:
        raise refused(encoding, error) from error
    return context
