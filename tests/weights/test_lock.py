"""One at a time, whatever becomes of the others."""

from __future__ import annotations

import errno
import subprocess
import sys
import threading

from retint.weights import Patience, fetch_entry, lock
from retint.weights.lock import exclusive


def test_second_waits_until_the_first_is_done(tmp_path):
    path, waited, order = tmp_path / "x.lock", threading.Event(), []

    def second():
        with exclusive(path, waited.set) as held:
            order.append(("second", held))

    with exclusive(path, lambda: None) as held:
        thread = threading.Thread(target=second)
        thread.start()
        assert waited.wait(30)
        order.append(("first", held))
    thread.join(30)
    assert order == [("first", True), ("second", True)]
    assert not path.exists()


def test_lock_of_a_killed_process_is_free(tmp_path):
    path = tmp_path / "x.lock"
    script = (
        "import sys, time\nfrom pathlib import Path\nfrom retint.weights.lock import exclusive\n"
        f"with exclusive(Path({str(path)!r}), lambda: None):\n    print('held', flush=True)\n    time.sleep(60)\n"
    )
    with subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True) as child:
        assert child.stdout.readline() == "held\n"
        child.kill()
    with exclusive(path, lambda: None) as held:
        assert held


def test_folder_without_locks_gets_a_file_of_its_own(tmp_path, monkeypatch, server, reply, payload, entry_for, home):
    def unsupported(descriptor):
        raise OSError(errno.ENOSYS, "Function not implemented")

    monkeypatch.setattr(lock, "_lock", unsupported)
    (home / "weights").mkdir(parents=True)
    (home / "weights" / "planted.pth.partial").write_bytes(b"of another process")
    entry = entry_for(server.at("/f", reply(payload)))
    assert fetch_entry(entry, home=home, patience=Patience(pause=0.01)).read_bytes() == payload
    assert (home / "weights" / "planted.pth.partial").read_bytes() == b"of another process"
    assert server.ranges() == [None]
    assert not list((home / "weights").glob("*.[0-9]*.partial*"))
