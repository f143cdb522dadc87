"""Files that appear whole or not at all, and JPEG at the quality of its source."""

from __future__ import annotations

import errno
import io
import os
import stat
import sys
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from planted import SUFFIXES, WRITABLE, alpha, by_pillow, encoded, grey, photo, rgb

from retint.errors import MissingExtraError, OutputError, OutputExistsError
from retint.images import atomic, read_photo, whole_file, write_photo
from retint.images.jpeg import scan_segments

POSIX = pytest.mark.skipif(os.name == "nt", reason="permissions and links of POSIX")


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


@pytest.mark.parametrize("format", WRITABLE)
def test_the_suffix_decides(format: str, tmp_path: Path):
    if format == "HEIF":
        pytest.importorskip("pillow_heif")
    target = tmp_path / f"photo{SUFFIXES[format].upper()}"
    write_photo(photo(rgb()), target)
    assert read_photo(target).format == format
    assert names(tmp_path) == [target.name]


def test_a_stream_takes_the_photographs_own_format():
    for source, expected in (("BMP", "PNG"), ("GIF", "PNG"), ("WEBP", "WEBP")):
        out = io.BytesIO()
        write_photo(read_photo(by_pillow(Image.fromarray(rgb()), source)), out)
        assert read_photo(out.getvalue()).format == expected


def test_format_overrules_the_suffix(tmp_path: Path):
    write_photo(photo(rgb()), tmp_path / "photo.dat", format="PNG")
    assert read_photo(tmp_path / "photo.dat").format == "PNG"


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("photo", "no suffix"),
        ("photo.xyz", 'suffix ".xyz" names no picture format'),
        ("photo.bmp", "BMP files cannot say that a machine coloured them"),
        ("photo.gif", "GIF files cannot say that a machine coloured them"),
    ],
)
def test_formats_that_are_not_written(name: str, words: str, tmp_path: Path):
    with pytest.raises(OutputError, match=f"{words}.*use one of .jpg, .png, .tif"):
        write_photo(photo(rgb()), tmp_path / name)
    assert names(tmp_path) == []


def test_nothing_is_overwritten_unasked(tmp_path: Path):
    target = tmp_path / "photo.png"
    target.write_bytes(b"precious")
    with pytest.raises(OutputExistsError, match="the file exists"):
        write_photo(photo(rgb()), target)
    assert target.read_bytes() == b"precious"
    write_photo(photo(rgb()), target, overwrite=True)
    assert np.array_equal(read_photo(target).pixels, rgb())
    assert names(tmp_path) == ["photo.png"]


def test_a_file_that_comes_to_exist_meanwhile_is_not_overwritten(tmp_path: Path):
    target = tmp_path / "photo.png"
    with pytest.raises(OutputExistsError), whole_file(target, overwrite=False) as file:
        file.write(b"ours")
        target.write_bytes(b"theirs")
    assert target.read_bytes() == b"theirs"
    assert names(tmp_path) == ["photo.png"]


def test_only_one_of_many_writers_wins(tmp_path: Path):
    target, won, lost = tmp_path / "photo.png", [], []
    gate = threading.Barrier(8)

    def work(number: int) -> None:
        gate.wait()
        try:
            write_photo(photo(np.full((40, 40), number, np.uint8)), target)
            won.append(number)
        except OutputExistsError:
            lost.append(number)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(won) == 1 and len(lost) == 7
    assert (read_photo(target).pixels == won[0]).all()
    assert names(tmp_path) == ["photo.png"]


