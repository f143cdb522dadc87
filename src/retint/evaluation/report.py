"""A report as JSON for programs, and as Markdown for people."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from retint.evaluation.benchmark import GRAY, TRUE, Report, Row, Steadiness
from retint.evaluation.consistency import CHANGES
from retint.evaluation.intervals import LEVEL, RESAMPLES, Estimate
from retint.evaluation.protocol import SIDE

_CHANGES = {"shift": "one pixel aside", "noise": "noise", "jpeg": "JPEG", "render_factor": "render factor + 1"}
assert tuple(_CHANGES) == CHANGES


@dataclass(frozen=True)
class Subject:
    """The model that a report is about."""

    name: str
    variant: str
    version: str
    engine: str
    device: str


@dataclass(frozen=True)
class LeftOut:
    """A photograph without figures."""

    name: str
    why: Literal["grey", "failed"]
    reason: str  # one line


def to_json(report: Report, subject: Subject, left_out: Sequence[LeftOut], *, software: str) -> dict[str, Any]:
    """A plain object of JSON's types. null stands for what is infinite (PSNR of equal pictures) or not defined.

    software: name and version of what made the report
    """
    return {
        "software": software,
        "model": vars(subject),
        "protocol": {
            "side": SIDE,
            "lightness": "true (Lab)",
            "ssim": "RGB, Gaussian window 11, sigma 1.5",
            "cf": "absolute opponents",
            "interval": LEVEL,
            "resamples": RESAMPLES,
        },
        "photographs": len(report.names),
        "left_out": [vars(one) for one in left_out],
        "names": report.names,
        "rows": [_row(row) for row in report.rows],
    }


def to_markdown(report: Report, subject: Subject, left_out: Sequence[LeftOut]) -> str:
    """The same without the figures of single pictures: two tables, with 95 % intervals in brackets."""
    count = len(report.names)
    grey, failed = (sum(one.why == why for one in left_out) for why in ("grey", "failed"))
    parts = [
        f"# {subject.name}, evaluated",
        f"{count} photograph{'' if count == 1 else 's'} at {SIDE}x{SIDE}, true lightness kept; "
        f"model {subject.name} (variant {subject.variant}, version {subject.version}) on {subject.engine}, "
        f"{subject.device}."
        + (f" Left out: {grey} without colour, {failed} that could not be read." if left_out else ""),
        _table(*_figure_cells(report)),
    ]
    if any(row.steadiness for row in report.candidates):
        parts += [
            "Consistency: how far the colours move (Lab a, b) when the picture changes a little, and in brackets as a "
            "share of the colours' own size. Lower is steadier.",
            _table(*_steadiness_cells(report)),
        ]
    parts.append(
        f"In brackets: {LEVEL * 100:.0f} % bootstrap intervals over photographs. Frechet distances have none, and "
        "depend on the number of photographs."
    )
    return "\n\n".join(parts) + "\n"


def label(row: Row) -> str:
    """The name of a row in tables."""
    return row.name if row.render_factor is None else f"{row.name}, render factor {row.render_factor}"


def _figure_cells(report: Report) -> tuple[list[str], list[list[str]]]:
    spaces = report.rows[0].distances
    head = [""]
    for figure in report.figures:
        head += [figure.title, "dCF"] if figure.key == "cf" else [figure.title]
    for space in spaces:
        head += [spaces[space].title, "share of grey's"]
    body: list[list[str]] = []
    for row in report.rows:
        cells = [label(row)]
        for figure in report.figures:
            cells.append(_estimate(row.figures[figure.key], figure.digits, row.name))
            cells += [f"{row.dcf:.1f}"] if figure.key == "cf" else []
        for space in spaces:
            distance = row.distances[space]
            cells += [f"{distance.value:.3f}", _number(distance.of_gray, 3)]
        body.append(cells)
    return head, body


def _steadiness_cells(report: Report) -> tuple[list[str], list[list[str]]]:
    rows = [row for row in report.rows if row.steadiness is not None]
    return (
        ["", *_CHANGES.values()],
        [[label(row), *(_steady((row.steadiness or {}).get(change)) for change in _CHANGES)] for row in rows],
    )


def _table(head: list[str], body: list[list[str]]) -> str:
    lines = [head, ["---"] * len(head), *body]
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines)


def _estimate(estimate: Estimate, digits: int, row: str) -> str:
    value = _number(estimate.mean, digits)
    if estimate.low is None or estimate.high is None or (row in (GRAY, TRUE) and estimate.low == estimate.high):
        return value
    return f"{value} [{estimate.low:.{digits}f}, {estimate.high:.{digits}f}]"


def _steady(steadiness: Steadiness | None) -> str:
    if steadiness is None:
        return "-"
    share = "-" if steadiness.share is None else f"{steadiness.share.mean * 100:.1f} %"
    return f"{steadiness.distance.mean:.2f} ({share})"


def _number(value: float | None, digits: int) -> str:
    if value is None:
        return "-"
    return "∞" if math.isinf(value) else f"{value:.{digits}f}"


def _row(row: Row) -> dict[str, Any]:
    steadiness = row.steadiness
    return {
        "name": row.name,
        "render_factor": row.render_factor,
        "figures": {
            key: {**_interval(estimate), "values": [_finite(value) for value in row.values[key]]}
            for key, estimate in row.figures.items()
        },
        "dcf": row.dcf,
        "frechet_distances": {
            name: {"value": distance.value, "share_of_grey": distance.of_gray}
            for name, distance in row.distances.items()
        },
        "consistency": None
        if steadiness is None
        else {
            change: {
                "distance": _interval(one.distance),
                "share": None if one.share is None else _interval(one.share),
            }
            for change, one in steadiness.items()
        },
    }


def _interval(estimate: Estimate) -> dict[str, float | None]:
    return {"mean": _finite(estimate.mean), "low": estimate.low, "high": estimate.high}


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None
