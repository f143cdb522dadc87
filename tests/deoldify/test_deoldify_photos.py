"""Photographs by DeOldify's methods, with a network whose colours are known."""

from __future__ import annotations

import io
import warnings
from pathlib import Path

import numpy as np
import pytest
from matplotlib import pyplot
from PIL import Image

from retint.deoldify.photos import ModelImageVisualizer
from retint.errors import InputError, MissingExtraError, OutputError, RenderMemoryError
from retint.images import DIGITAL_SOURCE_TYPE, read_photo
from retint.rendering import Colorizer
from retint.rendering.fake import FakeNetwork
from retint.rendering.network import Floats, NetworkInfo

GPS, ORIENTATION, ARTIST = 0x8825, 0x0112, 0x013B


def grey(size: tuple[int, int] = (120, 90), seed: int = 0) -> Image.Image:
    small = np.random.default_rng(seed).integers(60, 196, (4, 6)).astype(np.uint8)
    return Image.fromarray(small).resize(size, Image.Resampling.BICUBIC)


def encoded(image: Image.Image, format: str = "PNG", **how: object) -> bytes:
    out = io.BytesIO()
    image.save(out, format, **how)
    return out.getvalue()


class RgbNetwork(FakeNetwork):
    """A network of head "rgb", as DeOldify's are, that puts out one colour."""

    def __init__(self, rgb: tuple[int, int, int]) -> None:
        super().__init__(answer=self._paint)
        self.info = NetworkInfo("painter", "artistic", "0", "rgb", 10, "fake", "cpu")
        self._rgb = rgb

    def _paint(self, batch: Floats) -> Floats:
        mean, std = np.array((0.485, 0.456, 0.406)), np.array((0.229, 0.224, 0.225))
        level = ((np.array(self._rgb) + 0.5) / 255 - mean) / std  # half a level, to be cut off
        return np.broadcast_to(level[None, :, None, None], (len(batch), 3, *batch.shape[2:])).astype(np.float32)


def test_the_picture_is_retints_own(visualizer: ModelImageVisualizer):
    grey().save("old.png")
    got = visualizer.get_transformed_image("old.png", watermarked=False)
    assert got.mode == "RGB"
    wanted = Colorizer(FakeNetwork()).render(grey(), 10)
    np.testing.assert_array_equal(np.asarray(got), np.asarray(wanted))
    assert not list(visualizer.results_dir.iterdir())


def test_the_mark_is_on_unless_refused(visualizer: ModelImageVisualizer):
    grey((300, 400)).save("old.png")
    plain = np.asarray(visualizer.get_transformed_image("old.png", watermarked=False)).astype(int)
    marked = np.asarray(visualizer.get_transformed_image("old.png")).astype(int)
    rows, columns = np.nonzero((plain != marked).any(axis=2))
    # DeOldify's place: 5 % of the height, 10 px from the left and the bottom edge
    assert (rows.min(), rows.max()) == (400 - 10 - 20, 400 - 10 - 1)
    assert (columns.min(), columns.max()) == (10, 29)


def test_without_post_process_it_is_the_networks_own_picture(tmp_path: Path):
    visualizer = ModelImageVisualizer(Colorizer(RgbNetwork((200, 60, 30))), tmp_path / "results", 10)
    grey().save("old.png")
    raw = np.asarray(visualizer.get_transformed_image("old.png", post_process=False, watermarked=False))
    assert raw.shape == (90, 120, 3)
    assert (raw == (200, 60, 30)).all()
    merged = np.asarray(visualizer.get_transformed_image("old.png", watermarked=False))
    assert merged.std() > 5  # the photograph's luma is in it


def test_the_render_factor_is_the_objects_or_the_calls():
    network = FakeNetwork()
    visualizer = ModelImageVisualizer(Colorizer(network), "result_images", 12)
    grey().save("old.png")
    visualizer.get_transformed_image("old.png")
    visualizer.get_transformed_image("old.png", render_factor=7)
    assert [batch.shape[-1] for batch in network.batches] == [12 * 16, 7 * 16]


