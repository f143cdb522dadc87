"""Running the server: one process, until it is told to stop."""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Callable, Generator
from pathlib import Path

import uvicorn

from retint.errors import RetintError
from retint.server.app import Server
from retint.server.settings import Settings
from retint.weights.lock import exclusive

_CONNECTIONS = 512  # at once; more are turned away before anything is read of them
_KEEP_ALIVE_SECONDS = 15


class ServeError(RetintError):
    """The server cannot start."""


class _Uvicorn(uvicorn.Server):
    def __init__(self, config: uvicorn.Config, server: Server, ready: Callable[[str], None]) -> None:
        super().__init__(config)
        self._server, self._ready = server, ready

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started and sockets:
            self._ready(address_of(sockets[0]))

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        self._server.begin_stop()
        await super().shutdown(sockets)


def serve(settings: Settings, ready: Callable[[str], None]) -> None:
    """Serve until SIGINT or SIGTERM.

    ready: told the address once it answers

    What is in work then has `settings.stop_seconds` to end; films are interrupted, and known after a restart.
    Raises ServeError where the address cannot be had.
    """
    with contextlib.closing(_listen(settings)) as listener, _alone(settings.data):
        server = Server(settings)
        config = uvicorn.Config(
            server.app,
            http="h11",
            ws="none",
            lifespan="on",
            log_level="warning",
            access_log=False,
            server_header=False,
            date_header=False,
            proxy_headers=False,
            limit_concurrency=_CONNECTIONS,
            timeout_keep_alive=_KEEP_ALIVE_SECONDS,
            timeout_graceful_shutdown=round(settings.stop_seconds),
        )
        _Uvicorn(config, server, ready).run(sockets=[listener])


def _listen(settings: Settings) -> socket.socket:
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            settings.host, settings.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        listener = socket.socket(family, kind, protocol)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
        return listener
    except OSError as error:
        raise ServeError(
            f"cannot listen at {settings.host}, port {settings.port} ({error.strerror or error}); "
            "choose another --port, or 0 for any that is free"
        ) from error


@contextlib.contextmanager
def _alone(data: Path) -> Generator[None]:
    """Two servers in one folder would clear away each other's files."""

    def taken() -> None:
        raise ServeError(f"{data}: another retint serve works there; name another folder with --data")

    try:
        data.mkdir(parents=True, exist_ok=True, mode=0o700)
        with exclusive(data / "lock", taken):
            yield
    except OSError as error:
        raise ServeError(
            f"{data}: cannot be written ({error.strerror or error}); name another folder with --data"
        ) from error


def address_of(listener: socket.socket) -> str:
    """Where to point a browser."""
    host, port = listener.getsockname()[:2]
    if host in ("0.0.0.0", "::"):  # everywhere: here, too
        host = "localhost"
    return f"http://{f'[{host}]' if ':' in host else host}:{port}/"
