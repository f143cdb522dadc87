"""POST /v1/colorize and /v1/strip: file in, file out, and what is said when that cannot be."""

from __future__ import annotations

import base64
import io
import json

import numpy as np
import pytest
from PIL import Image
from serving import Serve, Served, colourfulness, picture
from small_film import small_film

from retint.color import luma
from retint.images import DIGITAL_SOURCE_TYPE, read_photo


@pytest.fixture
def served(inside: Serve) -> Served:
    return inside()


def test_a_photograph_comes_back_in_colour(served: Served):
    given = picture()
    answer = served.colorize(given, "grand ma.jpg")
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == "image/jpeg"
    assert answer.headers["content-disposition"].startswith('attachment; filename="grand ma-color.jpg"')
    assert answer.headers["retint-model"] == "fake"
    assert (answer.headers["retint-render-factor"], answer.headers["retint-size"]) == ("10", "96x64")
    assert colourfulness(answer.content) > 20
    assert DIGITAL_SOURCE_TYPE.encode() in answer.content
    assert served.files == []


def test_depth_transparency_and_luma_are_kept(served: Served):
    gray = np.random.default_rng(0).integers(9000, 50000, (40, 50)).astype(np.uint16)
    import imagecodecs

    alpha = np.full_like(gray, 30000)
    given = imagecodecs.png_encode(np.stack([gray, alpha], axis=2))
    answer = served.colorize(given, "scan.png")
    assert answer.status_code == 200, answer.text
    after = read_photo(answer.content)
    assert after.pixels.dtype == np.uint16 and after.pixels.shape == (40, 50, 3)
    assert after.alpha is not None and (after.alpha == 30000).all()
    assert (luma(after.pixels) == gray).all()


@pytest.mark.parametrize(
    ("accept", "media_type", "format"),
    [
        ("*/*", "image/png", "PNG"),
        ("image/webp", "image/webp", "WEBP"),
        ("text/html, image/jpeg;q=0.5, image/tiff;q=0.9", "image/tiff", "TIFF"),
        ("image/png;q=0, image/*;q=0.1", "image/png", "PNG"),
        ("image/heif", "image/heic", "HEIF"),
    ],
)
def test_accept_chooses_the_format(served: Served, accept: str, media_type: str, format: str):
    answer = served.colorize(picture("PNG"), "a.png", headers={"accept": accept})
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == media_type
    assert read_photo(answer.content).format == format


def test_options_are_those_of_the_command(served: Served):
    plain = served.colorize(picture("PNG"), "a.png")
    marked = served.colorize(picture("PNG"), "a.png", watermark="true", render_factor="12")
    assert marked.headers["retint-render-factor"] == "12"
    before, after = (np.asarray(Image.open(io.BytesIO(answer.content))) for answer in (plain, marked))
    assert (before[:32] == after[:32]).all() and (before[-20:, :20] != after[-20:, :20]).any()
    pair = served.colorize(picture("PNG"), "a.png", compare="true")
    assert pair.headers["retint-size"] == "192x64"
    assert "a-compare.png" in pair.headers["content-disposition"]
    assert colourfulness(pair.content) > 10


def test_notes_are_told(served: Served):
    given = io.BytesIO()
    Image.new("RGBA", (20, 20), (90, 90, 90, 100)).save(given, "PNG")
    answer = served.colorize(given.getvalue(), "a.png", headers={"accept": "image/jpeg"})
    assert json.loads(answer.headers["retint-notes"]) == ["JPEG holds no transparency: the picture was laid on white"]


