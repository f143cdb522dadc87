"""The server put together: addresses, what they do, and the door in front of it."""

from __future__ import annotations

import asyncio
import contextlib
import shutil
import threading
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from retint.errors import RetintError
from retint.server.api import Api, watched
from retint.server.films import Films
from retint.server.guard import Guard
from retint.server.models import Models
from retint.server.openapi import describe
from retint.server.pages import page_routes
from retint.server.problems import Problem, on_fault, on_http_exception, on_problem, on_retint_error
from retint.server.settings import Settings
from retint.server.work import Studio

_SWEEP_SECONDS = 1.0


class Server:
    """The application, and what has to be told when it is to end."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.models = Models(settings)
        self.studio = Studio(settings, self.models)
        self.films = Films(settings, self.models)
        self.api = Api(settings, self.models, self.studio, self.films)
        self.app = Starlette(
            routes=[*self._routes(), *page_routes()],
            middleware=[Middleware(Guard, settings=settings)],
            exception_handlers={
                Problem: on_problem,
                RetintError: on_retint_error,
                HTTPException: on_http_exception,
                Exception: on_fault,
            },
            lifespan=self._lifespan,
        )

    def _routes(self) -> list[Route]:
        api = self.api

        async def openapi(_: Request) -> Response:
            return JSONResponse(describe(self.settings))

        return [
            Route("/v1/colorize", watched(api.colorize), methods=["POST"]),
            Route("/v1/restore", watched(api.restore), methods=["POST"]),
            Route("/v1/strip", watched(api.strip), methods=["POST"]),
            Route("/v1/jobs", watched(api.add_job), methods=["POST"]),
            Route("/v1/jobs/{id}", api.job, methods=["GET", "DELETE"]),
            Route("/v1/jobs/{id}/events", api.job_events, methods=["GET"]),
            Route("/v1/jobs/{id}/preview", api.job_preview, methods=["GET"]),
            Route("/v1/jobs/{id}/result", api.job_result, methods=["GET"]),
            Route("/v1/jobs/{id}/resume", api.resume_job, methods=["POST"]),
            Route("/v1/models", api.models, methods=["GET"]),
            Route("/v1/session", api.session, methods=["POST"]),
            Route("/healthz", api.health, methods=["GET"]),
            Route("/openapi.json", openapi, methods=["GET"]),
        ]

    @asynccontextmanager
    async def _lifespan(self, _: Starlette) -> AsyncGenerator[None]:
        threading.Thread(target=self.models.warm, name="retint-load", daemon=True).start()
        sweeping = asyncio.create_task(self._sweep())
        try:
            yield
        finally:
            sweeping.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await sweeping
            self.begin_stop()
            await asyncio.to_thread(self.films.stop)
            self.studio.stop()

    def begin_stop(self) -> None:
        """Let those who listen go, so that their connections end. In the server's own thread."""
        self.api.stopping.set()

    async def _sweep(self) -> None:
        while True:
            await asyncio.sleep(_SWEEP_SECONDS)
            await asyncio.to_thread(self.films.sweep)


def prepare(data: Path) -> None:
    """Clear away what a killed server left half received. Raises OSError."""
    incoming = data / "incoming"
    shutil.rmtree(incoming, ignore_errors=True)
    incoming.mkdir(mode=0o700)
    (data / "jobs").mkdir(exist_ok=True, mode=0o700)
