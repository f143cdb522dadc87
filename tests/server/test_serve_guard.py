"""Who may ask: names of the server, pages of other sites, the token, and what answers forbid browsers."""

from __future__ import annotations

import httpx
import pytest
from serving import Serve, Served, picture


@pytest.fixture
def served(inside: Serve) -> Served:
    return inside()


def post(served: Served, **headers: str) -> httpx.Response:
    headers = {name.replace("_", "-"): value for name, value in headers.items()}
    return served.colorize(picture(), headers=headers)


@pytest.mark.parametrize(
    "host", ["attacker.example", "attacker.example:80", "", "127.0.0.1.nip.example", "[::1", "10.0.0.7"]
)
def test_names_made_to_point_here_are_refused(served: Served, host: str):
    answer = served.http.get("/v1/models", headers={"host": host})
    assert answer.status_code in (400, 421), answer.text  # 400: not even HTTP
    assert "models" not in answer.text or answer.json()["code"] == "WrongHost"


@pytest.mark.parametrize("host", ["localhost:8484", "LOCALHOST", "127.0.0.1", "[::1]:99", "127.9.9.9"])
def test_names_of_this_machine_are_taken(served: Served, host: str):
    assert served.http.get("/v1/models", headers={"host": host}).status_code == 200


def test_further_names_are_told_at_the_start(inside: Serve):
    served = inside(names=("photos.example",))
    assert served.http.get("/healthz", headers={"host": "photos.example:443"}).status_code == 200
    assert served.http.get("/healthz", headers={"host": "other.example"}).status_code == 421


def test_who_listens_at_all_addresses_is_reached_by_all_of_them_but_no_other_name(inside: Serve):
    served = inside(host="0.0.0.0")
    assert served.http.get("/healthz", headers={"host": "192.168.1.5:8484"}).status_code == 200
    assert served.http.get("/healthz", headers={"host": "attacker.example"}).status_code == 421


@pytest.mark.parametrize(
    "headers",
    [
        {"origin": "https://attacker.example"},
        {"origin": "null"},
        {"origin": "http://localhost:1"},  # another program of this machine
        {"sec_fetch_site": "cross-site"},
        {"sec_fetch_site": "same-site"},
    ],
)
def test_pages_of_other_sites_can_have_nothing_done(served: Served, headers: dict[str, str]):
    answer = post(served, **headers)
    assert (answer.status_code, answer.json()["code"]) == (403, "CrossOrigin")
    large = served.colorize(bytes(20 << 20), headers={name.replace("_", "-"): value for name, value in headers.items()})
    assert large.status_code == 403  # the answer comes through to who is still sending
    assert served.files == []


def test_the_own_page_and_programs_may(served: Served):
    assert post(served, origin=served.address.rstrip("/"), sec_fetch_site="same-origin").status_code == 200
    assert post(served).status_code == 200


def test_nothing_is_allowed_to_other_origins(served: Served):
    preflight = served.http.options(
        "/v1/colorize", headers={"origin": "https://a.example", "access-control-request-method": "POST"}
    )
    assert preflight.status_code == 405
    answer = served.http.get("/v1/models", headers={"origin": "https://a.example"})
    for one in (preflight, answer):
        assert not [name for name in one.headers if name.startswith("access-control-")]


@pytest.mark.parametrize("path", ["/", "/page/app.js", "/v1/models", "/v1/jobs/none", "/nowhere", "/healthz"])
def test_every_answer_is_closed_to_strangers(served: Served, path: str):
    headers = served.http.get(path).headers
    policy = headers["content-security-policy"]
    assert "default-src 'none'" in policy and "frame-ancestors 'none'" in policy
    assert "unsafe" not in policy and "http" not in policy
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["cross-origin-resource-policy"] == "same-origin"
    assert "server" not in headers


def test_the_token_is_asked_for_and_the_page_gets_a_cookie_for_it(inside: Serve):
    served = inside(token="geheim-1")
    assert served.http.get("/").status_code == 200  # the page itself asks for the token
    assert served.http.get("/healthz").status_code == 200
    for wrong in ({}, {"authorization": "Bearer no"}, {"authorization": "Basic geheim"}, {"cookie": "retint-session="}):
        answer = served.http.get("/v1/models", headers=wrong)
        assert (answer.status_code, answer.json()["code"]) == (401, "TokenWanted")
        assert answer.headers["www-authenticate"].startswith("Bearer")
    assert post(served).status_code == 401
    right = {"authorization": "Bearer geheim-1"}
    assert served.http.get("/v1/models", headers=right).status_code == 200
    given = served.http.post("/v1/session", headers=right)
    cookie = given.headers["set-cookie"]
    assert "HttpOnly" in cookie and "SameSite=strict" in cookie and "geheim" not in cookie
    assert served.http.get("/v1/models").status_code == 200  # the client keeps the cookie


@pytest.mark.parametrize(
    "path",
    [
        "/page/../settings.py",
        "/page/%2e%2e/settings.py",
        "/page/..%2fapp.py",
        "/page//etc/passwd",
        "/v1/jobs/..%2f..%2fx",
    ],
)
def test_no_address_reaches_another_file(served: Served, path: str):
    url = httpx.URL(served.address).copy_with(raw_path=path.encode())
    assert served.http.get(url).status_code == 404


def test_other_addresses_and_methods_are_told(served: Served):
    assert served.http.get("/v2").json()["code"] == "NotFound"
    answer = served.http.get("/v1/colorize")
    assert (answer.status_code, answer.headers["allow"]) == (405, "POST")
    assert answer.headers["content-type"] == "application/problem+json"
