from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from retint.errors import InputError
from retint.pipelines.inputs import Source, gather


def names(sources: list[Source], below: Path) -> list[str]:
    assert all(source.error is None for source in sources)
    return [source.path.relative_to(below).as_posix() for source in sources if source.path is not None]


def touch(folder: Path, *paths: str) -> None:
    for path in paths:
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(b"x")


def test_files_keep_the_order_they_are_named_in(tmp_path: Path):
    touch(tmp_path, "b.jpg", "a.jpg")
    found = gather([str(tmp_path / "b.jpg"), str(tmp_path / "a.jpg")])
    assert names(found, tmp_path) == ["b.jpg", "a.jpg"]
    assert not any(source.from_folder for source in found)


def test_a_folder_gives_its_photographs_and_films_by_name(tmp_path: Path):
    touch(tmp_path, "b.JPG", "a.png", "c.tiff", "reel.mp4", "notes.txt", "Thumbs.db", ".hidden.jpg", "sub/d.jpg")
    found = gather([str(tmp_path)])
    assert names(found, tmp_path) == ["a.png", "b.JPG", "c.tiff", "reel.mp4"]
    assert all(source.from_folder for source in found)


def test_recursion_mirrors_sub_folders(tmp_path: Path):
    touch(tmp_path, "z.jpg", "one/a.jpg", "one/two/b.jpg", ".git/c.jpg")
    found = gather([str(tmp_path)], recursive=True)
    assert names(found, tmp_path) == ["z.jpg", "one/a.jpg", "one/two/b.jpg"]
    assert [source.relative.as_posix() for source in found] == ["z.jpg", "one/a.jpg", "one/two/b.jpg"]


def test_content_counts_in_a_folder_where_the_suffix_says_nothing(tmp_path: Path):
    (tmp_path / "IMG_0001").write_bytes(b"\xff\xd8\xff\xe0 jpeg")
    (tmp_path / "reel.bin").write_bytes(b"\x1a\x45\xdf\xa3 matroska")
    (tmp_path / "camera.nef").write_bytes(b"II*\0 raw")
    (tmp_path / "poem.txt").write_bytes(b"BMany words")
    assert names(gather([str(tmp_path)]), tmp_path) == ["IMG_0001", "reel.bin"]


def test_the_folder_of_results_is_not_gone_into(tmp_path: Path):
    touch(tmp_path, "a.jpg", "out/a.jpg", "out/deeper/b.jpg")
    assert names(gather([str(tmp_path)], recursive=True, avoid=tmp_path / "out"), tmp_path) == ["a.jpg"]
    assert len(gather([str(tmp_path / "out")], avoid=tmp_path / "out")) == 1, "unless it is named as input"


def test_linked_folders_are_not_followed_in_a_circle(tmp_path: Path):
    touch(tmp_path, "sub/a.jpg")
    (tmp_path / "sub" / "back").symlink_to(tmp_path, target_is_directory=True)
    assert names(gather([str(tmp_path)], recursive=True), tmp_path) == ["sub/a.jpg"]


def test_earlier_results_are_left_out_of_folders(tmp_path: Path):
    touch(tmp_path, "a.jpg", "a-color.jpg", "a-compare.jpg", "b.bmp", "b-color.png", "alone-color.jpg")
    assert names(gather([str(tmp_path)]), tmp_path) == ["a.jpg", "alone-color.jpg", "b.bmp"]


def test_earlier_results_are_marked_where_several_files_are_named(tmp_path: Path):
    touch(tmp_path, "a.jpg", "a-color.jpg")
    found = gather([str(tmp_path / "a-color.jpg"), str(tmp_path / "a.jpg")])
    assert [source.earlier_result for source in found] == [True, False]
    assert not gather([str(tmp_path / "a-color.jpg")])[0].earlier_result, "named alone, it is meant"


def test_globs_are_expanded_here_too(tmp_path: Path):
    touch(tmp_path, "b.jpg", "a.jpg", "a.png", "sub/c.jpg")
    assert names(gather([str(tmp_path / "*.jpg")]), tmp_path) == ["a.jpg", "b.jpg"]
    assert names(gather([str(tmp_path / "**" / "*.jpg")]), tmp_path) == ["a.jpg", "b.jpg", "sub/c.jpg"]
    assert names(gather([str(tmp_path / "s*")]), tmp_path) == ["sub/c.jpg"], "a folder that matches is gone into"


def test_a_file_that_looks_like_a_pattern_is_itself(tmp_path: Path):
    touch(tmp_path, "scan[1].jpg", "scan1.jpg")
    assert names(gather([str(tmp_path / "scan[1].jpg")]), tmp_path) == ["scan[1].jpg"]


def test_a_file_named_twice_is_one_input(tmp_path: Path):
    touch(tmp_path, "a.jpg", "b.jpg")
    roundabout = f"{tmp_path}{os.sep}.{os.sep}b.jpg"
    assert names(gather([str(tmp_path / "b.jpg"), str(tmp_path), roundabout]), tmp_path) == ["b.jpg", "a.jpg"]


def test_the_home_folder_is_known_where_the_shell_left_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    touch(tmp_path, "a.jpg")
    monkeypatch.setenv("USERPROFILE" if sys.platform == "win32" else "HOME", str(tmp_path))
    assert names(gather(["~/a.jpg"]), tmp_path) == ["a.jpg"]


@pytest.mark.parametrize(
    ("argument", "words"),
    [
        ("nothing.jpg", "no such file or folder"),
        ("*.nothing", "no file matches this pattern"),
        ("empty", "no photographs or films in this folder; --recursive looks into its sub-folders"),
    ],
)
def test_what_cannot_be_used_is_told_and_the_rest_is_done(tmp_path: Path, argument: str, words: str):
    touch(tmp_path, "a.jpg")
    (tmp_path / "empty").mkdir()
    bad, good = gather([str(tmp_path / argument), str(tmp_path / "a.jpg")])
    assert str(bad.error) == f"{tmp_path / argument}: {words}"
    assert good.error is None


def test_addresses_are_named_after_their_path():
    (source,) = gather(["https://example.org/old/grand%20ma.jpg?size=large#top"])
    assert (source.place, source.relative.as_posix()) == ("address", "grand ma.jpg")


def test_stdin_can_be_read_once():
    assert gather(["-"])[0].place == "stdin"
    with pytest.raises(InputError, match="named twice"):
        gather(["-", "-"])