@pytest.mark.parametrize(
    ("content", "fields", "headers", "status", "code", "words"),
    [
        (b"Dear diary, " * 90, {}, {}, 415, "UnsupportedInputError", "letter.txt: this is no kind of picture"),
        (b"", {}, {}, 422, "UnreadablePhotoError", "letter.txt: is empty (0 bytes)"),
        (picture()[:300], {}, {}, 422, "UnreadablePhotoError", "letter.txt: "),
        (b"%PDF-1.4 and more", {}, {}, 415, "UnsupportedInputError", "a PDF document"),
        (picture(), {"render_factor": "999"}, {}, 422, "WrongOption", "wanted a whole number from 4 to 64, or auto"),
        (picture(), {"renderfactor": "9"}, {}, 422, "WrongOption", "did you mean render_factor?"),
        (picture(), {"watermark": "maybe"}, {}, 422, "WrongOption", "wanted true or false"),
        (picture(), {"quality": "-1"}, {}, 422, "WrongOption", "wanted a whole number from 1 to 100"),
        (picture(), {"model": "../../etc/passwd"}, {}, 422, "UnknownModelError", "choose from lite, artistic"),
        (picture(), {"model": "artistic"}, {}, 503, "WeightsError", "retint models fetch artistic"),
        (picture(), {}, {"accept": "text/html"}, 406, "WrongFormat", "wanted one of image/jpeg"),
    ],
)
def test_what_cannot_be_is_told_as_the_command_tells_it(
    served: Served, content: bytes, fields: dict[str, str], headers: dict[str, str], status: int, code: str, words: str
):
    answer = served.colorize(content, "letter.txt", headers=headers, **fields)
    assert answer.headers["content-type"] == "application/problem+json"
    said = answer.json()
    assert (answer.status_code, said["status"], said["code"]) == (status, status, code)
    assert said["type"] == "about:blank" and said["title"]
    assert words in said["detail"], said["detail"]
    assert str(served.data) not in answer.text
    assert served.files == []


def test_a_film_is_sent_to_its_own_address(served: Served, tmp_path):
    film = small_film(tmp_path / "reel.mp4", frames=2)
    said = served.colorize(film.read_bytes(), "reel.mp4").json()
    assert (said["status"], said["code"]) == (415, "IsFilm")
    assert said["detail"] == "reel.mp4: is a film (MP4) and no photograph; POST /v1/jobs takes films"


def test_a_strip_shows_five_render_factors(served: Served):
    answer = served.http.post("/v1/strip", files={"file": picture(size=(1200, 800))})
    strip = answer.json()["strip"]
    assert [one["render_factor"] for one in strip] == [5, 8, 10, 15, 20]
    assert [one["default"] for one in strip] == [False, False, True, False, False]
    for one in strip:
        content = base64.b64decode(one["image"])
        assert Image.open(io.BytesIO(content)).size == (480, 320)
        assert colourfulness(content) > 20


def test_pictures_with_too_many_pixels_are_refused_before_they_are_decoded(inside: Serve):
    served = inside(photo_pixels=1000)
    said = served.colorize(picture("PNG", size=(40, 30))).json()
    assert said["status"] == 422
    assert said["detail"].endswith("40 x 30 px are 0 megapixels, at most 0.001 are wanted; scale it down")


def test_files_that_are_too_large_are_refused(inside: Serve):
    served = inside(photo_bytes=1 << 20)
    large = picture() + bytes(1 << 20)
    assert served.colorize(large).status_code == 413

    def pieces():  # without a length that says it at once
        yield b'--x\r\nContent-Disposition: form-data; name="file"; filename="a.jpg"\r\n\r\n'
        for _ in range(40):
            yield bytes(1 << 16)
        yield b"\r\n--x--\r\n"

    answer = served.http.post(
        "/v1/colorize", content=pieces(), headers={"content-type": "multipart/form-data; boundary=x"}
    )
    assert (answer.status_code, answer.json()["code"]) == (413, "TooLarge")
    assert served.files == []


@pytest.mark.parametrize(
    ("content_type", "body", "status"),
    [
        ("application/json", b"{}", 415),
        ("multipart/form-data", b"", 400),
        ("multipart/form-data; boundary=x", b"", 400),
        ("multipart/form-data; boundary=x", b"--x--\r\n", 422),
        ("multipart/form-data; boundary=x", b'--x\r\nContent-Disposition: form-data; name="file"\r\n\r\nabc', 400),
        ("multipart/form-data; boundary=x", b"--x\r\nContent-Disposition: form-data\r\n\r\nabc\r\n--x--\r\n", 400),
        (
            "multipart/form-data; boundary=x",
            b'--x\r\nContent-Disposition: form-data; name="model"\r\n\r\nlite\r\n--x--\r\n',
            422,
        ),
        (
            "multipart/form-data; boundary=x",
            b'--x\r\nContent-Disposition: form-data; name="file"\r\n\r\na\r\n'
            b'--x\r\nContent-Disposition: form-data; name="file"\r\n\r\nb\r\n--x--\r\n',
            422,
        ),
    ],
)
def test_broken_forms_are_told(served: Served, content_type: str, body: bytes, status: int):
    answer = served.http.post("/v1/colorize", content=body, headers={"content-type": content_type})
    assert (answer.status_code, answer.json()["code"]) == (status, "WrongForm")
    assert served.files == []