@POSIX
def test_file_systems_without_links(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    def no_links(*_: Any) -> None:
        raise PermissionError(errno.EPERM, "Operation not permitted")

    monkeypatch.setattr(os, "link", no_links)
    target = tmp_path / "photo.png"
    write_photo(photo(grey()), target)
    assert np.array_equal(read_photo(target).pixels, grey())
    with pytest.raises(OutputExistsError), whole_file(tmp_path / "other.png", overwrite=False) as file:
        file.write(b"ours")
        (tmp_path / "other.png").write_bytes(b"theirs")
    assert (tmp_path / "other.png").read_bytes() == b"theirs"
    assert names(tmp_path) == ["other.png", "photo.png"]


@pytest.mark.parametrize("format", ["JPEG", "PNG", "TIFF", "WEBP", "AVIF"])
@pytest.mark.parametrize("overwrite", [False, True])
@pytest.mark.parametrize(
    "fault",
    [
        OSError(errno.ENOSPC, "No space left on device"),
        ValueError("encoder\nerror"),
        RuntimeError("codec"),
        KeyboardInterrupt(),
    ],
)
def test_a_failing_encoder_leaves_nothing(
    format: str, overwrite: bool, fault: BaseException, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    """The encoder writes some bytes and fails: the old file stays, and no temporary one."""
    from retint.images import writing

    module, function = writing._WRITERS[format]

    def fail(_photo: Any, out: Any, _quality: int) -> None:
        out.write(b"half a picture")
        out.flush()
        raise fault

    monkeypatch.setattr(f"retint.images.{module}.{function}", fail)
    target = tmp_path / f"photo{SUFFIXES[format]}"
    if overwrite:
        target.write_bytes(b"precious")
    expected = KeyboardInterrupt if isinstance(fault, KeyboardInterrupt) else OutputError
    with pytest.raises(expected) as raised:
        write_photo(photo(rgb()), target, overwrite=overwrite)
    if expected is OutputError:
        message = str(raised.value)
        assert message.startswith(f"{target}: ")
        assert "\n" not in message
        if isinstance(fault, OSError):
            assert "No space left on device); make room on the disk" in message
    assert names(tmp_path) == ([target.name] if overwrite else [])
    assert not overwrite or target.read_bytes() == b"precious"


@POSIX
@pytest.mark.parametrize("format", ["JPEG", "PNG", "TIFF", "WEBP"])
def test_a_disk_that_is_really_full(format: str, tmp_path: Path):
    """The system itself refuses to write more than 4 kB into one file."""
    import subprocess

    target = tmp_path / f"photo{SUFFIXES[format]}"
    code = (
        "import resource, signal, sys; import numpy as np\n"
        "from retint.errors import OutputError; from retint.images import Photograph, write_photo\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN); resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))\n"
        "noise = np.random.default_rng(0).integers(0, 256, (200, 200, 3), dtype=np.uint8)\n"
        "try: write_photo(Photograph(noise, None), sys.argv[1])\n"
        "except OutputError as error: sys.stdout.write(str(error)); sys.exit(7)\n"
    )
    done = subprocess.run([sys.executable, "-c", code, str(target)], capture_output=True, text=True, check=False)
    assert done.returncode == 7, done.stderr
    assert "File too large" in done.stdout
    assert names(tmp_path) == []


@pytest.mark.parametrize("step", ["fsync", "replace", "link"])
def test_a_failing_rename_leaves_nothing(step: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    def fail(*_: Any) -> None:
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(os, step, fail)
    with pytest.raises(OutputError, match="Input/output error"):
        write_photo(photo(rgb()), tmp_path / "photo.png", overwrite=step == "replace")
    assert names(tmp_path) == []


def test_the_file_is_on_the_disk_before_it_has_its_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    target, calls = tmp_path / "photo.png", list[tuple[str, bool]]()
    real_sync, real_link = os.fsync, os.link
    monkeypatch.setattr(os, "fsync", lambda number: (calls.append(("fsync", target.exists())), real_sync(number))[1])
    monkeypatch.setattr(os, "link", lambda *args: (calls.append(("link", target.exists())), real_link(*args))[1])
    write_photo(photo(rgb()), target)
    assert calls[:2] == [("fsync", False), ("link", False)]


def test_places_that_cannot_be_written_to(tmp_path: Path):
    with pytest.raises(OutputError, match=r"there is no folder .*; make it first"):
        write_photo(photo(rgb()), tmp_path / "missing" / "photo.png")
    (tmp_path / "folder.png").mkdir()
    with pytest.raises(OutputError, match="this is a folder"):
        write_photo(photo(rgb()), tmp_path / "folder.png", overwrite=True)
    with pytest.raises(OutputError, match="choose a shorter name"):
        write_photo(photo(rgb()), tmp_path / f"{'x' * 300}.png")
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(OutputError):
        write_photo(photo(rgb()), tmp_path / "file" / "photo.png")


@POSIX
def test_devices_and_pipes_are_never_replaced(tmp_path: Path):
    os.mkfifo(tmp_path / "pipe.png")
    with pytest.raises(OutputError, match="no ordinary file"):
        write_photo(photo(rgb()), tmp_path / "pipe.png", overwrite=True)
    assert stat.S_ISFIFO((tmp_path / "pipe.png").stat().st_mode)


@POSIX
def test_permissions(tmp_path: Path):
    plain = tmp_path / "plain"
    plain.touch()  # what the umask of this process gives
    write_photo(photo(rgb()), tmp_path / "new.png")
    assert (tmp_path / "new.png").stat().st_mode == plain.stat().st_mode
    (tmp_path / "new.png").chmod(0o640)
    write_photo(photo(rgb()), tmp_path / "new.png", overwrite=True)
    assert stat.S_IMODE((tmp_path / "new.png").stat().st_mode) == 0o640


@POSIX
def test_links_are_followed(tmp_path: Path):
    (tmp_path / "archive").mkdir()
    real, link = tmp_path / "archive" / "photo.png", tmp_path / "link.png"
    real.write_bytes(b"old")
    link.symlink_to(real)
    with pytest.raises(OutputExistsError):
        write_photo(photo(rgb()), link)
    write_photo(photo(rgb()), link, overwrite=True)
    assert link.is_symlink()
    assert np.array_equal(read_photo(real).pixels, rgb())
    dangling = tmp_path / "dangling.png"
    dangling.symlink_to(tmp_path / "nowhere.png")
    with pytest.raises(OutputExistsError):
        write_photo(photo(rgb()), dangling)


def test_input_and_output_may_be_the_same_file(tmp_path: Path):
    file = tmp_path / "photo.tif"
    file.write_bytes(encoded(rgb(), "TIFF"))
    write_photo(read_photo(file), file, overwrite=True)
    assert np.array_equal(read_photo(file).pixels, rgb())


def test_a_stream_gets_nothing_when_encoding_fails(monkeypatch: pytest.MonkeyPatch):
    def fail(_photo: Any, out: Any, _quality: int) -> None:
        out.write(b"half a picture")
        raise RuntimeError("codec")

    monkeypatch.setattr("retint.images.png.write_png", fail)
    out = io.BytesIO()
    with pytest.raises(OutputError, match="PNG could not be encoded"):
        write_photo(photo(rgb()), out, format="PNG")
    assert out.getvalue() == b""


def test_a_pipe_that_breaks_is_one_line():
    class Broken(io.BytesIO):
        def write(self, _: Any) -> int:
            raise BrokenPipeError(errno.EPIPE, "Broken pipe")

    with pytest.raises(OutputError, match="the output: could not be written \\(Broken pipe\\)"):
        write_photo(photo(rgb()), Broken(), format="PNG")


def test_pictures_too_large_for_a_format_are_refused_with_advice(tmp_path: Path):
    wide = photo(np.zeros((1, 16384), np.uint8))
    with pytest.raises(OutputError, match="WEBP ends at 16383; use PNG or TIFF"):
        write_photo(wide, tmp_path / "wide.webp")
    with pytest.raises(OutputError, match="JPEG ends at 65500"):
        write_photo(photo(np.zeros((65501, 1), np.uint8)), tmp_path / "tall.jpg")
    assert names(tmp_path) == []


def test_heic_without_pillow_heif_names_the_extra(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(sys.modules, "pillow_heif", None)
    with pytest.raises(MissingExtraError, match=r"pip install 'retint\[heic\]'"):
        write_photo(photo(rgb()), tmp_path / "photo.heic")
    assert names(tmp_path) == []


# Quality


def jpeg_tables(data: bytes) -> tuple[list[list[int]], list[tuple[int, int]]]:
    image = Image.open(io.BytesIO(data))
    sampling = [(layer[1], layer[2]) for layer in image.layer]  # type: ignore[attr-defined]
    return [image.quantization[key] for key in sorted(image.quantization)], sampling  # type: ignore[attr-defined]


@pytest.mark.parametrize("make", [grey, rgb])
def test_estimated_quality_is_exact_for_libjpeg(make: Any):
    for quality in range(1, 101):
        data = by_pillow(Image.fromarray(make(width=16, height=16)), "JPEG", quality=quality)
        estimated = read_photo(data).quality
        assert estimated is not None
        # Neighbours with the same tables cannot be told apart.
        again = by_pillow(Image.fromarray(make(width=16, height=16)), "JPEG", quality=estimated)
        assert estimated <= quality
        assert jpeg_tables(again)[0] == jpeg_tables(data)[0]


def test_foreign_tables_err_to_the_better_side():
    luma, chroma = [9] * 64, [14] * 64
    data = by_pillow(Image.fromarray(rgb()), "JPEG", qtables=[luma, chroma])
    read = read_photo(data)
    assert read.quality is not None
    out = io.BytesIO()
    write_photo(read, out, format="JPEG")
    tables, _ = jpeg_tables(out.getvalue())
    assert all(step <= 9 for step in tables[0])
    assert all(step <= 14 for step in tables[1])


@pytest.mark.parametrize(("source", "expected"), [(60, 92), (92, 92), (97, 97), (100, 100)])
def test_jpeg_is_written_at_the_quality_of_its_source_or_better(source: int, expected: int):
    read = read_photo(by_pillow(Image.fromarray(rgb()), "JPEG", quality=source))
    out = io.BytesIO()
    write_photo(read, out)
    assert read_photo(out.getvalue()).quality == expected
    out = io.BytesIO()
    write_photo(read, out, quality=80)
    assert read_photo(out.getvalue()).quality == 80


def test_default_quality_and_full_chroma():
    for covered in (None, alpha()):
        data = encoded(rgb(), "JPEG", covered, quality=None)
        assert read_photo(data).quality == 92
        assert jpeg_tables(data)[1] == [(1, 1)] * 3  # 4:4:4
    assert scan_segments(data).frame == 0xC0


def test_quality_is_checked():
    for quality in (0, 101, -3):
        with pytest.raises(ValueError, match="wanted 1 to 100"):
            write_photo(photo(rgb()), io.BytesIO(), format="JPEG", quality=quality)


def test_lossless_webp_stays_lossless():
    source = by_pillow(Image.fromarray(rgb()), "WEBP", lossless=True)
    read = read_photo(source)
    assert read.quality == 100
    out = io.BytesIO()
    write_photo(read, out)
    assert np.array_equal(read_photo(out.getvalue()).pixels, rgb())
    assert read_photo(by_pillow(Image.fromarray(rgb()), "WEBP", quality=80)).quality is None


def test_temporary_names_lie_beside_the_target(tmp_path: Path):
    with whole_file(tmp_path / "photo.png", overwrite=False) as file:
        file.write(b"x")
        assert len(names(tmp_path)) == 1
        assert names(tmp_path)[0].startswith(".retint-")
        assert not (tmp_path / "photo.png").exists()
    assert names(tmp_path) == ["photo.png"]
    assert atomic.whole_file is whole_file
