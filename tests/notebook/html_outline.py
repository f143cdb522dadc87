"""What a piece of HTML holds, read by a parser and not by us."""

from __future__ import annotations

import base64
import io
from dataclasses import dataclass, field
from html.parser import HTMLParser

from PIL import Image


@dataclass
class Outline:
    tags: list[tuple[str, dict[str, str | None]]] = field(default_factory=list)
    text: str = ""  # without that of styles

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.tags if name == tag]

    def pictures(self) -> list[Image.Image]:
        return [Image.open(io.BytesIO(content_of(image["src"] or ""))) for image in self.all("img")]


def content_of(address: str) -> bytes:
    """Of a data: address."""
    head, _, content = address.partition(",")
    assert head.startswith("data:") and head.endswith(";base64")
    return base64.b64decode(content, validate=True)


def outline_of(html: str) -> Outline:
    outline = Outline()

    class Reader(HTMLParser):
        styled = False

        def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
            outline.tags.append((tag, dict(attrs)))
            self.styled = tag == "style"

        def handle_endtag(self, tag: str) -> None:
            self.styled = False

        def handle_data(self, data: str) -> None:
            if not self.styled:
                outline.text += data

    reader = Reader()
    reader.feed(html)
    reader.close()
    return outline
