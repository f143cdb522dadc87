"""The options that requests carry as fields of a form: what each takes, said once for parsing and for OpenAPI."""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from retint.restoration.options import STAGES, RestoreOptions, Stage, parse_stages, parse_strength
from retint.server.problems import Problem
from retint.server.settings import FACTORS

_MOST_EVERY = 48  # pipelines.stabilizer's, which is not imported for a photograph
FILM_STAGES = ("dust", "flicker", "scratches", "weave", "noise")  # restoration.film's, not imported for a photograph
_OF_COLOURING = ("model", "render_factor", "watermark", "stabilize", "keyframes")  # options of films
_STAGE = f"({'|'.join(STAGES)})"
_SHARE = r"(auto|0(\.[0-9]+)?|1(\.0+)?)"
CONTAINERS = ("mp4", "mov", "mkv", "webm", "avi")


@dataclass(frozen=True)
class Field:
    """One option."""

    about: str
    schema: Mapping[str, Any]  # JSON Schema
    parse: Callable[[str], Any]  # raises ValueError with what was wanted


def _choice(*names: str) -> tuple[dict[str, Any], Callable[[str], str]]:
    def parse(text: str) -> str:
        if text not in names:
            raise ValueError(f"wanted {', '.join(names[:-1])} or {names[-1]}")
        return text

    return {"type": "string", "enum": list(names)}, parse


def _whole(least: int, most: int) -> tuple[dict[str, Any], Callable[[str], int]]:
    def parse(text: str) -> int:
        # ASCII alone, and no longer than the limits: int() takes more than any client means
        if not (text.isascii() and text.isdecimal() and len(text) <= 6 and least <= int(text) <= most):
            raise ValueError(f"wanted a whole number from {least} to {most}")
        return int(text)

    return {"type": "integer", "minimum": least, "maximum": most}, parse


def _or_words(number: tuple[dict[str, Any], Callable[[str], int]], *words: str) -> tuple[Any, Callable[[str], Any]]:
    schema, parse_number = number

    def parse(text: str) -> int | str:
        if text in words:
            return text
        try:
            return parse_number(text)
        except ValueError as error:
            raise ValueError(f"{error}, or {' or '.join(words)}") from None

    return {"anyOf": [schema, {"type": "string", "enum": list(words)}]}, parse


def _written(pattern: str, parse: Callable[[str], Any], wanted: str) -> tuple[dict[str, Any], Callable[[str], Any]]:
    """What is written so and so; the schema says it as exactly as it is parsed."""

    def parse_whole(text: str) -> Any:
        if not re.fullmatch(pattern, text):
            raise ValueError(f"wanted {wanted}")
        return parse(text)

    # an empty field is as good as none
    return {"type": "string", "pattern": f"^({pattern})?$"}, parse_whole


def _stages(text: str) -> tuple[Stage, ...]:
    return STAGES if text == "all" else parse_stages(text)


def _film_stages(text: str) -> str:
    """Stages of a film, each once and well written: text, for that is what the note of a film's job can hold."""
    from retint.errors import InputError
    from retint.restoration.film import USUAL, parse_film_stages

    try:
        stages = USUAL if text == "usual" else parse_film_stages(text)
    except InputError as error:
        raise ValueError(str(error)) from None
    return ",".join(str(stage) for stage in stages)


def _flag() -> tuple[dict[str, Any], Callable[[str], bool]]:
    said = {"true": True, "on": True, "false": False, "off": False}  # on: what a browser sends for a tick

    def parse(text: str) -> bool:
        if text.lower() not in said:
            raise ValueError("wanted true or false")
        return said[text.lower()]

    return {"type": "boolean"}, parse


