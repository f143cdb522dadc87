from __future__ import annotations

import pytest

from retint.errors import RecipeError
from retint.networks.generator import VARIANTS
from retint.training.recipe import Recipe, load_recipe, parse_recipe

PLAN = """
variant = "lite"
encoder_weights = "efficientnet_lite1"
feature_weights = "efficientnet_lite1"
cycles = 3

[augmentation]
flip = 0.0

[[phases]]
name = "one"
size = 64
batch = 4
samples = 40
rate = 1e-3
encoder_rates = [1e-5, 1e-4]
losses = { chroma = 1.0, features = 0.25 }

[[phases]]
name = "first critic"
kind = "critic"
first_cycle_only = true
size = 64
batch = 4
epochs = 2.0
rate = 1e-3
augmentation = { zoom = 2.0 }

[[phases]]
name = "second critic"
kind = "critic"
size = 64
batch = 4
epochs = 1.0
rate = 1e-4

[[phases]]
name = "gan"
kind = "gan"
size = 64
batch = 4
epochs = 0.5
rate = 1e-5
losses = { features = 2.0, adversarial = 1.0 }
"""


def test_numbers_arrive_where_they_belong():
    recipe = parse_recipe(PLAN)
    one, critic, _, gan = recipe.phases
    assert (recipe.cycles, recipe.augmentation.flip, recipe.seed) == (3, 0.0, 0)
    assert (one.kind, one.size, one.encoder_rates, one.losses.features) == ("generator", 64, (1e-5, 1e-4), 0.25)
    assert critic.augmentation is not None and critic.augmentation.zoom == 2.0
    assert one.augmentation is None
    assert (gan.threshold, gan.critic_factor) == (0.65, 5.0)


def test_what_the_feature_loss_sees_is_one_network_or_several_and_one_size_or_several():
    assert parse_recipe(PLAN).feature_networks == ("efficientnet_lite1",)
    names = 'feature_weights = ["efficientnet_lite1", "efficientnet_lite2"]'
    several = PLAN.replace('feature_weights = "efficientnet_lite1"', names)
    several = several.replace("features = 0.25 }", "features = 0.25, bands = [1, 3] }\nfeature_sizes = [32, 64]")
    recipe = parse_recipe(several.replace("rate = 1e-3", "rate = 1e-3\ndepthwise = false", 1))
    assert recipe.feature_networks == ("efficientnet_lite1", "efficientnet_lite2")
    one, critic, *_ = recipe.phases
    assert (one.feature_sizes, one.losses.bands, one.depthwise) == ((32, 64), (1, 3), False)
    assert (critic.feature_sizes, critic.losses.bands, critic.depthwise) == ((), (), True)


def test_photographs_are_kept_at_the_largest_phase_or_as_the_recipe_says():
    assert parse_recipe(PLAN).loaded_side == 192
    assert parse_recipe(PLAN.replace("size = 64", "size = 256", 1)).loaded_side == 256
    assert parse_recipe("photo_side = 128\n" + PLAN.replace("size = 64", "size = 256", 1)).loaded_side == 128


def test_critic_and_gan_make_the_cycle_that_is_repeated():
    plan = [(phase.name, cycle) for phase, cycle in parse_recipe(PLAN).plan()]
    assert plan == [
        ("one", 0),
        ("first critic", 1),
        ("second critic", 1),
        ("gan", 1),
        ("second critic", 2),
        ("gan", 2),
        ("second critic", 3),
        ("gan", 3),
    ]


