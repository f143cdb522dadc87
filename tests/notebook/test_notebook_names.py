"""The front of `retint.notebook`."""

from __future__ import annotations

import subprocess
import sys

import pytest

import retint.notebook


def test_the_names_are_there_and_sorted():
    assert retint.notebook.__all__ == sorted(retint.notebook.__all__)
    for name in retint.notebook.__all__:
        assert getattr(retint.notebook, name).__doc__
        assert name in dir(retint.notebook)
    with pytest.raises(AttributeError, match="no attribute 'after_before'"):
        retint.notebook.after_before  # noqa: B018


def test_pictures_need_neither_torch_nor_ipython_nor_what_films_need():
    code = """
import sys
from PIL import Image
from retint.notebook import before_after, film_progress
before_after(Image.new("L", (40, 30)), Image.new("RGB", (40, 30)))._repr_html_()
with film_progress():
    pass
print(*(set(sys.modules) & {"torch", "IPython", "ipywidgets", "matplotlib", "av", "onnxruntime"}))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == ""
