"""`retint doctor` tells what is there and what is wrong, and never fails itself."""

from __future__ import annotations

import copy
import json
import os

import pytest
from click.testing import CliRunner

import retint
from retint.cli import main
from retint.cli.doctor import examine, find_problems
from retint.cli.machine import cgroup_cores, cgroup_memory
from retint.weights import CATALOG


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    for name in list(os.environ):
        if name.startswith("RETINT_"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("RETINT_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


@pytest.fixture(scope="module")
def healthy():
    """A report without problems."""
    report = examine()
    report["engines"]["torch"] = {"version": None, "error": None}
    report["memory"] = {"total": 8 << 30, "available": 6 << 30, "container_limit": None}
    report["home"] = {"folder": "/home", "free": 100 << 30, "problem": None}
    report["weights"] = [{"name": "lite", "state": "embedded", "path": "lite.onnx"}]
    report["codecs"] = dict.fromkeys(report["codecs"], True)
    report["libraries"] = dict.fromkeys(report["libraries"], "1.0")
    return report


@pytest.fixture
def report(healthy):
    return copy.deepcopy(healthy)


def test_report_for_programs(home):
    result = CliRunner().invoke(main, ["doctor", "--json"])
    assert result.exit_code == 0
    report = json.loads(result.output)
    assert report["retint"] == retint.__version__
    assert report["engines"]["onnxruntime"]["version"]
    assert "CPUExecutionProvider" in report["engines"]["onnxruntime"]["providers"]
    assert report["codecs"].keys() == {"JPEG", "PNG", "TIFF", "WebP", "AVIF", "HEIC"} and report["codecs"]["JPEG"]
    assert report["cores"]["usable"] >= 1 and report["memory"]["total"] > 0
    assert [row["name"] for row in report["weights"]] == list(CATALOG)
    assert report["home"]["folder"] == str(home) and report["home"]["problem"] is None
    assert not home.exists(), "a doctor changes nothing"


def test_report_for_people(home):
    (home / "weights").mkdir(parents=True)
    (home / "weights" / CATALOG["video"].file).write_bytes(b"cut")
    result = CliRunner().invoke(main, ["doctor"])
    assert result.exit_code == 0
    assert f"retint       {retint.__version__}" in result.output and "onnxruntime" in result.output
    assert "problem: the weights of video have the wrong size" in result.output
    assert "retint models fetch video" in result.output


def test_healthy_machine_has_no_problems(report):
    assert find_problems(report) == []


@pytest.mark.parametrize(
    ("path", "value", "problem", "advice"),
    [
        ("engines.onnxruntime", {"version": None, "error": None}, "ONNX Runtime is not installed", "pip install"),
        ("engines.onnxruntime", {"version": None, "error": "no DLL"}, "does not load: no DLL", "pip install"),
        ("engines.torch", {"version": None, "error": "no libc10"}, "does not load: no libc10", "retint[torch]"),
        ("codecs.AVIF", False, "reads no AVIF", "pillow"),
        ("libraries.tifffile", None, "tifffile is not installed", "pip install"),
        ("memory.available", 1 << 28, "only 268 MB of memory", "render factor"),
        ("memory.container_limit", 1 << 28, "only 268 MB of memory", "render factor"),
        ("home.problem", "/home cannot be written", "cannot be written", "RETINT_HOME"),
        ("home.free", 1 << 20, "only 1 MB are free in /home", "another disk"),
        ("weights", [{"name": "lite", "state": "missing", "path": None}], "lite, which come", "reinstall"),
        ("weights", [{"name": "video", "state": "partial", "path": "v.partial"}], "ended early", "models fetch video"),
        ("weights", [{"name": "video", "state": "damaged", "path": "v.pth"}], "wrong size", "delete v.pth"),
    ],
)
def test_each_problem_is_named_with_advice(report, path, value, problem, advice):
    *outer, last = path.split(".")
    inner = report
    for key in outer:
        inner = inner[key]
    inner[last] = value
    (found,) = find_problems(report)
    assert problem in found["problem"] and advice in found["advice"]


def test_gpu_that_torch_does_not_use(report):
    report["engines"]["torch"] = {"version": "2.13", "cuda": [], "mps": False, "error": None}
    report["nvidia_driver"] = True
    (found,) = find_problems(report)
    assert "NVIDIA" in found["problem"]
    report["engines"]["torch"]["cuda"] = ["NVIDIA H100"]
    assert find_problems(report) == []


def test_missing_heic_is_an_extra_not_a_problem(report):
    report["codecs"]["HEIC"] = False
    assert find_problems(report) == []


def test_home_that_is_a_file(home):
    home.write_text("in the way")
    report = examine()
    assert "is no folder" in report["home"]["problem"]
    assert any("RETINT_HOME" in problem["advice"] for problem in report["problems"])


def group(root, files):
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text + "\n")
    return root / "groups", root / "self"


def test_smallest_limit_around_the_process_counts(tmp_path):
    files = {
        "self": "0::/pod/box",
        "groups/pod/memory.max": "4000000000",
        "groups/pod/box/memory.max": "max",
        "groups/pod/cpu.max": "max 100000",
        "groups/pod/box/cpu.max": "150000 100000",
    }
    places = group(tmp_path, files)
    assert cgroup_memory(*places) == 4_000_000_000 and cgroup_cores(*places) == 1.5


def test_limits_of_version_1(tmp_path):
    files = {
        "self": "9:name=systemd:/\n4:memory:/pod\n1:cpu,cpuacct:/pod\n0::/",
        "groups/memory/memory.limit_in_bytes": "9223372036854771712",
        "groups/memory/pod/memory.limit_in_bytes": "3000000000",
        "groups/cpu/pod/cpu.cfs_quota_us": "200000",
        "groups/cpu/pod/cpu.cfs_period_us": "100000",
    }
    places = group(tmp_path, files)
    assert cgroup_memory(*places) == 3_000_000_000 and cgroup_cores(*places) == 2.0


def test_no_limits(tmp_path):
    assert cgroup_memory(tmp_path, tmp_path / "none") is None and cgroup_cores(tmp_path, tmp_path / "none") is None
    unlimited = {
        "self": "0::/",
        "groups/memory.max": "max",
        "groups/memory/memory.limit_in_bytes": "9223372036854771712",
    }
    assert cgroup_memory(*group(tmp_path, unlimited)) is None
