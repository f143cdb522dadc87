"""Films mended on the command line."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import av
import click
import numpy as np
import pytest

from retint.cli.restore_film import USUAL_FILM_STAGES, film_stages_of
from retint.restoration.film import USUAL, parse_film_stages


def film(path: Path) -> Path:
    """A grey picture, and in its fifth frame a spot."""
    with av.open(str(path), "w") as out:
        stream = out.add_stream("libx264", 25, options={"crf": "8", "preset": "ultrafast"})
        stream.width, stream.height, stream.pix_fmt = 96, 64, "yuv420p"
        for number in range(9):
            gray = np.tile(np.linspace(60, 180, 96).astype(np.uint8), (64, 1))
            if number == 4:
                gray[20:25, 30:35] = 255
            out.mux(stream.encode(av.VideoFrame.from_ndarray(gray, format="gray").reformat(format="yuv420p")))
        out.mux(stream.encode())
    return path


def lightest(path: Path) -> int:
    with av.open(str(path)) as container:
        return max(int(frame.to_ndarray(format="gray")[15:35, 25:45].max()) for frame in container.decode(video=0))


def test_colorize_mends_films_first(retint: Any, here: Path):
    film(here / "reel.mp4")
    result = retint("colorize", "reel.mp4", "--restore", "--json")
    assert result.exit_code == 0
    assert set(json.loads(result.stdout)["stages"]) >= {"restore", "render"}
    assert lightest(here / "reel.mp4") > 200
    assert lightest(here / "reel-color.mp4") < 150


def test_a_film_mended_with_a_setting_is_not_gone_on_with_without_it(retint: Any, here: Path):
    film(here / "reel.mp4")
    folder = here / "reel-color.mp4.partial"
    folder.mkdir()
    (folder / "job.json").write_text(json.dumps({"restore": ["dust"]}))
    result = retint("colorize", "reel.mp4", "--restore")
    assert result.exit_code == 1
    assert "restore" in result.stderr


def test_restore_mends_a_film_and_leaves_it_grey(retint: Any, here: Path):
    film(here / "reel.mp4")
    result = retint("restore", "reel.mp4", "--film-stages", "dust", "--json")
    assert result.exit_code == 0, result.stderr
    assert json.loads(result.stdout)["frames"] == 9
    assert lightest(here / "reel-restored.mp4") < 150
    with av.open(str(here / "reel-restored.mp4")) as container:
        chroma = next(container.decode(video=0)).to_ndarray(format="yuv420p")[64:]
    assert np.abs(chroma.astype(int) - 128).max() <= 1


def test_restore_takes_part_of_a_film(retint: Any, here: Path):
    film(here / "reel.mp4")
    assert retint("restore", "reel.mp4", "--start", "0.2", "--codec", "ffv1", "-o", "part.mkv").exit_code == 0
    with av.open(str(here / "part.mkv")) as container:
        assert sum(1 for _ in container.decode(video=0)) == 4


def test_stages_are_read():
    context, option = click.Context(click.Command("restore")), click.Option(["--film-stages"])
    assert parse_film_stages(USUAL_FILM_STAGES) == USUAL
    assert film_stages_of(context, option, "dust,weave=0.5") == "dust,weave=0.5"
    with pytest.raises(click.BadParameter, match="got stage 'dusk'"):
        film_stages_of(context, option, "dusk")
