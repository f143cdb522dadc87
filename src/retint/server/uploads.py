"""Receiving a form with a file in it, and its mask where one may be sent: piece by piece onto the disk, under names of
the server's own.

The name that a file has with the sender serves for messages and for the name that its result is offered under, and
touches no file system. Whatever ends the transfer early, the piece that had come is removed.
"""

from __future__ import annotations

import secrets
import shutil
import time
from collections.abc import AsyncGenerator, Mapping
from contextlib import ExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

import anyio
from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header
from starlette.requests import ClientDisconnect, Request
from starlette.types import Message, Receive

from retint.server.problems import Problem
from retint.server.settings import MIB, Settings

FILE_FIELD = "file"
MASK_FIELD = "mask"
_FORM_BYTES = 64 * 1024  # of everything beside the file
_PARTS = 64
_LOOK_BYTES = 32 * MIB  # between looks at the room on the disk
_HEADER_BYTES = 16 * 1024  # of one line; names of files can be long
_NAME_LENGTH = 120
_DRAIN_BYTES, _DRAIN_SECONDS = 64 * MIB, 5.0
_FORM = "a form (multipart/form-data) with one file, in the field file"


class Gone(Exception):  # noqa: N818 - not an error
    """The client went away; there is nobody to answer."""


@dataclass
class Sent:
    """A file that has come."""

    path: Path  # it is removed at the end of the block unless it was moved away
    name: str = ""  # that the sender gave it, without folders; may be empty
    size: int = 0


@dataclass
class Upload(Sent):
    """A form that has come: its file, and what is with it."""

    fields: dict[str, str] = field(default_factory=dict[str, str])
    mask: Sent | None = None


@dataclass
class _Part:
    name: str
    sent: Sent | None = None  # of a file
    out: BinaryIO | None = None
    text: bytearray = field(default_factory=bytearray)


class _Form:
    """Takes what the parser finds. Raises Problem."""

    def __init__(self, upload: Upload, files: Mapping[str, tuple[Sent, BinaryIO]], most: int) -> None:
        """files: what may be sent, by its field, and where it goes. most: bytes of each"""
        self._upload, self._files, self._most = upload, files, most
        self._header, self._value = bytearray(), bytearray()
        self._headers: dict[bytes, bytes] = {}
        self._part: _Part | None = None
        self._parts = self._beside = 0
        self._got: set[str] = set()
        self.ended = False

    def on_part_begin(self) -> None:
        self._parts += 1
        if self._parts > _PARTS:
            raise Problem(413, "TooManyFields", f"the form has more than {_PARTS} fields; send fewer")
        self._headers = {}

    def on_header_begin(self) -> None:
        self._header, self._value = bytearray(), bytearray()

    def on_header_field(self, data: bytes, start: int, end: int) -> None:
        self._header += data[start:end]

    def on_header_value(self, data: bytes, start: int, end: int) -> None:
        self._value += data[start:end]

    def on_header_end(self) -> None:
        self._headers[bytes(self._header).lower()] = bytes(self._value)

    def on_headers_finished(self) -> None:
        _, options = parse_options_header(self._headers.get(b"content-disposition", b""))
        if b"name" not in options:
            raise Problem(400, "WrongForm", f"a part of the form has no name; send {_FORM}")
        name = options[b"name"].decode("utf-8", "replace")
        if name not in self._files:
            if b"filename" in options:
                raise Problem(422, "WrongForm", f"got a file in the field {name[:100]!r}; send {_FORM}")
            self._part = _Part(name)
            return
        if name in self._got:
            what = "files" if name == FILE_FIELD else f"files in the field {name}"
            raise Problem(422, "WrongForm", f"got several {what}; send one form for each")
        self._got.add(name)
        sent, out = self._files[name]
        sent.name = plain_name(options.get(b"filename", b"").decode("utf-8", "replace"))
        self._part = _Part(name, sent, out)

    def on_part_data(self, data: bytes, start: int, end: int) -> None:
        assert self._part is not None
        if self._part.sent is not None and self._part.out is not None:
            self._part.sent.size += end - start
            if self._part.sent.size > self._most:
                raise too_large(self._most)
            try:
                self._part.out.write(data[start:end])
            except OSError as error:
                raise disk_full(error) from error
            return
        self._beside += end - start
        if self._beside > _FORM_BYTES:
            raise Problem(413, "TooLarge", f"the options of the form are longer than {_FORM_BYTES} bytes")
        self._part.text += data[start:end]

    def on_part_end(self) -> None:
        part, self._part = self._part, None
        if part is None or part.sent is not None:
            return
        if part.name in self._upload.fields:
            raise Problem(422, "WrongForm", f"the option {part.name[:100]!r} is given twice; give it once")
        try:
            self._upload.fields[part.name] = part.text.decode("utf-8").strip()
        except UnicodeDecodeError as error:
            raise Problem(422, "WrongForm", f"the option {part.name[:100]!r} is not UTF-8") from error

    def on_end(self) -> None:
        self.ended = True

    def finish(self) -> None:
        if not self.ended:
            raise Problem(400, "WrongForm", "the form ends before its last boundary; send it whole")
        if FILE_FIELD not in self._got:
            raise Problem(422, "WrongForm", f"the form has no file; send {_FORM}")
        mask = self._files[MASK_FIELD][0] if MASK_FIELD in self._got else None
        if mask is not None and (mask.size or mask.name):  # neither: what browsers send where none was chosen
            self._upload.mask = mask


