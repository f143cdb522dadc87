from __future__ import annotations

import pytest

from retint.errors import RecipeError
from retint.training.recipe import load_recipe, parse_recipe

PLAN = """
variant = "lite"
encoder_weights = "efficientnet_lite1"
feature_weights = "efficientnet_lite1"
average = 0.5

[augmentation]
flip = 0.0

[[phases]]
name = "one"
size = 64
batch = 4
samples = 40
rate = 1e-3
losses = { features = 0.25 }
"""


def test_numbers_arrive_where_they_belong():
    recipe = parse_recipe(PLAN)
    assert (recipe.average, recipe.augmentation.flip, recipe.seed) == (0.5, 0.0, 0)
    assert (recipe.phases[0].size, recipe.phases[0].losses.features, recipe.phases[0].losses.chroma) == (64, 0.25, 1.0)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (("rate = 1e-3", "rat = 1e-3"), "unknown rat"),
        (("size = 64", "size = 65"), "multiple of 32"),
        (("samples = 40", "samples = 3"), "one whole batch"),
        (("flip = 0.0", "flap = 0.0"), "unknown flap"),
        (('variant = "lite"', "variant = "), "not TOML"),
        (("rate = 1e-3", ""), "rate"),
        (("features = 0.25", "adversarial = 0.25"), "without a feature loss"),
    ],
)
def test_a_wrong_recipe_says_what_is_wrong(change: tuple[str, str], words: str):
    with pytest.raises(RecipeError, match=words):
        parse_recipe(PLAN.replace(*change))


def test_shipped_recipe_is_whole_and_unknown_names_list_it():
    recipe, text = load_recipe("lite")
    assert recipe.variant == "lite"
    assert parse_recipe(text) == recipe
    with pytest.raises(RecipeError, match=r"one of: .*lite"):
        load_recipe("no-such-recipe")
