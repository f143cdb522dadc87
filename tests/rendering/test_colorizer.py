from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from retint.errors import RenderError, RenderMemoryError, UnknownModelError
from retint.images import Metadata, Photograph
from retint.rendering import Colorizer, load_colorizer
from retint.rendering.colorizer import choose_render_factor
from retint.rendering.fake import FakeNetwork


def noise(height: int = 60, width: int = 90) -> Image.Image:
    return Image.fromarray(np.random.default_rng(0).integers(0, 256, (height, width)).astype(np.uint8))


def photograph(pixels: np.ndarray, alpha: np.ndarray | None = None) -> Photograph:
    return Photograph(pixels, alpha, Metadata(b"exif", b"icc", None, (300.0, 300.0)), "PNG", None)


def test_the_network_sees_a_normalised_grey_square_of_the_render_factor():
    network = FakeNetwork()
    Colorizer(network).render(Image.new("RGB", (90, 60), (255, 0, 0)), 5)
    (batch,) = network.batches
    assert batch.shape == (1, 3, 80, 80)
    red_as_grey = 76 / 255  # Pillow's L of pure red
    expected = (red_as_grey - np.array([0.485, 0.456, 0.406])) / np.array([0.229, 0.224, 0.225])
    assert np.allclose(batch[0].mean(axis=(1, 2)), expected, atol=1e-6)


@pytest.mark.parametrize("mode", ["L", "RGB", "LA", "RGBA", "P", "1", "CMYK"])
def test_every_mode_comes_back_the_same_size_and_coloured(mode: str):
    result = Colorizer(FakeNetwork()).render(noise().convert("RGB").convert(mode))
    assert result.size == (90, 60)
    assert result.mode == ("RGBA" if mode in ("LA", "RGBA") else "RGB")
    red, _, blue = (np.asarray(result)[..., i].astype(int) for i in range(3))
    if mode == "1":  # nothing but black and white: no room for colour, and none is forced in
        assert (red == blue).all()
    else:
        assert (red - blue).mean() > 20


def test_transparency_is_kept():
    image = noise().convert("RGBA")
    alpha = np.random.default_rng(1).integers(0, 256, (60, 90)).astype(np.uint8)
    image.putalpha(Image.fromarray(alpha))
    assert np.array_equal(np.asarray(Colorizer(FakeNetwork()).render(image))[..., 3], alpha)


def test_a_16_bit_photograph_keeps_luma_alpha_and_metadata():
    pixels = np.random.default_rng(2).integers(0, 65536, (50, 70)).astype(np.uint16)
    alpha = np.arange(3500).reshape(50, 70).astype(np.uint16)
    result = Colorizer(FakeNetwork()).colorize(photograph(pixels, alpha))
    assert result.pixels.dtype == np.uint16
    assert np.array_equal(np.rint(result.pixels @ np.array([0.299, 0.587, 0.114])), pixels)
    assert result.alpha is alpha
    assert result.metadata == photograph(pixels).metadata


def test_a_batch_gives_what_each_picture_alone_gives():
    def by_brightness(batch: np.ndarray) -> np.ndarray:
        return np.concatenate([batch[:, :1] * 0.05, batch[:, 1:2] * -0.05], axis=1)

    colorizer = Colorizer(FakeNetwork(answer=by_brightness))
    images = [noise(60, 90), noise(200, 300).convert("RGB"), noise(33, 20)]
    together = colorizer.render_batch(images, "auto")
    assert [image.size for image in together] == [image.size for image in images]
    for image, result in zip(images, together, strict=True):
        assert np.array_equal(np.asarray(result), np.asarray(colorizer.render(image, "auto")))


def squares(count: int, side: int = 80) -> list[np.ndarray]:
    return list(np.random.default_rng(3).integers(0, 256, (count, side, side)).astype(np.uint8))


def test_chroma_of_a_batch_is_each_squares_own():
    network = FakeNetwork(answer=lambda batch: np.concatenate([batch[:, :1] * 0.05, batch[:, 1:2] * -0.05], axis=1))
    found = Colorizer(network).chroma_batch(squares(3))
    assert [chroma.shape for chroma in found] == [(80, 80, 2)] * 3
    for gray, chroma in zip(squares(3), found, strict=True):
        assert chroma.dtype == np.float32 and chroma.flags.c_contiguous
        assert np.allclose(chroma[..., 0], (gray / 255 - 0.485) / 0.229 * 0.05, atol=1e-6)
        assert np.allclose(chroma[..., 1], (gray / 255 - 0.456) / 0.224 * -0.05, atol=1e-6)
    assert Colorizer(network).chroma_batch([]) == []


