"""SIGKILL at random moments: what is gone on with ends with the frames of an undisturbed run."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from synthetic_film import contents_of, make_film

KILLS = 20
# One process imports everything, and a child of it is killed each time. Work is kept every four frames.
SCRIPT = """
import functools, os, random, signal, sys, threading, time
from pathlib import Path
import numpy as np
from retint.pipelines import film_run
from retint.pipelines.film import colorize_film
from retint.pipelines.film_colour import coloured
from retint.rendering import Colorizer
from retint.rendering.fake import FakeNetwork

film_run.coloured = functools.partial(coloured, part_frames=4)

def answer(batch):
    time.sleep(0.002 * len(batch))
    plane = np.tanh(batch[:, 0])
    return np.stack([plane * np.float32(0.1), plane * np.float32(-0.07)], axis=1)

def colour(target):
    colorize_film("old.mp4", target, colorizer=Colorizer(FakeNetwork(answer=answer)))

def attempt(target, seconds):
    child = os.fork()
    if child == 0:
        code = 1
        try:
            if seconds is not None:
                threading.Timer(seconds, os.kill, (os.getpid(), signal.SIGKILL)).start()
            colour(target)
            code = 0
        finally:
            os._exit(code)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])

began = time.monotonic()
assert attempt("undisturbed.mp4", None) == 0
usual = time.monotonic() - began
moments = random.Random(4)
kills = films = kept = 0
while kills < int(sys.argv[1]) or not films:
    seconds = moments.uniform(0, 0.6 * usual) if kills < int(sys.argv[1]) else None
    code = attempt(f"film-{films}.mp4", seconds)
    if code == -signal.SIGKILL:
        kills += 1
        journal = Path(f"film-{films}.mp4.partial", "parts.jsonl")
        kept += journal.exists() and journal.stat().st_size > 0
    elif code == 0:
        films += 1
    else:
        sys.exit(f"exit code {code}")
if Path(f"film-{films}.mp4.partial").exists():
    assert attempt(f"film-{films}.mp4", None) == 0
    films += 1
print(kills, films, kept)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="needs fork and SIGKILL")
def test_a_film_killed_at_twenty_random_moments_is_the_same_in_the_end(tmp_path: Path):
    make_film(tmp_path / "old.mp4", frames=60, audio=["aac"])
    done = subprocess.run(
        [sys.executable, "-W", "error", "-W", "ignore:This process:DeprecationWarning", "-c", SCRIPT, str(KILLS)],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    kills, films, kept = map(int, done.stdout.split())
    assert kills >= KILLS
    assert films >= 1
    assert kept >= 5  # killed with work to go on with
    wanted, source = contents_of(tmp_path / "undisturbed.mp4"), contents_of(tmp_path / "old.mp4")
    assert len(wanted.lumas) == 60
    for number in range(films):
        film = tmp_path / f"film-{number}.mp4"
        assert film.read_bytes() == (tmp_path / "undisturbed.mp4").read_bytes()
        assert contents_of(film).packets == source.packets
    assert not list(tmp_path.glob("*.partial"))
