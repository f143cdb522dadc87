from __future__ import annotations

import json
import math

import pytest

from retint.evaluation.benchmark import PICTURE_FIGURES, Distance, Report, Row, Steadiness
from retint.evaluation.intervals import Estimate
from retint.evaluation.report import LeftOut, Subject, to_json, to_markdown

SUBJECT = Subject("mine", "lite", "3", "onnxruntime", "cpu")


def row(name: str, psnr: Estimate, *, factor: int | None = None, steady: dict[str, Steadiness] | None = None) -> Row:
    rest = {"ssim": Estimate(0.91236, 0.9, 0.92), "cf": Estimate(20.04, 19.0, 21.0), "ciede2000": Estimate(9, 8, 10)}
    figures = {"psnr": psnr, **rest}
    values = {key: [estimate.mean, estimate.mean] for key, estimate in figures.items()}
    distances = {"Net": Distance(28.1619, None if name == "grey" else 0.4713, "FD(Net)")}
    return Row(name, factor, values, figures, 17.2, distances, steady)


def report() -> Report:
    one = Steadiness(Estimate(1.234, 1.1, 1.3), Estimate(0.1051, 0.09, 0.12))
    none = Steadiness(Estimate(0.0, 0.0, 0.0), None)
    rows = [
        row("grey", Estimate(22.7, 22.7, 22.7), steady={"shift": none, "noise": none, "jpeg": none}),
        row("mine", Estimate(23.934, 23.6, 24.2), factor=14, steady={"shift": one, "noise": one, "jpeg": one}),
        row("true", Estimate(math.inf, None, None)),
    ]
    return Report(["a.jpg", "b|c.jpg"], PICTURE_FIGURES, rows)


def cells(text: str, name: str, table: int = 0) -> dict[str, str]:
    blocks = [block.splitlines() for block in text.split("\n\n") if block.startswith("|")]
    head = [cell.strip() for cell in blocks[table][0].strip("|").split("|")]
    line = next(line for line in blocks[table][2:] if line.startswith(f"| {name} |"))
    return dict(zip(head, (cell.strip() for cell in line.strip("|").split("|")), strict=True))


def test_markdown_tables():
    text = to_markdown(report(), SUBJECT, [])
    mine = cells(text, "mine, render factor 14")
    assert mine["PSNR dB"] == "23.93 [23.60, 24.20]"
    assert mine["SSIM"] == "0.9124 [0.9000, 0.9200]"
    assert mine["CF"] == "20.0 [19.0, 21.0]"
    assert mine["dCF"] == "17.2"
    assert mine["FD(Net)"] == "28.162"
    assert mine["share of grey's"] == "0.471"
    assert cells(text, "grey")["PSNR dB"] == "22.70"
    assert cells(text, "grey")["share of grey's"] == "-"
    assert cells(text, "true")["PSNR dB"] == "∞"
    steady = cells(text, "mine, render factor 14", 1)
    assert steady["one pixel aside"] == "1.23 (10.5 %)"
    assert steady["render factor + 1"] == "-"
    assert cells(text, "grey", 1)["noise"] == "0.00 (-)"
    assert "| true |" not in text.split("Consistency")[1]


def test_markdown_says_how_many_and_what_was_left_out():
    left_out = [LeftOut("x", "grey", "x: grey"), LeftOut("y", "grey", "y: grey"), LeftOut("z", "failed", "z: cut")]
    text = to_markdown(report(), SUBJECT, left_out)
    assert "2 photographs at 256x256" in text
    assert "Left out: 2 without colour, 1 that could not be read." in text
    assert "Left out" not in to_markdown(report(), SUBJECT, [])


def test_markdown_without_consistency():
    rows = [row("grey", Estimate(1, 1, 1)), row("mine", Estimate(2, 1, 3)), row("true", Estimate(math.inf, None, None))]
    assert "Consistency" not in to_markdown(Report(["a"], PICTURE_FIGURES, rows), SUBJECT, [])


def test_json_is_strict_and_whole():
    left_out = [LeftOut("z", "failed", "z: cut")]
    text = json.dumps(to_json(report(), SUBJECT, left_out, software="retint 9"), allow_nan=False)
    found = json.loads(text)
    assert found["software"] == "retint 9"
    assert found["model"] == {
        "name": "mine",
        "variant": "lite",
        "version": "3",
        "engine": "onnxruntime",
        "device": "cpu",
    }
    assert found["photographs"] == 2
    assert found["names"] == ["a.jpg", "b|c.jpg"]
    assert found["left_out"] == [{"name": "z", "why": "failed", "reason": "z: cut"}]
    grey, mine, true = found["rows"]
    assert mine["render_factor"] == 14
    assert mine["figures"]["psnr"] == {"mean": 23.934, "low": 23.6, "high": 24.2, "values": [23.934, 23.934]}
    assert mine["dcf"] == 17.2
    assert mine["frechet_distances"] == {"Net": {"value": 28.1619, "share_of_grey": 0.4713}}
    assert mine["consistency"]["noise"]["share"]["mean"] == pytest.approx(0.1051)
    assert grey["consistency"]["noise"] == {"distance": {"mean": 0.0, "low": 0.0, "high": 0.0}, "share": None}
    assert true["consistency"] is None
    assert true["figures"]["psnr"] == {"mean": None, "low": None, "high": None, "values": [None, None]}