def _seconds(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not 0 <= value <= 1e6:
        raise ValueError("wanted seconds from the film's beginning")
    return value


def _name(text: str) -> str:
    if not 0 < len(text) <= 200:
        raise ValueError("wanted the name of a model; GET /v1/models lists them")
    return text


_MODEL = Field("Name of a model, as GET /v1/models lists them.", {"type": "string", "maxLength": 200}, _name)
_STAGES = _written(
    f"all|{_STAGE}( *, *{_STAGE})*", _stages, f"all, or some of {', '.join(STAGES)}, with commas between"
)
_SECONDS: Mapping[str, Any] = {"type": "number", "minimum": 0, "maximum": 1000000}


_QUALITY = Field("Of what is coded with losses. By default the source's, or better.", *_whole(1, 100))


def _common(largest: int) -> dict[str, Field]:
    return {
        "model": _MODEL,
        "render_factor": Field(
            "Size of the square that the network sees, in units of 16 px. By default the model's own; auto: less for "
            "very small pictures.",
            *_or_words(_whole(FACTORS[0], largest), "auto"),
        ),
        "watermark": Field("A visible mark in a corner. (The metadata always has one.)", *_flag()),
        "quality": _QUALITY,
    }


def photo_fields(largest: int) -> dict[str, Field]:
    """Of `POST /v1/colorize`. largest: render factor."""
    compare = Field("Before and after side by side, in place of the result alone.", *_flag())
    restore = Field(
        "Mend it first: all, or some of the stages tone, damage, noise, with commas between. Each does nothing where "
        "nothing is wrong.",
        *_STAGES,
    )
    return {**_common(largest), "restore": restore, "compare": compare}


def restore_fields() -> dict[str, Field]:
    """Of `POST /v1/restore`."""
    strength = _written(
        f"{_SHARE}|{_STAGE}={_SHARE}(,{_STAGE}={_SHARE})*",
        parse_strength,
        "auto, 0 to 1, or such as tone=0.5,noise=auto",
    )
    return {
        "stages": Field(
            "What is mended: tone (fading, yellowing, uneven light), damage (scratches, creases, dust, spots, holes), "
            "noise (noise, blur, JPEG blocks). By default all.",
            *_STAGES,
        ),
        "strength": Field(
            "How much: of every stage, or such as tone=0.5,noise=auto. auto, the default, does nothing where nothing "
            "is wrong.",
            *strength,
        ),
        "grain": Field("keep: it stays in.", *_choice("clean", "keep")),
        "cast": Field("auto: sepia and yellowed pictures become neutral with stage tone.", *_choice("auto", "keep")),
        "upscale": Field("Times the size.", *_whole(1, 2)),
        "quality": _QUALITY,
        "compare": Field("Before, what was filled, and after side by side, in place of the result alone.", *_flag()),
        "save_mask": Field(
            "What was filled in place of the result: white on black, to be corrected and sent as the mask. A PNG, "
            "unless Accept names another format.",
            *_flag(),
        ),
    }


def pop_restore_options(values: dict[str, Any]) -> RestoreOptions:
    """Take what says how to restore out of the values of `restore_fields`. Raises Problem (422)."""
    if values.get("compare") and values.get("save_mask"):
        raise _wrong_options([("save_mask", "compare is asked for, too, and there is one answer; ask for one of them")])
    strength: Mapping[Stage, Any] = values.pop("strength", {})
    chosen = {name: values.pop(name) for name in ("stages", "grain", "cast", "upscale") if name in values}
    return RestoreOptions(**chosen, **strength)


def strip_fields() -> dict[str, Field]:
    """Of `POST /v1/strip`."""
    return {"model": _MODEL}


def film_fields(largest: int) -> dict[str, Field]:
    """Of `POST /v1/jobs`."""
    keyframes = _or_words(_whole(1, _MOST_EVERY), "auto", "off")
    stage = f"({'|'.join(FILM_STAGES)})(={_SHARE})?"
    schema, parse_usual = _written(f"usual|{stage}( *, *{stage})*", _film_stages, "usual, or such as dust,flicker=0.5")

    def parse_restore(text: str) -> str:
        _film_stages(text)  # first, for it says what exactly is wrong
        return parse_usual(text)

    return {
        **_common(largest),
        "restore": Field(
            "Mend it: usual (dust, flicker and scratches), or some of the stages dust (seen in one frame), flicker (of "
            "brightness), scratches (upright, that stay), weave (in the gate), noise, with commas between. Each may "
            "have a strength, such as flicker=0.5; else it does nothing where nothing is wrong.",
            schema,
            parse_restore,
        ),
        "colorize": Field("false: mend it alone; by default what is usual.", *_flag()),
        "container": Field("Of the result. By default the source's, where it can be.", *_choice(*CONTAINERS)),
        "codec": Field(
            "Of the result. By default h264, and av1 in webm.", *_choice("h264", "h265", "av1", "ffv1", "prores")
        ),
        "stabilize": Field(
            "How much colours of neighbouring frames are used, so that they hold still.",
            *_choice("off", "normal", "strong"),
        ),
        "keyframes": Field("Render one frame in N at least; off: every one.", *keyframes),
        "start": Field("Seconds from the film's beginning.", _SECONDS, _seconds),
        "end": Field("Seconds from the film's beginning.", _SECONDS, _seconds),
        "while_watched": Field(
            "Stop the film when nobody has asked for it, or listened to its events, for a minute.", *_flag()
        ),
    }


def film_options(given: Mapping[str, str], largest: int) -> dict[str, Any]:
    """The values of the form of a film. Raises Problem (422) as `parse_fields` does, and for what cannot be meant."""
    values = parse_fields(given, film_fields(largest))
    if values.get("colorize", True):
        return values
    if wrong := [
        (name, "is for colours, and colorize is false; leave it out") for name in _OF_COLOURING if name in values
    ]:
        raise _wrong_options(wrong)
    return {"restore": _film_stages("usual"), **values}


def parse_fields(given: Mapping[str, str], fields: Mapping[str, Field]) -> dict[str, Any]:
    """The values of a form; empty ones count as not given. Raises Problem (422) that names every wrong one."""
    values: dict[str, Any] = {}
    wrong: list[tuple[str, str]] = []
    for name, text in given.items():
        if name not in fields:
            near = difflib.get_close_matches(name, fields, n=1)
            hint = f"did you mean {near[0]}?" if near else f"there are {', '.join(fields)}"
            wrong.append((name[:100], f"there is no such option; {hint}"))
        elif text:
            try:
                values[name] = fields[name].parse(text)
            except ValueError as error:
                said = str(error)[:300]
                wrong.append((name, said if said.startswith("got ") else f"got {text[:100]!r}, {said}"))
    if wrong:
        raise _wrong_options(wrong)
    return values


def _wrong_options(wrong: list[tuple[str, str]]) -> Problem:
    detail = "; ".join(f"{name}: {said}" for name, said in wrong)
    return Problem(422, "WrongOption", detail, fields=wrong)
