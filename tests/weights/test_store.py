"""Weights by name or path: used, found, refused."""

from __future__ import annotations

import sys
import zipfile
from pathlib import Path

import pytest

from retint.errors import ChecksumError, OfflineError, UnknownModelError, WeightsError
from retint.weights import CATALOG, Patience, fetch, fetch_entry, holdings, locate, status

NOWHERE = "http://127.0.0.1:9/planted.pth"


def put(home, name, content):
    path = home / "weights" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


@pytest.fixture
def carrier(tmp_path, monkeypatch, request, payload):
    """A package that carries a file, in a folder or a zip file."""
    name = f"carrier_{request.param}"
    root = tmp_path / "packages"
    if request.param == "zip":
        root = tmp_path / "packages.zip"
        with zipfile.ZipFile(root, "w") as archive:
            archive.writestr(f"{name}/__init__.py", "")
            archive.writestr(f"{name}/planted.pth", payload)
    else:
        (root / name).mkdir(parents=True)
        (root / name / "__init__.py").touch()
        (root / name / "planted.pth").write_bytes(payload)
    monkeypatch.syspath_prepend(root)
    yield name
    sys.modules.pop(name, None)


@pytest.mark.parametrize("carrier", ["folder", "zip"], indirect=True)
def test_embedded_weights_need_neither_network_nor_home(carrier, entry_for, payload, home):
    entry = entry_for(package=carrier, size=None, sha256=None)
    path = fetch_entry(entry, home=home, offline=True)
    assert path.read_bytes() == payload and path.name.endswith("planted.pth")
    assert not home.exists()
    found = status(entry, home=home)
    assert (found.state, found.size) == ("embedded", len(payload))


@pytest.mark.parametrize("package", ["retint", "no_such_package"])
def test_embedded_weights_that_are_missing(package, entry_for, home):
    entry = entry_for(package=package)
    with pytest.raises(WeightsError, match=r"planted\.pth"):
        fetch_entry(entry, home=home)
    assert status(entry, home=home).state == "missing"


def test_offline_names_the_address_and_the_folder(entry_for, home, monkeypatch):
    entry = entry_for(NOWHERE)
    for setting in ("flag", "environment"):
        if setting == "environment":
            monkeypatch.setenv("RETINT_OFFLINE", "1")
        with pytest.raises(OfflineError) as caught:
            fetch_entry(entry, home=home, offline=setting == "flag")
        assert f"put {NOWHERE} into {home / 'weights'} by hand" in str(caught.value)
    assert not home.exists()


def test_file_put_by_hand_is_checked_and_used_offline(entry_for, home, payload):
    put(home, "planted.pth", payload)
    assert fetch_entry(entry_for(NOWHERE), home=home, offline=True).read_bytes() == payload


def test_wrong_file_put_by_hand_is_told_and_not_touched(entry_for, home, payload):
    path = put(home, "planted.pth", payload[:-1])
    with pytest.raises(ChecksumError, match=r"299999 bytes.*Delete it and run `retint models fetch planted`"):
        fetch_entry(entry_for(NOWHERE), home=home)
    assert path.exists()


def test_mirror_is_tried_first_and_the_rest_after_it(server, reply, entry_for, home, payload, monkeypatch):
    entry = entry_for(server.at("/own", reply(payload)))
    server.at("/mirror/planted.pth", reply(status=404))
    monkeypatch.setenv("RETINT_MIRROR", f"http://127.0.0.1:{server.port}/mirror")
    assert fetch_entry(entry, home=home, patience=Patience(pause=0.01)).read_bytes() == payload
    assert [one.path for one in server.seen] == ["/mirror/planted.pth", "/own"]


def test_path_is_used_as_it_is(tmp_path, monkeypatch):
    file = tmp_path / "artistic"
    file.write_bytes(b"anything")
    assert fetch(file) == locate(file) == file
    assert fetch(str(file), offline=True) == file
    monkeypatch.chdir(tmp_path)
    assert fetch("./artistic") == Path("artistic")
    assert locate("artistic", home=tmp_path) is None, "the name means the model"


@pytest.mark.parametrize("use", [fetch, locate])
def test_path_that_is_missing_or_a_folder(use, tmp_path):
    with pytest.raises(WeightsError, match=r"no weights file .*gone.pth"):
        use(tmp_path / "gone.pth")
    with pytest.raises(WeightsError, match="no weights file"):
        use(Path("artistic"))
    with pytest.raises(WeightsError, match="is a folder, wanted a weights file"):
        use(tmp_path)


@pytest.mark.parametrize("use", [fetch, locate])
def test_unknown_names(use, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UnknownModelError, match='did you mean "artistic"'):
        use("artistik")
    with pytest.raises(UnknownModelError, match='called "artistic"'):
        use("ColorizeArtistic_gen.pth")
    with pytest.raises(UnknownModelError, match="no file"):
        use("mine.pth")


def test_locate_finds_what_is_here(home, payload, entry_for):
    assert locate("video", home=home) is None
    path = put(home, "ColorizeVideo_gen.pth", b"too short")
    with pytest.raises(ChecksumError):
        locate("video", home=home)
    assert status(CATALOG["video"], home=home).path == path


def test_states(entry_for, home, payload):
    entry = entry_for(NOWHERE)
    assert status(entry, home=home).state == "not here"
    put(home, "planted.pth.partial", payload[:1000])
    found = status(entry, home=home)
    assert (found.state, found.size) == ("partial", 1000)
    path = put(home, "planted.pth", payload)
    found = status(entry, home=home)
    assert (found.state, found.path, found.size) == ("here", path, len(payload))
    put(home, "planted.pth", payload[:5])
    assert status(entry, home=home).state == "damaged"
    assert status(entry_for(NOWHERE, size=None), home=home).state == "here"


def test_holdings_are_the_catalogue(home):
    assert [found.entry for found in holdings(home=home)] == list(CATALOG.values())
    assert not home.exists()
