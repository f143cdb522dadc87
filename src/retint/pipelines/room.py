"""How many photographs are in memory at once."""

from __future__ import annotations

import threading

# Four small photographs keep the network busy whatever the disk does. Of large ones, 24 megapixels and more, two fit,
# and one that is larger than the whole room is alone in it. A coloured photograph holds some 9 bytes a pixel (grey or
# RGB before, RGB after, what is encoded), at 16 bit twice that: the room is about half a gigabyte, or one.
MOST_PHOTOS = 4
MOST_PIXELS = 64_000_000


class Room:
    """Lets a thread wait until there is room for one more photograph.

    A photograph's size is known only when it is read, so it enters with the size of the one before, which a folder's
    photographs mostly share, and corrects it afterwards. Thread-safe.
    """

    def __init__(self, photos: int = MOST_PHOTOS, pixels: int = MOST_PIXELS) -> None:
        self._most_photos = photos
        self._most_pixels = pixels
        self._photos = 0
        self._pixels = 0
        self._usual = 0
        self._closed = False
        self._changed = threading.Condition()

    def enter(self) -> int:
        """Wait for room, and return the number of pixels to `leave` with. Does not wait once the room is closed."""
        with self._changed:
            self._changed.wait_for(self._has_room)
            self._photos += 1
            self._pixels += self._usual
            return self._usual

    def _has_room(self) -> bool:
        fits = self._photos < self._most_photos and self._pixels + self._usual <= self._most_pixels
        return self._closed or self._photos == 0 or fits

    def correct(self, held: int, pixels: int) -> int:
        """Hold `pixels` in place of `held` from now on; return them, to `leave` with."""
        with self._changed:
            self._pixels += pixels - held
            self._usual = pixels
            self._changed.notify_all()
            return pixels

    def leave(self, pixels: int) -> None:
        """Make room for others."""
        with self._changed:
            self._photos -= 1
            self._pixels -= pixels
            self._changed.notify_all()

    def close(self) -> None:
        """Let everybody in who waits: the work is being given up."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()
