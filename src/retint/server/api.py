"""What the API does at each address."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import suppress
from functools import partial
from typing import Any
from urllib.parse import quote

import anyio.to_thread
from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, Response, StreamingResponse

import retint
from retint.restoration.options import RestoreOptions
from retint.server.fields import (
    film_options,
    parse_fields,
    photo_fields,
    pop_restore_options,
    restore_fields,
    strip_fields,
)
from retint.server.films import Films
from retint.server.guard import COOKIE, cookie_of
from retint.server.job import OVER, Job
from retint.server.models import Models
from retint.server.problems import Problem
from retint.server.settings import Settings
from retint.server.uploads import Gone, Incoming, Upload, receive
from retint.server.waiting import FileBody, Places, done_for
from retint.server.work import GivenMask, PhotoTask, Studio, accepted_format

Handler = Callable[[Request], Awaitable[Response]]

_LOOK_SECONDS = 0.25  # between looks at a job that is listened to
_BEAT_SECONDS = 10.0  # between signs of life where nothing happens
_FILM_TYPES = {
    ".mp4": "video/mp4",
    ".mov": "video/quicktime",
    ".mkv": "video/x-matroska",
    ".webm": "video/webm",
    ".avi": "video/x-msvideo",
}


class Api:
    """The handlers, and what they share."""

    def __init__(self, settings: Settings, models: Models, studio: Studio, films: Films) -> None:
        self._settings, self._models, self._studio, self._films = settings, models, studio, films
        self._photo_places = Places(settings.photographs, "photographs are in work", studio.seconds_for)
        self._film_places = Places(settings.films_arriving, "films are being sent", lambda _: 10.0)
        self.stopping = asyncio.Event()

    # photographs

    async def colorize(self, request: Request) -> Response:
        fields = photo_fields(self._settings.largest_render_factor)

        def task_of(upload: Upload, format: str | None) -> PhotoTask:
            values = parse_fields(upload.fields, fields)
            stages = values.pop("restore", None)
            restore = None if stages is None else RestoreOptions(stages=stages)
            return PhotoTask(upload.path, upload.name, format=format, restore=restore, **values)

        return await self._picture(request, task_of)

    async def restore(self, request: Request) -> Response:
        def task_of(upload: Upload, format: str | None) -> PhotoTask:
            values = parse_fields(upload.fields, restore_fields())
            restore = pop_restore_options(values)
            mask = None if upload.mask is None else GivenMask(upload.mask.path, upload.mask.name)
            return PhotoTask(
                upload.path, upload.name, format=format, restore=restore, mask=mask, colour=False, **values
            )

        return await self._picture(request, task_of, mask=True)

    async def _picture(
        self, request: Request, task_of: Callable[[Upload, str | None], PhotoTask], *, mask: bool = False
    ) -> Response:
        format = accepted_format(request.headers.get("accept"))
        with self._photo_places.one():
            async with receive(request, self._settings, self._settings.photo_bytes, mask=mask) as upload:
                picture = await done_for(
                    request,
                    self._studio,
                    partial(self._studio.picture, task_of(upload, format)),
                    self._settings.photo_seconds,
                )
        headers = {
            "content-disposition": disposition(picture.name),
            "retint-size": f"{picture.width}x{picture.height}",
            "vary": "Accept",
        }
        if picture.model is not None:
            headers |= {"retint-model": quote(picture.model), "retint-render-factor": str(picture.render_factor)}
        if picture.mended is not None:
            headers["retint-restored"] = json.dumps(picture.mended)
        if picture.notes:
            headers["retint-notes"] = json.dumps(picture.notes)
        return FileBody(picture.content, picture.size, picture.media_type, headers, self._settings)

    async def strip(self, request: Request) -> Response:
        with self._photo_places.one():
            async with receive(request, self._settings, self._settings.photo_bytes) as upload:
                task = PhotoTask(upload.path, upload.name, **parse_fields(upload.fields, strip_fields()))
                strip = await done_for(
                    request,
                    self._studio,
                    partial(self._studio.strip, task),
                    self._settings.photo_seconds,
                )
        return JSONResponse({"strip": strip})

    # films

    async def add_job(self, request: Request) -> Response:
        said = request.headers.get("content-length", "")
        self._films.require_room(int(said[:15]) if said.isdecimal() else 0)
        with self._film_places.one():
            async with receive(request, self._settings, self._settings.film_bytes) as upload:
                options = film_options(upload.fields, self._settings.largest_render_factor)
                job = await anyio.to_thread.run_sync(self._films.add, upload.path, upload.name, options)
        return self._job(job, 201)

    async def job(self, request: Request) -> Response:
        identity = request.path_params["id"]
        if request.method == "DELETE":
            await anyio.to_thread.run_sync(self._films.remove, identity)
            return Response(status_code=204)
        return self._job(self._films.get(identity))

    async def resume_job(self, request: Request) -> Response:
        return self._job(self._films.resume(request.path_params["id"]), 202)

    async def job_result(self, request: Request) -> Response:
        job = self._films.get(request.path_params["id"])
        if job.state != "done":
            raise Problem(409, "NotDone", f"{job.shown} is {job.state}; its result is there when it is done")
        media_type = _FILM_TYPES[job.target_path.suffix]
        return FileResponse(
            job.target_path, media_type=media_type, headers={"content-disposition": disposition(job.result_name)}
        )

    async def job_preview(self, request: Request) -> Response:
        preview = self._films.get(request.path_params["id"]).preview
        if preview is None:
            raise Problem(404, "NoPreview", "no frame is done yet; look again in a moment")
        return Response(preview, media_type="image/jpeg")

    async def job_events(self, request: Request) -> Response:
        job = self._films.get(request.path_params["id"])
        return StreamingResponse(self._events(job), media_type="text/event-stream", headers={"x-accel-buffering": "no"})

    async def _events(self, job: Job) -> AsyncGenerator[bytes]:
        """The job at every change, until it is over or removed."""
        last: tuple[int, int | None] | None = None
        quiet = 0.0
        while True:
            with suppress(Problem):
                self._films.get(job.id)  # somebody is watching
            if job.stop == "removed":
                yield b"event: removed\ndata: {}\n\n"
                return
            state = (job.version, self._films.before(job))
            over = job.state in OVER
            if state != last:
                last, quiet = state, 0.0
                yield b"event: job\ndata: " + json.dumps(job.body(state[1])).encode() + b"\n\n"
            elif quiet >= _BEAT_SECONDS:
                quiet = 0.0
                yield b": still here\n\n"
            if over or self.stopping.is_set():
                return
            with suppress(asyncio.TimeoutError):
                await asyncio.wait_for(self.stopping.wait(), _LOOK_SECONDS)
            quiet += _LOOK_SECONDS

    def _job(self, job: Job, status: int = 200) -> Response:
        where = f"/v1/jobs/{job.id}"
        headers = {"location": where} if status == 201 else {}
        return JSONResponse(job.body(self._films.before(job)), status, headers)

    # the server

    async def models(self, _: Request) -> Response:
        models = await anyio.to_thread.run_sync(self._models.listed)
        return JSONResponse({"models": models, "limits": self._limits()})

    def _limits(self) -> dict[str, Any]:
        settings = self._settings
        return {
            "photo_bytes": settings.photo_bytes,
            "photo_pixels": settings.photo_pixels,
            "film_bytes": settings.film_bytes,
            "render_factor": settings.largest_render_factor,
            "keep_seconds": settings.keep_seconds,
        }

    async def session(self, request: Request) -> Response:
        """Give the cookie to who knows the token (the guard has looked)."""
        response = Response(status_code=204)
        token = self._settings.token
        if token is not None:
            response.set_cookie(COOKIE, cookie_of(token), httponly=True, samesite="strict", path="/v1/")
        return response

    async def health(self, _: Request) -> Response:
        if self.stopping.is_set():
            raise Problem(503, "Stopping", "the server is being stopped")
        work = {"photographs": self._photo_places.taken, "films": self._films.waiting}
        return JSONResponse({"status": "ok", "version": retint.__version__, "in_work": work})


def watched(handler: Handler) -> Handler:
    """Answers what a handler raises only when the client has had the chance to send all, and nothing to who is gone."""

    async def handle(request: Request) -> Response:
        incoming = Incoming(request.receive)
        try:
            return await handler(Request(request.scope, incoming))
        except Gone:
            return Response(status_code=499)  # nobody reads it
        except Problem as problem:
            if problem.status != 408:  # who has stalled sends no more
                await incoming.drain()
            raise

    return handle


def disposition(name: str) -> str:
    """Content-Disposition for a result of that name: RFC 6266, with a name in ASCII for old clients."""
    plain = "".join(
        letter if letter.isascii() and letter.isprintable() and letter not in '"\\%' else "_" for letter in name
    )
    return f"attachment; filename=\"{plain}\"; filename*=UTF-8''{quote(name, safe='')}"
