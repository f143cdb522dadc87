"""Options: what they are, and what they are not."""

from __future__ import annotations

import pytest

from retint.restoration.options import RestoreOptions, parse_stages, parse_strength, ramp


def test_by_default_everything_is_automatic():
    options = RestoreOptions()
    assert [options.strength(stage) for stage in options.stages] == ["auto"] * 3


def test_a_stage_that_is_not_chosen_has_no_strength():
    options = RestoreOptions(stages=("tone",), damage=1.0)
    assert (options.strength("tone"), options.strength("damage")) == ("auto", 0.0)


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"stages": ("tonne",)}, "got stage 'tonne', wanted some of tone, damage, noise"),
        ({"tone": 1.5}, "got strength 1.5 of tone, wanted auto or 0 to 1"),
        ({"grain": "some"}, "wanted clean or keep"),
        ({"cast": "blue"}, "wanted auto or keep"),
        ({"upscale": 3}, "wanted 1 or 2"),
    ],
)
def test_what_cannot_be_meant(wrong: dict, words: str):
    with pytest.raises(ValueError, match=words):
        RestoreOptions(**wrong)


def test_stages_of_text():
    assert parse_stages("noise, tone") == ("tone", "noise")
    for wrong in ("", "tone,dust", "all"):
        with pytest.raises(ValueError, match="wanted some of tone, damage, noise"):
            parse_stages(wrong)


def test_strengths_of_text():
    assert parse_strength("auto") == {"tone": "auto", "damage": "auto", "noise": "auto"}
    assert parse_strength("0.5,noise=auto") == {"tone": 0.5, "damage": 0.5, "noise": "auto"}
    assert parse_strength("tone=1") == {"tone": 1.0}
    for wrong in ("much", "2", "-1", "nan", "tone=", "tone=2"):
        with pytest.raises(ValueError, match="wanted auto, 0 to 1"):
            parse_strength(wrong)
    with pytest.raises(ValueError, match="got a strength of 'dust'"):
        parse_strength("dust=1")


@pytest.mark.parametrize(
    ("value", "ends", "strength"),
    [
        (1.0, (1, 3), 0.0),
        (2.5, (1, 3), 0.75),
        (9.0, (1, 3), 1.0),
        (1.1, (1.2, 1.0), 0.5),
        (1.3, (1.2, 1.0), 0.0),
        (2.0, (2, 2), 1.0),
        (1.9, (2, 2), 0.0),
    ],
)
def test_evidence_becomes_strength_between_two_ends(value: float, ends: tuple[float, float], strength: float):
    assert ramp(value, ends) == pytest.approx(strength)