def test_steps_come_from_samples_or_from_epochs():
    one, critic, *_ = parse_recipe(PLAN).phases
    assert one.steps(photos=7) == 10
    assert critic.steps(photos=10) == 5
    assert critic.steps(photos=1) == 1


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (("rate = 1e-3", "rat = 1e-3"), "unknown rat"),
        (("size = 64", "size = 65"), "multiple of 32"),
        (("samples = 40", "samples = 3"), "one whole batch"),
        (("samples = 40", ""), "samples 0 and epochs 0.0, wanted one"),
        (("samples = 40", "samples = 40\nepochs = 1.0"), "wanted one of the two"),
        (("flip = 0.0", "flap = 0.0"), "unknown flap"),
        (('variant = "lite"', "variant = "), "not TOML"),
        (("rate = 1e-3", ""), "rate"),
        (("chroma = 1.0, features = 0.25", "chroma = 1.0, adversarial = 0.25"), "belongs into a gan phase"),
        (("chroma = 1.0, features = 0.25", "pooled = 1.0"), "got no loss"),
        (("features = 2.0, adversarial = 1.0", "features = 2.0"), "wants both"),
        (('kind = "critic"', 'kind = "criticc"'), "wanted generator, critic, gan or restorer"),
        (('feature_weights = "efficientnet_lite1"', 'feature_weights = "vgg16_bn"\ncritic = "features"'), "critic"),
        (('variant = "lite"', 'variant = "light"'), "wanted one of: artistic"),
        (('feature_weights = "efficientnet_lite1"', 'feature_weights = ["vgg16_bn", "resnet34"]'), "wanted it alone"),
        (("chroma = 1.0, features = 0.25", "features = 0.25, bands = [1]"), "a chroma loss that they are part of"),
        (("cycles = 3", "cycles = 3\nphoto_side = 16"), "photo_side 16, wanted at least 32, or 0"),
        (("cycles = 3\n\n[augmentation]", "photo_side = 48\n[augmentation]\nnative = 0.5"), "at least 64 for native"),
        (("features = 0.25", "bands = 3.0"), "got bands 3.0, wanted a list, each a number"),
        (("encoder_rates", "feature_sizes = ['x']\nencoder_rates"), "wanted a list, each a whole number"),
        (("losses = { chroma = 1.0, features = 0.25 }", "losses = 'abc'"), "wanted a table"),
        (('feature_weights = "efficientnet_lite1"', "feature_weights = 3"), "a name, or a list of names"),
        (('weights = "efficientnet_lite1"\ncycles', "weights = ['vgg16_bn', 'vgg16_bn']\ncycles"), "wanted each once"),
        (("epochs = 2.0", "epochs = 2.0\ndepthwise = false"), "got depthwise = false"),
        (("features = 0.25", "bands = [1, 1, 1, 1, 1, 1, 1]"), "got 7 bands"),
        (("encoder_rates", "feature_sizes = [64, 65]\nencoder_rates"), "multiples of 32"),
        (("size = 64", "size = '64'"), "got size '64', wanted a whole number"),
        (("size = 64", "size = 64.0"), "got size 64.0, wanted a whole number"),
        (("samples = 40", "samples = true"), "got samples True, wanted a whole number"),
        (("rate = 1e-3", "rate = 'high'"), "got rate 'high', wanted a number"),
        (("epochs = 2.0", "epochs = 2.0\ndepthwise = 1"), "got depthwise 1, wanted true or false"),
        (('variant = "lite"', "variant = 1"), "got variant 1, wanted text in quotes"),
        (("cycles = 3", "cycles = 3\nprecision = 'fp16'"), "got precision 'fp16', wanted fp32 or bf16"),
        (("cycles = 3", "cycles = 3\ncritic = 'colours'"), "got critic 'colours', wanted pixels or features"),
        (("samples = 40", "samples = -5\nepochs = 2.0"), "got samples -5, wanted a whole number of 0 or more"),
        (("epochs = 2.0", "epochs = inf"), "got epochs inf, wanted a number"),
        (("epochs = 2.0", "epochs = nan"), "got epochs nan, wanted a number"),
        (("encoder_rates", "feature_sizes = [64.0]\nencoder_rates"), "a list, each a whole number"),
        (("epochs = 0.5", "epochs = 0.5\ncheckpoint_every = 0"), "got checkpoint_every 0, wanted 1 or more"),
        (("features = 0.25", "chroma_beta = 0"), "got chroma_beta 0, wanted more than 0"),
        (("cycles = 3", "cycles = 0"), "got cycles 0"),
        (("rate = 1e-3", "augmentation = 3\nrate = 1e-3"), "got 3, wanted a table"),
        (("rate = 1e-3", "rate = 0"), "got rate 0, wanted more than 0"),
        (("rate = 1e-3", "rate = 1e-3\nwarm = 1.5"), "got warm 1.5, wanted a share of 0 to 1"),
        (("rate = 1e-3", "rate = 1e-3\naverage = 1.0"), "got average 1.0, wanted a decay"),
        (("epochs = 0.5", "epochs = 0.5\npictures = 0.0"), "got pictures 0.0, wanted a share"),
        (("encoder_rates", "encoder_rates = [1e-4]\n#"), "wanted two of 0 or more"),
        (("flip = 0.0", "flip = 2.0"), "got flip 2.0, wanted odds of 0 to 1"),
        (("flip = 0.0", "smallest_crop = 0.0"), "got smallest_crop 0.0, wanted a share"),
        (("flip = 0.0", "zoom = 0.5"), "got zoom 0.5, wanted 1 or more"),
        (("flip = 0.0", "light = 1.0"), "got light 1.0, wanted a range"),
        (("chroma = 1.0, features = 0.25 }", "chroma = 1.0 }\nfeature_sizes = [64]"), "with a feature loss"),
        (("epochs = 0.5", "epochs = 0.5\nfeature_sizes = [64]"), "only a generator phase"),
    ],
)
def test_a_wrong_recipe_says_what_is_wrong(change: tuple[str, str], words: str):
    with pytest.raises(RecipeError, match=words):
        parse_recipe(PLAN.replace(*change, 1))


