"""ONNX Runtime reports to its maker by default. With retint it does not, and leaves no identifier behind."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

COLOUR = "import retint; retint.load_colorizer('lite').render(__import__('PIL.Image').Image.new('L', (64, 64), 90))"
DOCTOR = "from retint.cli.machine import onnxruntime_engine; assert onnxruntime_engine()['version']"


@pytest.mark.parametrize("code", [COLOUR, DOCTOR])
def test_nothing_is_kept_for_reports(code: str, tmp_path: Path):
    env = {key: value for key, value in os.environ.items() if "TELEMETRY" not in key and not key.startswith("XDG")}
    env |= {"HOME": str(tmp_path), "TMPDIR": str(tmp_path), "USERPROFILE": str(tmp_path)}
    # continuous integration is recognised, and spared: this is to be as at a person's
    for name in ("CI", "GITHUB_ACTIONS", "PYTEST_CURRENT_TEST", "TF_BUILD", "GITLAB_CI"):
        env.pop(name, None)
    subprocess.run([sys.executable, "-c", code], env=env, cwd=tmp_path, check=True, timeout=120)
    assert [str(path) for path in tmp_path.rglob("*") if path.is_file()] == []
