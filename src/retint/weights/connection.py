"""One answer of one address: which bytes of the file it brings, or in plain words why none."""

from __future__ import annotations

import contextlib
import http.client
import ipaddress
import re
import ssl
import time
import urllib.error
import urllib.request
from collections.abc import Generator, Iterator
from dataclasses import dataclass
from email.message import Message
from typing import IO, cast
from urllib.parse import urlsplit

from retint.weights.checks import WEB_PAGE, looks_like_web_page

_CHUNK = 1 << 16  # bytes a read asks for at most
_WORTH_REPEATING = {408, 425, 429}  # of the 4xx; every 5xx is too


@dataclass(frozen=True)
class Patience:
    """How long a download waits, and how often it tries."""

    stall: float = 30.0  # seconds without an answer, or without enough bytes, after which a connection is given up
    slowest: float = 512.0  # bytes a second that are enough
    rounds: int = 3  # how often all addresses are tried
    pause: float = 1.0  # seconds before the second round; doubled before each further one
    stride: int = 1 << 16  # bytes that a connection must bring to be taken up again at once when it is cut


class AddressError(Exception):
    """This address did not deliver; the text says why, and is never shown alone."""

    def __init__(self, reason: str, *, lasting: bool = False, other_file: bool = False, restart: bool = False) -> None:
        # servers have a say in it: one line, nothing that steers a terminal, no sermon
        super().__init__("".join(letter for letter in " ".join(reason.split()) if letter.isprintable())[:300])
        self.lasting = lasting  # asking again will bring the same
        self.other_file = other_file  # it delivers weights, but others
        self.restart = restart  # what is here already does not fit what it has; from the start it may


@dataclass(frozen=True)
class Answer:
    """A body that is about to be read."""

    start: int  # position of its first byte in the file
    total: int | None  # bytes of the whole file, if told
    validator: str | None  # strong ETag, or date, by which the server knows this state of the file again
    head: bytes  # the first bytes, looked at already
    response: http.client.HTTPResponse
    patience: Patience

    def chunks(self) -> Iterator[bytes]:
        """The bytes as they come, to the end of the connection or of the file as told.

        Raises
        ------
        AddressError
            The connection broke, or brings next to nothing.
        """
        left = None if self.total is None else self.total - self.start
        chunk = self.head
        since, brought = time.monotonic(), 0
        while chunk:
            yield chunk
            brought += len(chunk)
            if left is not None:
                left -= len(chunk)
            # read1 gives what one packet brought: a server that drips cannot hold us within a read
            chunk = _read(self.response, _CHUNK if left is None else min(_CHUNK, left))
            waited = time.monotonic() - since
            if waited > self.patience.stall:
                if brought < self.patience.slowest * waited:
                    raise AddressError(f"stalled ({brought} bytes in {waited:.0f} s)")
                since, brought = time.monotonic(), 0


@contextlib.contextmanager
def ask(address: str, start: int, validator: str | None, patience: Patience) -> Generator[Answer, None, None]:
    """Ask an address for the file from byte `start` on; it may answer from the beginning (see `Answer.start`).

    With a validator the server is told to begin anew if the file has changed.

    Raises
    ------
    AddressError
        No answer, an error, a web page, or an answer that contradicts itself.
    """
    headers = {"User-Agent": "retint", "Accept": "*/*", "Accept-Encoding": "identity"}
    if start:
        headers["Range"] = f"bytes={start}-"
        if validator:
            headers["If-Range"] = validator
    try:
        request = urllib.request.Request(address, headers=headers)
        response = cast(http.client.HTTPResponse, _build_opener().open(request, timeout=patience.stall))
    except urllib.error.HTTPError as error:
        error.close()
        raise _status_error(error.code, error.reason) from error
    except (OSError, http.client.HTTPException, ValueError) as error:
        raise _network_error(error) from error
    with response:
        first, total = _extent(response, start)
        head = _read(response, _CHUNK)
        content_type = response.headers.get_content_type() if response.headers.get("Content-Type") else ""
        page = content_type in ("text/html", "application/xhtml+xml") or (first == 0 and looks_like_web_page(head))
        if page:
            raise AddressError(f"the address answered with {WEB_PAGE}", lasting=True)
        if response.headers.get("Content-Encoding", "identity").lower() != "identity":
            raise AddressError("the answer is compressed, though that was not asked for", lasting=True)
        yield Answer(first, total, _validator(response.headers), head, response, patience)


