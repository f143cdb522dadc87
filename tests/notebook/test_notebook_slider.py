"""Before and after under a slider: what its HTML holds, and what a browser makes of it."""

from __future__ import annotations

import json
import shutil
import subprocess
from html import unescape
from pathlib import Path

import numpy as np
import pytest
from html_outline import content_of, outline_of
from PIL import Image

from retint.errors import InputError
from retint.notebook import Slider, before_after, show

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
in_browser = pytest.mark.skipif(CHROMIUM is None, reason="no chromium here; Debian's package is called so")
HOSTILE = """"><img src=x onerror=alert(1)>'&lt;{}%s.png"""


def pair(width: int = 400, height: int = 300) -> tuple[Image.Image, Image.Image]:
    """Grey, and red of the same luma."""
    return Image.new("L", (width, height), 76), Image.new("RGB", (width, height), (255, 0, 0))


def test_it_holds_all_it_needs():
    slider = before_after(*pair(), caption="grandma.jpg")
    outline = outline_of(slider.html)
    assert [tag for tag, _ in outline.tags] == [
        "figure", "style", "div", "img", "img", "input", "i", "b", "b", "figcaption",
    ]  # fmt: skip
    assert "http" not in slider.html.replace("data:", "")
    assert "url(" not in slider.html and "@import" not in slider.html
    before, after = outline.pictures()
    assert np.asarray(before.convert("RGB")).std(axis=2).max() < 2
    assert np.asarray(after.convert("RGB")).std(axis=2).min() > 80
    assert slider._repr_html_() == slider.html
    assert repr(slider) == "before and after: grandma.jpg, 400 x 300 px"
    assert isinstance(slider, Slider)


def test_it_can_be_read_out():
    outline = outline_of(before_after(*pair(), caption="grandma.jpg").html)
    assert [image["alt"] for image in outline.all("img")] == ["before: grandma.jpg", "after: grandma.jpg"]
    (handle,) = outline.all("input")
    assert handle["type"] == "range"
    assert handle["data-lm-suppress-shortcuts"] == "true"  # on itself: else JupyterLab has its arrow keys
    assert handle["aria-label"] == "before, after: grandma.jpg"
    assert handle["aria-valuetext"] == "50 % before"


def test_without_style_and_script_two_pictures_are_left():
    """What GitHub and untrusted notebooks keep: tags that show text and pictures."""
    outline = outline_of(before_after(*pair(), caption="grandma.jpg").html)
    assert outline.text == "grandma.jpg"  # no words of the slider stand about
    assert "hidden" in outline.all("input")[0]
    assert all(image["width"] == "400" and image["height"] == "300" for image in outline.all("img"))


def test_names_are_names(tmp_path: Path):
    grey, red = pair()
    grey.save(tmp_path / HOSTILE)
    red.save(tmp_path / f"2{HOSTILE}")
    for slider in (
        before_after(tmp_path / HOSTILE, tmp_path / f"2{HOSTILE}"),
        before_after(grey, red, caption=HOSTILE),
        before_after(grey, red, labels=(HOSTILE, "');alert(1);('")),
        show(tmp_path / HOSTILE),
        show(grey, caption="</figcaption><script>alert(1)</script>"),
    ):
        outline = outline_of(slider.html)
        kinds = {tag for tag, _ in outline.tags}
        assert kinds <= {"figure", "style", "div", "img", "input", "i", "b", "figcaption"}
        assert len(outline.all("img")) in (1, 2)
        for tag, attributes in outline.tags:
            handlers = {name: value for name, value in attributes.items() if name.startswith("on")}
            assert set(handlers) <= ({"oninput"} if tag == "input" else set())
            assert "alert" not in "".join(value or "" for value in handlers.values())
    assert HOSTILE in unescape(before_after(tmp_path / HOSTILE, grey).html)


def test_two_of_other_shapes_are_told():
    with pytest.raises(InputError, match="got 400 x 300 px before and 300 x 400 px after, wanted two of one aspect"):
        before_after(pair()[0], pair(300, 400)[1])
    before_after(pair(400, 300)[0], pair(41, 31)[1])  # a small copy of it


