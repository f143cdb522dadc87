"""Runs that are ended in the middle, by Ctrl-C or without warning."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import time
from pathlib import Path

import pytest
from PIL import Image

COUNT = 6

pytestmark = pytest.mark.skipif(os.name == "nt", reason="POSIX signals")


@pytest.fixture
def photographs(here: Path, photo_bytes) -> Path:
    folder = here / "photos"
    folder.mkdir()
    for index in range(COUNT):
        (folder / f"{index}.png").write_bytes(photo_bytes("PNG", (600, 400), index))
    return folder


def results(folder: Path) -> list[Path]:
    """Everything in the folder that a run made under a final name, each of it read whole."""
    found = sorted(folder.glob("[!.]*-color.png"))
    for path in found:
        with Image.open(path) as image:
            image.load()
            assert image.size == (600, 400)
    return found


def finish(start, folder: Path, done_before: int) -> None:
    """Run the same command again, and see that it does the rest."""
    process = start("colorize", "photos", "--json")
    out, err = process.communicate(timeout=60)
    assert (process.returncode, err) == (0, b"")
    states = [json.loads(line)["status"] for line in out.splitlines()]
    assert states.count("skipped") == done_before
    assert len(states) == len(results(folder)) == COUNT


def test_ctrl_c_ends_cleanly_and_a_rerun_completes(start, photographs: Path):
    process: subprocess.Popen[bytes] = start("colorize", "photos", "--json", delay=0.4)
    assert process.stdout is not None
    first = json.loads(process.stdout.readline())
    assert first["status"] == "done"
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert err == b"retint: interrupted\n"
    assert len(out.splitlines()) < COUNT - 1
    done = results(photographs)
    assert 1 <= len(done) < COUNT
    assert not list(photographs.glob(".*")), "nothing unfinished is left"
    finish(start, photographs, len(done))


def test_a_killed_run_leaves_whole_files_only_and_a_rerun_completes(start, photographs: Path):
    process = start("colorize", "photos", "--json", delay=0.1)
    assert process.stdout is not None
    process.stdout.readline()
    time.sleep(0.1)
    process.kill()
    process.communicate(timeout=60)
    assert process.returncode == -signal.SIGKILL
    finish(start, photographs, len(results(photographs)))


def test_ctrl_c_while_nothing_comes_on_stdin(start):
    process = start("colorize", "a.jpg", "-", "--json")
    assert json.loads(process.stdout.readline())["status"] == "done"
    process.send_signal(signal.SIGINT)
    assert process.wait(timeout=30) == 130
    assert process.communicate() == (b"", b"retint: interrupted\n")


def test_ctrl_c_while_a_server_is_silent(start):
    with socket.create_server(("127.0.0.1", 0)) as server:
        process = start("colorize", f"http://127.0.0.1:{server.getsockname()[1]}/a.jpg")
        server.settimeout(30)
        connection, _ = server.accept()
        with connection:
            process.send_signal(signal.SIGINT)
            _, err = process.communicate(timeout=15)
    assert (process.returncode, err) == (130, b"retint: interrupted\n")


def test_nobody_reads_stdout(start, photo_bytes):
    process = start("colorize", "-")
    process.stdout.close()
    process.stdin.write(photo_bytes("PNG", (600, 400)))
    process.stdin.close()
    process.stdin = None
    assert process.wait(timeout=60) == 1
    assert b"Traceback" not in process.stderr.read()
    process.stderr.close()
