from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from retint.errors import InputError
from retint.pipelines.addresses import FILM, PICTURE, Limits, fetch, is_address, name_from, pieces

PHOTO = bytes(range(256)) * 4
REEL = bytes(range(256)) * 8192  # 2 MiB


class Handler(BaseHTTPRequestHandler):
    """Each path is one way of serving a picture, or of failing to."""

    release = threading.Event()

    def do_GET(self) -> None:
        with contextlib.suppress(ConnectionError):
            getattr(self, f"serve_{self.path.strip('/').split('/')[0].split('?')[0]}")()

    def answer(self, body: bytes, length: int | None = -1, kind: str = "image/jpeg", code: int = 200) -> None:
        self.send_response(code)
        self.send_header("Content-Type", kind)
        if length is not None:
            self.send_header("Content-Length", str(len(body) if length < 0 else length))
        self.end_headers()
        self.wfile.write(body)

    def serve_good(self) -> None:
        self.answer(PHOTO)

    def serve_film(self) -> None:
        self.answer(REEL)

    def serve_unannounced(self) -> None:
        self.answer(PHOTO, None)

    def serve_page(self) -> None:
        self.answer(b"<html>", kind="text/html; charset=utf-8")

    def serve_cut(self) -> None:
        self.answer(PHOTO[:100], len(PHOTO))

    def serve_huge(self) -> None:
        self.answer(b"", 10**12)

    def serve_gone(self) -> None:
        self.send_error(404)

    def serve_redirect(self) -> None:
        self.redirect("/good/a.jpg")

    def serve_circle(self) -> None:
        self.redirect(self.path)

    def serve_elsewhere(self) -> None:
        self.redirect("file:///etc/passwd")

    def serve_ftp(self) -> None:
        self.redirect("ftp://127.0.0.1/a.jpg")

    def serve_stall(self) -> None:
        self.release.wait(10)

    def serve_drip(self) -> None:
        self.answer(b"", len(PHOTO))
        for byte in PHOTO:
            self.wfile.write(bytes([byte]))
            if self.release.wait(0.05):
                break

    def redirect(self, to: str) -> None:
        self.send_response(302)
        self.send_header("Location", to)
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        pass


class Server(ThreadingHTTPServer):
    daemon_threads = False  # so that closing waits for all


@pytest.fixture
def server() -> Iterator[str]:
    Handler.release = threading.Event()
    with Server(("127.0.0.1", 0), Handler) as httpd:
        thread = threading.Thread(target=httpd.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield f"http://127.0.0.1:{httpd.server_port}"
        Handler.release.set()
        httpd.shutdown()
        thread.join()


@pytest.mark.parametrize("path", ["good/a.jpg", "unannounced", "redirect", "good/gründe und mehr.jpg?größe=1"])
def test_a_picture_arrives_whole(server: str, path: str):
    assert fetch(f"{server}/{path}") == PHOTO


@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("page", "is a web page, not a picture"),
        ("gone", "the server answers 404 Not Found"),
        ("cut", "the connection was cut"),
        ("huge", "larger than 512 MiB"),
        ("circle", "302 .* infinite loop"),
        ("elsewhere", "302 .* not allowed"),
        ("ftp", "neither http nor https"),
    ],
)
def test_what_is_no_picture_is_told(server: str, path: str, words: str):
    with pytest.raises(InputError, match=words) as caught:
        fetch(f"{server}/{path}")
    assert str(caught.value).startswith(f"{server}/{path}: ")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("path", ["good", "unannounced"])
def test_the_limit_of_size_holds_whether_announced_or_not(server: str, path: str):
    with pytest.raises(InputError, match="larger than"):
        fetch(f"{server}/{path}", Limits("picture", len(PHOTO) - 1, 20))
    assert fetch(f"{server}/{path}", Limits("picture", len(PHOTO), 20)) == PHOTO


def test_a_film_comes_piece_by_piece(server: str):
    parts = list(pieces(f"{server}/film", FILM))
    assert b"".join(parts) == REEL
    assert max(map(len, parts)) < len(REEL) / 2


@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("page", "is a web page, not a film; give the address of the film itself"),
        ("cut", "cut before the film was whole"),
        ("huge", "larger than 32 GiB, the limit"),
    ],
)
def test_what_is_no_film_is_told(server: str, path: str, words: str):
    with pytest.raises(InputError, match=words):
        fetch(f"{server}/{path}", FILM)


def test_limits_may_depend_on_what_comes_first(server: str):
    small, heads = Limits("thing", 1024, 20), []

    def judge(head: bytes) -> Limits:
        heads.append(head)
        return FILM if head[:512] == REEL[:512] else small

    assert b"".join(pieces(f"{server}/film", judge)) == REEL
    assert heads[0] == b"" and heads[-1] == REEL[:512]
    with pytest.raises(InputError, match=r"not finished within 0\.2 s"):
        list(pieces(f"{server}/drip", lambda head: Limits("thing", 1024, 0.2) if head else small))


@pytest.mark.parametrize("path", ["huge", "film"])
def test_limits_by_the_content_hold(server: str, path: str):
    with pytest.raises(InputError, match="larger than 512 MiB" if path == "huge" else "larger than 1 MiB"):
        list(pieces(f"{server}/{path}", lambda head: Limits("thing", 1024**2, 20) if head else PICTURE))


def test_a_silent_server_is_not_waited_for_without_end(server: str):
    started = time.monotonic()
    with pytest.raises(InputError, match=r"no answer within 0\.2 s"):
        fetch(f"{server}/stall", timeout=0.2)
    assert time.monotonic() - started < 5


def test_a_dripping_server_is_not_waited_for_without_end(server: str):
    with pytest.raises(InputError, match=r"not finished within 0\.3 s"):
        fetch(f"{server}/drip", Limits("picture", 2048, 0.3))


def test_nobody_there():
    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as httpd:
        port = httpd.server_port
    with pytest.raises(InputError, match="cannot be reached"):
        fetch(f"http://127.0.0.1:{port}/a.jpg")


@pytest.mark.parametrize("address", ["ftp://example.org/a.jpg", "file:///etc/passwd", "s3://bucket/a.jpg"])
def test_other_schemes_are_refused(address: str):
    assert is_address(address)
    with pytest.raises(InputError, match="only http and https"):
        fetch(address)


@pytest.mark.parametrize("address", ["http://", "http://[::1", "http://x:y/", "http://a b/"])
def test_broken_addresses_are_told(address: str):
    with pytest.raises(InputError):
        fetch(address, timeout=1)


@pytest.mark.parametrize("path", ["photo.jpg", r"C:\photos\a.jpg", "./http/a.jpg", "-", "a:b"])
def test_paths_are_no_addresses(path: str):
    assert not is_address(path)


@pytest.mark.parametrize(
    ("address", "name"),
    [
        ("https://example.org/old/a.jpg", "a.jpg"),
        ("https://example.org/a.jpg?width=3/4#x", "a.jpg"),
        ("https://example.org/gr%C3%BC%C3%9Fe.png", "grüße.png"),
        ("https://example.org/", "photo"),
        ("https://example.org", "photo"),
        ("https://example.org/a/..%2F..%2Fetc%2Fpasswd", "_.._etc_passwd"),
        ("https://example.org/..", "photo"),
        ("https://example.org/%00a%3A.jpg", "_a_.jpg"),
        ("https://example.org/.hidden.jpg", "hidden.jpg"),
        ("https://example.org/" + "x" * 300 + ".jpg", "x" * 100 + ".jpg"),
    ],
)
def test_names_are_safe(address: str, name: str):
    assert name_from(address) == name
