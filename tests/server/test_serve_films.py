"""Films: queued, followed, stopped, gone on with, and forgotten."""

from __future__ import annotations

import io
import json
import signal
import time
from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image
from serving import Serve, Served, colourfulness, picture, until
from small_film import small_film


def frames_of(content: bytes) -> list[np.ndarray]:
    with av.open(io.BytesIO(content)) as film:
        return [frame.to_ndarray(format="rgb24").astype(int) for frame in film.decode(video=0)]


def events_of(served: Served, identity: str) -> list[dict]:
    told: list[dict] = []
    with served.http.stream("GET", f"/v1/jobs/{identity}/events") as answer:
        assert answer.headers["content-type"].startswith("text/event-stream")
        for line in answer.iter_lines():
            if line.startswith("data: "):
                told.append(json.loads(line[6:]))
    return told


@pytest.fixture
def film(tmp_path: Path) -> Path:
    return small_film(tmp_path / "reel.mp4")


def test_a_film_is_queued_followed_and_fetched(inside: Serve, film: Path):
    served = inside(delay=0.05)
    answer = served.add_film(film)
    assert answer.status_code == 201, answer.text
    job = answer.json()
    assert answer.headers["location"] == f"/v1/jobs/{job['id']}"
    assert (job["name"], job["width"], job["height"], job["frames"]) == ("reel.mp4", 96, 64, 24)
    told = events_of(served, job["id"])
    last = told[-1]
    assert last["state"] == "done" and last["result"]["frames"] == 24 and last["result"]["scenes"] == 2
    assert last["progress"]["frames"] == 24 and last["preview"] >= 1
    result = served.http.get(f"/v1/jobs/{job['id']}/result")
    assert result.headers["content-type"] == "video/mp4"
    assert 'filename="reel-color.mp4"' in result.headers["content-disposition"]
    frames = frames_of(result.content)
    assert len(frames) == 24
    assert all((frame.max(axis=2) - frame.min(axis=2)).mean() > 10 for frame in frames)
    part = served.http.get(f"/v1/jobs/{job['id']}/result", headers={"range": "bytes=0-99"})
    assert (part.status_code, part.content) == (206, result.content[:100])
    preview = served.http.get(f"/v1/jobs/{job['id']}/preview")
    assert Image.open(io.BytesIO(preview.content)).size == (640, 427)
    assert colourfulness(preview.content) > 10
    assert served.http.delete(f"/v1/jobs/{job['id']}").status_code == 204
    assert served.http.get(f"/v1/jobs/{job['id']}").json()["code"] == "NoSuchJob"
    assert served.files == []


def test_options_go_to_the_film(inside: Serve, film: Path):
    served = inside()
    job = served.add_film(film, container="mkv", codec="ffv1", start="0.25", end="0.75", keyframes="off").json()
    done = served.over(job["id"])
    assert done["state"] == "done", done
    assert done["result"]["name"] == "reel-color.mkv"
    assert done["result"]["frames"] == done["result"]["rendered"] == 12


@pytest.mark.parametrize(
    ("content", "fields", "status", "code", "words"),
    [
        (b"Dear diary", {}, 422, "UnreadableFilmError", "reel.mp4: is not a film"),
        (b"", {}, 422, "UnreadableFilmError", "reel.mp4: is empty"),
        (picture(), {}, 415, "IsPhotograph", "POST /v1/colorize colours photographs"),
        (None, {"container": "webm", "codec": "h264"}, 422, "OutputError", "webm"),
        (None, {"container": "../x"}, 422, "WrongOption", "wanted mp4, mov, mkv, webm or avi"),
        (None, {"start": "3", "end": "2"}, 422, "WrongOption", "is not after start 3"),
        (None, {"keyframes": "1000"}, 422, "WrongOption", "from 1 to 48, or auto or off"),
        (None, {"model": "video"}, 503, "WeightsError", "retint models fetch video"),
        (None, {"start": "nan"}, 422, "WrongOption", "wanted seconds"),
    ],
)
def test_what_cannot_be_is_told_before_it_is_queued(
    inside: Serve, film: Path, content: bytes | None, fields: dict[str, str], status: int, code: str, words: str
):
    served = inside()
    if content is not None:
        film.write_bytes(content)
    said = served.add_film(film, **fields).json()
    assert (said["status"], said["code"]) == (status, code), said
    assert words in said["detail"] and str(served.data) not in said["detail"], said
    assert served.files == []


def test_a_film_that_breaks_later_fails_and_says_why(inside: Serve, film: Path):
    served = inside()
    job = served.add_film(film, start="100").json()
    failed = served.over(job["id"])
    assert failed["state"] == "failed" and failed["problem"]["code"] == "InputError"
    assert failed["problem"]["detail"].startswith("reel.mp4: no frame is shown between 0:01:40.000 and the end"), failed
    answer = served.http.get(f"/v1/jobs/{job['id']}/result")
    assert (answer.status_code, answer.json()["code"]) == (409, "NotDone")