def test_results_have_the_photographs_name(visualizer: ModelImageVisualizer):
    grey().save("old.jpg", quality=90)
    assert visualizer.plot_transformed_image("old.jpg") == Path("result_images/old.jpg")
    assert visualizer.plot_transformed_image(path="old.jpg", results_dir=Path("a/b")) == Path("a/b/old.jpg")
    assert sorted(str(path) for path in Path().rglob("*.jpg")) == ["a/b/old.jpg", "old.jpg", "result_images/old.jpg"]


def test_results_keep_what_the_photograph_had(visualizer: ModelImageVisualizer):
    exif = Image.Exif()
    exif[ORIENTATION], exif[ARTIST] = 6, "Grandfather"
    grey((120, 80)).save("old.jpg", exif=exif, dpi=(300, 300))
    result = read_photo(visualizer.plot_transformed_image("old.jpg", watermarked=False))
    assert (result.width, result.height) == (80, 120)  # upright
    assert b"Grandfather" in (result.metadata.exif or b"")
    assert result.metadata.dpi == (300, 300)
    assert DIGITAL_SOURCE_TYPE.encode() in (result.metadata.xmp or b"")


def test_transparency_stays_in_the_file_and_not_in_the_image(visualizer: ModelImageVisualizer):
    image = grey().convert("RGBA")
    image.putalpha(Image.fromarray(np.linspace(0, 255, 120 * 90).reshape(90, 120).astype(np.uint8)))
    image.save("old.png")
    for post_process in (True, False):
        result = visualizer.plot_transformed_image("old.png", post_process=post_process)
        alpha = read_photo(result).alpha
        np.testing.assert_array_equal(alpha, np.asarray(image)[..., 3])
    assert visualizer.get_transformed_image("old.png").mode == "RGB"


def test_sixteen_bits_stay(visualizer: ModelImageVisualizer):
    ramp = np.linspace(5000, 60000, 64 * 48).reshape(48, 64).astype(np.uint16)
    Image.fromarray(ramp).save("old.png")
    result = read_photo(visualizer.plot_transformed_image("old.png", watermarked=False))
    assert result.pixels.dtype == np.uint16
    assert len(np.unique(result.pixels)) > 1000
    raw = read_photo(visualizer.plot_transformed_image("old.png", post_process=False, watermarked=False))
    assert raw.pixels.dtype == np.uint8  # the network's own
    assert np.asarray(visualizer.get_transformed_image("old.png")).dtype == np.uint8


def test_a_kind_that_cannot_say_it_is_coloured_becomes_png(visualizer: ModelImageVisualizer):
    grey().save("old.bmp")
    assert visualizer.plot_transformed_image("old.bmp") == Path("result_images/old.png")


def test_the_photograph_is_never_overwritten(visualizer: ModelImageVisualizer):
    grey().save("result_images/old.png")
    content = Path("result_images/old.png").read_bytes()
    with pytest.raises(OutputError, match="is the photograph itself; name another results_dir"):
        visualizer.plot_transformed_image("result_images/old.png")
    assert Path("result_images/old.png").read_bytes() == content


def test_out_of_memory_is_an_error_and_no_grey_picture():
    visualizer = ModelImageVisualizer(Colorizer(FakeNetwork(limit=200)), "result_images", 35)
    grey().save("old.png")
    with pytest.raises(RenderMemoryError, match="render factor 35 means a 560 px render"):
        visualizer.plot_transformed_image("old.png", compare=True)
    assert not list(Path("result_images").iterdir())
    assert not pyplot.get_fignums()


def test_what_is_dropped_is_told(visualizer: ModelImageVisualizer):
    Path("old.jpg").write_bytes(encoded(grey(), "JPEG", exif=b"Exif\0\0II*\0\xff\xff\xff\x7f"))
    with pytest.warns(UserWarning, match="EXIF was left out, for it is damaged"):
        visualizer.get_transformed_image("old.jpg")


def test_what_is_no_photograph_is_told(visualizer: ModelImageVisualizer):
    Path("old.jpg").write_text("a letter")
    with pytest.raises(InputError, match=r"old\.jpg"):
        visualizer.plot_transformed_image("old.jpg")
    with pytest.raises(InputError, match="there is no such file"):
        visualizer.get_transformed_image("none.jpg")


# figures