def test_sizes(tmp_path: Path):
    large = np.random.default_rng(0).integers(0, 255, (60, 90, 3)).astype(np.uint8)
    Image.fromarray(large).resize((1200, 800)).save(tmp_path / "scan.png")
    slider = before_after(tmp_path / "scan.png", tmp_path / "scan.png", width=600, side=500)
    outline = outline_of(slider.html)
    assert [image.size for image in outline.pictures()] == [(500, 333)] * 2
    assert "max-width:600px" in (outline.all("figure")[0]["style"] or "")
    assert "shown at 500 x 333 of 1200 x 800 px" in outline.text
    assert len(slider.html) < 200_000
    assert "max-width:400px" in before_after(*pair(40, 30)).html  # room for a slider


def test_a_picture_alone(tmp_path: Path):
    pair()[1].save(tmp_path / "new.png")
    copy, whole = show(tmp_path / "new.png"), show(tmp_path / "new.png", whole_up_to=1 << 20)
    (image,) = outline_of(copy.html).all("img")
    assert (image["src"] or "").startswith("data:image/webp")
    (image,) = outline_of(whole.html).all("img")
    assert content_of(image["src"] or "") == (tmp_path / "new.png").read_bytes()
    assert "image/webp" in show(tmp_path / "new.png", whole_up_to=100).html  # it has more bytes
    pair()[1].save(tmp_path / "new.tif")
    assert "image/webp" in show(tmp_path / "new.tif", whole_up_to=1 << 20).html  # browsers show no TIFF
    assert repr(whole) == "new.png, 400 x 300 px"


# in a browser


def page(slider: Slider, script: str = "") -> str:
    return f'<!doctype html><meta charset="utf-8"><body style="margin:0">{slider.html}<script>{script}</script>'


def browse(tmp_path: Path, content: str, *what: str) -> str:
    (tmp_path / "page.html").write_text(content, encoding="utf-8")
    assert CHROMIUM is not None
    command = [CHROMIUM, "--headless", "--no-sandbox", "--disable-gpu", f"--user-data-dir={tmp_path / 'profile'}"]
    command += ["--window-size=500,400", "--hide-scrollbars", *what, (tmp_path / "page.html").as_uri()]
    return subprocess.run(command, capture_output=True, text=True, check=True, timeout=120).stdout


@in_browser
@pytest.mark.slow
def test_half_is_before_and_half_is_after(tmp_path: Path):
    browse(tmp_path, page(before_after(*pair())), f"--screenshot={tmp_path / 'page.png'}")
    with Image.open(tmp_path / "page.png") as image:
        pixels = np.asarray(image.convert("RGB")).astype(int)
    spread = pixels[40:110, :400].max(axis=2) - pixels[40:110, :400].min(axis=2)
    assert spread[:, 10:190].max() < 8
    assert spread[:, 210:390].min() > 200
    assert (pixels[40:110, 199:201] > 200).all()  # the line


@in_browser
@pytest.mark.slow
def test_moving_it_moves_the_line_and_is_read_out(tmp_path: Path):
    script = """
        const range = document.querySelector('input'), line = document.querySelector('i');
        const at = () => line.getBoundingClientRect().left + 1;
        const seen = {focus: [], moved: [], thumb: document.elementFromPoint(200, 150) === range};
        range.focus();
        seen.focus = document.activeElement === range;
        for (const value of [0, 25, 100]) {
            range.value = value;
            range.dispatchEvent(new Event('input', {bubbles: true}));
            seen.moved.push([at(), range.getAttribute('aria-valuetext')]);
        }
        range.stepDown();
        seen.step = range.value;
        seen.wide = range.getBoundingClientRect().width;
        document.title = JSON.stringify(seen);
    """
    dom = browse(tmp_path, page(before_after(*pair(), labels=("grey", "colour")), script), "--dump-dom")
    seen = json.loads(unescape(dom.split("<title>")[1].split("</title>")[0]))
    assert seen["thumb"] and seen["focus"]
    assert seen["moved"] == [[0, "0 % grey"], [100, "25 % grey"], [400, "100 % grey"]]
    assert seen["step"] == "99"
    # The thumb's middle goes from edge to edge of the picture: it is 44 px wide, 22 px of the range lie beyond each
    assert seen["wide"] == 444


@in_browser
@pytest.mark.slow
def test_it_fits_a_narrow_page(tmp_path: Path):
    script = "document.title=document.querySelector('.retint-pair').getBoundingClientRect().width"
    html = f'<div style="width:180px">{before_after(*pair()).html}</div>'
    dom = browse(tmp_path, f"<!doctype html><body>{html}<script>{script}</script>", "--dump-dom")
    assert "<title>180</title>" in dom