@asynccontextmanager
async def receive(request: Request, settings: Settings, most: int, *, mask: bool = False) -> AsyncGenerator[Upload]:
    """Receive a form whose file has at most `most` bytes.

    mask: whether a second file may be with it, in the field mask, of as many bytes

    Raises
    ------
    Problem: it is no such form, is too large, or comes too slowly
    Gone: the client went away in the middle
    """
    boundary = _boundary(request)
    _refuse_large(request, most, _FORM_BYTES + mask * most)
    path = settings.data / "incoming" / secrets.token_hex(16)
    upload = Upload(path)
    wanted: dict[str, Sent] = {FILE_FIELD: upload}
    if mask:
        wanted[MASK_FIELD] = Sent(path.with_suffix(".mask"))
    try:
        with ExitStack() as stack:
            files = {name: (sent, stack.enter_context(sent.path.open("xb"))) for name, sent in wanted.items()}
            form = _Form(upload, files, most)
            parser = MultipartParser(boundary, _callbacks(form), max_header_size=_HEADER_BYTES)  # pyright: ignore
            await _pump(request, parser, form, settings)
        yield upload
    finally:
        for sent in wanted.values():
            sent.path.unlink(missing_ok=True)


def _callbacks(form: _Form) -> dict[str, object]:
    return {name: getattr(form, name) for name in dir(form) if name.startswith("on_")}


async def _pump(request: Request, parser: MultipartParser, form: _Form, settings: Settings) -> None:
    began, size = time.monotonic(), 0
    chunks = request.stream().__aiter__()
    try:
        while True:
            with anyio.fail_after(settings.idle_seconds):
                chunk = await anext(chunks, None)
            if chunk is None:
                break
            before, size = size, size + len(chunk)
            if size // _LOOK_BYTES > before // _LOOK_BYTES:  # a length is not always said before
                require_disk(settings)
            parser.write(chunk)
            if time.monotonic() - began > settings.idle_seconds + size / settings.slowest_bytes:
                raise TimeoutError
        parser.finalize()
    except ClientDisconnect:
        raise Gone from None
    except TimeoutError:
        raise Problem(
            408, "TooSlow", "the file came too slowly; send it again", headers={"Connection": "close"}
        ) from None
    except FormParserError as error:
        raise Problem(400, "WrongForm", f"the form cannot be read ({error}); send {_FORM}") from error
    form.finish()


def _boundary(request: Request) -> bytes:
    kind, options = parse_options_header(request.headers.get("content-type"))
    boundary = options.get(b"boundary", b"")
    if kind != b"multipart/form-data":
        got = kind.decode("latin-1")[:100] or "nothing that says what it is"
        raise Problem(415, "WrongForm", f"got {got}; send {_FORM}")
    if not 0 < len(boundary) <= 200:
        raise Problem(400, "WrongForm", f"the form names no boundary of its parts; send {_FORM}")
    return boundary


def _refuse_large(request: Request, most: int, beside: int) -> None:
    """most, beside: bytes of the file, and of all else"""
    said = request.headers.get("content-length", "")
    if said.isdecimal() and int(said[:20]) > most + beside:
        raise too_large(most)


def require_disk(settings: Settings, size: int = 0) -> None:
    """Refuse what would fill the disk. size: bytes that are to come, as far as known. Raises Problem (507)."""
    if shutil.disk_usage(settings.data).free - size < settings.free_bytes:
        raise Problem(507, "DiskFull", "the server's disk is full; try it later, or send a smaller file")


def too_large(most: int) -> Problem:
    return Problem(413, "TooLarge", f"the file has more than {most / MIB:.0f} MiB; send a smaller one")


def disk_full(error: OSError) -> Problem:
    return Problem(507, "DiskFull", f"the server could not keep the file ({error.strerror or error}); try it later")


def plain_name(given: str) -> str:
    """A file's name as it may be shown: without folders, without what terminals and headers could choke on."""
    last = given.replace("\\", "/").rsplit("/", 1)[-1]
    return "".join(letter if letter.isprintable() else " " for letter in last).strip()[-_NAME_LENGTH:]


class Incoming:
    """What a client sends, to be read to its end even where the answer is known before."""

    def __init__(self, receive: Receive) -> None:
        self._receive = receive
        self._ended = False

    async def __call__(self) -> Message:
        message = await self._receive()
        self._ended = message["type"] != "http.request" or not message.get("more_body", False)
        return message

    async def drain(self) -> None:
        """Read on, within bounds, so that the client gets to read the answer.

        A connection that is closed with bytes unread is reset, and most clients then lose an answer that has come.
        """
        size = 0
        with anyio.move_on_after(_DRAIN_SECONDS):
            while not self._ended and size < _DRAIN_BYTES:
                size += len((await self()).get("body", b""))
