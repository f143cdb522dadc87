"""The API said in OpenAPI 3.1, from the same fields that requests are parsed with."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import retint
from retint.server.fields import Field, film_fields, photo_fields, restore_fields, strip_fields
from retint.server.problems import MEDIA_TYPE
from retint.server.settings import Settings
from retint.server.uploads import FILE_FIELD, MASK_FIELD
from retint.server.work import MEDIA_TYPES

_PROBLEM = {"$ref": "#/components/schemas/Problem"}
_WORDS = {
    400: "The form is broken.",
    401: "The token is wanted.",
    403: "The request comes from a page of another site.",
    404: "There is no such thing.",
    406: "No such format is written here.",
    408: "It came too slowly.",
    409: "Not in this state.",
    413: "Too large.",
    415: "Not a kind of file that is handled.",
    421: "The server is not known by that name.",
    422: "The file cannot be read, or an option is wrong.",
    429: "Busy; the header Retry-After says when to come again.",
    503: "Not now.",
    507: "The disk is full.",
}


def describe(settings: Settings) -> dict[str, Any]:
    """The document at /openapi.json."""
    largest = settings.largest_render_factor
    picture = {media_type: {"schema": {"type": "string", "format": "binary"}} for media_type in MEDIA_TYPES.values()}
    security = [{"token": []}] if settings.token is not None else []
    document: dict[str, Any] = {
        "openapi": "3.1.0",
        "info": {
            "title": "retint",
            "version": retint.__version__,
            "summary": "Colours and restores old photographs and films.",
            "license": {"name": "MIT", "identifier": "MIT"},
        },
        "security": security,
        "paths": {
            "/v1/colorize": {
                "post": _operation(
                    "Colour a photograph: file in, file out.",
                    {200: {"description": "In colour.", "headers": _PICTURE_HEADERS, "content": picture}},
                    (400, 406, 408, 413, 415, 422, 429, 503, 507),
                    _form("A photograph.", photo_fields(largest)),
                )
            },
            "/v1/restore": {
                "post": _operation(
                    "Mend a photograph without colouring it: file in, file out.",
                    {200: {"description": "Mended.", "headers": _RESTORED_HEADERS, "content": picture}},
                    (400, 406, 408, 413, 415, 422, 429, 503, 507),
                    _form("A photograph.", restore_fields(), mask=True),
                )
            },
            "/v1/strip": {
                "post": _operation(
                    "The same photograph, small, at several render factors to choose from.",
                    {200: _json("Strip", "Smallest render factor first.")},
                    (400, 408, 413, 415, 422, 429, 503, 507),
                    _form("A photograph.", strip_fields()),
                )
            },
            "/v1/jobs": {
                "post": _operation(
                    "Queue a film to be coloured, mended, or both.",
                    {201: {**_json("Job", "Queued."), "headers": {"Location": _header("Where the job is.")}}},
                    (400, 408, 413, 415, 422, 429, 503, 507),
                    _form("A film.", film_fields(largest)),
                )
            },
            "/v1/jobs/{id}": {
                "parameters": [_ID],
                "get": _operation("How far a film is.", {200: _json("Job", "The job.")}, (404,)),
                "delete": _operation("Stop a film, and remove all of it.", {204: {"description": "Removed."}}, (404,)),
            },
            "/v1/jobs/{id}/events": {
                "parameters": [_ID],
                "get": _operation(
                    "The job at every change (server-sent events, `event: job`), until it is over.",
                    {200: {"description": "Events.", "content": {"text/event-stream": {"schema": {"type": "string"}}}}},
                    (404,),
                ),
            },
            "/v1/jobs/{id}/preview": {
                "parameters": [_ID],
                "get": _operation(
                    "The latest frame that is done.",
                    {200: {"description": "A frame.", "content": {"image/jpeg": picture["image/jpeg"]}}},
                    (404,),
                ),
            },
            "/v1/jobs/{id}/result": {
                "parameters": [_ID],
                "get": _operation(
                    "The film that was made. Ranges are served.",
                    {
                        200: {"description": "All of it.", "content": _films()},
                        206: {"description": "A range of it.", "content": _films()},
                    },
                    (404, 409),
                ),
            },
            "/v1/jobs/{id}/resume": {
                "parameters": [_ID],
                "post": _operation(
                    "Go on with a film that was interrupted or has failed.",
                    {202: _json("Job", "Queued again.")},
                    (404, 409, 429, 503, 507),
                ),
            },
            "/v1/models": {"get": _operation("The models, and the limits.", {200: _json("Models", "Models.")}, ())},
            "/v1/session": {
                "post": _operation(
                    "A cookie in place of the token, for pages.", {204: {"description": "The cookie is set."}}, ()
                )
            },
            "/healthz": {
                "get": {**_operation("Whether it works.", {200: _json("Health", "It does.")}, (503,)), "security": []}
            },
        },
        "components": {"schemas": _SCHEMAS, "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}}},
    }
    return document


def _operation(
    summary: str, good: Mapping[int, Any], bad: tuple[int, ...], body: dict[str, Any] | None = None
) -> dict[str, Any]:
    problems = {status: _problem(status) for status in sorted({*bad, 401, 403, 421})}
    said: dict[str, Any] = {
        "summary": summary,
        "responses": {str(status): answer for status, answer in {**good, **problems}.items()},
    }
    if body is not None:
        said["requestBody"] = body
    return said


def _problem(status: int) -> dict[str, Any]:
    said: dict[str, Any] = {"description": _WORDS[status], "content": {MEDIA_TYPE: {"schema": _PROBLEM}}}
    if status == 429:
        said["headers"] = {"Retry-After": {"description": "Seconds.", "schema": {"type": "integer"}}}
    return said


def _form(about: str, fields: Mapping[str, Field], *, mask: bool = False) -> dict[str, Any]:
    properties: dict[str, Any] = {FILE_FIELD: {"type": "string", "format": "binary", "description": about}}
    if mask:
        said = "White where the photograph is damaged, and of its size: what to fill, in place of what is found."
        properties[MASK_FIELD] = {"type": "string", "format": "binary", "description": said}
    properties |= {name: {**field.schema, "description": field.about} for name, field in fields.items()}
    schema = {
        "type": "object",
        "properties": properties,
        "required": [FILE_FIELD],
        "additionalProperties": False,
    }
    return {"required": True, "content": {"multipart/form-data": {"schema": schema}}}


def _json(schema: str, about: str) -> dict[str, Any]:
    return {
        "description": about,
        "content": {"application/json": {"schema": {"$ref": f"#/components/schemas/{schema}"}}},
    }


def _header(about: str) -> dict[str, Any]:
    return {"description": about, "schema": {"type": "string"}}


def _films() -> dict[str, Any]:
    types = ("video/mp4", "video/quicktime", "video/x-matroska", "video/webm", "video/x-msvideo")
    return {media_type: {"schema": {"type": "string", "format": "binary"}} for media_type in types}


def _object(required: Mapping[str, Any], optional: Mapping[str, Any] | None = None) -> dict[str, Any]:
    return {"type": "object", "properties": {**required, **(optional or {})}, "required": list(required)}


def _or_none(kind: str) -> dict[str, Any]:
    return {"type": [kind, "null"]}


_ID = {"name": "id", "in": "path", "required": True, "schema": {"type": "string"}}
_STRING, _INTEGER, _NUMBER, _BOOLEAN = ({"type": kind} for kind in ("string", "integer", "number", "boolean"))
_RESTORED_HEADERS = {
    "Retint-Size": _header("Width and height in px, such as 1024x768."),
    "Retint-Notes": _header("What reading or writing dropped or changed: a JSON array of sentences."),
    "Retint-Restored": _header("What was mended, where that was asked for: a JSON array, empty if nothing was wrong."),
}
_PICTURE_HEADERS = {
    "Retint-Model": _header("The model that coloured it."),
    "Retint-Render-Factor": _header("The render factor."),
    **_RESTORED_HEADERS,
}
_SCHEMAS: dict[str, Any] = {
    "Problem": _object(
        {"type": _STRING, "title": _STRING, "status": _INTEGER, "detail": _STRING, "code": _STRING},
        {"errors": {"type": "array", "items": _object({"field": _STRING, "detail": _STRING})}},
    ),
    "Strip": _object(
        {
            "strip": {
                "type": "array",
                "items": _object(
                    {"render_factor": _INTEGER, "default": _BOOLEAN, "media_type": _STRING, "image": _STRING}
                ),
            }
        }
    ),
    "Job": _object(
        {
            "id": _STRING,
            "state": {"type": "string", "enum": ["waiting", "running", "done", "failed", "interrupted"]},
            "name": _STRING,
            "width": _INTEGER,
            "height": _INTEGER,
            "frames": _or_none("integer"),
            "queue": _or_none("integer"),
            "progress": {
                "anyOf": [
                    {"type": "null"},
                    _object(
                        {
                            "stage": {"type": "string", "enum": ["colour", "restore", "save"]},
                            "frames": _INTEGER,
                            "of": _or_none("integer"),
                            "scene": _INTEGER,
                            "per_second": _NUMBER,
                            "seconds_left": _or_none("number"),
                        }
                    ),
                ]
            },
            "preview": _INTEGER,
            "result": {
                "anyOf": [
                    {"type": "null"},
                    _object(
                        {
                            "name": _STRING,
                            "bytes": _INTEGER,
                            "frames": _INTEGER,
                            "rendered": _INTEGER,
                            "scenes": _INTEGER,
                            "model": _or_none("string"),
                            "render_factor": _or_none("integer"),
                            "restored": {"type": "array", "items": _STRING},
                            "seconds": _NUMBER,
                            "notes": {"type": "array", "items": _STRING},
                        }
                    ),
                ]
            },
            "problem": {"anyOf": [{"type": "null"}, _PROBLEM]},
            "told": _or_none("string"),
        }
    ),
    "Models": _object(
        {
            "models": {
                "type": "array",
                "items": _object(
                    {
                        "name": _STRING,
                        "about": _STRING,
                        "licence": _or_none("string"),
                        "default_render_factor": _or_none("integer"),
                        "available": _BOOLEAN,
                        "default": _BOOLEAN,
                    }
                ),
            },
            "limits": {"type": "object", "additionalProperties": _NUMBER},
        }
    ),
    "Health": _object({"status": _STRING, "version": _STRING, "in_work": {"type": "object"}}),
}
