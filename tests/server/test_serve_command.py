"""The command itself: how it starts, what it says where it cannot, and how it ends."""

from __future__ import annotations

import builtins
import signal
import socket
import stat
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from serving import Serve, colourfulness, picture

from retint.cli import main


def test_it_says_its_address_colours_and_ends_well(command: Serve):
    served = command(real=True)
    assert served.process is not None
    said = served.http.get("/v1/models").json()
    lite = next(model for model in said["models"] if model["name"] == "lite")
    assert lite["available"] and lite["default"] and lite["default_render_factor"] == 24
    answer = served.colorize(picture(size=(300, 200)))
    assert answer.headers["retint-model"] == "lite" and colourfulness(answer.content) > 2
    assert stat.S_IMODE(served.data.stat().st_mode) == 0o700
    served.process.send_signal(signal.SIGINT)
    assert served.process.wait(20) == 0
    assert served.process.stderr is not None and served.process.stderr.read() == ""
    assert not (served.data / "lock").exists()


def test_neither_torch_nor_films_are_loaded_for_photographs():
    code = """
import sys
from pathlib import Path
import retint.server.run
heavy = {"torch", "av", "cv2", "tifffile"} & set(sys.modules)
print(*heavy)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == ""


def test_an_address_that_is_taken_is_told(tmp_path: Path):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        result = CliRunner().invoke(main, ["serve", "--port", str(port), "--data", str(tmp_path / "data")])
    assert result.exit_code == 1
    assert result.stderr.startswith(f"retint: cannot listen at 127.0.0.1, port {port} (")
    assert "choose another --port" in result.stderr
    assert not (tmp_path / "data").exists()


def test_a_folder_that_another_server_uses_is_told(command: Serve):
    served = command()
    result = CliRunner().invoke(main, ["serve", "--port", "0", "--data", str(served.data)])
    assert (result.exit_code, result.stderr) == (
        1,
        f"retint: {served.data}: another retint serve works there; name another folder with --data\n",
    )


def test_a_folder_that_cannot_be_made_is_told(tmp_path: Path):
    (tmp_path / "file").write_text("x")
    result = CliRunner().invoke(main, ["serve", "--port", "0", "--data", str(tmp_path / "file" / "data")])
    assert result.exit_code == 1 and "cannot be written (Not a directory)" in result.stderr


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("-m", "no-such-model"), "no model and no file"),
        (("-m", "resnet34"), "is no model that colours"),
        (("--token", "two words"), "wants letters, digits and signs"),
        (("--token", ""), "wants letters, digits and signs"),
        (("--port", "99999"), "99999 is not in the range"),
    ],
)
def test_wrong_commands(arguments: tuple[str, ...], words: str, tmp_path: Path):
    result = CliRunner().invoke(main, ["serve", "--data", str(tmp_path), *arguments])
    assert result.exit_code == 2 and words in result.stderr


def test_a_model_that_is_not_here_is_told_before_it_starts(tmp_path: Path):
    env = {"RETINT_OFFLINE": "1", "RETINT_HOME": str(tmp_path)}
    result = CliRunner(env=env).invoke(main, ["serve", "--port", "0", "-m", "artistic"])
    assert result.exit_code == 1 and "artistic" in result.stderr and "offline" in result.stderr.lower()


def test_without_the_extra_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch):
    for name in [name for name in sys.modules if name.startswith("retint.server.")]:
        monkeypatch.delitem(sys.modules, name)
    usual = builtins.__import__

    def missing(name: str, *more: Any) -> Any:
        if name.partition(".")[0] == "uvicorn":
            raise ModuleNotFoundError("No module named 'uvicorn'", name="uvicorn")
        return usual(name, *more)

    monkeypatch.setattr(builtins, "__import__", missing)
    result = CliRunner().invoke(main, ["serve", "--port", "0"])
    assert result.exit_code == 1
    assert "pip install 'retint[server]'" in result.stderr


def test_who_opens_it_to_others_without_a_token_is_told(command: Serve):
    served = command("--host", "0.0.0.0", "--name", "photos.example")
    assert served.http.get("/healthz", headers={"host": "photos.example"}).status_code == 200