def test_phases_in_the_wrong_order_are_refused():
    recipe = parse_recipe(PLAN)
    with pytest.raises(RecipeError, match="pretrains the critic first"):
        Recipe("lite", "a", "b", phases=(recipe.phases[3],))
    with pytest.raises(RecipeError, match="pretrain the generator first"):
        Recipe("lite", "a", "b", phases=(recipe.phases[1], recipe.phases[0]))


@pytest.mark.parametrize("name", ["lite", "lite-quick", "artistic", "stable", "video"])
def test_shipped_recipes_are_whole(name: str):
    recipe, text = load_recipe(name)
    assert recipe.variant in VARIANTS
    assert parse_recipe(text) == recipe
    assert [phase.kind for phase in recipe.phases][-1] == "gan"


def test_the_artistic_recipe_is_deoldifys_plan():
    recipe, _ = load_recipe("artistic")
    generator = [phase for phase in recipe.phases if phase.kind == "generator"]
    assert [(phase.size, phase.batch, phase.epochs) for phase in generator] == [
        (64, 88, 1.0),
        (64, 88, 1.0),
        (128, 22, 1.0),
        (192, 11, 0.5),
    ]
    gan = recipe.phases[-1]
    assert (gan.rate, gan.batch, gan.epochs, gan.threshold, gan.critic_factor) == (1e-5, 9, 0.03, 0.65, 5.0)
    assert (gan.losses.adversarial, gan.losses.features, gan.losses.chroma) == (1.0, 2.0, 0.0)


def test_unknown_names_list_the_shipped_ones():
    with pytest.raises(RecipeError, match=r"one of: .*lite"):
        load_recipe("no-such-recipe")


@pytest.mark.parametrize("name", ["restore", "damage", "tone", "upscale"])
def test_shipped_recipes_that_restore_are_whole(name: str):
    recipe, text = load_recipe(name)
    assert recipe.restores and recipe.variant == name
    assert parse_recipe(text) == recipe
    assert {phase.kind for phase in recipe.phases} == {"restorer"}


RESTORER = """
variant = "damage"

[[phases]]
name = "one"
kind = "restorer"
size = 64
batch = 4
samples = 40
rate = 1e-3
damage = { clean = 0.5, kinds = ["dust", "jpeg"] }
"""


def test_what_is_planted_arrives():
    damage = parse_recipe(RESTORER).phases[0].damage
    assert (damage.clean, damage.kinds) == (0.5, ("dust", "jpeg"))


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (('"dust"', '"rust"'), "got damage rust, wanted some of fading"),
        (('kind = "restorer"', 'kind = "generator"'), "got kind 'generator' for variant 'damage'"),
        (('variant = "damage"', 'variant = "lite"'), "wants encoder_weights and feature_weights"),
        (("clean = 0.5", "clear = 0.5"), "unknown clear"),
        (("clean = 0.5", "clean = 1.5"), "got clean 1.5 for damage, wanted odds of 0 to 1"),
        (("clean = 0.5", "mirrored = 1.5"), "got mirrored 1.5 for damage, wanted odds of 0 to 1"),
        (("clean = 0.5", "mirrored = 0.5"), "got size 64, wanted 96 or more for crops that are mirrored"),
        (('damage = { clean = 0.5, kinds = ["dust", "jpeg"] }', "damage = 5"), "got damage 5, wanted a table"),
        (("rate = 1e-3", "rate = 1e-3\nlosses = { chroma = 1.0 }"), "has one of its own"),
        (
            ("[[phases]]", "[augmentation]\nwarp = 0.2\n\n[[phases]]"),
            "got warp; 'damage' is trained with smallest_crop",
        ),
        (
            ('variant = "damage"', 'variant = "tone"\nencoder_weights = "efficientnet_lite0"'),
            "got size 64, wanted a multiple of 96",
        ),
        (('variant = "damage"', 'variant = "tone"'), "got encoder_weights '', wanted 'efficientnet_lite0'"),
        (('"damage"', '"damage"\nencoder_weights = "efficientnet_lite0"'), "wanted none: it has no encoder"),
        (("rate = 1e-3", "rate = 1e-3\nencoder_rates = [0.0, 1e-4]"), "'damage' has no encoder"),
    ],
)
def test_a_wrong_recipe_that_restores_says_what_is_wrong(change: tuple[str, str], words: str):
    with pytest.raises(RecipeError, match=words):
        parse_recipe(RESTORER.replace(*change, 1))


@pytest.mark.parametrize("phases", ["phases = 3", "phases = [1]", "[phases]"])
def test_phases_are_tables(phases: str):
    with pytest.raises(RecipeError, match="wanted \\[\\[phases\\]\\] tables"):
        parse_recipe(f'variant = "lite"\n{phases}\n')