def test_chroma_of_a_network_that_gives_colours_is_theirs():
    network = FakeNetwork(answer=lambda batch: np.broadcast_to(rgb, (len(batch), 3, *batch.shape[2:])))
    rgb = ((np.array([0.8, 0.4, 0.2]) - (0.485, 0.456, 0.406)) / (0.229, 0.224, 0.225))[:, None, None]
    network.info = replace(network.info, head="rgb")
    (chroma,) = Colorizer(network).chroma_batch(squares(1))
    luma = 0.299 * 0.8 + 0.587 * 0.4 + 0.114 * 0.2
    assert np.allclose(chroma, [0.492 * (0.2 - luma), 0.877 * (0.8 - luma)], atol=2 / 255)


@pytest.mark.parametrize(("device", "sizes"), [("cpu", [1] * 9), ("cuda", [4, 4, 1])])
def test_a_cpu_renders_one_by_one_and_other_devices_as_many_as_fit(device: str, sizes: list[int]):
    network = FakeNetwork(free=1000 * 80 * 80 * 5)
    network.info = replace(network.info, device=device)
    assert len(Colorizer(network).chroma_batch(squares(9))) == 9
    assert [len(batch) for batch in network.batches] == sizes


@pytest.mark.parametrize("shapes", [[(80, 64)], [(90, 90)], [(80, 80), (64, 64)], [(80, 80, 3)]])
def test_chroma_is_of_squares_of_one_size(shapes: list[tuple[int, ...]]):
    with pytest.raises(RenderError, match="wanted squares of one size, 16 px times n"):
        Colorizer(FakeNetwork()).chroma_batch([np.zeros(shape, np.uint8) for shape in shapes])


def test_a_render_that_does_not_fit_names_one_that_does():
    network = FakeNetwork(free=1000 * (20 * 16) ** 2)
    with pytest.raises(RenderMemoryError, match=r"render factor 40 means a 640 px render.*try 20"):
        Colorizer(network).render(noise(), 40)
    assert network.batches == []  # told before it is tried
    Colorizer(network).render(noise(), 20)


def test_an_engine_out_of_memory_is_told_with_advice():
    with pytest.raises(RenderMemoryError, match=r"render factor 40 .*try 20"):
        Colorizer(FakeNetwork(limit=400)).render(noise(), 40)


@pytest.mark.parametrize("factor", [0, 3, 129, -5])
def test_impossible_render_factors_are_refused(factor: int):
    with pytest.raises(RenderError, match=f"got render factor {factor}, wanted 4 to 128"):
        Colorizer(FakeNetwork()).render(noise(), factor)


def test_a_grey_render_is_never_a_result():
    with pytest.raises(RenderError, match="no colour at all"):
        Colorizer(FakeNetwork(u=0, v=0)).render(noise())
    blank = Image.new("L", (50, 50), 255)
    assert np.asarray(Colorizer(FakeNetwork(u=0, v=0)).render(blank)).min() == 255


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (lambda batch: batch[:, :2] * np.nan, "NaN"),
        (lambda batch: batch[:, :2, :-1], "shape"),
        (lambda batch: np.empty((0, 2, 1, 1), np.float32), "shape"),
    ],
)
def test_what_an_engine_may_not_give_is_refused(answer, words: str):
    with pytest.raises(RenderError, match=words):
        Colorizer(FakeNetwork(answer=answer)).render(noise())


def test_auto_render_factor_follows_the_picture():
    assert choose_render_factor((3000, 2000), 24) == 24
    assert choose_render_factor((200, 150), 24) == 19
    assert choose_render_factor((10, 10), 24) == 12


def test_watermark_sits_lower_left_in_five_percent_of_the_height():
    colorizer = Colorizer(FakeNetwork())
    image = Image.fromarray(np.full((400, 500), 128, np.uint8))
    plain, marked = (np.asarray(colorizer.render(image, watermark=flag)).astype(int) for flag in (False, True))
    rows, columns = np.nonzero(np.abs(plain - marked).max(axis=2) > 2)
    assert 370 <= rows.min() <= 372 and 387 <= rows.max() <= 389
    assert 10 <= columns.min() <= 12 and 27 <= columns.max() <= 29
    white = colorizer.render(Image.new("L", (500, 400), 255), watermark=True)
    assert np.asarray(white)[370:390, 10:30].min() < 200  # seen on white too
    assert colorizer.render(Image.new("L", (6, 5), 90), watermark=True).size == (6, 5)


@pytest.mark.parametrize("name", ["vgg16_bn", "resnet101", "artistic-critic"])
def test_weights_that_colour_nothing_are_refused_before_a_download(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    def never(*_: object, **__: object) -> None:
        raise AssertionError("asked for a download")

    monkeypatch.setattr("retint.weights.store.fetch", never)
    with pytest.raises(UnknownModelError, match=f'"{name}" is no model that colours'):
        load_colorizer(name)
