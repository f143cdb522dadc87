"""The pictures of docs/serve.md, taken from the page itself in a headless Chromium.

python benchmarks/serve_screenshots.py [--chromium /usr/bin/chromium]

From samples/ alone; the film is made of them.
"""

from __future__ import annotations

import argparse
import io
import tempfile
from pathlib import Path

import av
import numpy as np
from PIL import Image
from playwright.sync_api import sync_playwright
from serve import ROOT, start

FLAGS = "--no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking --disable-sync"
DOCS = ROOT / "docs" / "serve"


def film(path: Path, frames: int = 144) -> Path:
    """Three samples, panned over one after another."""
    width, height = 480, 360
    with av.open(str(path), "w") as output:
        video = output.add_stream("libx264", rate=24)
        video.width, video.height, video.pix_fmt = width, height, "yuv420p"
        for name in ("coffee", "rocket", "cat"):
            picture = Image.open(ROOT / "samples" / f"{name}.jpg").convert("RGB")
            scale = max(width * 1.25 / picture.width, height * 1.25 / picture.height)
            pixels = np.asarray(picture.resize((round(picture.width * scale), round(picture.height * scale))))
            for number in range(frames):
                left = (pixels.shape[1] - width) * number // frames
                top = (pixels.shape[0] - height) // 3
                part = np.ascontiguousarray(pixels[top : top + height, left : left + width])
                output.mux(video.encode(av.VideoFrame.from_ndarray(part, format="rgb24")))
        output.mux(video.encode(None))
    return path


def save(shot: bytes, name: str, width: int) -> None:
    """Small enough to be kept with the text."""
    picture = Image.open(io.BytesIO(shot)).convert("RGB")
    picture.thumbnail((width, 10_000), Image.Resampling.LANCZOS)
    picture.save(DOCS / name, "JPEG", quality=88, subsampling=0, optimize=True)
    print(f"{name}: {picture.width}x{picture.height}, {(DOCS / name).stat().st_size // 1024} KiB")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--chromium", default="/usr/bin/chromium")
    arguments = parser.parse_args()
    DOCS.mkdir(exist_ok=True)
    samples = [str(ROOT / "samples" / f"{name}.jpg") for name in ("cat", "coffee", "admiral")]
    with tempfile.TemporaryDirectory() as name, sync_playwright() as engine:
        server, address = start(Path(name) / "data")
        browser = engine.chromium.launch(executable_path=arguments.chromium, args=FLAGS.split())

        page = browser.new_page(viewport={"width": 1120, "height": 900})
        page.goto(address)
        page.set_input_files("#files", samples[:2])
        page.locator("[data-kind=done]").nth(1).wait_for()
        page.evaluate("scrollTo(0, 0)")
        page.wait_for_timeout(800)
        save(page.screenshot(), "light.jpg", 900)
        page.close()

        page = browser.new_page(viewport={"width": 1120, "height": 1000}, color_scheme="dark")
        page.goto(address)
        page.set_input_files("#files", [samples[0], str(film(Path(name) / "reel.mp4"))])
        page.locator(".card-strip img").nth(4).wait_for(timeout=120_000)
        page.evaluate("scrollTo(0, 0)")
        page.wait_for_timeout(400)
        save(page.screenshot(), "dark.jpg", 900)
        page.close()

        page = browser.new_page(viewport={"width": 1120, "height": 900})
        page.goto(address)
        page.locator("#model option").first.wait_for(state="attached")
        page.locator("#settings summary").click()
        page.locator("#restore-damage").check()
        page.wait_for_timeout(400)
        save(page.locator("#settings").screenshot(), "settings.jpg", 900)
        page.close()

        phone = browser.new_context(viewport={"width": 390, "height": 844}, device_scale_factor=2, is_mobile=True)
        page = phone.new_page()
        page.goto(address)
        page.set_input_files("#files", samples[2])
        page.locator("[data-kind=done]").wait_for()
        page.wait_for_timeout(1200)
        save(page.screenshot(), "phone.jpg", 390)
        browser.close()
        server.terminate()
        server.wait()


if __name__ == "__main__":
    main()
