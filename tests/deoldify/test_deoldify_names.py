"""The front is DeOldify's: names, parameters in their order, and defaults (visualize.py, commit 5f86c289)."""

from __future__ import annotations

import inspect
import subprocess
import sys
from pathlib import Path

import pytest

import retint.deoldify
from retint.deoldify import visualize
from retint.errors import MissingExtraError

HERE = Path("./")
FACTORY = {"root_folder": HERE, "weights_name": None, "results_dir": "result_images", "render_factor": None}
PLOT = {
    "results_dir": None, "figsize": (20, 20), "render_factor": None, "display_render_factor": False, "compare": False,
    "post_process": True, "watermarked": True,
}  # fmt: skip
NONE = inspect.Parameter.empty

ORIGINAL = {
    "get_image_colorizer": {"root_folder": HERE, "render_factor": 35, "artistic": True},
    "get_artistic_image_colorizer": FACTORY | {"weights_name": "ColorizeArtistic_gen", "render_factor": 35},
    "get_stable_image_colorizer": FACTORY | {"weights_name": "ColorizeStable_gen", "render_factor": 35},
    "get_video_colorizer": {"render_factor": 21},
    "get_artistic_video_colorizer": FACTORY | {"weights_name": "ColorizeArtistic_gen", "render_factor": 35},
    "get_stable_video_colorizer": FACTORY | {"weights_name": "ColorizeVideo_gen", "render_factor": 21},
    "show_image_in_notebook": {"image_path": NONE},
    "show_video_in_notebook": {"video_path": NONE},
    "ModelImageVisualizer.plot_transformed_image": {"path": NONE} | PLOT,
    "ModelImageVisualizer.plot_transformed_image_from_url": {"url": NONE, "path": "test_images/image.png"} | PLOT,
    "ModelImageVisualizer.get_transformed_image": {
        "path": NONE, "render_factor": None, "post_process": True, "watermarked": True,
    },
    "VideoColorizer.colorize_from_url": {
        "source_url": NONE, "file_name": NONE, "render_factor": None, "post_process": True, "watermarked": True,
    },
    "VideoColorizer.colorize_from_file_name": {
        "file_name": NONE, "render_factor": None, "watermarked": True, "post_process": True,
    },
}  # fmt: skip


@pytest.mark.parametrize("name", ORIGINAL)
def test_parameters_are_the_originals(name: str):
    owner, _, method = name.rpartition(".")
    function = getattr(getattr(visualize, owner), method) if owner else getattr(visualize, name)
    found = {key: one.default for key, one in inspect.signature(function).parameters.items() if key != "self"}
    assert list(found.items()) == list(ORIGINAL[name].items())


def test_the_package_offers_them_too():
    for name in retint.deoldify.__all__:
        assert getattr(retint.deoldify, name) is not None
        assert name in dir(retint.deoldify)
    assert retint.deoldify.get_image_colorizer is visualize.get_image_colorizer
    assert retint.deoldify.__all__ == sorted(retint.deoldify.__all__)
    with pytest.raises(AttributeError, match="no attribute 'get_sound_colorizer'"):
        retint.deoldify.get_sound_colorizer  # noqa: B018


def test_the_star_brings_what_notebooks_took_from_it():
    pytest.importorskip("torch")
    code = """
from retint.deoldify.visualize import *
plt.style.use('dark_background')
torch.backends.cudnn.benchmark=True
print(Path('models'), get_image_colorizer.__name__)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["models", "get_image_colorizer"]


@pytest.mark.parametrize(("module", "extra"), [("torch", "torch"), ("matplotlib.pyplot", "notebook")])
def test_the_star_names_the_extra_that_is_missing(module: str, extra: str, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(MissingExtraError, match=rf"pip install 'retint\[{extra}\]'"):
        exec("from retint.deoldify.visualize import *", {})
