from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

import retint
from retint import cli
from retint.errors import RenderError, UnknownModelError

HEAVY = {"torch", "numpy", "PIL", "onnxruntime", "tifffile", "imagecodecs", "tqdm", "psutil"}


def test_version_and_help():
    assert CliRunner().invoke(cli.main, ["--version"]).stdout == f"retint, version {retint.__version__}\n"
    help = CliRunner().invoke(cli.main, ["--help"]).stdout
    assert all(f"  {name} " in help for name in ("colorize", "models", "train", "evaluate", "serve", "doctor"))


def test_an_unknown_command_is_a_wrong_command():
    result = CliRunner().invoke(cli.main, ["colour"])
    assert result.exit_code == 2
    assert "No such command 'colour'" in result.stderr


@pytest.mark.parametrize(
    ("error", "code"), [(RenderError("planted"), 1), (UnknownModelError("planted"), 2), (KeyboardInterrupt(), 130)]
)
def test_every_command_ends_in_one_line_and_a_code(error: BaseException, code: int, monkeypatch: pytest.MonkeyPatch):
    @click.command()
    def doctor() -> None:
        raise error

    monkeypatch.setattr(cli, "_COMMANDS", {"doctor": ("planted", "")})
    monkeypatch.setattr(cli, "import_module", lambda name: type("Module", (), {"doctor": doctor}))
    result = CliRunner().invoke(cli.main, ["doctor"])
    assert result.exit_code == code
    assert result.stdout == ""
    assert result.stderr == ("retint: interrupted\n" if code == 130 else "retint: planted\n")


@pytest.mark.parametrize("arguments", ["--help", "--version", "colorize --help", "evaluate --help", "serve --help"])
def test_help_imports_nothing_heavy(arguments: str):
    code = (
        "import sys; from retint.cli import main\n"
        "try: main(sys.argv[1:], prog_name='retint')\n"
        f"finally: print(*(set(sys.modules) & {HEAVY!r}), file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code, *arguments.split()], capture_output=True, text=True, check=True)
    assert done.stderr.strip() == ""


def test_the_module_is_the_command():
    done = subprocess.run([sys.executable, "-m", "retint", "--version"], capture_output=True, text=True, check=True)
    assert done.stdout == f"retint, version {retint.__version__}\n"


def test_colouring_needs_no_torch(start, here: Path):
    process = start("colorize", "a.jpg", MODULES=str(here / "modules"))
    assert process.communicate() == (b"", b"")
    assert process.returncode == 0
    modules = (here / "modules").read_text().split()
    assert "retint.pipelines.batch" in modules
    assert not {"torch", "cv2", "scipy"} & set(modules)
