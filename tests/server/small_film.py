"""Films of a few frames, in grey, with a cut in the middle of each."""

from __future__ import annotations

from pathlib import Path

import av
import numpy as np


def small_film(path: Path, frames: int = 24, size: tuple[int, int] = (96, 64)) -> Path:
    """Two scenes of slopes that move. A suffix that FFmpeg knows chooses the container."""
    width, height = size
    x, y = np.arange(width), np.arange(height)[:, None]
    with av.open(str(path), "w") as output:
        video = output.add_stream("libx264", rate=24, options={"preset": "ultrafast"})
        video.width, video.height, video.pix_fmt = width, height, "yuv420p"
        for number in range(frames):
            slope = x * 2 + y if number < frames // 2 else 255 - x - y
            gray = np.ascontiguousarray(((slope + 3 * number) % 200 + 30).astype(np.uint8))
            rgb = np.repeat(gray[..., None], 3, axis=2)
            output.mux(video.encode(av.VideoFrame.from_ndarray(np.ascontiguousarray(rgb), format="rgb24")))
        output.mux(video.encode(None))
    return path
