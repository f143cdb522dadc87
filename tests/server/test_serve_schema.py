"""What OpenAPI says is what the server does: asked by Schemathesis, from a fixed seed."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import pytest
from serving import Serve

from retint.server.openapi import describe
from retint.server.settings import Settings

CHECKS = (
    "not_a_server_error,status_code_conformance,content_type_conformance,response_headers_conformance,"
    "response_schema_conformance,negative_data_rejection,missing_required_header,unsupported_method,"
    "allow_header_conformance"
)


def test_every_address_is_described(tmp_path: Path):
    from retint.server.app import Server
    from retint.server.run import prepare

    prepare(tmp_path)
    server = Server(Settings(tmp_path))
    try:
        routes = {
            (route.path, method.lower())  # type: ignore[attr-defined]
            for route in server.app.routes
            for method in route.methods - {"HEAD"}  # type: ignore[attr-defined]
        }
    finally:
        server.films.stop()
        server.studio.stop()
    paths = describe(Settings(tmp_path))["paths"]
    described = {(path, method) for path, item in paths.items() for method in item if method != "parameters"}
    page = {route for route in routes if route[0] == "/" or route[0].startswith("/page/")}
    assert described == routes - page - {("/openapi.json", "get")}


@pytest.mark.slow
@pytest.mark.skipif(importlib.util.find_spec("schemathesis") is None, reason="schemathesis is not installed")
def test_nothing_that_openapi_allows_or_forbids_breaks_the_server(inside: Serve, tmp_path: Path):
    served = inside()
    paths = [str(Path(__file__).parent), os.environ.get("PYTHONPATH", "")]
    done = subprocess.run(
        [
            *(sys.executable, "-m", "schemathesis.cli", "--no-color", "run", f"{served.address}openapi.json"),
            *("--checks", CHECKS, "--phases", "coverage,fuzzing,stateful"),
            *("--max-examples", "8", "--max-time", "20", "--seed", "20261125", "--generation-database", "none"),
            *("--suppress-health-check", "all", "--request-timeout", "30"),
        ],
        cwd=tmp_path,
        env={**os.environ, "SCHEMATHESIS_HOOKS": "schema_hooks", "PYTHONPATH": os.pathsep.join(paths)},
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-2000:]
    assert "13/13" in done.stdout, done.stdout[-3000:]
    assert served.http.get("/healthz").status_code == 200
