"""Figures of films as JSON for programs, and as Markdown for people."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from retint.evaluation.film import GRAY, TRUE, FilmFigures, over_films

_HEADER = """| | frames rendered | warp error | CDC x 1000 | CF | PSNR |
|---|---:|---:|---:|---:|---:|"""


def film_object(figures: Mapping[str, FilmFigures], rendered: Mapping[str, float]) -> dict[str, Any]:
    """Rows by name, as JSON's types. null stands for what is infinite (PSNR of the truth) or was not measured."""
    return {
        name: {key: _finite(value) for key, value in asdict(one).items()} | {"rendered": rendered.get(name)}
        for name, one in figures.items()
    }


def film_table(figures: Mapping[str, FilmFigures], rendered: Mapping[str, float], base: str | None = None) -> str:
    """A table of the rows; in brackets, how a way differs from the row `base`."""
    lines = [_HEADER]
    for name, one in figures.items():
        against = figures.get(base) if base is not None and name not in (base, GRAY, TRUE) else None
        share = rendered.get(name)
        cells = [
            "" if share is None else f"{100 * share:.0f} %",
            _cell(one.warp_error, 3, against and against.warp_error),
            _cell(None if one.cdc is None else 1000 * one.cdc, 2, against and against.cdc and 1000 * against.cdc),
            _cell(one.cf, 1, against and against.cf),
            _cell(one.psnr, 2),
        ]
        lines.append(f"| {name} | {' | '.join(cells)} |")
    return "\n".join(lines)


def in_all(
    films: Sequence[tuple[Mapping[str, FilmFigures], Mapping[str, float]]],
) -> tuple[dict[str, FilmFigures], dict[str, float]]:
    """Means over films, each counting alike; rows that all of them have. Raises InputError for no film."""
    names = [name for name in films[0][0] if all(name in figures for figures, _ in films)] if films else []
    figures = {name: over_films([figures[name] for figures, _ in films]) for name in names or [GRAY]}
    rendered = {
        name: sum(shares[name] for _, shares in films) / len(films)
        for name in names
        if all(name in shares for _, shares in films)
    }
    return figures, rendered


def _cell(value: float | None, digits: int, against: float | None = None) -> str:
    if value is None or math.isinf(value):
        return ""
    change = f" ({100 * (value / against - 1):+.0f} %)" if against else ""
    return f"{value:.{digits}f}{change}"


def _finite(value: float | None) -> float | None:
    return value if value is not None and math.isfinite(value) else None
