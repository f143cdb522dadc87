"""What goes wrong, as RFC 9457 problem details, in the words of the command.

`type` is always about:blank, so `title` is the phrase of the status. `code` says more exactly what it is: the name of
an error of `retint.errors`, or one of the server's own. `detail` is the sentence that the command would print.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from retint.errors import (
    InputError,
    MissingExtraError,
    OutputError,
    RenderError,
    RetintError,
    UnknownModelError,
    UnsupportedInputError,
    WeightsError,
)

MEDIA_TYPE = "application/problem+json"
_LOG = logging.getLogger("retint.server")

# The first that fits. A render that does not fit into memory, or a format that cannot hold the picture, can be asked
# for otherwise: these are the client's to change, as are the others but the weights.
_STATUS: tuple[tuple[type[RetintError], int], ...] = (
    (UnsupportedInputError, 415),
    (MissingExtraError, 415),
    (UnknownModelError, 422),
    (WeightsError, 503),
    (InputError, 422),
    (RenderError, 422),
    (OutputError, 422),
)


class Problem(Exception):  # noqa: N818 - named as the RFC names it
    """A request is answered with this."""

    def __init__(
        self,
        status: int,
        code: str,
        detail: str,
        *,
        fields: Sequence[tuple[str, str]] = (),
        headers: Mapping[str, str] | None = None,
    ) -> None:
        """fields: of the form, each with what is wrong with it."""
        super().__init__(detail)
        self.status, self.code, self.detail = status, code, detail
        self.fields, self.headers = tuple(fields), dict(headers or {})

    def body(self) -> dict[str, Any]:
        """The members of the JSON object."""
        said: dict[str, Any] = {
            "type": "about:blank",
            "title": HTTPStatus(self.status).phrase,
            "status": self.status,
            "detail": self.detail,
            "code": self.code,
        }
        if self.fields:
            said["errors"] = [{"field": field, "detail": detail} for field, detail in self.fields]
        return said

    def response(self) -> Response:
        return JSONResponse(self.body(), self.status, self.headers, media_type=MEDIA_TYPE)


def busy(what: str, seconds: float) -> Problem:
    """There is no room for it now; come again in so many seconds."""
    wait = max(1, round(seconds))
    return Problem(429, "Busy", f"{what}; send it again in {wait} s", headers={"Retry-After": str(wait)})


def problem_of(error: RetintError, renamed: Mapping[str, str] | None = None) -> Problem:
    """The problem that an error of retint's is.

    renamed: texts that are not for the outside, such as paths, and what stands in their place
    """
    detail = str(error)
    for inside, outside in (renamed or {}).items():
        detail = detail.replace(inside, outside)
    status = next((status for kind, status in _STATUS if isinstance(error, kind)), 500)
    return Problem(status, type(error).__name__, detail)


async def on_problem(_: Request, error: Exception) -> Response:
    assert isinstance(error, Problem)
    return error.response()


async def on_retint_error(_: Request, error: Exception) -> Response:
    assert isinstance(error, RetintError)
    return problem_of(error).response()


async def on_http_exception(_: Request, error: Exception) -> Response:
    """What the router itself says: no such address, no such method."""
    assert isinstance(error, HTTPException)
    words = {
        404: ("NotFound", "there is nothing at this address; GET /openapi.json says what there is"),
        405: ("MethodNotAllowed", "this address does not take that method; the header Allow names those it takes"),
    }
    code, detail = words.get(error.status_code, ("Refused", str(error.detail)))
    return Problem(error.status_code, code, detail, headers=error.headers).response()


async def on_fault(request: Request, error: Exception) -> Response:
    """A fault of the program: logged, and not told to the outside."""
    _LOG.error("%s %s failed", request.method, request.url.path, exc_info=error)
    return Problem(500, "Fault", "retint failed on this; its log says how. Please report it").response()
