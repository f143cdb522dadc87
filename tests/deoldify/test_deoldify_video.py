"""Films by DeOldify's methods, with a network whose colours are known."""

from __future__ import annotations

import sys
from fractions import Fraction
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import av
import numpy as np
import pytest
from PIL import Image

# where pytest puts it by itself only when it collects that folder, too
sys.path.append(str(Path(__file__).parents[1] / "pipelines"))
from synthetic_film import contents_of, make_film

from retint.deoldify.photos import ModelImageVisualizer
from retint.deoldify.video import VideoColorizer
from retint.errors import InputError, MissingExtraError, OutputError
from retint.rendering import Colorizer
from retint.rendering.fake import FakeNetwork

SOURCE = Path("video/source/reel.mp4")


@pytest.fixture
def video(visualizer: ModelImageVisualizer) -> VideoColorizer:
    return VideoColorizer(visualizer)


@pytest.fixture
def reel(as_before: None) -> Path:
    SOURCE.parent.mkdir(parents=True)
    make_film(SOURCE, audio=("aac",))
    return SOURCE


def colour(path: Path) -> float:
    """How far the last frame is from grey, in levels."""
    with av.open(str(path)) as film:
        *_, last = film.decode(video=0)
        return float(last.to_ndarray(format="rgb24").astype(float).std(axis=2).mean())


def test_the_result_has_its_place_its_colour_and_its_sound(video: VideoColorizer, reel: Path):
    result = video.colorize_from_file_name("reel.mp4", watermarked=False)
    assert result == Path("video/result/reel.mp4")
    assert colour(result) > 20 > 5 > colour(reel)
    before, after = contents_of(reel), contents_of(result)
    assert after.seconds == before.seconds
    assert after.packets == before.packets
    assert after.packets[1]
    assert sorted(path.name for path in Path("video").iterdir()) == ["bwframes", "result", "source"]


def test_the_first_frame_is_there_to_try_render_factors_on(video: VideoColorizer, reel: Path):
    """The last cell of DeOldify's notebook."""
    video.colorize_from_file_name("reel.mp4")
    file_name = "reel"
    result = video.vis.plot_transformed_image(
        "video/bwframes/" + file_name + "/00001.jpg", render_factor=10, display_render_factor=True, figsize=(8, 8)
    )
    assert result == Path("result_images/00001.jpg")
    with Image.open("video/bwframes/reel/00001.jpg") as frame, av.open(str(reel)) as film:
        first = next(film.decode(video=0)).to_ndarray(format="rgb24")
        assert np.abs(np.asarray(frame, dtype=int) - first).mean() < 3


def test_the_mark_is_on_unless_refused(video: VideoColorizer, reel: Path):
    frames = []
    for watermarked in (False, True):
        result = video.colorize_from_file_name("reel.mp4", watermarked=watermarked)
        frames.append(contents_of(result).lumas[0].astype(int))
    differing = np.abs(frames[0] - frames[1]) > 12
    assert differing[-20:, 8:20].any()
    assert not differing[:40].any()


def test_render_factor_and_steadiness(reel: Path, monkeypatch: pytest.MonkeyPatch):
    asked: list[dict[str, Any]] = []

    def note(*_: object, **how: Any) -> SimpleNamespace:
        asked.append(how)
        return SimpleNamespace(notes=())

    monkeypatch.setattr("retint.pipelines.film.colorize_film", note)
    network = Colorizer(FakeNetwork())
    video = VideoColorizer(ModelImageVisualizer(network, "result_images", 12))
    video.colorize_from_file_name("reel.mp4")
    video.stabilize = video.keyframes = "off"  # as DeOldify does it: each frame by itself
    video.colorize_from_file_name("reel.mp4", 8, False)
    assert [how["render_factor"] for how in asked] == [12, 8]
    assert [(how["stabilize"], how["keyframes"]) for how in asked] == [("normal", "auto"), ("off", "off")]
    assert [how["watermark"] for how in asked] == [True, False]
    assert all(how["colorizer"] is network and how["overwrite"] for how in asked)


def test_an_interrupted_run_goes_on_or_begins_again(reel: Path):
    class Stops(FakeNetwork):
        stops = True

        def run(self, batch: Any) -> Any:
            if self.stops and self.batches:
                raise KeyboardInterrupt
            return super().run(batch)

    network = Stops()
    video = VideoColorizer(ModelImageVisualizer(Colorizer(network), "result_images", 10))
    video.keyframes = "off"
    with pytest.raises(KeyboardInterrupt):
        video.colorize_from_file_name("reel.mp4")
    network.stops = False
    assert not Path("video/result/reel.mp4").exists()
    assert video.colorize_from_file_name("reel.mp4").exists()


def test_parts_of_other_settings_are_not_mixed_in(video: VideoColorizer, reel: Path, monkeypatch: pytest.MonkeyPatch):
    partial = Path("video/result/reel.mp4.partial")
    partial.mkdir(parents=True)
    (partial / "job.json").write_text("{}")
    with pytest.raises(OutputError, match=r"resume=False"):
        video.colorize_from_file_name("reel.mp4")
    video.resume = False
    assert video.colorize_from_file_name("reel.mp4").exists()


