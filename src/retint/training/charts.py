"""Line charts as SVG text: enough for a report that opens anywhere, without a plotting library."""

from __future__ import annotations

import html
import math
from collections.abc import Mapping, Sequence

WIDTH, HEIGHT = 460, 240  # px
LEFT, RIGHT, TOP, BOTTOM = 52, 10, 26, 30  # margins, px
COLOURS = ("#1f6feb", "#d1480b", "#2da44e", "#8250df", "#bf8700", "#57606a")

Points = Sequence[tuple[float, float]]


def line_chart(title: str, series: Mapping[str, Points], *, across: str = "", mark: float | None = None) -> str:
    """A chart of some named lines over one axis.

    across: what the horizontal axis counts. mark: where on it a vertical line stands. Points that are no numbers are
    left out; a chart without any point says so.
    """
    lines = {
        name: [(x, y) for x, y in points if math.isfinite(x) and math.isfinite(y)] for name, points in series.items()
    }
    every = [point for points in lines.values() for point in points]
    body = [f'<text x="{LEFT}" y="16" font-weight="600">{html.escape(title)}</text>']
    if not every:
        body.append(f'<text x="{LEFT}" y="{HEIGHT // 2}">no points</text>')
        return _svg(body)
    xs, ys = _range([x for x, _ in every]), _range([y for _, y in every])
    body += _axes(xs, ys, across)
    if mark is not None:
        at = _place(mark, xs, LEFT, WIDTH - RIGHT)
        place = f'x1="{at:.1f}" x2="{at:.1f}" y1="{TOP}" y2="{HEIGHT - BOTTOM}"'
        body.append(f'<line {place} stroke="#cf222e" stroke-dasharray="4 3"/>')
    for index, (name, points) in enumerate(lines.items()):
        colour = COLOURS[index % len(COLOURS)]
        path = " ".join(
            f"{_place(x, xs, LEFT, WIDTH - RIGHT):.1f},{_place(y, ys, HEIGHT - BOTTOM, TOP):.1f}" for x, y in points
        )
        body.append(f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="1.6"/>')
        if len(lines) > 1:
            at = LEFT + 8 + 100 * (index % 4)
            body.append(f'<text x="{at}" y="{TOP + 12 + 13 * (index // 4)}" fill="{colour}">{html.escape(name)}</text>')
    return _svg(body)


def _svg(body: list[str]) -> str:
    head = f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{HEIGHT}" viewBox="0 0 {WIDTH} {HEIGHT}" '
    return head + 'font-family="sans-serif" font-size="11">' + "".join(body) + "</svg>"


def _range(values: list[float]) -> tuple[float, float]:
    low, high = min(values), max(values)
    return (low, high) if high > low else (low - 0.5, high + 0.5)


def _place(value: float, ends: tuple[float, float], first: float, last: float) -> float:
    return first + (value - ends[0]) / (ends[1] - ends[0]) * (last - first)


def _axes(xs: tuple[float, float], ys: tuple[float, float], across: str) -> list[str]:
    frame = f'x="{LEFT}" y="{TOP}" width="{WIDTH - LEFT - RIGHT}" height="{HEIGHT - TOP - BOTTOM}"'
    out = [f'<rect {frame} fill="none" stroke="#d0d7de"/>']
    for share in (0.0, 0.5, 1.0):
        x, y = xs[0] + share * (xs[1] - xs[0]), ys[0] + share * (ys[1] - ys[0])
        at = _place(y, ys, HEIGHT - BOTTOM, TOP)
        anchor = ("start", "middle", "end")[round(share * 2)]
        out.append(f'<text x="{LEFT - 5}" y="{at + 4:.1f}" text-anchor="end">{y:.4g}</text>')
        place = f'x="{_place(x, xs, LEFT, WIDTH - RIGHT):.1f}" y="{HEIGHT - 15}"'
        out.append(f'<text {place} text-anchor="{anchor}">{x:.6g}</text>')
    out.append(f'<text x="{WIDTH // 2}" y="{HEIGHT - 3}" text-anchor="middle">{html.escape(across)}</text>')
    return out
