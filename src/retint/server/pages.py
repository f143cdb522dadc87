"""The page: a handful of files that come with the package, and nothing from anywhere else."""

from __future__ import annotations

import hashlib
from importlib import resources

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

_TYPES = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
    ".webmanifest": "application/manifest+json",
}


def page_routes() -> list[Route]:
    """One address for each file, read once: no address is ever made into a path."""
    routes: list[Route] = []
    for file in sorted(resources.files("retint.server").joinpath("page").iterdir(), key=lambda file: file.name):
        ending = "." + file.name.rpartition(".")[2]
        if ending in _TYPES:
            address = "/" if file.name == "index.html" else f"/page/{file.name}"
            routes.append(Route(address, _serve(file.read_bytes(), _TYPES[ending]), methods=["GET"]))
    return routes


def _serve(content: bytes, media_type: str):  # noqa: ANN202 - a handler
    tag = f'"{hashlib.sha256(content).hexdigest()[:16]}"'

    async def page(request: Request) -> Response:
        # asked for again at every visit, and not sent again while it is the same
        headers = {"etag": tag, "cache-control": "no-cache"}
        if request.headers.get("if-none-match") == tag:
            return Response(status_code=304, headers=headers)
        return Response(content, media_type=media_type, headers=headers)

    return page
