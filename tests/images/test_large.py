"""A scan of 100 megapixels stays far below 4 GB."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("resource", reason="peak memory is measured as POSIX does")

CODE = """
import resource, sys
import numpy as np
from dataclasses import replace
from pathlib import Path
from retint.images import Photograph, read_photo, write_photo
folder, suffix = Path(sys.argv[1]), sys.argv[2]
dtype = np.uint16 if suffix in (".png", ".tif") else np.uint8
plane = np.empty((10000, 10000), dtype)
for start in range(0, 10000, 500):
    noise = np.random.default_rng(start).integers(0, np.iinfo(dtype).max // 64, (500, 10000), dtype=dtype)
    plane[start : start + 500] = noise + np.arange(10000, dtype=dtype) % (np.iinfo(dtype).max // 2)
write_photo(Photograph(plane, None), folder / f"scan{suffix}")
expected = int(plane[::7].sum())
del plane
photo = read_photo(folder / f"scan{suffix}")
if dtype == np.uint16:
    assert int(photo.pixels[::7].sum()) == expected
rgb = np.empty((10000, 10000, 3), photo.pixels.dtype)
for channel in range(3):
    rgb[..., channel] = photo.pixels
write_photo(replace(photo, pixels=rgb), folder / f"color{suffix}")
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
sys.stdout.write(str(peak * (1 if sys.platform == "darwin" else 1024)))
"""


@pytest.mark.slow
@pytest.mark.parametrize("suffix", [".tif", ".png", ".jpg"])
def test_100_megapixels(suffix: str, tmp_path: Path):
    done = subprocess.run(
        [sys.executable, "-c", CODE, str(tmp_path), suffix], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) < 2.5e9
