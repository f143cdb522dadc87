"""The catalogue says what the published files are, and helps who mistypes a name."""

from __future__ import annotations

import re

import pytest

from retint.errors import UnknownModelError
from retint.weights import CATALOG, Entry, entry_of
from retint.weights.catalog import require_generator


@pytest.mark.parametrize(
    ("name", "file", "size", "head", "factor"),
    [
        ("artistic", "ColorizeArtistic_gen.pth", 255144681, "3f750246fa220529", 35),
        ("stable", "ColorizeStable_gen.pth", 874066230, "ca9cd7f43fb8b222", 35),
        ("video", "ColorizeVideo_gen.pth", 874066230, "e3d98bb6a222354c", 21),
    ],
)
def test_published_generators(name, file, size, head, factor):
    entry = CATALOG[name]
    assert (entry.file, entry.size, entry.variant, entry.default_render_factor) == (file, size, name, factor)
    assert len(entry.sha256) == 64 and entry.sha256.startswith(head)
    assert len(entry.addresses) == 3 and entry.licence == "MIT" and entry.needs_torch


def test_lite_is_inside_and_needs_no_torch():
    lite = CATALOG["lite"]
    assert lite.embedded and not lite.needs_torch and not lite.addresses and lite.licence == "MIT"


@pytest.mark.parametrize("name", ["resnet34", "resnet101", "vgg16_bn"])
def test_head_of_the_hash_stands_in_torchvisions_names(name):
    entry = CATALOG[name]
    assert entry.file == f"{name}-{entry.sha256}.pth" and len(entry.sha256) == 8


def test_every_entry_can_be_checked_and_every_address_is_https():
    for name, entry in CATALOG.items():
        assert entry.name == name
        assert entry.embedded or entry.sha256
        for address in entry.addresses:
            assert re.fullmatch(rf"https://[\w./-]+/{re.escape(entry.file)}(\?dl=1)?", address)
    assert len({entry.file for entry in CATALOG.values()}) == len(CATALOG)


@pytest.mark.parametrize(("typed", "meant"), [("artstic", "artistic"), ("Stable", "stable"), ("resnet-34", "resnet34")])
def test_unknown_name_suggests_the_nearest_and_lists_all(typed, meant):
    with pytest.raises(UnknownModelError, match=f'did you mean "{meant}"') as caught:
        entry_of(typed)
    assert all(name in str(caught.value) for name in CATALOG)


def test_unlike_name_gets_no_suggestion():
    with pytest.raises(UnknownModelError, match=r'^no model and no file "zzz". Choose from lite, artistic'):
        entry_of("zzz")


def test_file_name_of_the_catalogue_is_told_its_name():
    with pytest.raises(UnknownModelError, match='that file is called "video"'):
        entry_of("ColorizeVideo_gen.pth")


def test_only_generators_colour():
    for name, entry in CATALOG.items():
        if entry.role == "generator":
            require_generator(name)
            continue
        with pytest.raises(
            UnknownModelError,
            match=rf'"{name}" is no model that colours, but .*(training|evaluation)\. Choose from l',
        ):
            require_generator(name)
    require_generator("./vgg16_bn")
    require_generator("anything")


@pytest.mark.parametrize(
    "wrong", [{"sha256": "ABCDEF12"}, {"sha256": "abc"}, {"file": "../x.pth"}, {"addresses": ()}, {"package": "retint"}]
)
def test_entry_that_makes_no_sense_is_refused(wrong):
    right = {
        "name": "x",
        "file": "x.pth",
        "role": "generator",
        "about": "",
        "licence": "MIT",
        "addresses": ("https://x",),
    }
    Entry(**right)
    with pytest.raises(ValueError, match=r"wants|wanted"):
        Entry(**(right | wrong))
