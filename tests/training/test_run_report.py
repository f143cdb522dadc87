"""Charts and report from planted logs."""

from __future__ import annotations

import re
from dataclasses import asdict, replace
from pathlib import Path

import pytest

from retint.training.charts import line_chart
from retint.training.inflection import Scores
from retint.training.report import write_report
from retint.training.runfolder import RunFolder

SCORES = Scores(psnr=24, cf=18, fd_share=0.5, hue=0.1, skin=0.1, shift=0.05, noise=0.1, render_factor=0.1, critic=0.3)


def points(svg: str) -> list[tuple[float, float]]:
    (line,) = re.findall(r'<polyline points="([^"]*)"', svg)
    return [tuple(float(number) for number in pair.split(",")) for pair in line.split()]


def test_a_line_goes_from_corner_to_corner():
    (first, middle, last) = points(line_chart("t", {"a": [(0, 1.0), (5, 2.0), (10, 3.0)]}))
    assert first[0] < middle[0] < last[0]
    assert first[1] > middle[1] > last[1]  # SVG counts downwards
    assert middle == pytest.approx(((first[0] + last[0]) / 2, (first[1] + last[1]) / 2), abs=0.1)


def test_a_chart_survives_nothing_constants_and_no_numbers_and_escapes_names():
    assert "no points" in line_chart("t", {"a": []})
    assert len(points(line_chart("t", {"a": [(0, 1.0), (1, 1.0), (2, float("nan"))]}))) == 2
    assert "<b>" not in line_chart("<b>", {"a": [(0, 1.0)]})


def test_the_report_shows_phases_choice_and_recipe_and_needs_no_other_file(tmp_path: Path):
    folder = RunFolder(tmp_path / "run", 'variant = "<lite>"')
    rates = {"pictures_per_second": 21.4, "waiting": 0.031}
    folder.write({"phase": "p & q", "position": 0, "step": 5, "chroma": 0.5, **rates})
    folder.write({"position": 0, "step": 5, "figures": {"psnr": 24.0, "cf": 18.0, "fd_share": 0.5}})
    for step, share in ((0, 0.5), (10, 0.4), (20, 0.6)):
        one = asdict(replace(SCORES, fd_share=share))
        folder.write({"checkpoint": f"gan-1-{step:06}.pt", "cycle": 1, "step": step, "scores": one})
    folder.write({"chosen": "gan-1-000010.pt", "cycle": 1, "why": "because <it> is best"})
    with (folder.path / "log.jsonl").open("a") as log:
        log.write('{"cut off')
    text = write_report(folder).read_text()
    assert "p &amp; q" in text and "3.1%" in text and "21" in text
    assert "gan-1-000010.pt" in text and "because &lt;it&gt; is best" in text
    assert "variant = &quot;&lt;lite&gt;&quot;" in text
    assert "stroke-dasharray" in text  # where the chosen checkpoint lies
    assert not re.search(r'(src|href)="(?!data:)', text)
    assert not list(folder.path.glob("*.part"))


def test_a_run_that_has_just_begun_has_a_report(tmp_path: Path):
    text = write_report(RunFolder(tmp_path / "run", "")).read_text()
    assert "None yet." in text and "No GAN phase yet." in text


def test_tensorboard_gets_every_number(tmp_path: Path):
    pytest.importorskip("tensorboard")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    folder = RunFolder(tmp_path / "run", "")
    assert folder.open_board()
    folder.write({"position": 2, "step": 5, "chroma": 0.5, "scores": {"cf": 18.0}})
    folder.close_board()
    events = EventAccumulator(str(folder.path / "tensorboard"))
    events.Reload()
    assert [(e.step, e.value) for e in events.Scalars("2/chroma")] == [(5, 0.5)]
    assert events.Scalars("2/scores/cf")[0].value == 18.0