def test_kinds_that_are_not_written_become_matroska(video: VideoColorizer, reel: Path):
    make_film(reel.with_name("tape.mpg"), codec="mpeg2video", time_base=Fraction(1, 25))
    assert video.colorize_from_file_name("tape.mpg") == Path("video/result/tape.mkv")


def test_what_is_not_there_is_told(video: VideoColorizer):
    with pytest.raises(InputError, match=r"video.source.none\.mp4: there is no such film; put it there"):
        video.colorize_from_file_name("none.mp4")


def test_a_film_keeps_its_luma(video: VideoColorizer, reel: Path):
    with pytest.raises(InputError, match="post_process=False, and a film keeps its own luma"):
        video.colorize_from_file_name("reel.mp4", post_process=False)
    with pytest.raises(InputError, match="post_process=False"):
        video.colorize_from_url("http://127.0.0.1:1/never-asked.mp4", "reel.mp4", post_process=False)


# addresses


def test_a_film_behind_an_address(
    video: VideoColorizer, tmp_path: Path, server, reply, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setitem(sys.modules, "yt_dlp", None)
    make_film(tmp_path / "there.mp4")
    content = (tmp_path / "there.mp4").read_bytes()
    address = server.at("/there.mp4", reply(content, content_type="video/mp4"))
    assert video.colorize_from_url(address, "here.mp4", render_factor=8) == Path("video/result/here.mp4")
    assert Path("video/source/here.mp4").read_bytes() == content


def test_a_film_that_is_there_survives_a_download_that_fails(
    video: VideoColorizer, tmp_path: Path, server, reply, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setitem(sys.modules, "yt_dlp", None)
    there = Path("video/source/there.mp4")
    there.parent.mkdir(parents=True, exist_ok=True)
    there.write_bytes(b"a film")
    address = server.at("/page.mp4", reply(b"<html>", content_type="text/html"))
    with pytest.raises(InputError, match="is a web page, not a film"):
        video.colorize_from_url(address, there.name)
    assert there.read_bytes() == b"a film"
    assert list(there.parent.iterdir()) == [there]


def test_a_page_needs_yt_dlp(video: VideoColorizer, server, reply, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(sys.modules, "yt_dlp", None)
    address = server.at("/watch", reply(b"<!doctype html><video>", content_type="text/html"))
    with pytest.raises(InputError, match=r"web page.*pip install yt-dlp"):
        video.colorize_from_url(address, "here.mp4")
    assert not list(Path("video/source").iterdir())


class SiteReader(ModuleType):
    """Stands in for yt_dlp: writes the film that a test planted where it is told to, or fails."""

    def __init__(self, film: Path | None) -> None:
        super().__init__("yt_dlp")
        self.utils = SimpleNamespace(DownloadError=type("DownloadError", (Exception,), {}))
        self.asked: list[str] = []
        reader = self

        class YoutubeDL:
            def __init__(self, options: dict[str, Any]) -> None:
                self.target = Path(options["outtmpl"]["default"] % {})

            def __enter__(self) -> YoutubeDL:
                return self

            def __exit__(self, *_: object) -> None: ...

            def download(self, addresses: list[str]) -> None:
                reader.asked += addresses
                if film is None:
                    raise reader.utils.DownloadError("ERROR: Video unavailable")
                self.target.write_bytes(film.read_bytes())

        self.YoutubeDL = YoutubeDL


def test_a_page_with_yt_dlp(video: VideoColorizer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    make_film(tmp_path / "there.mp4")
    reader = SiteReader(tmp_path / "there.mp4")
    monkeypatch.setitem(sys.modules, "yt_dlp", reader)
    assert video.colorize_from_url("https://example.org/watch?v=1", "100 %.mp4").exists()
    assert reader.asked == ["https://example.org/watch?v=1"]
    assert [path.name for path in Path("video/source").iterdir()] == ["100 %.mp4"]


def test_a_page_without_a_film_leaves_what_is_there(video: VideoColorizer, reel: Path, monkeypatch: pytest.MonkeyPatch):
    content = reel.read_bytes()
    monkeypatch.setitem(sys.modules, "yt_dlp", SiteReader(None))
    with pytest.raises(InputError, match=r"could not be fetched with yt-dlp \(ERROR: Video unavailable\)"):
        video.colorize_from_url("https://example.org/gone", "reel.mp4")
    assert reel.read_bytes() == content
    assert [path.name for path in reel.parent.iterdir()] == ["reel.mp4"]


# showing


def test_a_film_plays_in_the_notebook(reel: Path, monkeypatch: pytest.MonkeyPatch):
    import IPython.display

    from retint.deoldify.visualize import show_image_in_notebook, show_video_in_notebook

    shown: list[Any] = []
    monkeypatch.setattr(IPython.display, "display", shown.append)
    show_video_in_notebook(reel)
    assert " autoplay loop " in shown[0].html
    Image.new("L", (30, 20), 99).save("old.png")
    show_image_in_notebook(Path("old.png"))
    assert 'src="data:image/png;base64,' in shown[1].html  # the file itself, to be saved from there
    monkeypatch.setitem(sys.modules, "IPython.display", None)
    with pytest.raises(MissingExtraError, match=r"pip install 'retint\[notebook\]'"):
        show_video_in_notebook(reel)
