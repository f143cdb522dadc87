"""The detector on planted courses of a GAN phase."""

from __future__ import annotations

from dataclasses import replace

import pytest

from retint.training.inflection import Scores, choose, cost, is_past, smoothed

START = Scores(psnr=24, cf=18, fd_share=0.5, hue=0.1, skin=0.1, shift=0.05, noise=0.1, render_factor=0.1, critic=0.3)


def course(*shares: float, unsteady: float = 0.0) -> list[Scores]:
    """Scores with these FD shares; chroma grows more unsteady by `unsteady` at each checkpoint."""
    return [
        replace(START, fd_share=share, shift=0.05 + i * unsteady, noise=0.1 + i * unsteady)
        for i, share in enumerate(shares)
    ]


def test_the_state_before_the_gan_costs_the_sum_of_weights():
    assert cost(START, START) == pytest.approx(1.5)
    assert cost(replace(START, fd_share=0.25), START) == pytest.approx(1.0)


def test_it_finds_the_bottom_of_a_valley():
    scores = course(0.5, 0.45, 0.4, 0.36, 0.35, 0.37, 0.42, 0.5, 0.6)
    chosen = choose(scores)
    assert chosen.index == 4
    assert "FD share 0.350 (0.500)" in chosen.why


def test_one_lucky_checkpoint_is_not_the_point():
    scores = course(0.5, 0.44, 0.4, 0.39, 0.4, 0.47, 0.34, 0.5, 0.6)
    assert choose(scores).index == 3


def test_colours_that_start_to_flicker_move_the_point_forward():
    falling = (0.5, 0.46, 0.43, 0.41, 0.4, 0.395, 0.392, 0.39)
    assert choose(course(*falling)).index == 7
    assert 1 <= choose(course(*falling, unsteady=0.02)).index <= 5


def test_skin_that_turns_orange_moves_the_point_forward():
    scores = course(0.5, 0.46, 0.43, 0.42, 0.415, 0.414)
    orange = [replace(one, skin=0.1 + 0.03 * max(0, i - 2)) for i, one in enumerate(scores)]
    assert choose(orange).index < choose(scores).index


def test_a_gan_that_only_harms_is_not_chosen():
    chosen = choose(course(0.5, 0.52, 0.55, 0.6))
    assert chosen.index == 0
    assert "brought nothing" in chosen.why


def test_it_stops_once_the_point_lies_behind_and_not_before():
    scores = course(0.5, 0.45, 0.4, 0.36, 0.35, 0.37, 0.42, 0.5, 0.6)
    assert [is_past(scores[:n], 3) for n in range(1, 10)] == [False] * 7 + [True, True]
    assert not is_past(scores, 0)


def test_smoothing_keeps_a_constant_and_a_single_value():
    assert smoothed([2.0]) == [2.0]
    assert smoothed([2.0, 2.0, 2.0]) == [2.0, 2.0, 2.0]
    assert smoothed([0.0, 4.0, 0.0]) == [pytest.approx(4 / 3), 2.0, pytest.approx(4 / 3)]


def test_a_term_that_starts_at_nothing_does_not_explode():
    before = replace(START, skin=0.0)
    assert cost(replace(before, skin=0.002), before) < 2


def test_no_scores_are_refused():
    with pytest.raises(ValueError, match="got no scores"):
        choose([])
