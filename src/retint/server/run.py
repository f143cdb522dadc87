"""Running the server: one process, until it is told to stop."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
from collections.abc import Callable
from pathlib import Path
from types import FrameType

import uvicorn

from retint.errors import ServeError
from retint.server.app import Server, prepare
from retint.server.settings import Settings
from retint.weights.lock import exclusive

_CONNECTIONS = 512  # at once; more are turned away before anything is read of them
_KEEP_ALIVE_SECONDS = 15


Ready = Callable[[str, Callable[[], None]], None]


class _Uvicorn(uvicorn.Server):
    def __init__(self, config: uvicorn.Config, server: Server, ready: Ready) -> None:
        super().__init__(config)
        self._server, self._ready = server, ready

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started and sockets:
            self._ready(address_of(sockets[0]), self._stop)

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Stop; at the second Ctrl-C, without waiting. uvicorn's own would raise the signal again at the end."""
        if self.should_exit and sig == signal.SIGINT:
            self.force_exit = True
        self.should_exit = True

    def _stop(self) -> None:
        self.should_exit = True

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        self._server.begin_stop()
        await super().shutdown(sockets)


def serve(settings: Settings, ready: Ready) -> None:
    """Serve until SIGINT or SIGTERM.

    ready: told, once it answers, the address, and what to call for it to stop

    What is in work then has `settings.stop_seconds` to end; films are interrupted, and known after a restart.
    Raises ServeError where the address cannot be had.
    """
    with contextlib.ExitStack() as stack:
        listener = stack.enter_context(contextlib.closing(_listen(settings)))
        _hold(settings.data, stack)
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
        try:
            if os.name != "nt":  # there it would let two servers share a port
                listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind(address)
        except OSError:
            listener.close()
            raise
        return listener
    except OSError as error:
        raise ServeError(
            f"cannot listen at {settings.host}, port {settings.port} ({error.strerror or error}); "
            "choose another --port, or 0 for any that is free"
        ) from error


def _hold(data: Path, stack: contextlib.ExitStack) -> None:
    """Keep the folder for this server: two in one would clear away each other's files."""

    def taken() -> None:
        raise ServeError(f"{data}: another retint serve works there; name another folder with --data")

    try:
        data.mkdir(parents=True, exist_ok=True, mode=0o700)
        stack.enter_context(exclusive(data / "lock", taken))
        prepare(data)
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
