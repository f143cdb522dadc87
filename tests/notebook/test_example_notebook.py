"""The example notebook runs, offline, and shows what it says."""

from __future__ import annotations

import base64
import io
import re
from pathlib import Path

import nbformat
import numpy as np
import pytest
from notebook_kernel import outputs, run_notebook
from PIL import Image

NOTEBOOK = Path(__file__).parents[2] / "docs" / "notebook" / "retint.ipynb"


def test_it_is_kept_without_outputs():
    """So that its changes can be read, and the repository holds no copies of pictures."""
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    nbformat.validate(notebook)
    assert all(not cell.get("outputs") and cell.get("execution_count") is None for cell in notebook.cells)


@pytest.mark.slow
def test_it_runs(tmp_path: Path):
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    # its results go where temporary files go: nothing comes beside it
    before = sorted(NOTEBOOK.parent.iterdir())
    run_notebook(notebook, NOTEBOOK.parent, tmp_path, TMPDIR=str(tmp_path), RETINT_OFFLINE="1")
    assert sorted(NOTEBOOK.parent.iterdir()) == before

    assert not "".join(outputs(notebook, "stream/stderr"))
    shown = list(outputs(notebook, "text/html"))
    sliders = [html for html in shown if "retint-pair" in html]
    assert len(sliders) == 3
    for slider, colours in zip(sliders, ((0, 4), (4, 4), (0, 4)), strict=True):
        for picture, least in zip(pictures_of(slider), colours, strict=True):
            spread = np.asarray(picture.convert("RGB"), dtype=float).std(axis=2).mean()
            assert spread >= least if least else spread < 1
    (player,) = (html for html in shown if "<video" in html)
    assert player.count("data:video/mp4;base64,") == 1
    assert any(re.search(r"reel\.mp4: 24 of 24 frames, done after [0-9.]+ s", html) for html in shown)
    assert re.search(r"24 frames, \d+ of them rendered", "".join(outputs(notebook, "stream/stdout")))
    assert len(nbformat.writes(notebook)) < 2_500_000  # a notebook that can still be opened and sent


def pictures_of(html: str) -> list[Image.Image]:
    found = re.findall(r'src="data:image/webp;base64,([^"]+)"', html)
    return [Image.open(io.BytesIO(base64.b64decode(content))) for content in found]
