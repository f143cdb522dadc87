from __future__ import annotations

import threading

from retint.pipelines.room import MOST_PHOTOS, MOST_PIXELS, Room


def enters(room: Room, pixels: int, most: int = 8) -> int:
    """How many photographs of that size get in before one has to wait."""
    for count in range(most):
        got_in = threading.Event()

        def enter(event: threading.Event = got_in) -> None:
            room.correct(room.enter(), pixels)
            event.set()

        threading.Thread(target=enter, daemon=True).start()
        if not got_in.wait(0.2):
            return count
    return most


def test_a_few_small_photographs_are_in_flight():
    assert enters(Room(), 1_000_000) == MOST_PHOTOS


def test_of_large_photographs_two_are():
    assert enters(Room(), 24_000_000) == 2
    assert enters(Room(), 32_000_000) == 2


def test_of_scans_larger_than_the_room_one_is():
    assert enters(Room(), MOST_PIXELS + 1) == 1


def test_who_leaves_makes_room():
    room = Room(photos=1)
    held = room.correct(room.enter(), 100)
    waiting = threading.Thread(target=room.enter)
    waiting.start()
    waiting.join(0.1)
    assert waiting.is_alive()
    room.leave(held)
    waiting.join(5)
    assert not waiting.is_alive()


def test_a_closed_room_keeps_nobody_waiting():
    room = Room(photos=1)
    room.enter()
    waiting = threading.Thread(target=room.enter)
    waiting.start()
    room.close()
    waiting.join(5)
    assert not waiting.is_alive()
