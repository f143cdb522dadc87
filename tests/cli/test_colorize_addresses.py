"""Addresses, from a real server to files."""

from __future__ import annotations

import functools
import json
import tempfile
import threading
from collections.abc import Iterator
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image

from retint.pipelines import addresses, contents


class Handler(SimpleHTTPRequestHandler):
    """Serves a folder; /moved/ redirects into it."""

    def do_GET(self) -> None:
        if self.path.startswith("/moved/"):
            self.send_response(301)
            self.send_header("Location", self.path.removeprefix("/moved"))
            self.send_header("Content-Length", "0")
            self.end_headers()
        else:
            super().do_GET()

    def log_message(self, format: str, *args: object) -> None:
        pass


class Server(ThreadingHTTPServer):
    daemon_threads = False  # so that closing waits for all


@pytest.fixture
def site(tmp_path_factory: pytest.TempPathFactory, photo_bytes) -> Iterator[str]:
    folder = tmp_path_factory.mktemp("site")
    (folder / "old").mkdir()
    (folder / "old" / "grand ma.jpg").write_bytes(photo_bytes())
    (folder / "old" / "photo").write_bytes(photo_bytes("PNG"))
    with av.open(str(folder / "old" / "reel.mp4"), "w") as out:
        stream = out.add_stream("libx264", 25)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        for level in range(80, 120, 10):
            gray = np.full((48, 64), level, np.uint8)
            out.mux(stream.encode(av.VideoFrame.from_ndarray(gray, format="gray").reformat(format="yuv420p")))
        out.mux(stream.encode())
    for name in ("film", "other"):
        (folder / "old" / name).write_bytes((folder / "old" / "reel.mp4").read_bytes())
    (folder / "page.jpg").write_text("<!DOCTYPE html><p>Please log in")
    (folder / "page.html").write_text("<!DOCTYPE html><p>Gallery")
    with Server(("127.0.0.1", 0), functools.partial(Handler, directory=str(folder))) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


def formats(folder: Path) -> dict[str, str | None]:
    found = {}
    for path in folder.glob("*"):
        with Image.open(path) as image:
            found[path.name] = image.format
    return found


def test_results_lie_in_the_current_folder(retint, here: Path, site: str):
    result = retint("colorize", f"{site}/old/grand%20ma.jpg?width=800", f"{site}/old/photo")
    assert (result.exit_code, result.stderr) == (0, "")
    assert formats(here) == {"a.jpg": "JPEG", "b.png": "PNG", "grand ma-color.jpg": "JPEG", "photo-color.png": "PNG"}


def test_redirects_are_followed_and_o_is_obeyed(retint, here: Path, site: str):
    assert retint("colorize", f"{site}/moved/old/photo", "-o", "new.tif").exit_code == 0
    assert retint("colorize", f"{site}/moved/old/grand ma.jpg", "a.jpg", "-o", "out").exit_code == 0
    assert formats(here / "out") == {"grand ma.jpg": "JPEG", "a.jpg": "JPEG"}
    assert (here / "new.tif").exists()


def test_each_failure_is_one_line_and_the_rest_is_done(retint, here: Path, site: str):
    bad = [f"{site}/gone.jpg", f"{site}/page.html", f"{site}/page.jpg", "ftp://127.0.0.1/a.jpg"]
    result = retint("colorize", *bad, f"{site}/old/photo")
    assert result.exit_code == 1
    lines = result.stderr.splitlines()
    assert [line.startswith(f"{address}: ") for line, address in zip(lines, bad, strict=True)] == [True] * 4
    for line, words in zip(lines, ("404", "web page", "web page", "only http and https"), strict=True):
        assert words in line
    assert formats(here) == {"a.jpg": "JPEG", "b.png": "PNG", "photo-color.png": "PNG"}


def test_too_large_is_told(retint, here: Path, site: str, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(contents, "PICTURE", addresses.Limits("picture", 100, 20))
    result = retint("colorize", f"{site}/old/photo")
    assert result.exit_code == 1
    assert "larger than" in result.stderr


def test_what_is_done_is_not_done_again(retint, here: Path, site: str):
    assert retint("colorize", f"{site}/old/grand%20ma.jpg").exit_code == 0
    assert "is done already" in retint("colorize", f"{site}/old/grand%20ma.jpg").stderr


def test_a_film_is_fetched_to_disk_and_its_copy_removed(
    retint, here: Path, site: str, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
):
    """Also where it is larger than a picture may be; and not again where its result is there."""
    kept = tmp_path_factory.mktemp("kept")
    monkeypatch.setattr(tempfile, "tempdir", str(kept))
    monkeypatch.setattr(contents, "PICTURE", addresses.Limits("picture", 100, 20))
    seen, leave = [], contents.Contents.leave

    def watched(self: contents.Contents, path: Path) -> None:
        there = path.is_file()
        leave(self, path)
        seen.append((path.parent.parent, there, path.is_file()))

    monkeypatch.setattr(contents.Contents, "leave", watched)
    result = retint("colorize", f"{site}/old/reel.mp4")
    assert (result.exit_code, result.stderr) == (0, "")
    with av.open(str(here / "reel-color.mp4")) as container:
        assert sum(1 for _ in container.decode(video=0)) == 4
    assert seen == [(kept, True, False)] and not list(kept.iterdir())
    monkeypatch.setattr(contents, "pieces", None)
    assert "is done already" in retint("colorize", f"{site}/old/reel.mp4").stderr


def test_films_that_turn_out_to_be_done_do_not_hold_up_the_next(retint, here: Path, site: str):
    """Only their content says that they are films, so they are fetched before that is known."""
    films = [f"{site}/old/film", f"{site}/old/other", f"{site}/old/photo"]
    first = retint("colorize", *films[:2], "-o", "out")
    assert (first.exit_code, first.stderr) == (0, "")
    made = sorted(path.name for path in (here / "out").iterdir())
    assert len(made) == 2
    result = retint("colorize", *films, "-o", "out", "--json")
    assert [json.loads(line)["status"] for line in result.stdout.splitlines()] == ["skipped", "skipped", "done"]
    assert sorted(path.name for path in (here / "out").iterdir()) == sorted([*made, "photo.png"])


@pytest.mark.parametrize("option", [["--offline"], []])
def test_offline_names_the_address(retint, here: Path, site: str, option: list[str], monkeypatch: pytest.MonkeyPatch):
    if not option:
        monkeypatch.setenv("RETINT_OFFLINE", "1")
    result = retint("colorize", f"{site}/old/photo", "a.jpg", *option)
    assert result.exit_code == 1
    assert result.stderr == f"{site}/old/photo: is an address, and offline was asked for; name a file\n"
    assert (here / "a-color.jpg").exists()
