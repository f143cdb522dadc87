"""Fifty clients at once for a minute, and clients that are killed: what `retint serve` answers, and what is left of it.

python benchmarks/serve_load.py [--clients 50] [--seconds 60] [--kills 50]

On loopback alone, over the real command and `lite`. Each client is a thread that posts photographs of several sizes,
one after another, and comes again after Retry-After where it is told so. Markdown on stdout; exits with 1 where an
answer is anything but 200 or 429, where memory grows, or where anything is left in the data folder.

Memory: the process's resident set (with its idle pages given back to the system as they are) after a first round, and
after the load, each after a rest.
"""

from __future__ import annotations

import argparse
import collections
import io
import os
import random
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import httpx
import psutil
from PIL import Image
from serve import ROOT, start

SIZES = ((320, 240), (640, 480), (1024, 768), (1600, 1200))
GROWTH = 1.15  # of memory, that a second load as large as the first may bring: allocators keep some
REST = 3.0  # seconds
SENDER = """
import socket, sys, time
client = socket.create_connection(("127.0.0.1", int(sys.argv[1])))
client.sendall(
    b"POST /v1/colorize HTTP/1.1\\r\\nHost: localhost\\r\\nContent-Length: 52428800\\r\\n"
    b"Content-Type: multipart/form-data; boundary=x\\r\\n\\r\\n"
    b'--x\\r\\nContent-Disposition: form-data; name="file"; filename="a.jpg"\\r\\n\\r\\n'
)
while True:
    client.sendall(bytes(65536))
    print("sent", flush=True)
    time.sleep(0.005)
"""


def photographs() -> list[bytes]:
    made: list[bytes] = []
    for name in ("coffee", "cat", "astronaut"):
        for size in SIZES:
            out = io.BytesIO()
            Image.open(ROOT / "samples" / f"{name}.jpg").resize(size, Image.Resampling.LANCZOS).save(out, "JPEG")
            made.append(out.getvalue())
    return made


class Clients:
    """Threads that post until the time is over."""

    def __init__(self, address: str, count: int, seconds: float) -> None:
        self.answers: collections.Counter[str] = collections.Counter()
        self.seconds: list[float] = []  # of answers that were pictures
        self._address, self._lock = address, threading.Lock()
        self._until = time.monotonic() + seconds
        self._pictures = photographs()
        threads = [threading.Thread(target=self._client, args=(number,)) for number in range(count)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    def _client(self, seed: int) -> None:
        chance = random.Random(seed)
        with httpx.Client(base_url=self._address, timeout=120, trust_env=False) as http:
            while time.monotonic() < self._until:
                began = time.perf_counter()
                content = chance.choice(self._pictures)
                try:
                    answer = http.post("/v1/colorize", files={"file": ("photo.jpg", content)})
                    said = str(answer.status_code)
                except httpx.HTTPError as error:
                    answer, said = None, type(error).__name__
                took = time.perf_counter() - began
                with self._lock:
                    self.answers[said] += 1
                    if said == "200":
                        self.seconds.append(took)
                if answer is not None and answer.status_code == 429:
                    time.sleep(min(float(answer.headers["retry-after"]), max(0.0, self._until - time.monotonic())))


def kill_clients(port: int, count: int) -> None:
    for number in range(count):
        sender = subprocess.Popen(
            [sys.executable, "-S", "-c", SENDER, str(port)], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
        )
        with sender:
            for _ in range(1 + number % 5):
                sender.stdout.readline()
            sender.kill()


def left(data: Path) -> list[str]:
    return [str(path) for path in data.rglob("*") if path.is_file() and path.name != "lock"]


def memory(process: psutil.Process) -> float:
    time.sleep(REST)
    return process.memory_info().rss / 1e6


def descriptors(process: psutil.Process) -> int:
    return process.num_fds() if hasattr(process, "num_fds") else 0


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--clients", type=int, default=50)
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--kills", type=int, default=50)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        data = Path(name) / "data"
        server, address = start(data)
        process = psutil.Process(server.pid)
        wrong: list[str] = []
        try:
            Clients(address, arguments.clients, arguments.seconds / 3)
            before, files_before = memory(process), descriptors(process)
            clients = Clients(address, arguments.clients, arguments.seconds)
            after, files_after = memory(process), descriptors(process)
            kill_clients(int(address.rstrip("/").rpartition(":")[2]), arguments.kills)
            time.sleep(1)
            killed = memory(process)
            in_work = httpx.get(f"{address}healthz", trust_env=False).json()["in_work"]
            remains = left(data)
        finally:
            server.terminate()
            code = server.wait(30)
    done = sorted(clients.seconds)
    print(f"{arguments.clients} clients for {arguments.seconds:g} s, {len(os.sched_getaffinity(0))} cores\n")
    print("| | |\n|---|---:|")
    for said, count in sorted(clients.answers.items()):
        print(f"| answers {said} | {count} |")
    print(f"| pictures a second | {len(done) / arguments.seconds:.1f} |")
    print(f"| seconds a picture, in the middle | {statistics.median(done):.2f} |")
    print(f"| p95 | {done[int(len(done) * 0.95)]:.2f} |")
    print(f"| longest | {done[-1]:.2f} |")
    print(f"| memory after a third of it, MB | {before:.0f} |")
    print(f"| after all of it | {after:.0f} |")
    print(f"| after {arguments.kills} clients killed in mid-upload | {killed:.0f} |")
    print(f"| open files before and after | {files_before}, {files_after} |")
    print(f"| files left in the data folder | {len(remains)} |")
    if set(clients.answers) - {"200", "429"}:
        wrong.append(f"answers other than 200 and 429: {dict(clients.answers)}")
    if max(after, killed) > before * GROWTH:
        wrong.append(f"memory grew from {before:.0f} MB to {max(after, killed):.0f} MB")
    if remains or in_work != {"photographs": 0, "films": 0}:
        wrong.append(f"left behind: {remains}, in work {in_work}")
    if code != 0:
        wrong.append(f"the server ended with {code}")
    if wrong:
        sys.exit("\n".join(wrong))


if __name__ == "__main__":
    main()
