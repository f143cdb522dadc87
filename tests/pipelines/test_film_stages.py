"""Threads in a row: order, bounds, and an end for all when one fails."""

from __future__ import annotations

import threading
import time

import pytest

from retint.pipelines.film_stages import Handover, Stages


def _alive() -> list[str]:
    return [thread.name for thread in threading.enumerate() if thread.name.startswith("retint-test")]


def _until(condition: object) -> None:
    deadline = time.monotonic() + 30
    while not condition() and time.monotonic() < deadline:  # type: ignore[operator]
        time.sleep(0.002)


def test_items_come_out_in_order():
    got: list[int] = []
    with Stages() as stages:
        first, second = Handover[int | None](stages, 2), Handover[int | None](stages, 2)

        def double() -> None:
            while (item := first.get()) is not None:
                second.put(2 * item)
            second.put(None)

        stages.start("test-count", lambda: [first.put(number) for number in (*range(50), None)])
        stages.start("test-double", double)
        while (item := second.get()) is not None:
            got.append(item)
        stages.wait()
    assert got == [2 * number for number in range(50)]
    assert not _alive()


def test_a_full_queue_holds_the_one_before():
    put = 0
    with Stages() as stages:
        queue = Handover[int](stages, 3)

        def count() -> None:
            nonlocal put
            for number in range(20):
                queue.put(number)
                put = number + 1

        stages.start("test-count", count)
        _until(lambda: put >= 3)
        assert put == 3
        for _ in range(20):
            queue.get()
        stages.wait()
    assert put == 20


@pytest.mark.parametrize("waits", ["to put", "to get"])
def test_an_error_of_one_stage_ends_all_and_is_raised(waits: str):
    with pytest.raises(ZeroDivisionError), Stages() as stages:
        queue = Handover[int](stages, 1)

        def stuck() -> None:
            while True:
                _ = queue.put(1) if waits == "to put" else queue.get()

        stages.start("test-stuck", stuck)
        stages.start("test-fails", lambda: 1 // 0)
        stages.wait()
    assert not _alive()


def test_the_callers_own_error_is_the_one_that_is_raised():
    with pytest.raises(KeyError), Stages() as stages:
        queue = Handover[int](stages, 1)
        stages.start("test-stuck", queue.get)
        raise KeyError
    assert not _alive()


def test_a_caller_who_waits_for_a_stage_that_failed_hears_why():
    with pytest.raises(ZeroDivisionError), Stages() as stages:
        queue = Handover[int](stages, 1)
        stages.start("test-fails", lambda: 1 // 0)
        queue.get()


def test_a_stages_time_is_added_up(monkeypatch: pytest.MonkeyPatch):
    now = iter([1.0, 3.0, 10.0, 10.5])
    monkeypatch.setattr(time, "perf_counter", lambda: next(now))
    stages = Stages()
    for _ in range(2):
        with stages.timed("render"):
            pass
    assert stages.seconds == {"render": 2.5}
