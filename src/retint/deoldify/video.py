"""Films by DeOldify's methods: what `get_video_colorizer` gives."""

from __future__ import annotations

import contextlib
import importlib
import shutil
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any

from retint.deoldify.photos import ModelImageVisualizer, make_folder
from retint.errors import InputError
from retint.images.atomic import whole_file
from retint.notebook import film_frame, film_progress
from retint.pipelines.addresses import FILM, pieces

if TYPE_CHECKING:
    from retint.pipelines.stabilizer import KeyFrames, Strength

_FRAME_QUALITY = 95  # of the JPEG of a film's first frame


class VideoColorizer:
    """Colours films below the folder `video`: those of `source` into `result`. Made by `get_video_colorizer`."""

    def __init__(self, vis: ModelImageVisualizer) -> None:
        """vis: colours photographs with the same weights: `colorizer.vis.plot_transformed_image`"""
        folder = Path("video")
        self.vis = vis
        self.source_folder = folder / "source"
        self.bwframes_root = folder / "bwframes"
        self.result_folder = folder / "result"
        self.stabilize: Strength = "normal"
        """`off`, `normal`, `strong`: how far colours of neighbouring frames are used. DeOldify: `off`."""
        self.keyframes: KeyFrames = "auto"
        """Which frames are rendered; the others get their colours along the motion. DeOldify: `off`, every one."""
        self.resume = True
        """Go on with what an interrupted run left; other settings than its own are an error then."""

    def colorize_from_url(
        self,
        source_url: str,
        file_name: str,
        render_factor: int | None = None,
        post_process: bool = True,
        watermarked: bool = True,
    ) -> Path:
        """Fetch a film, save it as `video/source/FILE_NAME`, and go on as `colorize_from_file_name`.

        source_url: the http(s) address of a film itself; or, where yt-dlp is installed, of a page that it knows
        file_name: with its suffix; a file that is there is replaced

        Raises InputError for what cannot be fetched, and as `colorize_from_file_name`.
        """
        _require_post_process(post_process)
        target = self.source_folder / file_name
        make_folder(target.parent)
        _download(source_url, target)
        return self.colorize_from_file_name(file_name, render_factor=render_factor, watermarked=watermarked)

    def colorize_from_file_name(
        self,
        file_name: str,
        render_factor: int | None = None,
        watermarked: bool = True,
        post_process: bool = True,
    ) -> Path:
        """Colour `video/source/FILE_NAME`, and return where the result is: `video/result/FILE_NAME`.

        Parameters
        ----------
        file_name: with its suffix; kinds of films that are read and not written become .mkv
        render_factor: size of a render in units of 16 px; None for that of `vis`
        watermarked: with a visible mark in the lower left corner
        post_process: True; a film keeps its own luma

        Sound, subtitles and timestamps stay. A result that is there is replaced when the new one is whole. The first
        frame as it came is saved as `video/bwframes/NAME/00001.jpg`, to try render factors on.

        Raises
        ------
        InputError: there is no such film, or it cannot be read
        RenderError, RenderMemoryError, OutputError: it cannot be coloured or saved; the same call goes on from there
        """
        _require_post_process(post_process)
        source = self.source_folder / file_name
        if not source.exists():
            raise InputError(f"{source}: there is no such film; put it there, or give its address to colorize_from_url")
        self._keep_first_frame(source)
        from retint.pipelines.film import colorize_film, film_suffix

        target = self.result_folder / Path(file_name).with_suffix(film_suffix(source, None))
        make_folder(target.parent)
        factor = self.vis.render_factor if render_factor is None else render_factor
        with film_progress(source.name) as progress:
            result = colorize_film(
                source,
                target,
                render_factor=factor,
                stabilize=self.stabilize,
                keyframes=self.keyframes,
                watermark=watermarked,
                overwrite=True,
                resume=self.resume,
                colorizer=self.vis.colorizer,
                progress=progress,
            )
        for note in result.notes:
            warnings.warn(f"{source}: {note}", stacklevel=2)
        return target

    def _keep_first_frame(self, source: Path) -> None:
        frame = film_frame(source)
        target = self.bwframes_root / source.stem / "00001.jpg"
        make_folder(target.parent)
        with whole_file(target, overwrite=True) as file:
            frame.save(file, format="JPEG", quality=_FRAME_QUALITY, subsampling=0)


def _require_post_process(wanted: bool) -> None:
    if not wanted:
        raise InputError(
            "got post_process=False, and a film keeps its own luma: its colours alone are rendered; leave it out. "
            "vis.get_transformed_image(frame, post_process=False) gives single frames without"
        )


def _download(address: str, target: Path) -> None:
    """Bring a film. Raises InputError, OutputError."""
    site_reader = _yt_dlp()
    if site_reader is not None:
        _download_with(site_reader, address, target)
        return
    try:
        with whole_file(target, overwrite=True) as file, contextlib.closing(pieces(address, FILM)) as parts:
            for part in parts:
                file.write(part)
    except InputError as error:
        raise InputError(f"{error} (pages of video sites are read with yt-dlp: pip install yt-dlp)") from error


def _yt_dlp() -> Any:
    """What youtube_dl, which DeOldify used, is called now; None where it is not installed."""
    try:
        return importlib.import_module("yt_dlp")
    except ImportError:
        return None


def _download_with(site_reader: Any, address: str, target: Path) -> None:
    part = target.with_name(f".retint-{target.name}")  # of another name, so that a film that is there stays until then
    # Two streams are put together by the ffmpeg program. Without it, the best single one is what can be had.
    best = "bestvideo[ext=mp4]+bestaudio[ext=m4a]/mp4/best" if shutil.which("ffmpeg") else "best[ext=mp4]/best"
    options = {
        "format": best,
        "outtmpl": {"default": str(part).replace("%", "%%")},
        "overwrites": True,
        "retries": 30,
        "fragment_retries": 30,
        "quiet": True,
        "noprogress": True,
        "noplaylist": True,
    }
    try:
        with site_reader.YoutubeDL(options) as session:
            session.download([address])
        part.replace(target)
    except (site_reader.utils.DownloadError, OSError) as error:
        reason = " ".join(str(error).split())
        raise InputError(f"{address}: could not be fetched with yt-dlp ({reason}); check the address") from error
    finally:
        part.unlink(missing_ok=True)
