"""Which redirects are followed, and how failures are worded."""

from __future__ import annotations

import io
import ssl
import urllib.error
from http.client import HTTPMessage
from urllib.request import Request

import pytest

from retint.weights import connection
from retint.weights.connection import AddressError, Patience, ask


def redirect(before, after):
    handler = connection._Redirects()
    request = Request(before, headers={"Range": "bytes=5-"})
    return handler.redirect_request(request, io.BytesIO(), 302, "Found", HTTPMessage(), after)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("https://a.example/f", "https://b.example/f"),
        ("http://a.example/f", "http://b.example/f"),
        ("http://a.example/f", "https://b.example/f"),
        ("https://a.example/f", "http://127.0.0.1:8000/f"),
        ("https://a.example/f", "http://[::1]:8000/f"),
        ("https://a.example/f", "http://localhost/f"),
    ],
)
def test_redirects_that_are_followed(before, after):
    request = redirect(before, after)
    assert request.full_url == after and request.get_header("Range") == "bytes=5-"


@pytest.mark.parametrize("after", ["http://b.example/f", "http://127.0.0.1.b.example/f", "ftp://b.example/f"])
def test_redirects_to_less_safety_are_refused(after):
    with pytest.raises(urllib.error.URLError, match=r"redirects to .*, which is not https"):
        redirect("https://a.example/f", after)


def test_what_a_server_says_stays_one_harmless_line():
    error = AddressError("404 \x1b[31mred\x07\nand more" + "x" * 1000)
    assert str(error).startswith("404 [31mred and more") and len(str(error)) == 300


def test_untrusted_certificate_says_what_to_do():
    cause = ssl.SSLCertVerificationError("bad")
    cause.verify_message = "certificate has expired"
    error = connection._network_error(urllib.error.URLError(cause))
    assert "certificate has expired" in str(error) and "SSL_CERT_FILE" in str(error) and error.lasting


@pytest.mark.parametrize("address", ["ftp://a.example/f", "http://127.0.0.1:9/f", "http://[bad/f", "gopher://a/f"])
def test_addresses_that_cannot_be_asked(address):
    with pytest.raises(AddressError), ask(address, 0, None, Patience(stall=1)):
        pass
