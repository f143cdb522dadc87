"""Best, middle and worst pictures of an evaluation on one sheet: grey, as the model coloured them, true."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from retint.evaluation.metrics import Rgb
from retint.evaluation.protocol import SIDE

EACH = 3  # pictures of each rank, where there are enough
_GAP, _CAPTION = 6, 20  # px
_LONGEST = 70  # characters of a name; the end of a longer one says more than its start


@dataclass(frozen=True)
class Strip:
    """One line of the sheet."""

    caption: str
    pictures: Sequence[Rgb]  # (256, 256, 3) each


def choose(differences: Sequence[float], each: int = EACH) -> list[tuple[str, int]]:
    """(rank, index) of the best, the middle and the worst pictures, lowest difference first, each picture once."""
    order = [int(index) for index in np.argsort(differences, kind="stable")]
    count = len(order)
    if count < 3:
        return list(zip(("best", "worst"), order, strict=False))
    each = min(each, count // 3)
    start = (count - each) // 2
    parts = {"best": order[:each], "middle": order[start : start + each], "worst": order[count - each :]}
    return [(rank, index) for rank, indices in parts.items() for index in indices]


def caption(rank: str, name: str, difference: float) -> str:
    """What stands over a strip; what the font may not have is replaced."""
    short = name if len(name) <= _LONGEST else f"...{name[-_LONGEST:]}"
    return f"{rank}: {short}, CIEDE2000 {difference:.2f}".encode("ascii", "replace").decode()


def draw(title: str, strips: Sequence[Strip]) -> Rgb:
    """The sheet, (H, W, 3): a title, and each strip under its caption."""
    columns = max(len(strip.pictures) for strip in strips)
    step = _CAPTION + SIDE + _GAP
    size = (_GAP + columns * (SIDE + _GAP), _CAPTION + len(strips) * step + _GAP)
    sheet = Image.new("RGB", size, "white")
    pen, font = ImageDraw.Draw(sheet), ImageFont.load_default()
    pen.text((_GAP, 4), title.encode("ascii", "replace").decode(), "black", font)
    for line, strip in enumerate(strips):
        top = _CAPTION + line * step
        pen.text((_GAP, top + 4), strip.caption, "black", font)
        for column, picture in enumerate(strip.pictures):
            sheet.paste(Image.fromarray(picture), (_GAP + column * (SIDE + _GAP), top + _CAPTION))
    return np.asarray(sheet)
