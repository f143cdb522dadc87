"""Photographs and films behind http(s) addresses: fetched whole, within limits of size and time."""

from __future__ import annotations

import contextlib
import http.client
import io
import re
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Generator
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import IO
from urllib.parse import quote, unquote, urlsplit, urlunsplit

from retint.errors import InputError
from retint.pipelines.kinds import HEAD_BYTES

CONNECT_SECONDS = 20.0  # for each answer of the server
_CHUNK_BYTES = 256 * 1024
_SCHEME = re.compile(r"[a-z][a-z0-9+.-]*://", re.IGNORECASE)
# What may not be in a file name on Windows (so nowhere), path separators among it.
_UNSAFE = re.compile(r'[<>:"/\\|?*\x00-\x1f\x7f]')


@dataclass(frozen=True)
class Limits:
    """What is taken from an address at most."""

    what: str  # it is to be, for errors
    max_bytes: int  # more is refused, whether the server announces it or not
    seconds: float  # for everything


PICTURE = Limits("picture", 512 * 1024**2, 600.0)  # is held in memory
FILM = Limits("film", 32 * 1024**3, 6 * 3600.0)  # goes to disk


def is_address(text: str) -> bool:
    """Whether an argument of the command is an address (of any scheme), and not a path."""
    return _SCHEME.match(text) is not None


def name_from(address: str) -> str:
    """Return the file name that the path of an address ends with, made safe; `photo` where it has none.

    name_from("https://example.org/old/grand%20ma.jpg?size=large") is "grand ma.jpg".
    """
    try:
        last = PurePosixPath(urlsplit(address).path).name
    except ValueError:  # no address at all; fetching it will tell
        last = ""
    name = _UNSAFE.sub("_", unquote(last)).strip(". ")
    stem, dot, suffix = name.rpartition(".")
    if not stem or len(suffix) > 8:
        stem, dot, suffix = name, "", ""
    return (stem[:100] + dot + suffix) or "photo"


def fetch(address: str, limits: Limits = PICTURE, *, timeout: float = CONNECT_SECONDS) -> bytes:
    """Download into memory. Arguments and errors as of `pieces`."""
    content = io.BytesIO()
    with contextlib.closing(pieces(address, limits, timeout=timeout)) as parts:
        content.writelines(parts)
    return content.getvalue()


def pieces(
    address: str, limits: Limits | Callable[[bytes], Limits], *, timeout: float = CONNECT_SECONDS
) -> Generator[bytes]:
    """What is behind an address, as it comes; to be closed.

    Parameters
    ----------
    address: http or https; redirects are followed while they stay with these two
    limits: or what tells them from the first `HEAD_BYTES` bytes, asked anew while there are fewer
    timeout: seconds, for each answer of the server

    Raises
    ------
    InputError: no such scheme or host, an HTTP error, a web page, too large, too slow, or cut short
    """
    head, limit = b"", limits if isinstance(limits, Limits) else limits(b"")
    if not address.lower().startswith(("http://", "https://")):
        raise InputError(f"{address}: only http and https addresses can be fetched; download it and name the file")
    started = time.monotonic()
    try:
        headers = {"User-Agent": "retint", "Accept": "image/*,video/*,*/*;q=0.5"}
        request = urllib.request.Request(_ascii_form(address), headers=headers)
        with urllib.request.build_opener(_HttpOnly()).open(request, timeout=timeout) as response:
            announced = _announced(address, response, limit.what)
            received = 0
            while piece := response.read1(_CHUNK_BYTES):
                received += len(piece)
                if len(head) < HEAD_BYTES:
                    head += piece[: HEAD_BYTES - len(head)]
                    limit = limits if isinstance(limits, Limits) else limits(head)
                _refuse_excess(address, received if len(head) < HEAD_BYTES else max(received, announced), limit)
                if time.monotonic() - started > limit.seconds:
                    raise InputError(
                        f"{address}: not finished within {limit.seconds:g} s; download it and name the file"
                    )
                yield piece
            _refuse_excess(address, announced, limit)
            if received < announced:
                raise http.client.IncompleteRead(b"", announced - received)
    except urllib.error.HTTPError as error:
        error.close()
        reason = " ".join(str(error.reason).split())
        raise InputError(f"{address}: the server answers {error.code} {reason}; check the address") from error
    except TimeoutError as error:
        raise InputError(f"{address}: no answer within {timeout:g} s; try again later") from error
    except urllib.error.URLError as error:
        if isinstance(error.reason, TimeoutError):
            raise InputError(f"{address}: no answer within {timeout:g} s; try again later") from error
        raise InputError(f"{address}: cannot be reached ({error.reason}); check the address and the network") from error
    except http.client.IncompleteRead as error:
        raise InputError(f"{address}: the connection was cut before the {limit.what} was whole; try again") from error
    except (http.client.HTTPException, OSError, ValueError) as error:
        reason = " ".join(str(error).split()) or type(error).__name__
        raise InputError(f"{address}: cannot be fetched ({reason}); check the address") from error


def _announced(address: str, response: http.client.HTTPResponse, what: str) -> int:
    """How many bytes the server says will come; 0 where it does not say. Raises InputError for a web page."""
    if response.headers.get_content_type() in ("text/html", "application/xhtml+xml"):
        raise InputError(f"{address}: is a web page, not a {what}; give the address of the {what} itself")
    length = response.headers.get("Content-Length", "")
    return int(length) if length.isdecimal() else 0


def _refuse_excess(address: str, count: int, limits: Limits) -> None:
    if count > (most := limits.max_bytes):
        size = f"{most / 1024**3:g} GiB" if most >= 1024**3 else f"{most / 1024**2:g} MiB"
        raise InputError(f"{address}: larger than {size}, the limit; download it and name the file")


class _HttpOnly(urllib.request.HTTPRedirectHandler):
    """Follows redirects (urllib's limit of ten) only to http and https; urllib alone would follow to ftp."""

    def redirect_request(
        self,
        req: urllib.request.Request,
        fp: IO[bytes],
        code: int,
        msg: str,
        headers: http.client.HTTPMessage,
        newurl: str,
    ) -> urllib.request.Request | None:
        if urlsplit(newurl).scheme.lower() not in ("http", "https"):
            fp.close()
            raise InputError(f"{req.full_url}: redirects to {newurl}, which is neither http nor https")
        return super().redirect_request(req, fp, code, msg, headers, newurl)


def _ascii_form(address: str) -> str:
    """Quote what a person may type or paste but HTTP does not carry: spaces, umlauts, other scripts' hosts."""
    parts = urlsplit(address)
    host = parts.netloc if parts.netloc.isascii() else parts.netloc.encode("idna").decode("ascii")
    safe = "%/:=&?~#+!$,;'@()*[]"
    return urlunsplit((parts.scheme, host, quote(parts.path, safe=safe), quote(parts.query, safe=safe), ""))
