"""How a server is set up, and where its limits are."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

MIB = 1 << 20

FACTORS = (4, 128)  # render factors that a colorizer takes; `largest_render_factor` is the server's own bound


@dataclass(frozen=True)
class Settings:
    """What the person who starts the server decides. Sizes in bytes, times in seconds."""

    data: Path  # the only folder that is ever written to
    host: str = "127.0.0.1"  # the address to listen at
    port: int = 8484  # 0: any that is free
    names: tuple[str, ...] = ()  # further names under which the server is reached, as browsers send them
    token: str | None = None  # what every request to the API has to show; None: nothing
    models: tuple[str, ...] = ()  # files beside the catalogue's models; known outside by their stems
    model: str = "lite"  # the one that is taken where a request names none, by its name outside
    device: Literal["auto", "cpu", "cuda", "mps"] = "auto"

    photo_bytes: int = 128 * MIB  # of a photograph's file
    photo_pixels: int = 100_000_000
    photo_seconds: float = 120.0  # from the last byte in to the first byte out, waiting included
    photographs: int = 32  # in work, waiting or under way to or from here; further ones are told to come again

    film_bytes: int = 8192 * MIB
    film_seconds: float = 12 * 3600.0  # of work; longer films are stopped, and can be gone on with
    films: int = 8  # waiting or in work
    films_arriving: int = 4  # uploads of films at once
    free_bytes: int = 512 * MIB  # that stay free on the disk

    keep_seconds: float = 3600.0  # that a film's result, or what is there of it, is kept
    unwatched_seconds: float = 60.0  # after which a film whose page was closed is stopped
    idle_seconds: float = 20.0  # without a byte, after which a transfer is given up
    slowest_bytes: int = 16 * 1024  # a second, on average, of a transfer
    largest_render_factor: int = 64
    stop_seconds: float = 10.0  # that what is under way has to end in when the server is stopped


def transfer_seconds(settings: Settings, size: int) -> float:
    """The longest that a transfer of so many bytes may take."""
    return settings.idle_seconds + size / settings.slowest_bytes
