"""The run report: one HTML file that tells a run from its folder, and opens anywhere."""

from __future__ import annotations

import base64
import html
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from retint.training import inflection
from retint.training.charts import Points, line_chart
from retint.training.inflection import Scores
from retint.training.runfolder import RunFolder

REPORT = "report.html"
SHEETS = 24  # of probes that are shown, at most: the first, the last, and some in between
_NOT_LOSSES = {"time", "phase", "position", "step", "pictures_per_second", "waiting"}
_STYLE = (
    "body{font:15px/1.5 sans-serif;margin:2rem auto;max-width:960px;color:#1f2328}table{border-collapse:collapse}"
    "td,th{border:1px solid #d0d7de;padding:.2rem .6rem;text-align:right}td:first-child,th:first-child{text-align:left}"
    "figure{margin:.4rem 0}figcaption{font-size:13px;color:#57606a}img{max-width:100%}"
    "pre{background:#f6f8fa;padding:1rem}"
)


def write_report(folder: RunFolder) -> Path:
    """Write `report.html`: phases, curves, probes over time, chosen checkpoints and why, the recipe. Its path."""
    entries = folder.entries()
    parts = [
        "<h1>Training run</h1>",
        _phases(entries),
        "<h2>Figures on validation photographs</h2>",
        _figures(entries),
        "<h2>Losses</h2>",
        _losses(entries),
        "<h2>The inflection point</h2>",
        _inflection(entries),
        "<h2>Probes over time</h2>",
        _probes(folder.path / "probes"),
        f"<h2>Recipe</h2><pre>{html.escape(folder.recipe)}</pre>",
    ]
    head = '<!doctype html><html lang="en"><meta charset="utf-8"><title>retint: training run</title>'
    path = folder.path / REPORT
    part = path.with_suffix(".part")
    part.write_text(f"{head}<style>{_STYLE}</style>" + "\n".join(parts) + "</html>", encoding="utf-8")
    os.replace(part, path)
    return path


def _groups(entries: Sequence[dict[str, Any]]) -> dict[int, list[dict[str, Any]]]:
    """Lines of losses, by the place of their phase in the plan."""
    out: dict[int, list[dict[str, Any]]] = {}
    for entry in entries:
        if "pictures_per_second" in entry:
            out.setdefault(entry["position"], []).append(entry)
    return out


def _phases(entries: Sequence[dict[str, Any]]) -> str:
    rows = ["<tr><th>phase</th><th>steps</th><th>pictures/s</th><th>waiting for pictures</th></tr>"]
    for group in _groups(entries).values():
        last = group[-1]
        cells = (str(last["step"]), f"{last['pictures_per_second']:.0f}", f"{last['waiting']:.1%}")
        rows.append(
            f"<tr><td>{html.escape(last['phase'])}</td>" + "".join(f"<td>{cell}</td>" for cell in cells) + "</tr>"
        )
    return f"<table>{''.join(rows)}</table>"


def _figures(entries: Sequence[dict[str, Any]]) -> str:
    found = [entry["figures"] for entry in entries if "figures" in entry]
    if not found:
        return "<p>None: the run had no --validation.</p>"
    names = {
        "psnr": "PSNR, dB",
        "cf": "CF",
        "fd_share": "FD(EfficientNet-Lite0), share of grey's",
        "after": "restored: PSNR in dB, or IoU of found damage",
        "clean": "clean pictures: PSNR in dB, or share of false alarms",
    }
    return "".join(
        line_chart(title, {name: [(i, one[name]) for i, one in enumerate(found)]}, across="round")
        for name, title in names.items()
        if name in found[-1]
    )


def _losses(entries: Sequence[dict[str, Any]]) -> str:
    charts: list[str] = []
    for group in _groups(entries).values():
        names = [name for name in group[-1] if name not in _NOT_LOSSES]
        lines: dict[str, Points] = {
            name: [(entry["step"], entry[name]) for entry in group if name in entry] for name in names
        }
        charts.append(line_chart(group[-1]["phase"], lines, across="step"))
    return "".join(charts) or "<p>None yet.</p>"


def _inflection(entries: Sequence[dict[str, Any]]) -> str:
    out: list[str] = []
    for cycle in sorted({entry["cycle"] for entry in entries if "scores" in entry}):
        # a run that was killed and resumed may have scored a checkpoint twice: the last counts
        by_step = {entry["step"]: entry for entry in entries if "scores" in entry and entry["cycle"] == cycle}
        chosen = [entry for entry in entries if "chosen" in entry and entry["cycle"] == cycle]
        steps = sorted(by_step)
        scores = [Scores(**by_step[step]["scores"]) for step in steps]
        mark = None
        if chosen:
            mark = next((s for s in steps if by_step[s]["checkpoint"] == chosen[-1]["chosen"]), None)
            out.append(f"<p>Cycle {cycle}: <b>{chosen[-1]['chosen']}</b>, {html.escape(chosen[-1]['why'])}.</p>")
        costs = [inflection.cost(one, scores[0]) for one in scores]
        lines = {"cost": costs, "smoothed": inflection.smoothed(costs)}
        out.append(_chart("cost", steps, lines, mark))
        for name in ("fd_share", "cf", "psnr", "hue", "skin", "unsteadiness", "critic"):
            out.append(_chart(name, steps, {name: [getattr(one, name) for one in scores]}, mark))
    return "".join(out) or "<p>No GAN phase yet.</p>"


def _chart(title: str, steps: list[int], lines: dict[str, list[float]], mark: float | None) -> str:
    series = {name: list(zip(steps, values, strict=True)) for name, values in lines.items()}
    return line_chart(title, series, across="step", mark=mark)


def _probes(folder: Path) -> str:
    sheets = sorted(folder.glob("[0-9]*.jpg"))
    kept = (
        sorted({round(i * (len(sheets) - 1) / (SHEETS - 1)) for i in range(SHEETS)})
        if len(sheets) > SHEETS
        else range(len(sheets))
    )
    shown = [folder / "grey.jpg", *(sheets[i] for i in kept), folder / "true.jpg"]
    out: list[str] = []
    for path in shown:
        if path.is_file():
            data = base64.b64encode(path.read_bytes()).decode()
            caption = html.escape(path.stem)
            image = f'<img src="data:image/jpeg;base64,{data}" alt="{caption}">'
            out.append(f"<figure>{image}<figcaption>{caption}</figcaption></figure>")
    return "".join(out) or "<p>None: the recipe has no GAN phase.</p>"
