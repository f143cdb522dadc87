from __future__ import annotations

import numpy as np
import pytest

from retint.evaluation.contact_sheet import Strip, caption, choose, draw


def test_best_middle_and_worst():
    differences = list(np.random.default_rng(0).permutation(21).astype(float))
    chosen = [(rank, differences[index]) for rank, index in choose(differences)]
    wanted = {"best": [0, 1, 2], "middle": [9, 10, 11], "worst": [18, 19, 20]}
    assert chosen == [(rank, value) for rank, values in wanted.items() for value in values]


@pytest.mark.parametrize(
    ("count", "ranks"),
    [
        (1, ["best"]),
        (2, ["best", "worst"]),
        (3, ["best", "middle", "worst"]),
        (8, ["best"] * 2 + ["middle"] * 2 + ["worst"] * 2),
    ],
)
def test_few_pictures_appear_once_each(count: int, ranks: list[str]):
    chosen = choose([float(value) for value in range(count)])
    assert [rank for rank, _ in chosen] == ranks
    assert len({index for _, index in chosen}) == len(chosen)


def test_captions_fit_and_survive_any_name():
    assert caption("best", "a/b.jpg", 4.567) == "best: a/b.jpg, CIEDE2000 4.57"
    assert caption("worst", "фото.jpg", 1) == "worst: ????.jpg, CIEDE2000 1.00"
    long = caption("worst", "x" * 200 + "end.jpg", 1)
    assert "...x" in long and "end.jpg" in long and len(long) < 110


def test_pictures_lie_side_by_side_under_their_captions():
    colours = [(255, 0, 0), (0, 255, 0), (0, 0, 255)]
    pictures = [np.full((256, 256, 3), colour, np.uint8) for colour in colours]
    sheet = draw("title", [Strip("one", pictures), Strip("two", pictures[::-1])])
    for line, order in enumerate((colours, colours[::-1])):
        for column, colour in enumerate(order):
            top = 20 + line * (20 + 256 + 6) + 20
            left = 6 + column * (256 + 6)
            assert (sheet[top : top + 256, left : left + 256] == colour).all()
            assert (sheet[top + 256 : top + 258, left : left + 256] == 255).all()
    heads = (sheet[:20], sheet[20:40], sheet[20 + 282 : 40 + 282])
    assert all((head.min(axis=2) < 128).any() for head in heads)  # the text
    assert sheet.shape == (20 + 2 * 282 + 6, 6 + 3 * 262, 3)
