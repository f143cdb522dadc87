"""Uploads that are made to do harm, and clients that are killed: refused, and nothing left of them."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
from pathlib import Path

import httpx
import psutil
import pytest
from hostile import NAMES, hostile
from serving import Serve, picture, until

# a prime number of them, so that each gets hostile files of every kind
ADDRESSES = (
    "/v1/colorize",
    "/v1/colorize",
    "/v1/restore",
    "/v1/restore (mask)",
    "/v1/jobs",
    "/v1/strip",
    "/v1/colorize",
)

# Sends a form slowly and without end: said to be 50 MiB, a piece at a time.
SENDER = """
import socket, sys, time
client = socket.create_connection(("127.0.0.1", int(sys.argv[1])))
client.sendall(
    f"POST {sys.argv[2]} HTTP/1.1\\r\\nHost: localhost\\r\\nContent-Length: 52428800\\r\\n"
    "Content-Type: multipart/form-data; boundary=x\\r\\n\\r\\n"
    '--x\\r\\nContent-Disposition: form-data; name="file"; filename="a.jpg"\\r\\n\\r\\n'.encode()
)
while True:
    client.sendall(bytes(65536))
    print("sent", flush=True)
    time.sleep(0.01)
"""


def test_five_hundred_hostile_uploads_are_refused_and_nothing_is_written_elsewhere(command: Serve, tmp_path: Path):
    elsewhere = tmp_path / "elsewhere"
    for folder in ("home", "tmp", "cache"):
        (elsewhere / folder).mkdir(parents=True)
    served = command(
        "--megapixels",
        "100",
        HOME=str(elsewhere / "home"),
        TMPDIR=str(elsewhere / "tmp"),
        XDG_CACHE_HOME=str(elsewhere / "cache"),
        RETINT_HOME=str(elsewhere / "cache"),
        PYTHONDONTWRITEBYTECODE="1",
    )
    assert served.colorize(picture()).status_code == 200
    assert served.process is not None
    before = psutil.Process(served.process.pid).memory_info().rss
    wrong: list[str] = []
    good = picture()
    for number, (what, name, content) in enumerate(hostile()):
        address = ADDRESSES[number % len(ADDRESSES)]
        files = {"file": (name, content)}
        if address.endswith("(mask)"):
            files = {"file": ("old.jpg", good), "mask": (name, content)}
        answer = served.http.post(address.partition(" ")[0], files=files)
        sound = answer.headers["content-type"] == "application/problem+json" and answer.json()["detail"]
        if not (400 <= answer.status_code < 500 and sound):
            wrong.append(f"{number}: {what}, {name[:30]!r} to {address}: {answer.status_code} {answer.text[:300]}")
        if str(tmp_path) in answer.text:
            wrong.append(f"{number}: {what}: tells a path of the server: {answer.text[:300]}")
    assert not wrong, "\n".join(wrong)
    assert [path for path in elsewhere.rglob("*") if path.is_file()] == []
    assert served.files == []
    assert served.in_work == {"photographs": 0, "films": 0}
    assert psutil.Process(served.process.pid).memory_info().rss - before < 300 << 20
    assert served.colorize(picture()).status_code == 200


@pytest.mark.parametrize("name", NAMES)
def test_the_name_of_a_file_is_a_word_and_no_path(inside: Serve, name: str):
    served = inside()
    answer = served.colorize(picture(), name)
    assert answer.status_code == 200, answer.text
    assert "x-evil" not in answer.headers
    said = answer.headers["content-disposition"]
    assert said.startswith('attachment; filename="') and said.count('"') == 2 and "/" not in said and "\\" not in said
    assert served.files == []


@pytest.mark.skipif(os.name == "nt", reason="SIGKILL is not known on Windows")
def test_clients_killed_in_mid_upload_leave_nothing_behind(inside: Serve):
    served = inside()
    port = served.http.base_url.port
    for number in range(10):
        address = "/v1/jobs" if number % 2 else "/v1/colorize"
        sender = subprocess.Popen(
            [sys.executable, "-S", "-c", SENDER, str(port), address], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
        )
        with sender:
            assert sender.stdout is not None
            for _ in range(3):
                sender.stdout.readline()
            sender.kill()
    until(lambda: served.in_work["photographs"] == 0 and not served.files)
    assert served.colorize(picture()).status_code == 200
    with contextlib.suppress(httpx.HTTPError):
        assert served.http.get("/healthz").status_code == 200
