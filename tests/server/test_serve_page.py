"""The page as it is used: in a headless Chromium, over the real command and the real model.

Networks of restoration are planted ones, to which white is damage.
"""

from __future__ import annotations

import base64
import io
import os
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import planted_models as planted
import pytest
from PIL import Image
from serving import PLANTED_DRIVER, Served, colourfulness, picture, until
from small_film import small_film

playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(CHROMIUM is None, reason="no chromium here; apt-get install chromium"),
]
SAMPLES = Path(__file__).parents[2] / "samples"
SECONDS = 60_000.0  # ms, for what takes a moment on an idle machine
FLAGS = (
    "--no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking "
    "--disable-component-update --disable-sync"
)


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    data = tmp_path_factory.mktemp("page") / "data"
    networks = planted.all_of_them(data.parent / "networks")
    process = subprocess.Popen(
        [sys.executable, "-c", PLANTED_DRIVER, "serve", "--port", "0", "--data", str(data)],
        env={**os.environ, "PYTHONUNBUFFERED": "1", "NETWORKS": str(networks)},
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stderr is not None
    with process, httpx.Client(timeout=30, trust_env=False) as http:
        line = process.stderr.readline()
        address = line.split()[1]
        http.base_url = address
        yield Served(address, data, http, process)
        process.terminate()
        process.wait(20)


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with playwright.sync_playwright() as engine:
        chromium = engine.chromium.launch(executable_path=CHROMIUM, args=FLAGS.split())
        yield chromium
        chromium.close()


Visit = Callable[..., Any]


@pytest.fixture
def visit(browser: Any, served: Served) -> Iterator[Visit]:
    """Opens the page in a window of its own. At the end: no script failed, and nothing was asked of any other host."""
    contexts: list[Any] = []
    asked: list[str] = []
    own = [served.address, "blob:", "data:"]
    errors: list[str] = []

    def open_page(address: str | None = None, **how: Any) -> Any:
        context = browser.new_context(accept_downloads=True, **{"viewport": {"width": 1100, "height": 800}, **how})
        context.set_default_timeout(SECONDS)
        context.on("request", lambda request: asked.append(request.url))
        page = context.new_page()
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.goto(address or served.address)
        page.locator("#model option").first.wait_for(state="attached") if address is None else None
        contexts.append(context)
        own.append(address or served.address)
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert [url for url in asked if not url.startswith(tuple(own))] == []
    assert errors == []


def sample(name: str) -> dict[str, Any]:
    return {"name": f"{name}.jpg", "mimeType": "image/jpeg", "buffer": (SAMPLES / f"{name}.jpg").read_bytes()}


def halves(page: Any) -> tuple[float, float]:
    """How coloured the left and the right half of the picture are, as they are seen."""
    shot = Image.open(io.BytesIO(page.locator(".compare").first.screenshot())).convert("RGB")
    width, height = shot.size
    middle = (0, height // 8, width, height * 7 // 8)  # without the words in the corners
    pixels = np.asarray(shot.crop(middle)).astype(int)
    spread = pixels.max(axis=2) - pixels.min(axis=2)
    return float(spread[:, : width // 2 - 30].mean()), float(spread[:, width // 2 + 30 :].mean())


def done(page: Any, count: int = 1) -> None:
    page.locator("[data-kind=done]").nth(count - 1).wait_for()


TRANSFER = """(content) => {
    const bytes = Uint8Array.from(atob(content), (letter) => letter.charCodeAt(0));
    const transfer = new DataTransfer();
    transfer.items.add(new File([bytes], "coffee.jpg", {type: "image/jpeg"}));
    return transfer;
}"""
PASTE = "(it) => document.dispatchEvent(new ClipboardEvent('paste', {clipboardData: it, bubbles: true}))"


def test_a_pasted_picture_is_taken(visit: Visit):
    page = visit()
    pasted = page.evaluate_handle(TRANSFER, base64.b64encode(sample("coffee")["buffer"]).decode())
    pasted.evaluate(PASTE)
    done(page)
    assert page.locator(".card-name").inner_text() == "coffee.jpg"


def test_a_dropped_photograph_comes_out_in_colour(visit: Visit, served: Served):
    page = visit()
    dropped = page.evaluate_handle(TRANSFER, base64.b64encode(sample("coffee")["buffer"]).decode())
    page.dispatch_event("#drop", "drop", {"dataTransfer": dropped})
    done(page)
    assert page.locator(".card-state").inner_text() == "600 × 400 · lite, render factor 24"
    page.wait_for_timeout(300)
    before, after = halves(page)
    assert before < 2 and after > 10, (before, after)
    assert served.files == []  # nothing of it is kept


def test_the_slider_and_everything_else_is_reached_by_keys(visit: Visit):
    page = visit()
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") == "skip"
    seen: list[str] = []
    for _ in range(5):
        page.keyboard.press("Tab")
        seen.append(page.evaluate("document.activeElement.id || document.activeElement.tagName"))
    assert seen[:4] == ["language", "theme", "files", "SUMMARY"]
    page.set_input_files("#files", [sample("cat")])
    done(page)
    slider = page.get_by_role("slider", name="cat.jpg: how much of the picture before is shown")
    slider.focus()
    page.keyboard.press("Home")
    page.wait_for_timeout(200)
    assert min(halves(page)) > 8  # all of it in colour
    assert slider.get_attribute("aria-valuetext") == "0 % before"
    page.keyboard.press("End")
    page.wait_for_timeout(200)
    assert max(halves(page)) < 2
    for _ in range(30):
        page.keyboard.press("ArrowLeft")
    assert slider.input_value() == "70"
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent") == "Download"


def test_the_slider_follows_the_pointer(visit: Visit):
    page = visit()
    page.set_input_files("#files", [sample("cat")])
    done(page)
    box = page.locator(".compare").bounding_box()
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] * 0.9, box["y"] + box["height"] / 2, steps=4)
    page.mouse.up()
    assert 85 <= int(page.locator(".compare-range").input_value()) <= 95


def test_results_are_downloaded_one_by_one_and_all_as_zip(visit: Visit):
    page = visit()
    page.set_input_files("#files", [sample("coffee"), sample("cat"), sample("cat")])
    done(page, 3)
    with page.expect_download() as one:
        page.get_by_role("button", name="Download", exact=True).last.click()
    assert one.value.suggested_filename == "coffee-color.jpg"
    content = Path(one.value.path()).read_bytes()
    assert colourfulness(content) > 10 and Image.open(io.BytesIO(content)).size == (600, 400)
    with page.expect_download() as all_of_them:
        page.get_by_role("button", name="Download all (zip)").click()
    with zipfile.ZipFile(all_of_them.value.path()) as packed:
        assert packed.testzip() is None
        assert packed.namelist() == ["coffee-color.jpg", "cat-color.jpg", "cat-color-2.jpg"]
        assert packed.read("coffee-color.jpg") == content
    page.get_by_role("button", name="Remove all").click()
    assert page.locator(".card").count() == 0
    assert page.locator("#results").is_hidden()


def test_a_picture_that_browsers_do_not_show_is_shown_and_downloaded_as_it_is(visit: Visit):
    page = visit()
    tiff = io.BytesIO()
    with Image.open(SAMPLES / "cat.jpg") as cat:
        cat.convert("L").save(tiff, "TIFF")
    page.set_input_files("#files", [{"name": "scan.tif", "mimeType": "image/tiff", "buffer": tiff.getvalue()}])
    done(page)
    page.wait_for_timeout(500)
    before, after = halves(page)
    assert before < 2 and after > 8, (before, after)
    with page.expect_download() as one:
        page.get_by_role("button", name="Download", exact=True).click()
    assert one.value.suggested_filename == "scan-color.tif"
    with Image.open(one.value.path()) as result:
        assert result.format == "TIFF"


def test_a_text_file_is_refused_with_words_that_a_person_understands(visit: Visit):
    page = visit()
    page.set_input_files("#files", [{"name": "letter.txt", "mimeType": "text/plain", "buffer": b"Dear diary, " * 9}])
    failed = page.locator("[data-kind=failed] .card-state")
    failed.wait_for()
    assert failed.inner_text() == (
        "letter.txt: this is no kind of picture that retint knows; wanted JPEG, PNG, TIFF, WebP, AVIF, HEIC, BMP or GIF"
    )
    assert "letter.txt" in page.locator("#said").inner_text()  # screen readers are told
    page.select_option("#language", "es")
    assert failed.inner_text().startswith("Este archivo no es una fotografía ni una película que retint conozca.")
    page.get_by_role("button", name="Quitar", exact=True).click()
    assert page.locator(".card").count() == 0


def test_a_render_factor_is_chosen_by_eye(visit: Visit):
    page = visit()
    page.set_input_files("#files", [sample("cat")])
    done(page)
    page.get_by_role("button", name="Choose by eye …").click()
    choices = page.locator(".strip-choice")
    choices.nth(4).wait_for()
    assert choices.all_inner_texts() == ["12", "18", "24 · usual", "36", "48"]
    page.keyboard.press("ArrowLeft")  # the usual one has the focus
    page.get_by_label("Use it for the next pictures, too").check()
    page.get_by_role("button", name="Colour with this").click()
    page.locator(".card-state", has_text="render factor 18").wait_for()
    page.set_input_files("#files", [sample("coffee")])
    page.locator(".card-state", has_text="600 × 400 · lite, render factor 18").wait_for()


def scratched(format: str) -> dict[str, Any]:
    """A picture with a broad white scratch across it."""
    with Image.open(io.BytesIO(picture("PNG", size=(480, 320)))) as image:
        pixels = np.asarray(image.convert("L")).copy()
    pixels[155:165] = 255
    out = io.BytesIO()
    Image.fromarray(pixels).save(out, format)
    return {"name": f"old.{format[:3].lower()}", "mimeType": f"image/{format.lower()}", "buffer": out.getvalue()}


def middles(page: Any) -> tuple[float, float]:
    """How light the scratch is, left and right, as it is seen."""
    shot = Image.open(io.BytesIO(page.locator(".compare").first.screenshot())).convert("L")
    row = np.asarray(shot)[shot.size[1] // 2]
    return float(row[20 : row.size // 2 - 40].mean()), float(row[row.size // 2 + 40 : -20].mean())


@pytest.mark.parametrize("format", ["PNG", "TIFF"])  # browsers show no TIFF
def test_a_photograph_is_restored_and_then_coloured(visit: Visit, format: str):
    page = visit()
    page.get_by_text("Settings").click()
    page.get_by_label("Scratches, dust, creases, spots, holes").check()
    assert page.locator("#settings-now").inner_text() == "restored · lite · 24"
    page.set_input_files("#files", [scratched(format)])
    done(page)
    assert page.locator(".card-state").inner_text() == "480 × 320 · lite, render factor 24 · damage filled"
    page.wait_for_timeout(500)
    before, after = middles(page)
    assert before > 250 and after < 220, (before, after)
    assert max(halves(page)) > 2
    page.select_option("#language", "es")
    assert page.locator(".card-state").inner_text().endswith(" · daños rellenados")


def test_a_photograph_is_restored_and_left_black_and_white(visit: Visit):
    page = visit()
    page.get_by_text("Settings").click()
    only = page.get_by_label("Restore only, without colouring")
    assert only.is_disabled()  # without anything to restore there would be nothing to do
    page.get_by_label("Scratches, dust, creases, spots, holes").check()
    only.check()
    assert page.locator("#settings-now").inner_text() == "restored"
    page.set_input_files("#files", [scratched("PNG")])
    done(page)
    assert page.locator(".card-state").inner_text() == "480 × 320 · damage filled"
    page.wait_for_timeout(500)
    before, after = middles(page)
    assert before > 250 and after < 220, (before, after)
    assert max(halves(page)) < 2
    with page.expect_download() as one:
        page.get_by_role("button", name="Download", exact=True).click()
    assert one.value.suggested_filename == "old-restored.png"
    assert colourfulness(Path(one.value.path()).read_bytes()) == 0
    page.get_by_label("Scratches, dust, creases, spots, holes").uncheck()
    page.get_by_role("button", name="Do it again").click()
    page.locator(".card-state", has_text="lite, render factor 24").wait_for()


def test_a_film_is_restored_and_then_coloured_or_not(visit: Visit, served: Served, tmp_path: Path):
    page = visit()
    page.get_by_text("Settings").click()
    page.get_by_label("Scratches, dust, creases, spots, holes").check()
    film = str(small_film(tmp_path / "reel.mp4", size=(320, 240)))
    page.set_input_files("#files", film)
    page.locator(".card-state", has_text="24 frames, 2 scenes · lite · restored: dust, scratches").wait_for()
    assert page.locator("video").is_visible() and page.locator(".compare-below").count() == 0
    page.get_by_label("Restore only, without colouring").check()
    page.set_input_files("#files", film)
    page.locator("[data-kind=done]").nth(1).wait_for()
    assert page.locator(".card-state").first.inner_text() == "24 frames · restored: dust, scratches"
    page.select_option("#language", "es")
    assert page.locator(".card-state").first.inner_text() == "24 fotogramas · restaurada: polvo, rayas"
    with page.expect_download() as one:
        page.get_by_role("button", name="Descargar", exact=True).first.click()
    assert one.value.suggested_filename == "reel-restored.mp4"
    page.get_by_role("button", name="Quitar todo").click()
    until(lambda: not served.files)


def test_a_film_shows_its_progress_and_is_cancelled(visit: Visit, served: Served, tmp_path: Path):
    page = visit()
    page.set_input_files("#files", str(small_film(tmp_path / "long.mp4", frames=600, size=(320, 240))))
    page.locator(".card-state", has_text="frame").wait_for()
    page.locator(".card-strip img").first.wait_for()
    assert page.locator(".card-progress").is_visible()
    page.get_by_role("button", name="Cancel", exact=True).click()
    assert page.locator(".card").count() == 0
    until(lambda: served.in_work["films"] == 0)
    until(lambda: not served.files)


def test_a_film_is_played_compared_and_found_again(visit: Visit, served: Served, tmp_path: Path):
    page = visit()
    page.set_input_files("#files", str(small_film(tmp_path / "reel.mp4", size=(320, 240))))
    page.locator("video").wait_for()
    assert page.locator(".card-state").inner_text() == "24 frames, 2 scenes · lite"
    until(lambda: page.evaluate("document.querySelector('video').readyState") >= 2)
    page.locator(".compare-below input").fill("100")
    assert page.locator(".compare.film").evaluate("element => element.style.getPropertyValue('--at')") == "100%"
    page.reload()
    page.locator("video").wait_for()
    with page.expect_download() as one:
        page.get_by_role("button", name="Download", exact=True).click()
    assert one.value.suggested_filename == "reel-color.mp4"
    assert Path(one.value.path()).read_bytes()[4:8] == b"ftyp"
    page.get_by_role("button", name="Remove", exact=True).click()
    until(lambda: not served.files)


def test_the_page_speaks_spanish_to_who_does(visit: Visit):
    page = visit(locale="es-ES")
    assert page.locator("html").get_attribute("lang") == "es"
    page.get_by_text("Color para fotografías y películas antiguas.").wait_for()
    page.get_by_text("Ajustes").click()
    page.get_by_label("Marca de agua visible").check()
    page.set_input_files("#files", [sample("cat")])
    page.get_by_role("button", name="Descargar", exact=True).wait_for()
    keys = page.evaluate("import('/page/words.js').then(({words}) => [Object.keys(words.en), Object.keys(words.es)])")
    assert set(keys[0]) <= set(keys[1])
    page.select_option("#language", "en")
    page.get_by_role("button", name="Download", exact=True).wait_for()
    page.reload()
    assert page.locator("html").get_attribute("lang") == "en"  # it is remembered


def test_light_and_dark(visit: Visit):
    page = visit(color_scheme="dark")
    paper = "getComputedStyle(document.documentElement).backgroundColor"
    assert page.evaluate(paper) == "rgb(22, 20, 18)"
    page.select_option("#theme", "light")
    assert page.evaluate(paper) == "rgb(248, 245, 239)"
    page.reload()
    assert page.evaluate(paper) == "rgb(248, 245, 239)"


def test_on_a_phone_nothing_sticks_out(visit: Visit):
    page = visit(viewport={"width": 360, "height": 700}, is_mobile=True, has_touch=True, locale="es-ES")
    page.set_input_files("#files", [sample("admiral")])
    done(page)
    page.get_by_text("Ajustes").click()
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
    short = "[...document.querySelectorAll('main .button')].filter((one) => one.offsetHeight && one.offsetHeight < 36)"
    assert page.evaluate(f"{short}.map((one) => one.textContent)") == []  # fingers are wide


def test_every_control_has_a_name(visit: Visit):
    page = visit()
    page.set_input_files("#files", [sample("cat")])
    done(page)
    page.get_by_text("Settings").click()
    snapshot = page.locator("body").aria_snapshot()
    controls = [line.strip() for line in snapshot.splitlines()]
    nameless = [
        line
        for line in controls
        if line.startswith(("- button", "- slider", "- combobox", "- checkbox", "- link")) and '"' not in line
    ]
    assert nameless == [], snapshot
    assert page.locator("img:not([alt])").count() == 0


def test_the_token_is_asked_for_once(visit: Visit, command: Callable[..., Served]):
    guarded = command("--token", "geheim-1", real=True)
    page = visit(guarded.address)
    page.get_by_role("textbox", name="Token").fill("wrong")
    page.get_by_role("button", name="Go on").click()
    page.get_by_text("That is not the token.").wait_for()
    page.get_by_role("textbox", name="Token").fill("geheim-1")
    page.keyboard.press("Enter")
    page.locator("#model option").first.wait_for(state="attached")
    page.set_input_files("#files", [sample("cat")])
    done(page)
