"""DeOldify's tutorial notebook, its import lines changed and nothing else, in a kernel.

Two things of the world are stood in for: the host that the weights come from, by a `wget` that asks a server here, and
the picture, whose address the person types in anyway.
"""

from __future__ import annotations

import base64
import io
import os
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from notebook_kernel import notebook_of, outputs, run_notebook
from PIL import Image

from retint.rendering import load_colorizer

PICTURES = Path(__file__).parents[1] / "parity" / "images"

WGET = f"""#!{sys.executable}
# wget ADDRESS -O FILE, of a server that stands in for the one that is meant
import os, shutil, sys, urllib.request
address, _, target = sys.argv[1:]
meant = "https://data.deepai.org/deoldify"
assert address.startswith(meant)
with urllib.request.urlopen(address.replace(meant, os.environ["STAND_IN"])) as answer, open(target, "wb") as file:
    shutil.copyfileobj(answer, file)
"""

TUTORIAL = (
    """
#NOTE:  This must be the first call in order to work properly!
from retint.deoldify import device
from retint.deoldify.device_id import DeviceId
#choices:  CPU, GPU0...GPU7
device.set(device=DeviceId.GPU0)
""",
    """
import torch

if not torch.cuda.is_available():
    print('GPU not available.')
""",
    """
from retint.deoldify.visualize import *
import warnings
warnings.filterwarnings("ignore", category=UserWarning, message=".*?Your .*? set is empty.*?")
""",
    """
!mkdir 'models'
!wget https://data.deepai.org/deoldify/ColorizeArtistic_gen.pth -O ./models/ColorizeArtistic_gen.pth
""",
    "colorizer = get_image_colorizer(artistic=True)",
    """
source_url = 'SOURCE' #@param {type:"string"}
render_factor = 35  #@param {type: "slider", min: 7, max: 40}
watermarked = False #@param {type:"boolean"}

if source_url is not None and source_url !='':
    image_path = colorizer.plot_transformed_image_from_url(url=source_url, render_factor=render_factor, compare=True, watermarked=watermarked)
    show_image_in_notebook(image_path)
else:
    print('Provide an image url and try again.')
""",  # noqa: E501
    """
import shutil
shutil.copy(image_path, 'at-35.png')
""",
    """
for i in range(10,12,2):
    colorizer.plot_transformed_image('test_images/image.png', render_factor=i, display_render_factor=True, figsize=(8,8))
""",  # noqa: E501
)
"""Its cells of code. The last but one is the test's, since the last one writes over the result; that one goes to 40 in
the tutorial, which takes minutes."""


@pytest.mark.slow
def test_the_tutorial_runs(tmp_path: Path, seeded_file: Callable[[str], Path], server, reply):
    pytest.importorskip("torch")
    weights = seeded_file("artistic")
    photo = PICTURES / "in" / "chelsea_gray.png"
    stand_in = server.at("/ColorizeArtistic_gen.pth", reply(weights.read_bytes())).rsplit("/", 1)[0]
    source = server.at("/old/chelsea.png", reply(photo.read_bytes(), content_type="image/png"))
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "wget").write_text(WGET)
    (tmp_path / "bin" / "wget").chmod(0o755)
    work = tmp_path / "DeOldify"
    work.mkdir()
    notebook = notebook_of(*(cell.replace("SOURCE", source).strip() for cell in TUTORIAL))

    path = os.pathsep.join([str(tmp_path / "bin"), os.environ["PATH"]])
    run_notebook(notebook, work, tmp_path, PATH=path, STAND_IN=stand_in, RETINT_OFFLINE="1")

    # where DeOldify puts them
    with Image.open(work / "test_images" / "image.png") as fetched, Image.open(photo) as served:
        np.testing.assert_array_equal(np.asarray(fetched), np.asarray(served))
        size = fetched.size
        wanted = load_colorizer(weights, device="cpu").render(served, 35)
    with Image.open(work / "at-35.png") as image:
        assert image.size == size
        at_35 = np.asarray(image)
    assert at_35.astype(float).std(axis=2).mean() > 5
    differences = np.abs(at_35.astype(int) - np.asarray(wanted.convert("RGB"), dtype=int))
    assert (differences == 0).mean() > 0.995  # another process may have another number of threads

    # the last result is marked, since nothing refused it; elsewhere it is the original's
    with (
        Image.open(work / "result_images" / "image.png") as image,
        Image.open(PICTURES / "artistic_chelsea_gray_rf10_out.png") as recorded,
    ):
        differences = np.abs(np.asarray(image, dtype=int) - np.asarray(recorded.convert("RGB"), dtype=int))
    assert (differences[:-40] == 0).mean() >= 0.995
    assert (differences[-40:-8, 8:40] > 20).any()

    # what a person sees: the pair, the result to be saved from there, the figure of the loop
    shown = list(outputs(notebook, "image/png"))
    assert len(shown) == 2
    before, after = (np.asarray(half, dtype=float) for half in halves(shown[0]))
    assert after.std(axis=2).mean() > before.std(axis=2).mean() + 3
    (picture,) = (html for html in outputs(notebook, "text/html") if "<img" in html)
    saved = base64.b64decode(picture.split("data:image/png;base64,")[1].split('"')[0])
    assert saved == (work / "at-35.png").read_bytes()
    told = "".join(outputs(notebook, "stream/stderr"))
    gpu = "GPU not available." not in "".join(outputs(notebook, "stream/stdout"))
    assert gpu or "GPU0 is set, and no GPU is found here" in told


def halves(png: str) -> tuple[Image.Image, Image.Image]:
    figure = Image.open(io.BytesIO(base64.b64decode(png))).convert("RGB")
    middle = figure.width // 2
    return figure.crop((0, 0, middle, figure.height)), figure.crop((middle, 0, figure.width, figure.height))
