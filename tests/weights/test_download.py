"""Downloads from a server that cuts, lies, redirects and stalls."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
import time

import pytest

from retint.errors import ChecksumError, DownloadError, WeightsError
from retint.weights import Patience, fetch_entry
from retint.weights.download import Origin, Partial

QUICK = Patience(pause=0.01, stall=20)
HASTY = Patience(pause=0.01, stall=0.6, rounds=1)
HTML = b"<!DOCTYPE html>\n<html><title>Sign in</title></html>" + b" " * 9000


def files(home):
    return sorted(path.name for path in (home / "weights").iterdir())


def test_file_arrives_whole_and_alone(server, reply, payload, entry_for, home):
    entry = entry_for(server.at("/f", reply(payload)))
    path = fetch_entry(entry, home=home, patience=QUICK)
    assert path == home / "weights" / "planted.pth"
    assert path.read_bytes() == payload
    assert files(home) == ["planted.pth", "planted.pth.verified"]
    assert fetch_entry(entry, home=home) == path
    assert len(server.seen) == 1, "a file that is here is not asked for again"


def test_progress_tells_bytes_here_and_whole(server, reply, payload, entry_for, home):
    entry = entry_for(server.at("/f", reply(payload, cut=100_000), reply(payload)))
    calls = []
    fetch_entry(entry, home=home, patience=QUICK, progress=lambda here, whole: calls.append((here, whole)))
    heres = [here for here, _ in calls]
    assert calls[0] == (0, len(payload)) and calls[-1] == (len(payload), len(payload))
    assert heres == sorted(heres) and 100_000 in heres


def test_cut_is_taken_up_where_it_was(server, reply, payload, entry_for, home):
    cuts = [reply(payload, etag='"a"', cut=cut) for cut in (100_000, 70_000)]
    entry = entry_for(server.at("/f", *cuts, reply(payload, etag='"a"')))
    assert fetch_entry(entry, home=home, patience=QUICK).read_bytes() == payload
    assert server.ranges() == [None, "bytes=100000-", "bytes=170000-"]
    assert [one.if_range for one in server.seen] == [None, '"a"', '"a"']


def test_cut_of_a_chunked_answer(server, reply, payload, entry_for, home):
    entry = entry_for(server.at("/f", reply(payload, chunked=True, cut=100_000), reply(payload, chunked=True)))
    assert fetch_entry(entry, home=home, patience=QUICK).read_bytes() == payload
    assert server.ranges() == [None, "bytes=100000-"]


def test_date_serves_where_the_etag_is_weak(server, reply, payload, entry_for, home):
    date = "Wed, 21 Oct 2015 07:28:00 GMT"
    cut = reply(payload, etag='W/"a"', modified=date, cut=100_000)
    entry = entry_for(server.at("/f", cut, reply(payload, etag='W/"a"', modified=date)))
    assert fetch_entry(entry, home=home, patience=QUICK).read_bytes() == payload
    assert server.seen[1].if_range == date


def test_server_without_ranges_starts_again(server, reply, payload, entry_for, home):
    entry = entry_for(server.at("/f", reply(payload, ranges=False, cut=100_000), reply(payload, ranges=False)))
    assert fetch_entry(entry, home=home, patience=QUICK).read_bytes() == payload
    assert server.ranges() == [None, "bytes=100000-"]


def test_file_that_changes_between_attempts_starts_again(server, reply, payload, entry_for, home):
    old = payload[::-1]
    entry = entry_for(server.at("/f", reply(old, etag='"old"', cut=100_000), reply(payload, etag='"new"')))
    assert fetch_entry(entry, home=home, patience=QUICK).read_bytes() == payload
    assert len(server.seen) == 2, "If-Range made the server begin anew by itself"


def test_file_that_changes_unnoticed_is_found_by_its_hash(server, reply, payload, entry_for, home):
    entry = entry_for(server.at("/f", reply(payload[::-1], cut=100_000), reply(payload)))
    assert fetch_entry(entry, home=home, patience=QUICK).read_bytes() == payload
    assert server.ranges() == [None, "bytes=100000-", None]


def test_always_cut_at_the_same_place_is_given_up_and_kept(server, reply, payload, entry_for, home):
    entry = entry_for(server.at("/f", reply(payload, ranges=False, cut=100_000)))
    with pytest.raises(DownloadError, match=r"cut off after 100000 of 300000 bytes.*100000 bytes are kept"):
        fetch_entry(entry, home=home, patience=QUICK)
    assert len(server.seen) == 4, "the first, its repetition, and two more rounds"
    assert files(home) == ["planted.pth.partial", "planted.pth.partial.json"]


def test_next_call_goes_on_with_the_partial_file(server, reply, payload, entry_for, home):
    entry = entry_for(server.at("/f", reply(payload, cut=100_000), reply(status=404), reply(payload)))
    with pytest.raises(DownloadError):
        fetch_entry(entry, home=home, patience=QUICK)
    assert (home / "weights" / "planted.pth.partial").read_bytes() == payload[:100_000]
    assert fetch_entry(entry, home=home, patience=QUICK).read_bytes() == payload
    assert server.ranges()[-1] == "bytes=100000-"
    assert files(home) == ["planted.pth", "planted.pth.verified"]


def test_other_address_goes_on_where_the_first_died(server, reply, payload, entry_for, home):
    first = server.at("/one", reply(payload, etag='"a"', cut=100_000), reply(status=503))
    entry = entry_for(first, server.at("/two", reply(payload, etag='"b"')))
    assert fetch_entry(entry, home=home, patience=QUICK).read_bytes() == payload
    assert [(one.path, one.range, one.if_range) for one in server.seen][-1] == ("/two", "bytes=100000-", None)


def test_other_address_starts_anew_where_no_size_is_pinned(server, reply, payload, entry_for, home):
    first = server.at("/one", reply(payload, cut=100_000), reply(status=503))
    entry = entry_for(first, server.at("/two", reply(payload)), size=None)
    assert fetch_entry(entry, home=home, patience=QUICK).read_bytes() == payload
    assert server.ranges()[-1] is None


def test_killed_process_leaves_a_partial_file_that_is_used(server, reply, payload, entry_for, home):
    entry = entry_for(server.at("/f", reply(payload, stall=100_000), reply(payload)))
    child = start_fetch(entry, home)
    try:
        assert server.reached.wait(60)
        partial = home / "weights" / "planted.pth.partial"
        deadline = time.monotonic() + 60
        while not (partial.exists() and partial.stat().st_size == 100_000) and time.monotonic() < deadline:
            time.sleep(0.02)
    finally:
        child.kill()
        child.communicate()
    assert fetch_entry(entry, home=home, patience=QUICK).read_bytes() == payload
    assert server.ranges() == [None, "bytes=100000-"]


def test_killed_before_the_final_name_needs_no_network(payload, entry_for, home):
    entry = entry_for("http://127.0.0.1:9/f")
    partial = home / "weights" / "planted.pth.partial"
    partial.parent.mkdir(parents=True)
    partial.write_bytes(payload)
    assert fetch_entry(entry, home=home, patience=QUICK).read_bytes() == payload


@pytest.mark.parametrize("length", [300_000, 300_001])
def test_partial_file_that_is_wrong_is_thrown_away(server, reply, payload, entry_for, home, length):
    entry = entry_for(server.at("/f", reply(payload)))
    partial = home / "weights" / "planted.pth.partial"
    partial.parent.mkdir(parents=True)
    partial.write_bytes(b"\0" * length)
    assert fetch_entry(entry, home=home, patience=QUICK).read_bytes() == payload
    assert server.ranges() == [None]


def test_partial_file_longer_than_the_file_there(server, reply, payload, entry_for, home):
    address = server.at("/f", reply(payload, etag='"a"'))
    partial = Partial(home / "weights" / "planted.pth.partial")
    partial.path.parent.mkdir(parents=True)
    partial.begin(Origin(address, '"a"', None))
    partial.path.write_bytes(b"\0" * 400_000)
    assert fetch_entry(entry_for(address, size=None), home=home, patience=QUICK).read_bytes() == payload
    assert server.ranges() == ["bytes=400000-", None], "416, then anew"


@pytest.mark.parametrize("content_type", ["text/html; charset=utf-8", "application/octet-stream"])
def test_web_page_is_told_as_such(server, reply, entry_for, home, content_type):
    entry = entry_for(server.at("/f", reply(HTML, content_type=content_type)))
    with pytest.raises(DownloadError, match="the address answered with a web page, not weights"):
        fetch_entry(entry, home=home, patience=QUICK)
    assert len(server.seen) == 1, "the page would be the same again"
    assert files(home) == []


def test_web_page_does_not_cost_the_partial_file(server, reply, payload, entry_for, home):
    page = reply(HTML, content_type="text/html", ranges=False)
    entry = entry_for(server.at("/f", reply(payload, etag='"a"', cut=100_000), page))
    with pytest.raises(DownloadError, match="web page"):
        fetch_entry(entry, home=home, patience=QUICK)
    assert (home / "weights" / "planted.pth.partial").read_bytes() == payload[:100_000]


def test_addresses_are_tried_in_order(server, reply, payload, entry_for, home):
    dead = server.at("/dead", reply(status=404))
    page = server.at("/page", reply(HTML))
    good, spare = server.at("/good", reply(payload)), server.at("/spare", reply(payload))
    fetch_entry(entry_for(dead, page, good, spare), home=home, patience=QUICK)
    assert [one.path for one in server.seen] == ["/dead", "/page", "/good"]


def test_every_address_is_named_with_its_reason_in_one_line(server, reply, entry_for, home):
    dead, page = server.at("/dead", reply(status=404)), server.at("/page", reply(HTML))
    with pytest.raises(DownloadError) as caught:
        fetch_entry(entry_for(dead, page, "http://127.0.0.1:9/f"), home=home, patience=QUICK)
    text = str(caught.value)
    assert f"{dead}: 404 Not Found" in text and f"{page}: the address answered with a web page" in text
    assert "http://127.0.0.1:9/f: [Errno" in text
    assert f"put planted.pth into {home / 'weights'} by hand" in text and "\n" not in text
    assert [one.path for one in server.seen] == ["/dead", "/page"], "404 and pages are not asked for again"


def test_busy_server_is_asked_again(server, reply, payload, entry_for, home):
    entry = entry_for(server.at("/f", reply(status=503), reply(status=429), reply(payload)))
    assert fetch_entry(entry, home=home, patience=QUICK).read_bytes() == payload


def test_wrong_size_is_refused_before_a_byte_is_written(server, reply, payload, entry_for, home):
    entry = entry_for(server.at("/f", reply(payload + b"\0")))
    with pytest.raises(ChecksumError, match="offers 300001 bytes, wanted 300000"):
        fetch_entry(entry, home=home, patience=QUICK)
    assert files(home) == []


def test_wrong_content_is_refused(server, reply, payload, entry_for, home):
    entry = entry_for(server.at("/f", reply(payload[::-1])))
    with pytest.raises(ChecksumError, match=r"has SHA-256 [0-9a-f]{64}, wanted [0-9a-f]{64}"):
        fetch_entry(entry, home=home, patience=QUICK)
    assert len(server.seen) == 1 and files(home) == []


def test_head_of_a_hash_is_enough(server, reply, payload, entry_for, home):
    good = entry_for(server.at("/f", reply(payload)))
    head = good.sha256[:8]
    with pytest.raises(ChecksumError, match=f"wanted {head[::-1]}"):
        fetch_entry(entry_for(*good.addresses, size=None, sha256=head[::-1]), home=home, patience=QUICK)
    entry = entry_for(*good.addresses, size=None, sha256=head)
    assert fetch_entry(entry, home=home, patience=QUICK).read_bytes() == payload


def test_length_told_too_long(server, reply, payload, entry_for, home):
    entry = entry_for(server.at("/f", reply(payload, length=400_000)), size=None)
    assert fetch_entry(entry, home=home, patience=QUICK).read_bytes() == payload


def test_length_told_too_long_of_the_wrong_file(server, reply, payload, entry_for, home):
    entry = entry_for(server.at("/f", reply(payload[::-1], ranges=False, length=400_000)), size=None)
    with pytest.raises(DownloadError, match="cut off after 300000 of 400000"):
        fetch_entry(entry, home=home, patience=QUICK)
    assert not (home / "weights" / "planted.pth").exists()


def test_length_told_too_short(server, reply, payload, entry_for, home):
    entry = entry_for(server.at("/f", reply(payload, length=200_000)), size=None)
    with pytest.raises(ChecksumError, match="SHA-256"):
        fetch_entry(entry, home=home, patience=QUICK)


def test_no_length_told(server, reply, payload, entry_for, home):
    entry = entry_for(server.at("/f", reply(payload, length=-1)))
    assert fetch_entry(entry, home=home, patience=QUICK).read_bytes() == payload


@pytest.mark.parametrize("chunked", [False, True])
def test_more_bytes_than_pinned_end_at_once(server, reply, payload, entry_for, home, chunked):
    endless = reply(payload * 3, length=None if chunked else -1, chunked=chunked)
    with pytest.raises(ChecksumError, match="sends more than 300000 bytes"):
        fetch_entry(entry_for(server.at("/f", endless)), home=home, patience=QUICK)


def test_range_other_than_asked_for_starts_anew(server, reply, payload, entry_for, home):
    lie = reply(payload, content_range="bytes 0-299999/300000")
    entry = entry_for(server.at("/f", reply(payload, cut=100_000), lie, reply(payload)))
    assert fetch_entry(entry, home=home, patience=QUICK).read_bytes() == payload
    assert server.ranges() == [None, "bytes=100000-", None]


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_redirect_is_followed_with_its_range(server, reply, payload, entry_for, home, status):
    there = server.at("/there", reply(payload, etag='"a"', cut=100_000), reply(payload, etag='"a"'))
    entry = entry_for(server.at("/here", reply(status=status, location=there)))
    assert fetch_entry(entry, home=home, patience=QUICK).read_bytes() == payload
    assert [(one.path, one.range) for one in server.seen][-1] == ("/there", "bytes=100000-")


@pytest.mark.parametrize("location", ["/f", "file:///etc/passwd", "ftp://127.0.0.1/f"])
def test_redirect_to_itself_or_to_a_file_is_refused(server, reply, entry_for, home, location):
    entry = entry_for(server.at("/f", reply(status=302, location=location)))
    with pytest.raises(DownloadError) as caught:
        fetch_entry(entry, home=home, patience=QUICK)
    assert "redirect" in str(caught.value).lower() and "\n" not in str(caught.value)


@pytest.mark.parametrize("stalled", [0, 100_000])
def test_stalled_server_is_given_up(server, reply, payload, entry_for, home, stalled):
    slow = server.at("/slow", reply(payload, stall=stalled), reply(payload, stall=0))
    good = server.at("/good", reply(payload))
    begin = time.monotonic()
    assert fetch_entry(entry_for(slow, good), home=home, patience=HASTY).read_bytes() == payload
    assert time.monotonic() - begin < 15
    assert server.seen[-1].path == "/good"


def test_dripping_server_is_given_up(server, reply, payload, entry_for, home):
    drip = entry_for(server.at("/f", reply(payload, drip=True)))
    with pytest.raises(DownloadError, match=r"stalled \(\d+ bytes in"):
        fetch_entry(drip, home=home, patience=HASTY)


def test_processes_at_once_download_once(server, reply, payload, entry_for, home):
    entry = entry_for(server.at("/f", reply(payload, stall=150_000), reply(payload)))
    children = [start_fetch(entry, home) for _ in range(3)]
    assert server.reached.wait(60)
    time.sleep(0.5)  # the others come, and find the lock taken
    server.release.set()
    outputs = [child.communicate(timeout=60) for child in children]
    assert [child.returncode for child in children] == [0, 0, 0], outputs
    assert server.ranges() == [None, "bytes=150000-"], "one download, cut once, whoever waited"
    assert files(home) == ["planted.pth", "planted.pth.verified"]


def test_no_room_is_told_before_the_download(server, reply, payload, entry_for, home):
    entry = entry_for(server.at("/f", reply(payload)), size=1 << 60)
    with pytest.raises(WeightsError, match=r"needs \d+ MB in .* are free there.*RETINT_HOME"):
        fetch_entry(entry, home=home, patience=QUICK)
    assert server.seen == []


def test_something_in_the_way_is_told(server, reply, payload, entry_for, home):
    (home / "weights").mkdir(parents=True)
    (home / "weights" / "planted.pth.partial.json").mkdir()
    entry = entry_for(server.at("/f", reply(payload)))
    with pytest.raises(WeightsError, match="cannot write"):
        fetch_entry(entry, home=home, patience=QUICK)


def test_disk_that_fills_up_is_told_and_what_came_is_kept(server, reply, payload, entry_for, home):
    resource = pytest.importorskip("resource", reason="limits on file sizes are POSIX only")
    entry = entry_for(server.at("/f", reply(payload)))
    limit = f"import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, {resource.RLIM_INFINITY}))\n"
    child = start_fetch(entry, home, before=limit)
    _, errors = child.communicate(timeout=60)
    assert child.returncode == 1
    assert f"the disk is full ({os.strerror(errno.EFBIG)}); what has come is kept" in errors
    assert (home / "weights" / "planted.pth.partial").read_bytes() == payload[:100_000]
    assert fetch_entry(entry, home=home, patience=QUICK).read_bytes() == payload
    assert server.ranges() == [None, "bytes=100000-"]


def test_folder_that_cannot_be_made_is_told(payload, entry_for, home):
    home.write_text("a file in the way")
    with pytest.raises(WeightsError, match="Set RETINT_HOME"):
        fetch_entry(entry_for("http://127.0.0.1:9/f"), home=home)


def start_fetch(entry, home, before=""):
    """A process of its own that fetches an entry; a WeightsError ends it with status 1 and its text on stderr."""
    script = (
        "import sys\nfrom pathlib import Path\n"
        "from retint.errors import WeightsError\nfrom retint.weights import Entry, Patience, fetch_entry\n"
        f"{before}try:\n    fetch_entry({entry!r}, home=Path({str(home)!r}), patience=Patience(pause=0.01))\n"
        "except WeightsError as error:\n    sys.exit(str(error))\n"
    )
    return subprocess.Popen([sys.executable, "-c", script], stderr=subprocess.PIPE, text=True)
