"""A local server that can be told to cut, lie, redirect and stall."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest


@dataclass
class Reply:
    """What the server does with one request."""

    body: bytes = b""
    status: int = 200
    ranges: bool = True  # understands Range
    etag: str | None = None
    modified: str | None = None
    cut: int | None = None  # bytes of this answer after which the connection is closed
    stall: int | None = None  # bytes after which nothing more comes
    drip: bool = False  # a byte now and then
    length: int | None = None  # Content-Length, if another than the true one
    chunked: bool = False
    location: str | None = None
    content_type: str = "application/octet-stream"
    content_range: str | None = None  # if another than the true one


@dataclass
class Seen:
    """What the server was asked."""

    path: str
    range: str | None
    if_range: str | None


@dataclass
class LyingServer:
    """Answers each path with its replies in turn, and then with the last one again and again."""

    replies: dict[str, list[Reply]] = field(default_factory=dict)
    seen: list[Seen] = field(default_factory=list)
    reached: threading.Event = field(default_factory=threading.Event)  # a stall has begun
    release: threading.Event = field(default_factory=threading.Event)  # ends all stalls
    port: int = 0

    def at(self, path: str, *replies: Reply) -> str:
        """The address of a path, which will be answered by these replies."""
        self.replies[path] = list(replies)
        return f"http://127.0.0.1:{self.port}{path}"

    def next_reply(self, path: str) -> Reply:
        queue = self.replies.get(path) or [Reply(status=404)]
        return queue.pop(0) if len(queue) > 1 else queue[0]

    def ranges(self) -> list[str | None]:
        return [one.range for one in self.seen]


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that hangs up is what is tested."""


@pytest.fixture
def server() -> Iterator[LyingServer]:
    state = LyingServer()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, format: str, *args: object) -> None:
            pass

        def do_GET(self) -> None:
            self.close_connection = True
            asked, if_range = self.headers.get("Range"), self.headers.get("If-Range")
            state.seen.append(Seen(self.path, asked, if_range))
            reply = state.next_reply(self.path)
            start, status = 0, reply.status
            fresh = if_range is None or if_range in (reply.etag, reply.modified)
            if asked and reply.ranges and status == 200 and fresh:
                start, status = int(asked.removeprefix("bytes=").removesuffix("-")), 206
                if start >= len(reply.body):
                    start, status = 0, 416
            body = b"" if status == 416 else reply.body[start:]
            self.send_response(status)
            self._send_headers(reply, status, start, len(body))
            self._send_body(reply, body)

        def _send_headers(self, reply: Reply, status: int, start: int, length: int) -> None:
            headers = {"ETag": reply.etag, "Last-Modified": reply.modified, "Location": reply.location}
            headers["Content-Type"] = reply.content_type
            if status == 206:
                last = len(reply.body) - 1
                headers["Content-Range"] = reply.content_range or f"bytes {start}-{last}/{len(reply.body)}"
            if reply.chunked:
                headers["Transfer-Encoding"] = "chunked"
            elif reply.length != -1:
                headers["Content-Length"] = str(length if reply.length is None else reply.length)
            for key, value in headers.items():
                if value:
                    self.send_header(key, value)
            self.end_headers()

        def _send_body(self, reply: Reply, body: bytes) -> None:
            if reply.drip:
                for byte in body:
                    self.wfile.write(bytes([byte]))
                    if state.release.wait(0.05):
                        return
            whole = reply.cut is None and reply.stall is None
            sent = body if whole else body[: reply.cut if reply.cut is not None else reply.stall]
            if reply.chunked:
                self.wfile.write(b"%x\r\n%s\r\n" % (len(sent), sent) + (b"0\r\n\r\n" if whole else b""))
            else:
                self.wfile.write(sent)
            self.wfile.flush()
            if reply.stall is not None:
                state.reached.set()
                state.release.wait(30)

    listener = _Server(("127.0.0.1", 0), Handler)
    state.port = listener.server_address[1]
    thread = threading.Thread(target=listener.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    yield state
    state.release.set()
    listener.shutdown()
    listener.server_close()
    thread.join()


@pytest.fixture
def reply() -> type[Reply]:
    return Reply
