"""Many at once: bounded, in turn, and given up with those who asked."""

from __future__ import annotations

import socket
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from serving import Serve, Served, picture, until

from retint.errors import RenderError, RenderMemoryError
from retint.rendering.network import Floats, NetworkInfo
from retint.server.turns import SharedNetwork, Turns


def open_form(served: Served, size: int = 1 << 20) -> socket.socket:
    """A connection on which a form with a file has begun, and does not go on."""
    host, port = served.http.base_url.host, served.http.base_url.port
    assert port is not None
    client = socket.create_connection((host, port))
    head = f"POST /v1/colorize HTTP/1.1\r\nHost: {host}:{port}\r\nContent-Length: {size}\r\n"
    part = '--x\r\nContent-Disposition: form-data; name="file"; filename="a.jpg"\r\n\r\n'
    client.sendall(f"{head}Content-Type: multipart/form-data; boundary=x\r\n\r\n{part}".encode() + picture()[:500])
    return client


def test_who_finds_no_place_is_told_when_to_come_again(inside: Serve):
    served = inside(photographs=2, delay=0.6)
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda seed: served.colorize(picture(seed=seed)), range(8)))
    statuses = sorted(answer.status_code for answer in answers)
    assert set(statuses) == {200, 429} and statuses.count(200) >= 2
    busy = next(answer for answer in answers if answer.status_code == 429)
    assert busy.json()["code"] == "Busy" and int(busy.headers["retry-after"]) >= 1
    assert served.in_work == {"photographs": 0, "films": 0}
    assert served.colorize(picture()).status_code == 200


def test_a_refusal_reaches_who_is_still_sending(inside: Serve):
    served = inside(photographs=0)
    answer = served.colorize(picture() + bytes(30 << 20))
    assert answer.status_code == 429


def test_a_client_that_goes_away_in_mid_upload_frees_its_place(inside: Serve):
    served = inside(photographs=1)
    with open_form(served):
        until(lambda: served.files)
        assert served.in_work["photographs"] == 1
        assert served.colorize(picture()).status_code == 429
    until(lambda: served.in_work["photographs"] == 0)
    assert served.files == []
    assert served.colorize(picture()).status_code == 200


def test_who_leaves_while_waiting_is_not_worked_for(inside: Serve):
    seen: list[float] = []
    gate = threading.Event()

    def answer(batch: Floats) -> Floats:
        seen.append(float(batch.mean()))
        assert gate.wait(20)
        return np.full((len(batch), 2, *batch.shape[2:]), 0.1, np.float32)

    served = inside(photographs=20, answer=answer)
    with ThreadPoolExecutor(10) as pool:
        staying = pool.submit(served.colorize, picture())
        until(lambda: seen)
        clients: list[socket.socket] = []
        body = picture(seed=1)
        for _ in range(8):
            form = (
                b'--x\r\nContent-Disposition: form-data; name="file"; filename="a.jpg"\r\n\r\n'
                + body
                + b"\r\n--x--\r\n"
            )
            host, port = served.http.base_url.host, served.http.base_url.port
            client = socket.create_connection((host, port or 0))
            head = f"POST /v1/colorize HTTP/1.1\r\nHost: {host}\r\nContent-Type: multipart/form-data; boundary=x\r\n"
            client.sendall(f"{head}Content-Length: {len(form)}\r\n\r\n".encode() + form)
            clients.append(client)
        until(lambda: served.in_work["photographs"] == 9)
        for client in clients:
            client.close()
        until(lambda: served.in_work["photographs"] == 1)
        gate.set()
        assert staying.result().status_code == 200
    # the first, and at most those three that other workers had read already when their clients left
    assert len(seen) <= 4
    until(lambda: not served.files)


def test_an_upload_that_stalls_is_given_up(inside: Serve):
    served = inside(idle_seconds=0.4)
    with open_form(served) as client:
        client.settimeout(20)
        assert b"408 Request Timeout" in client.recv(4096)
    until(lambda: served.in_work["photographs"] == 0)
    assert served.files == []


def test_what_takes_too_long_is_told(inside: Serve):
    served = inside(photo_seconds=0.3, delay=1.5)
    answer = served.colorize(picture())
    assert (answer.status_code, answer.json()["code"]) == (503, "TookTooLong")
    assert served.in_work["photographs"] == 0


def test_who_does_not_take_the_result_is_given_up(inside: Serve):
    served = inside(idle_seconds=0.5, slowest_bytes=1 << 40)
    large = picture("PNG", size=(1600, 1600))
    form = b'--x\r\nContent-Disposition: form-data; name="file"; filename="a.png"\r\n\r\n' + large + b"\r\n--x--\r\n"
    host, port = served.http.base_url.host, served.http.base_url.port
    with socket.socket() as client:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        client.connect((host, port or 0))
        head = f"POST /v1/colorize HTTP/1.1\r\nHost: {host}\r\nContent-Type: multipart/form-data; boundary=x\r\n"
        client.sendall(f"{head}Content-Length: {len(form)}\r\n\r\n".encode() + form)
        client.settimeout(20)
        assert b"200 OK" in client.recv(1024)
        time.sleep(1.5)  # the server has given up by now
        served.in_work  # noqa: B018 - and works on
        size = 0
        while piece := client.recv(1 << 16):
            size += len(piece)
        assert size < 1600 * 1600 // 8


# turns


class Recorder:
    """A network of a GPU, or a CPU, that notes what it is given and how many runs are at once."""

    def __init__(self, device: str, fail: Exception | None = None, most: int = 100) -> None:
        self.info = NetworkInfo("fake", "lite", "0", "chroma", 10, "fake", device)
        self.sizes: list[int] = []
        self.at_once = self.most_at_once = 0
        self._fail, self._most = fail, most

    def run(self, batch: Floats) -> Floats:
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        self.sizes.append(len(batch))
        time.sleep(0.05)
        self.at_once -= 1
        if self._fail is not None:
            raise self._fail
        if len(batch) > self._most:
            raise RenderMemoryError("planted")
        return batch[:, :2] * 2

    def bytes_needed(self, side: int, pictures: int = 1) -> int:
        return pictures

    def bytes_free(self) -> int | None:
        return None


def ask(network: Recorder, numbers: range, side: int = 32) -> list[Floats | Exception]:
    shared = SharedNetwork(network, Turns())

    def one(number: int) -> Floats | Exception:
        try:
            return shared.run(np.full((1, 3, side, side), number, np.float32))
        except Exception as error:
            return error

    with ThreadPoolExecutor(len(numbers)) as pool:
        return list(pool.map(one, numbers))


@pytest.mark.parametrize(("device", "together"), [("cpu", False), ("cuda", True)])
def test_renders_take_turns_and_wait_together_where_it_helps(device: str, together: bool):
    network = Recorder(device)
    results = ask(network, range(12))
    for number, result in enumerate(results):
        assert isinstance(result, np.ndarray) and result.shape == (1, 2, 32, 32) and (result == 2 * number).all()
    assert network.most_at_once == 1
    assert sum(network.sizes) == 12
    assert (max(network.sizes) > 1) == together and max(network.sizes) <= 8


def test_a_batch_that_does_not_fit_is_done_one_by_one():
    network = Recorder("cuda", most=1)
    results = ask(network, range(6))
    assert all(isinstance(result, np.ndarray) and (result == 2 * n).all() for n, result in enumerate(results))


def test_a_failure_is_everybodys_who_was_in_it():
    results = ask(Recorder("cuda", fail=RenderError("planted")), range(5))
    assert all(isinstance(result, RenderError) for result in results)