def test_a_film_in_work_is_stopped_at_once_and_removed(inside: Serve, tmp_path: Path):
    served = inside(delay=0.2)
    film = small_film(tmp_path / "long.mp4", frames=240)
    first, second = (served.add_film(film, keyframes="off").json()["id"] for _ in range(2))
    until(lambda: served.job(first)["preview"])
    assert served.job(second)["queue"] == 1
    for identity in (second, first):
        assert served.http.delete(f"/v1/jobs/{identity}").status_code == 204
    until(lambda: served.in_work["films"] == 0, 5)
    until(lambda: not served.files, 5)


def test_photographs_take_turns_with_a_film(inside: Serve, tmp_path: Path):
    served = inside(delay=0.1)
    job = served.add_film(small_film(tmp_path / "long.mp4", frames=240), keyframes="off").json()
    until(lambda: served.job(job["id"])["preview"])
    began = time.monotonic()
    assert served.colorize(picture()).status_code == 200
    assert time.monotonic() - began < 10  # the film alone takes 24 s
    assert served.job(job["id"])["state"] == "running"
    served.http.delete(f"/v1/jobs/{job['id']}")


def test_films_wait_in_a_bounded_queue(inside: Serve, film: Path):
    served = inside(films=2, delay=0.3)
    jobs = [served.add_film(film, keyframes="off").json()["id"] for _ in range(2)]
    answer = served.add_film(film)
    assert (answer.status_code, answer.json()["code"]) == (429, "Busy")
    assert int(answer.headers["retry-after"]) >= 1
    for identity in jobs:
        served.http.delete(f"/v1/jobs/{identity}")
    until(lambda: served.add_film(film).status_code == 201)


def test_a_film_whose_page_was_closed_is_stopped_and_can_be_gone_on_with(inside: Serve, film: Path):
    served = inside(delay=0.1, unwatched_seconds=1.2)
    watched = served.add_film(film, keyframes="off", while_watched="true").json()["id"]
    assert events_of(served, watched)[-1]["state"] == "done"  # listening is watching
    alone, left = (
        served.add_film(film, keyframes="off", while_watched=said).json()["id"] for said in ("false", "true")
    )
    note = served.data / "jobs" / left / "job.json"
    until(lambda: json.loads(note.read_text())["state"] == "interrupted")  # asking the server would be watching
    job = served.job(left)
    assert "nobody watched it" in job["told"], job
    assert served.over(alone)["state"] == "done"
    assert served.http.post(f"/v1/jobs/{left}/resume").status_code == 202
    assert events_of(served, left)[-1]["state"] == "done"
    assert served.http.post(f"/v1/jobs/{left}/resume").json()["code"] == "NotInterrupted"


def test_results_are_deleted_after_a_time(inside: Serve, film: Path):
    served = inside(keep_seconds=0.5)
    job = served.add_film(film).json()
    until(lambda: served.http.get(f"/v1/jobs/{job['id']}").status_code == 404)
    assert served.files == []


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM])
def test_a_film_in_work_is_told_as_interrupted_after_a_restart_and_gone_on_with(
    command: Serve, tmp_path: Path, how: signal.Signals
):
    film = small_film(tmp_path / "long.mp4", frames=60)
    served = command(delay=0.05)
    running, waiting = (served.add_film(film, keyframes="off").json()["id"] for _ in range(2))
    with served.http.stream("GET", f"/v1/jobs/{running}/events") as events:  # a listener does not hold up the stop
        until(lambda: f"jobs/{running}/result.mp4.partial/parts.jsonl" in served.files)
        (served.data / "incoming" / "half").write_bytes(b"x")
        assert served.process is not None
        served.process.send_signal(how)
        served.process.wait(20)
        if how == signal.SIGTERM:
            assert served.process.returncode == 0
            assert events.read()
    again = command()
    for identity in (running, waiting):
        job = again.job(identity)
        assert job["state"] == "interrupted" and "the server was stopped" in job["told"], job
    assert not [file for file in again.files if file.startswith("incoming")]
    assert again.http.post(f"/v1/jobs/{running}/resume").status_code == 202
    done = again.over(running)
    assert done["state"] == "done" and done["result"]["frames"] == 60
    assert done["result"]["rendered"] <= 30  # what was done is not done again
    assert again.http.delete(f"/v1/jobs/{waiting}").status_code == 204


def test_damaged_folders_of_jobs_are_cleared_away(command: Serve, tmp_path: Path):
    folder = tmp_path / "data" / "jobs" / "broken"
    folder.mkdir(parents=True)
    (folder / "job.json").write_text('{"id": "brok')
    served = command()
    assert served.files == []
