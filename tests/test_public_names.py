"""The front door of the library: few names, sorted, and none of them imported before it is used."""

from __future__ import annotations

import re
import subprocess
import sys

import pytest

import retint


def test_the_public_names_are_these():
    assert retint.__all__ == [
        "Colorizer",
        "RetintError",
        "__version__",
        "colorize_film",
        "colorize_photo",
        "load_colorizer",
        "restore_film",
        "restore_photo",
    ]
    assert retint.__all__ == sorted(retint.__all__)


def test_every_public_name_is_there():
    for name in retint.__all__:
        assert getattr(retint, name) is not None
        assert name in dir(retint)
    assert retint.colorize_photo.__module__ == "retint.pipelines.photo"
    assert re.fullmatch(r"\d+\.\d+\.\d+\S*", retint.__version__)


def test_other_names_are_told():
    with pytest.raises(AttributeError, match="module 'retint' has no attribute 'colourise'"):
        retint.colourise  # noqa: B018


def test_import_alone_costs_nothing():
    code = "import sys, retint; print(*(set(sys.modules) & {'numpy', 'PIL', 'click', 'onnxruntime', 'torch'}))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == ""


def test_the_library_colours_without_torch():
    code = """
import io, sys
import numpy as np
from PIL import Image
import retint
from retint.rendering.fake import FakeNetwork
picture, result = io.BytesIO(), io.BytesIO()
Image.fromarray(np.full((20, 30), 99, np.uint8)).save(picture, "PNG")
retint.colorize_photo(picture.getvalue(), result, colorizer=retint.Colorizer(FakeNetwork()))
assert Image.open(result).getpixel((0, 0)) != (99, 99, 99)
print("torch" in sys.modules)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