def test_compare_shows_both_side_by_side(visualizer: ModelImageVisualizer):
    grey().save("old.png")
    visualizer.plot_transformed_image("old.png", figsize=(8, 4), compare=True, watermarked=False)
    figure = pyplot.gcf()
    assert tuple(figure.get_size_inches()) == (8, 4)
    before, after = (axis.images[0].get_array() for axis in figure.axes)
    np.testing.assert_array_equal(before, np.asarray(grey().convert("RGB")))
    np.testing.assert_array_equal(after, np.asarray(Image.open("result_images/old.png")))


def test_alone_shows_the_result(visualizer: ModelImageVisualizer):
    grey().save("old.png")
    visualizer.plot_transformed_image("old.png")
    (axis,) = pyplot.gcf().axes
    assert not axis.texts
    assert tuple(pyplot.gcf().get_size_inches()) == (20, 20)


def test_the_render_factor_is_written_into_the_figure_alone(visualizer: ModelImageVisualizer):
    grey().save("old.png")
    visualizer.plot_transformed_image("old.png", watermarked=False)
    plain = Path("result_images/old.png").read_bytes()
    visualizer.plot_transformed_image("old.png", render_factor=10, display_render_factor=True, watermarked=False)
    (axis,) = pyplot.gcf().axes
    assert [text.get_text() for text in axis.texts] == ["render_factor: 10"]
    assert Path("result_images/old.png").read_bytes() == plain


def test_a_thousand_pictures_do_not_fill_memory_with_figures(visualizer: ModelImageVisualizer):
    grey((40, 30)).save("old.png")
    mine = pyplot.figure()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for factor in [4] * 25:
            visualizer.plot_transformed_image("old.png", render_factor=factor, figsize=(1, 1))
    assert len(pyplot.get_fignums()) == 20
    assert pyplot.fignum_exists(mine.number)


def test_figures_of_large_pictures_are_small(visualizer: ModelImageVisualizer):
    grey((3000, 600)).save("old.jpg")
    visualizer.plot_transformed_image("old.jpg")
    (axis,) = pyplot.gcf().axes
    assert axis.images[0].get_array().shape == (400, 2000, 3)


def test_without_matplotlib_nothing_is_rendered_for_nothing(monkeypatch: pytest.MonkeyPatch):
    network = FakeNetwork()
    visualizer = ModelImageVisualizer(Colorizer(network), "result_images", 10)
    grey().save("old.png")
    monkeypatch.setitem(__import__("sys").modules, "matplotlib.pyplot", None)
    with pytest.raises(MissingExtraError, match=r"pip install 'retint\[notebook\]'"):
        visualizer.plot_transformed_image("old.png")
    assert not network.batches
    visualizer.get_transformed_image("old.png")  # wants none


# addresses


def test_a_picture_behind_an_address(visualizer: ModelImageVisualizer, server, reply):
    body = encoded(grey(), "JPEG", quality=95)
    address = server.at("/old.jpg", reply(body, content_type="image/jpeg"))
    result = visualizer.plot_transformed_image_from_url(url=address, render_factor=10, compare=True, watermarked=False)
    assert result == Path("result_images/image.png")
    fetched = read_photo("test_images/image.png")
    assert fetched.format == "PNG"  # whatever came
    np.testing.assert_array_equal(fetched.pixels, read_photo(body).pixels)
    assert np.asarray(Image.open(result)).std(axis=2).mean() > 5


def test_a_name_for_the_fetched_picture(visualizer: ModelImageVisualizer, server, reply):
    address = server.at("/x", reply(encoded(grey()), content_type="image/png"))
    result = visualizer.plot_transformed_image_from_url(address, path="in/grandma.jpg", results_dir="out")
    assert result == Path("out/grandma.jpg")
    assert read_photo("in/grandma.jpg").format == "JPEG"


def test_a_web_page_is_no_picture(visualizer: ModelImageVisualizer, server, reply):
    address = server.at("/page", reply(b"<!doctype html><p>404", content_type="text/html"))
    with pytest.raises(InputError, match="is a web page, not a picture"):
        visualizer.plot_transformed_image_from_url(url=address)
    assert not Path("test_images").exists()