def _extent(response: http.client.HTTPResponse, asked: int) -> tuple[int, int | None]:
    """First byte, and size of the whole file, of an answer with status 200 or 206."""
    if response.status == 206:
        told = response.headers.get("Content-Range", "")
        match = re.fullmatch(r"bytes (\d+)-(\d+)/(\d+|\*)", told.strip())
        if not match or int(match[1]) != asked:
            raise AddressError(f"asked for bytes {asked}-, the answer says {told or 'nothing'!r}", restart=True)
        return asked, None if match[3] == "*" else int(match[3])
    if response.status != 200:
        raise _status_error(response.status, response.reason)
    length = response.headers.get("Content-Length", "")
    chunked = "chunked" in response.headers.get("Transfer-Encoding", "").lower()
    return 0, int(length) if length.isdecimal() and not chunked else None


def _validator(headers: Message) -> str | None:
    """What If-Range may hold: a strong ETag, else the date of the last change (RFC 9110, 13.1.5)."""
    tag = headers.get("ETag")
    if tag and not tag.startswith("W/"):
        return tag
    return headers.get("Last-Modified")


def _read(response: http.client.HTTPResponse, most: int) -> bytes:
    try:
        return response.read1(most) if most else b""
    except (OSError, http.client.HTTPException, ValueError) as error:
        raise _network_error(error) from error


def _status_error(code: int, reason: str) -> AddressError:
    if code == 416:
        return AddressError("the file there is shorter than what is here", restart=True)
    return AddressError(f"{code} {reason}".strip(), lasting=code < 500 and code not in _WORTH_REPEATING)


def _network_error(error: Exception) -> AddressError:
    if isinstance(error, _RefusedRedirectError):
        return AddressError(str(error.reason), lasting=True)
    cause = error.reason if isinstance(error, urllib.error.URLError) else error
    if isinstance(cause, ssl.SSLCertVerificationError):
        advice = "set SSL_CERT_FILE to a bundle of trusted certificates if yours are out of date"
        return AddressError(f"its certificate is not trusted ({cause.verify_message}); {advice}", lasting=True)
    if isinstance(cause, TimeoutError):
        return AddressError("stalled (no answer in time)")
    if isinstance(cause, http.client.IncompleteRead):
        return AddressError("the connection was cut")
    return AddressError(str(cause).strip() or type(cause).__name__, lasting=isinstance(cause, ValueError))


class _RefusedRedirectError(urllib.error.URLError):
    """A redirect that must not be followed."""


class _Redirects(urllib.request.HTTPRedirectHandler):
    """Follows redirects, but not from https to http (except to this machine itself), and to nothing but these two."""

    # Python 3.10 knows no 308, "Permanent Redirect"
    http_error_308 = urllib.request.HTTPRedirectHandler.http_error_302

    def redirect_request(
        self,
        req: urllib.request.Request,
        fp: IO[bytes],
        code: int,
        msg: str,
        headers: http.client.HTTPMessage,
        newurl: str,
    ) -> urllib.request.Request | None:
        before, after = urlsplit(req.full_url), urlsplit(newurl)
        secure_before = before.scheme == "https"
        if after.scheme != "https" and (after.scheme != "http" or (secure_before and not _is_loopback(after.hostname))):
            fp.close()
            raise _RefusedRedirectError(f"redirects to {newurl}, which is not https")
        return super().redirect_request(req, fp, 307 if code == 308 else code, msg, headers, newurl)


def _is_loopback(host: str | None) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host or "").is_loopback
    except ValueError:
        return False


def _build_opener() -> urllib.request.OpenerDirector:
    """As urllib's own, without its handlers for ftp:, file: and data:."""
    opener = urllib.request.OpenerDirector()
    for handler in (
        urllib.request.ProxyHandler(),
        urllib.request.UnknownHandler(),
        urllib.request.HTTPHandler(),
        urllib.request.HTTPSHandler(),
        urllib.request.HTTPDefaultErrorHandler(),
        _Redirects(),
        urllib.request.HTTPErrorProcessor(),
    ):
        opener.add_handler(handler)
    return opener
