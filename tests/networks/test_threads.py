"""Pieces of work over threads: each exactly once, torch's own number of threads as before, errors not lost."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest

torch = pytest.importorskip("torch")

from retint.networks.threads import spread  # noqa: E402


@pytest.fixture(params=[1, 2, 5])
def threads(request: pytest.FixtureRequest) -> Iterator[int]:
    before = torch.get_num_threads()
    torch.set_num_threads(request.param)
    yield request.param
    torch.set_num_threads(before)


@pytest.mark.parametrize("count", [0, 1, 2, 100])
def test_each_piece_once(threads: int, count: int) -> None:
    done: list[int] = []
    inside: set[int] = set()

    def work(pieces: Iterator[int]) -> None:
        for piece in pieces:
            done.append(piece)
            inside.add(torch.get_num_threads())

    spread(count, work)
    assert sorted(done) == list(range(count))
    assert inside <= ({threads} if min(threads, count) <= 1 else {1})
    assert torch.get_num_threads() == threads


def test_work_that_fails(threads: int) -> None:
    def work(pieces: Iterator[int]) -> None:
        for piece in pieces:
            if piece == 3:
                raise MemoryError("planted")

    with pytest.raises(MemoryError, match="planted"):
        spread(10, work)
    assert torch.get_num_threads() == threads


def test_two_callers_at_once(threads: int) -> None:
    done: list[int] = []

    def call() -> None:
        torch.set_num_threads(threads)
        for _ in range(20):
            spread(4, lambda pieces: done.extend(pieces))

    callers = [threading.Thread(target=call) for _ in range(2)]
    for caller in callers:
        caller.start()
    for caller in callers:
        caller.join(60)
    assert len(done) == 160
    assert torch.get_num_threads() == threads
