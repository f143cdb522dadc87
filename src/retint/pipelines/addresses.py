"""Photographs and films behind http(s) addresses: fetched whole, within limits of size and time."""

from __future__ import annotations

import contextlib
import http.client
import io
import re
import time
import urllib.error
import urllib.request
from collections.abc import Generator
from pathlib import PurePosixPath
from typing import IO, BinaryIO
from urllib.parse import quote, unquote, urlsplit, urlunsplit

from retint.errors import InputError

CONNECT_SECONDS = 20.0  # for each answer of the server
MAX_BYTES, TOTAL_SECONDS = 512 * 1024**2, 600.0  # of a picture, which is held in memory
MAX_FILM_BYTES, TOTAL_FILM_SECONDS = 32 * 1024**3, 6 * 3600.0  # of a film, which goes to disk
_CHUNK_BYTES = 256 * 1024
_SCHEME = re.compile(r"[a-z][a-z0-9+.-]*://", re.IGNORECASE)
# What may not be in a file name on Windows (so nowhere), path separators among it.
_UNSAFE = re.compile(r'[<>:"/\\|?*\x00-\x1f\x7f]')


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


def fetch(
    address: str,
    *,
    max_bytes: int = MAX_BYTES,
    timeout: float = CONNECT_SECONDS,
    total: float = TOTAL_SECONDS,
) -> bytes:
    """Download a picture into memory. Arguments as `fetch_into`. Raises InputError as that does."""
    body = io.BytesIO()
    fetch_into(address, body, what="picture", max_bytes=max_bytes, timeout=timeout, total=total)
    return body.getvalue()


def fetch_into(
    address: str,
    file: BinaryIO,
    *,
    what: str,
    max_bytes: int,
    total: float,
    timeout: float = CONNECT_SECONDS,
) -> None:
    """Download into an open file, in pieces.

    Parameters
    ----------
    address: http or https; redirects are followed while they stay with these two
    file: where it goes; after an error part of it is there
    what: what it is to be, for errors
    max_bytes: more is refused, whether the server announces it or not
    timeout, total: seconds, for each answer of the server and for everything

    Raises
    ------
    InputError: no such scheme or host, an HTTP error, a web page, too large, too slow, or cut short
    OSError: the file cannot be written
    """
    with contextlib.closing(_pieces(address, what, max_bytes, timeout, total)) as pieces:
        for piece in pieces:
            file.write(piece)


def _pieces(address: str, what: str, max_bytes: int, timeout: float, total: float) -> Generator[bytes]:
    """What the server sends, within the limits."""
    if not address.lower().startswith(("http://", "https://")):
        raise InputError(f"{address}: only http and https addresses can be fetched; download it and name the file")
    deadline = time.monotonic() + total
    try:
        headers = {"User-Agent": "retint", "Accept": "image/*,video/*,*/*;q=0.5"}
        request = urllib.request.Request(_ascii_form(address), headers=headers)
        with urllib.request.build_opener(_HttpOnly()).open(request, timeout=timeout) as response:
            expected = _announced(address, response, what, max_bytes)
            received = 0
            while piece := response.read1(_CHUNK_BYTES):
                received += len(piece)
                if received > max_bytes:
                    raise InputError(_too_large(address, max_bytes))
                if time.monotonic() > deadline:
                    raise InputError(f"{address}: not finished within {total:g} s; download it and name the file")
                yield piece
            if expected is not None and received < expected:
                raise http.client.IncompleteRead(b"", expected - received)
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
        raise InputError(f"{address}: the connection was cut before the {what} was whole; try again") from error
    except (http.client.HTTPException, OSError, ValueError) as error:
        reason = " ".join(str(error).split()) or type(error).__name__
        raise InputError(f"{address}: cannot be fetched ({reason}); check the address") from error


def _announced(address: str, response: http.client.HTTPResponse, what: str, max_bytes: int) -> int | None:
    """How many bytes the server says will come. Raises InputError for a web page, and for too many."""
    if response.headers.get_content_type() in ("text/html", "application/xhtml+xml"):
        raise InputError(f"{address}: is a web page, not a {what}; give the address of the {what} itself")
    length = response.headers.get("Content-Length", "")
    expected = int(length) if length.isdecimal() else None
    if expected is not None and expected > max_bytes:
        raise InputError(_too_large(address, max_bytes))
    return expected


def _too_large(address: str, max_bytes: int) -> str:
    limit = f"{max_bytes / 1024**3:g} GiB" if max_bytes >= 1024**3 else f"{max_bytes / 1024**2:g} MiB"
    return f"{address}: larger than {limit}, the limit; download it and name the file"


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
