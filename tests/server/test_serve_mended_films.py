"""Films mended over HTTP: before they are coloured, or without that."""

from __future__ import annotations

import io
import re
import time
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from PIL import Image
from serving import Serve, Served, picture, until
from small_film import small_film

from retint.errors import InputError
from retint.pipelines.film import is_film_result
from retint.pipelines.film_restore import is_restored_film
from retint.restoration.film import STAGE_NAMES, USUAL, parse_film_stages
from retint.server.fields import FILM_STAGES, film_fields
from retint.server.turns import Turns


@pytest.fixture
def served(inside: Serve) -> Served:
    return inside()


@pytest.fixture
def film(tmp_path: Path) -> Path:
    """A picture that stands still, but for a white speck in frame 12."""
    with av.open(str(tmp_path / "reel.mkv"), "w") as output:
        video = output.add_stream("ffv1", rate=24)
        video.width, video.height, video.pix_fmt = 96, 64, "gray"
        for number in range(24):
            output.mux(video.encode(av.VideoFrame.from_ndarray(still(speck=number == 12), format="gray")))
        output.mux(video.encode(None))
    return tmp_path / "reel.mkv"


def still(*, speck: bool = False) -> np.ndarray:
    slope = np.clip(np.arange(96) + np.arange(64)[:, None], 30, 140).astype(np.uint8)
    if speck:
        slope[30:34, 40:44] = 255
    return slope


def made(served: Served, job: dict[str, Any], tmp_path: Path) -> Path:
    """The result of a job, fetched when it is done."""
    done = served.over(job["id"])
    assert done["state"] == "done", done
    path = tmp_path / f"made-{done['result']['name']}"
    path.write_bytes(served.http.get(f"/v1/jobs/{job['id']}/result").content)
    return path


def lumas(path: Path) -> list[np.ndarray]:
    with av.open(str(path)) as film:
        return [frame.to_ndarray(format="gray").astype(int) for frame in film.decode(video=0)]


def test_a_film_is_mended_and_not_coloured(served: Served, film: Path, tmp_path: Path):
    job = served.add_film(film, colorize="false", codec="ffv1").json()
    path = made(served, job, tmp_path)
    result = served.job(job["id"])["result"]
    assert (result["name"], result["frames"]) == ("reel-restored.mkv", 24)
    assert (result["model"], result["render_factor"]) == (None, None)
    assert result["restored"] == [str(stage) for stage in USUAL]
    assert is_restored_film(path) and not is_film_result(path)
    frames = lumas(path)
    assert len(frames) == 24 and np.abs(frames[12] - still())[28:36, 38:46].max() < 12
    preview = served.http.get(f"/v1/jobs/{job['id']}/preview")
    assert Image.open(io.BytesIO(preview.content)).size == (640, 427)


def test_a_film_is_mended_and_then_coloured(served: Served, film: Path, tmp_path: Path):
    job = served.add_film(film, restore="dust", codec="ffv1").json()
    path = made(served, job, tmp_path)
    result = served.job(job["id"])["result"]
    assert (result["name"], result["model"], result["restored"]) == ("reel-color.mkv", "fake", ["dust"])
    assert is_restored_film(path) and is_film_result(path)
    assert lumas(path)[12][28:36, 38:46].max() < 200
    plain = served.add_film(film, codec="ffv1").json()
    assert lumas(made(served, plain, tmp_path))[12][28:36, 38:46].max() > 240
    assert served.job(plain["id"])["result"]["restored"] == []


@pytest.mark.parametrize("stages", ["rust", "dust,rust", "dust,dust", "flicker=2", "weave=much", "usual,dust"])
def test_wrong_stages_are_told_in_the_words_of_the_command(served: Served, film: Path, stages: str):
    with pytest.raises(InputError) as wanted:
        parse_film_stages(stages)
    said = served.add_film(film, restore=stages).json()
    assert (said["status"], said["code"]) == (422, "WrongOption")
    assert said["detail"] == f"restore: {wanted.value}"
    assert served.files == []


def test_options_of_colouring_are_refused_where_nothing_is_coloured(served: Served, film: Path):
    said = served.add_film(film, colorize="false", model="lite", stabilize="off").json()
    assert (said["status"], said["code"]) == (422, "WrongOption")
    assert [error["field"] for error in said["errors"]] == ["model", "stabilize"]
    assert said["detail"].startswith("model: is for colours, and colorize is false; leave it out")


def test_openapi_knows_the_stages_and_how_they_are_written():
    assert FILM_STAGES == STAGE_NAMES
    pattern = film_fields(64)["restore"].schema["pattern"]
    for good in ("usual", "dust", "dust, flicker=0.5,weave=auto", "noise=1", ""):
        assert re.match(pattern, good), good
    for bad in ("all", "dust,", "dust=2", "dust,usual"):
        assert not re.match(pattern, bad), bad


@pytest.fixture
def slow_turns(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each turn takes 25 ms, so that a short film is in work for a while."""
    begin = Turns.one

    @contextmanager
    def slowly(turns: Turns) -> Generator[None]:
        with begin(turns):
            time.sleep(0.025)
            yield

    monkeypatch.setattr(Turns, "one", slowly)
    monkeypatch.setattr("retint.server.film_work._PREVIEW_SECONDS", 0)


@pytest.mark.usefixtures("slow_turns")
def test_photographs_take_turns_with_a_film_that_is_mended_and_it_is_stopped_at_once(served: Served, tmp_path: Path):
    film = small_film(tmp_path / "long.mp4", frames=400)
    job = served.add_film(film, colorize="false", restore="dust,noise").json()
    until(lambda: served.job(job["id"])["preview"])
    assert served.colorize(picture()).status_code == 200
    now = served.job(job["id"])
    assert (now["state"], now["progress"]["stage"]) == ("running", "restore")
    served.http.delete(f"/v1/jobs/{job['id']}")
    until(lambda: served.in_work["films"] == 0 and not served.files, 5)


@pytest.mark.usefixtures("slow_turns")
def test_a_film_is_gone_on_with_where_its_mending_stopped(
    inside: Serve, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("retint.pipelines.film_restore.PART_FRAMES", 40)
    served = inside(unwatched_seconds=1.5)
    film = small_film(tmp_path / "long.mp4", frames=200)
    job = served.add_film(film, colorize="false", restore="dust", while_watched="true").json()
    folder = served.data / "jobs" / job["id"]
    until(lambda: served.job(job["id"]) and (folder / "result.mp4.partial" / "000000.part").exists(), 120)
    until(lambda: '"interrupted"' in (folder / "job.json").read_text(), 60)  # asking the server is watching
    monkeypatch.setattr("retint.server.films.Films._interrupt_unwatched", lambda *_: None)  # however slow this test is
    assert served.http.post(f"/v1/jobs/{job['id']}/resume").status_code == 202
    done = served.over(job["id"], 180)
    assert done["state"] == "done" and done["result"]["frames"] == 200, done
