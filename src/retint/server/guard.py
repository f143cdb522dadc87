"""Who may ask: a door before everything else.

* Host: only the names that the server is known by. A page of another site whose name is made to point here (DNS
  rebinding) comes with that other name, and is refused.
* Origin: pages of other sites may not have anything done (CSRF). Nothing is ever allowed to them by CORS either, so
  they can read nothing.
* Token: where one is set, the API asks for it, as `Authorization: Bearer` or as the cookie that `POST /v1/session`
  gives to the page.
"""

from __future__ import annotations

import hashlib
import hmac
import ipaddress
from collections.abc import Mapping
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from retint.server.problems import Problem
from retint.server.settings import Settings
from retint.server.uploads import Incoming

COOKIE = "retint-session"
_SAFE = ("GET", "HEAD", "OPTIONS")
_SECURITY: Mapping[str, str] = {
    # what is shown is the page's own, or made in the browser (blob:); nothing comes from or goes to other hosts
    "content-security-policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob:; "
    "media-src 'self' blob:; connect-src 'self'; manifest-src 'self'; form-action 'self'; base-uri 'none'; "
    "frame-ancestors 'none'",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), geolocation=(), microphone=()",
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
}


class Guard:
    """ASGI middleware."""

    def __init__(self, app: ASGIApp, settings: Settings) -> None:
        self._app = app
        self._names = {"localhost", *(name.lower().strip("[]") for name in settings.names)}
        self._loopback = is_loopback(settings.host)
        self._host = settings.host.lower()
        self._token = settings.token

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        if scope["type"] != "http":  # no WebSocket is spoken here
            await send({"type": "websocket.close", "code": 1008})
            return

        async def secured(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in _SECURITY.items():
                    headers.setdefault(name, value)
                headers.setdefault("cache-control", "no-store")
            await send(message)

        try:
            self._check(scope)
        except Problem as problem:
            await Incoming(receive).drain()
            await problem.response()(scope, receive, secured)
            return
        await self._app(scope, receive, secured)

    def _check(self, scope: Scope) -> None:
        headers = Headers(scope=scope)
        host = headers.get("host", "")
        if len(headers.getlist("host")) != 1 or not self._knows(_hostname(host)):
            raise Problem(
                421,
                "WrongHost",
                f"got Host {host[:100]!r}, and this server is not known by it; use its address, or start it with "
                "--name NAME",
            )
        if scope["method"] not in _SAFE:
            self._refuse_strangers(headers, host)
        if self._token is not None and _needs_token(scope["path"]):
            self._ask_token(headers, self._token)

    def _knows(self, name: str) -> bool:
        if name in self._names or name == self._host:
            return True
        try:
            address = ipaddress.ip_address(name)
        except ValueError:
            return False
        # A number cannot be made to point elsewhere; who listens at a network's address has several.
        return address.is_loopback or not self._loopback

    def _refuse_strangers(self, headers: Headers, host: str) -> None:
        origin, site = headers.get("origin"), headers.get("sec-fetch-site")
        strange = site not in (None, "same-origin", "none")
        if origin is not None:
            strange = strange or urlsplit(origin).netloc.lower() != host.lower()
        if strange:
            raise Problem(
                403,
                "CrossOrigin",
                f"the request comes from a page of another site ({(origin or site or '')[:100]}); pages of other sites "
                "may not use this server",
            )

    def _ask_token(self, headers: Headers, token: str) -> None:
        kind, _, given = headers.get("authorization", "").partition(" ")
        if kind.lower() == "bearer" and same(given.strip(), token):
            return
        cookies = [part.strip() for part in headers.get("cookie", "").split(";")]
        if any(same(cookie, f"{COOKIE}={cookie_of(token)}") for cookie in cookies):
            return
        raise Problem(
            401,
            "TokenWanted",
            "this server wants its token; send it as Authorization: Bearer TOKEN",
            headers={"WWW-Authenticate": 'Bearer realm="retint"'},
        )


def is_loopback(host: str) -> bool:
    """Whether only this machine reaches an address to listen at."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host.lower() == "localhost"


def cookie_of(token: str) -> str:
    """What the cookie holds: not the token itself, so that it cannot be used elsewhere."""
    return hmac.new(token.encode(), b"retint session", hashlib.sha256).hexdigest()


def same(given: str, wanted: str) -> bool:
    """Compare secrets in a time that says nothing of them."""
    return hmac.compare_digest(given.encode("utf-8", "surrogateescape"), wanted.encode())


def _needs_token(path: str) -> bool:
    return path.startswith("/v1/")


def _hostname(host: str) -> str:
    """The name in a Host header: without the port, and without the brackets of IPv6."""
    try:
        return (urlsplit(f"//{host}").hostname or "").rstrip(".")
    except ValueError:
        return ""
