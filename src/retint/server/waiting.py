"""Waiting for work in a thread, for as long as the client does."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Generator
from contextlib import contextmanager
from typing import IO

import anyio
from starlette.requests import Request
from starlette.responses import StreamingResponse
from starlette.types import Receive, Scope, Send

from retint.server.problems import Problem, busy
from retint.server.settings import Settings, transfer_seconds
from retint.server.uploads import Gone
from retint.server.work import Dropped, Picture, Result, Studio

_CHUNK_BYTES = 256 * 1024


class Places:
    """A number of requests that may be in work at once; the others are told to come again."""

    def __init__(self, most: int, what: str, seconds: Callable[[int], float]) -> None:
        self._most, self._what, self._seconds = most, what, seconds
        self.taken = 0

    def take(self) -> None:
        """Take a place, to be given back. Raises Problem (429)."""
        if self.taken >= self._most:
            raise busy(f"{self.taken} {self._what} already", self._seconds(self.taken))
        self.taken += 1

    def give_back(self) -> None:
        self.taken -= 1

    @contextmanager
    def one(self) -> Generator[None]:
        self.take()
        try:
            yield
        finally:
            self.give_back()


async def done_for(request: Request, studio: Studio, work: Callable[..., Result], seconds: float) -> Result:
    """What a worker makes of it.

    Raises
    ------
    Gone: the client went away; the work is dropped, or ends unseen where it had begun
    Problem: what the work raised; 503 where it took too long
    """
    future, dropped = studio.submit(work)
    working = asyncio.wrap_future(future)
    leaving = asyncio.ensure_future(_left(request))
    try:
        await asyncio.wait({working, leaving}, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
        if working.done():
            return working.result()
        if leaving.done():
            raise Gone
        raise Problem(
            503,
            "TookTooLong",
            f"it was not done within {seconds:g} s; send a smaller photograph, or try it later",
            headers={"Retry-After": str(max(1, round(seconds)))},
        )
    except Dropped:
        raise Gone from None
    finally:
        dropped.set()
        leaving.cancel()
        if not working.done():
            future.cancel()
            working.add_done_callback(_forget)


def _forget(working: asyncio.Future[object]) -> None:
    """Take what nobody waits for: close a picture that came too late, and let no error be called unseen."""
    if working.cancelled() or working.exception() is not None:
        return
    result = working.result()
    if isinstance(result, Picture):
        result.content.close()


async def _left(request: Request) -> None:
    """Until the client has gone."""
    while (await request.receive())["type"] != "http.disconnect":
        pass


class FileBody(StreamingResponse):
    """Sends an open file, closes it, and gives up on clients that do not take it."""

    def __init__(
        self, content: IO[bytes], size: int, media_type: str, headers: dict[str, str], settings: Settings
    ) -> None:
        super().__init__(_pieces(content), media_type=media_type, headers={**headers, "content-length": str(size)})
        self._content = content
        self._seconds = transfer_seconds(settings, size)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            with anyio.move_on_after(self._seconds):
                await super().__call__(scope, receive, send)
        finally:
            self._content.close()


async def _pieces(content: IO[bytes]) -> AsyncGenerator[bytes]:
    while piece := content.read(_CHUNK_BYTES):
        yield piece
