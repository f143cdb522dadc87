"""Where weights are kept, on each platform, and what the environment asks for."""

from __future__ import annotations

from pathlib import Path

import pytest

from retint.errors import WeightsError
from retint.weights import home_folder, weights_folder
from retint.weights.home import addresses_of, offline_asked


@pytest.mark.parametrize(
    ("platform", "environ", "folder"),
    [
        ("linux", {}, "/users/ann/.cache/retint"),
        ("linux", {"XDG_CACHE_HOME": "/fast"}, "/fast/retint"),
        ("linux", {"XDG_CACHE_HOME": "relative"}, "/users/ann/.cache/retint"),
        ("darwin", {"XDG_CACHE_HOME": "/fast"}, "/users/ann/Library/Caches/retint"),
        ("win32", {"LOCALAPPDATA": "/local"}, "/local/retint"),
        ("win32", {}, "/users/ann/AppData/Local/retint"),
        ("linux", {"RETINT_HOME": "/mine"}, "/mine"),
        ("darwin", {"RETINT_HOME": "~/mine"}, "/users/ann/mine"),
        ("linux", {"RETINT_HOME": ""}, "/users/ann/.cache/retint"),
    ],
)
def test_home_of_each_platform(monkeypatch, platform, environ, folder):
    monkeypatch.setenv("HOME", "/users/ann")
    monkeypatch.setenv("USERPROFILE", "/users/ann")
    assert home_folder(environ, platform) == Path(folder)


def test_relative_home_does_not_move_with_the_working_directory(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("RETINT_HOME", "models")
    assert weights_folder() == tmp_path / "models" / "weights"


def test_user_without_a_home_directory_is_told_what_to_set(monkeypatch):
    def lost():
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.setattr(Path, "home", lost)
    with pytest.raises(WeightsError, match="Set RETINT_HOME"):
        home_folder({}, "linux")


@pytest.mark.parametrize(
    ("value", "asked"), [("1", True), ("yes", True), ("", False), ("0", False), ("False", False), (" off ", False)]
)
def test_offline(value, asked):
    assert offline_asked({"RETINT_OFFLINE": value}) is asked
    assert offline_asked({}) is False


@pytest.mark.parametrize("base", ["https://mirror.example/w", "https://mirror.example/w/"])
def test_mirror_comes_first(entry_for, base):
    entry = entry_for("https://one.example/a", "https://two.example/b")
    assert addresses_of(entry, {"RETINT_MIRROR": base}) == ("https://mirror.example/w/planted.pth", *entry.addresses)
    assert addresses_of(entry, {}) == entry.addresses


@pytest.mark.parametrize("base", ["mirror.example", "ftp://mirror.example", "https://"])
def test_mirror_that_is_no_address_is_refused(entry_for, base):
    with pytest.raises(WeightsError, match=r"RETINT_MIRROR is .*, wanted a base address"):
        addresses_of(entry_for("https://one.example/a"), {"RETINT_MIRROR": base})
