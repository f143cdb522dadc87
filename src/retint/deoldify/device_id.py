"""The devices by DeOldify's names."""

from __future__ import annotations

from enum import IntEnum


class DeviceId(IntEnum):
    """A GPU by its number, or the CPU."""

    GPU0 = 0
    GPU1 = 1
    GPU2 = 2
    GPU3 = 3
    GPU4 = 4
    GPU5 = 5
    GPU6 = 6
    GPU7 = 7
    CPU = 99
