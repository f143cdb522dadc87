"""Fixtures for every folder: seeded weights files, made once a session, the folders of parity fixtures, a server."""

from __future__ import annotations

import importlib.util
import json
import os
import shutil
import signal
import tempfile
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest
from _pytest.mark import ParameterSet
from lying_server import reply, server  # noqa: F401  # fixtures, for every folder

# A run in a shell's background inherits an ignored SIGINT and would hand it on to the commands that tests interrupt.
signal.signal(signal.SIGINT, signal.default_int_handler)

HERE = Path(__file__).parent
PARITY = HERE / "parity"
SCRATCH = "RETINT_TEST_SCRATCH"  # environment: folder for weights files, shared by the workers of one run


def pytest_configure(config: pytest.Config) -> None:
    if not hasattr(config, "workerinput"):  # the only process, or the one that starts the workers
        scratch = tempfile.mkdtemp(prefix="retint-tests-")
        os.environ[SCRATCH] = scratch
        config.add_cleanup(lambda: shutil.rmtree(scratch, ignore_errors=True))


def shared_parity() -> Path:
    """Where the whole set of parity fixtures would lie."""
    return Path(os.environ.get("RETINT_PARITY", HERE.parents[1] / "shared" / "parity"))


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """One test for each recorded network output and each recorded picture, the repository's own and the shared ones."""
    for name, find in (("recorded_net", recorded_nets), ("recorded_picture", recorded_pictures)):
        if name in metafunc.fixturenames:
            found = {param.id: param for folder in (shared_parity(), PARITY) for param in find(folder)}
            params = sorted(found.values(), key=lambda param: str(param.id))
            if not find(shared_parity()):
                reason = f"no further parity fixtures in {shared_parity()}; RETINT_PARITY can name their folder"
                params.append(pytest.param(None, id="shared", marks=pytest.mark.skip(reason=reason)))
            metafunc.parametrize(name, params)


def recorded_nets(folder: Path) -> list[ParameterSet]:
    """(file, model) of each net_MODEL_HxW.npz."""
    files = sorted((folder / "nets").glob("net_*.npz"))
    return [
        pytest.param((file, file.stem.split("_")[1]), id=file.stem, marks=_slow("artistic" not in file.stem))
        for file in files
    ]


def recorded_pictures(folder: Path) -> list[ParameterSet]:
    """(folder, item) of each item of the manifest."""
    manifest = folder / "images" / "image_manifest.json"
    items = json.loads(manifest.read_text())["items"] if manifest.is_file() else []
    return [
        pytest.param(
            (manifest.parent, item),
            id=item["out"].removesuffix("_out.png"),
            marks=_slow(item["model"] == "wide" or item["render_factor"] > 10),
        )
        for item in items
    ]


def _slow(condition: bool) -> list[pytest.MarkDecorator]:
    return [pytest.mark.slow] if condition else []


def load_seeded_weights() -> ModuleType:
    spec = importlib.util.spec_from_file_location("seeded_weights", PARITY / "seeded_weights.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="session")
def seeded_file() -> Callable[[str], Path]:
    """`seeded_file("artistic")`: a weights file as DeOldify saves it, made at first use.

    Also of "wide", "critic" and "vgg16_bn", whose keys stand in `parity` too.
    """

    def make(model: str) -> Path:
        torch = pytest.importorskip("torch")
        from filelock import FileLock  # comes with torch

        path = Path(os.environ[SCRATCH]) / f"{model}.pth"
        with FileLock(path.with_suffix(".lock")):
            if not path.exists():
                info = json.loads((PARITY / f"keys_{model}.json").read_text())
                state = load_seeded_weights().seeded_state(info["keys"], bn_stats=info.get("bn_stats"))
                options = {"state": {}, "param_groups": [{"lr": slice(None, 0.003, None)}]}  # as fastai leaves them
                part = path.with_suffix(".part")
                with part.open("wb") as handle:  # the format of the published files, from before zip
                    torch.save({"model": state, "opt": options}, handle, _use_new_zipfile_serialization=False)
                part.replace(path)
        return path

    return make
