"""Photographs in a notebook: one by itself, or before and after under a slider."""

from __future__ import annotations

from html import escape
from pathlib import Path

from retint.errors import InputError
from retint.images import Photograph, sniff_format
from retint.notebook.previews import PREVIEW_SIDE, Preview, Source, data_address, photograph_of, preview_of

WIDTH = 800  # px on the screen at most
_LEAST = 400  # px on the screen to which small pictures are enlarged: a slider wants some room
_ASPECT = 0.02  # share by which the aspects of before and after may differ: rounding of small pictures
_SHOWN_BY_BROWSERS = {
    "JPEG": "image/jpeg",
    "PNG": "image/png",
    "WEBP": "image/webp",
    "AVIF": "image/avif",
    "GIF": "image/gif",
    "BMP": "image/bmp",
}
_HEAD_BYTES = 64  # that tell the format

# The range is as wide as the picture and half a thumb more at either end, so that the middle of the thumb, the line and
# the pointer are at one place from edge to edge. Its thumb and track are not seen: the line is.
_STYLE = """<style>
.retint{margin:0;font:14px/1.4 system-ui,sans-serif}
.retint figcaption{margin-top:4px}
.retint-pair{position:relative;overflow:hidden;--at:50%}
.retint-pair img{display:block;width:100%;height:auto;margin:0;max-width:none;
clip-path:inset(0 calc(100% - var(--at)) 0 0)}
.retint-pair img+img{position:absolute;inset:0;height:100%;clip-path:inset(0 0 0 var(--at))}
.retint-pair i{position:absolute;top:0;bottom:0;left:var(--at);width:2px;margin-left:-1px;background:#fff;
box-shadow:0 0 0 1px rgba(0,0,0,.5);pointer-events:none}
.retint-pair i::after{content:"";position:absolute;top:50%;left:50%;width:32px;height:32px;margin:-18px;
border:2px solid #fff;border-radius:50%;background:rgba(0,0,0,.45);box-shadow:0 0 0 1px rgba(0,0,0,.5)}
.retint-pair b{position:absolute;bottom:8px;padding:2px 8px;border-radius:3px;background:rgba(0,0,0,.65);color:#fff;
font-weight:400;pointer-events:none}
.retint-pair b::after{content:attr(data-word)}
.retint-pair b+b{right:8px}
.retint-pair b:first-of-type{left:8px}
.retint-pair input{-webkit-appearance:none;appearance:none;display:block;position:absolute;top:0;left:-22px;
width:calc(100% + 44px);max-width:none;height:100%;margin:0;padding:0;border:0;background:none;outline:0;opacity:0;
cursor:ew-resize;touch-action:pan-y}
.retint-pair input::-webkit-slider-thumb{-webkit-appearance:none;width:44px;height:100%}
.retint-pair input::-moz-range-thumb{width:44px;height:100%;border:0}
.retint-pair input::-webkit-slider-runnable-track{height:100%}
.retint-pair input:focus-visible~i::after{outline:3px solid #1a73e8;outline-offset:2px;background:#1a73e8}
</style>"""
# Inline and without names or ids: nothing of one slider can reach another, and nothing of a file's name comes in.
_MOVED = (
    "this.parentNode.style.setProperty('--at',this.value+'%');"
    "this.setAttribute('aria-valuetext',this.value+' % '+this.dataset.word)"
)


class Picture:
    """A picture that shows itself in a notebook. Made by `show`."""

    def __init__(self, html: str, text: str) -> None:
        self.html = html
        """A piece of HTML that needs nothing else."""
        self._text = text

    def _repr_html_(self) -> str:
        return self.html

    def __repr__(self) -> str:
        return self._text


class Slider(Picture):
    """Before and after under a slider. Made by `before_after`."""


def before_after(
    before: Source,
    after: Source,
    *,
    width: int = WIDTH,
    side: int = PREVIEW_SIDE,
    caption: str | None = None,
    labels: tuple[str, str] = ("before", "after"),
) -> Slider:
    """Show a picture before and after, one over the other, with a line between them to move.

    Parameters
    ----------
    before, after: paths, bytes of files, images of Pillow, photographs or arrays, of one aspect
    width: px on the screen at most; less where the page is narrower
    side: px of the longer side at most of the copies that go into the notebook
    caption: below it; None for the names of the files, where there are some
    labels: what is written on the two halves, and read out

    The line is moved by mouse, finger, or keys (arrows, page up and down, home, end). Where a page allows no scripts,
    as on GitHub, the two pictures stand one below the other.

    Raises
    ------
    InputError: one of them cannot be read, or they are not of one aspect
    """
    first, second = photograph_of(before), photograph_of(after)
    aspects = first.width / first.height, second.width / second.height
    if abs(aspects[0] / aspects[1] - 1) > _ASPECT:
        raise InputError(
            f"got {first.width} x {first.height} px before and {second.width} x {second.height} px after, "
            "wanted two of one aspect; give a picture and its own result"
        )
    was, now = preview_of(first, side), preview_of(second, side)
    if caption is None:
        caption = " \N{RIGHTWARDS ARROW} ".join(name for name in (_name_of(before), _name_of(after)) if name)
    name = caption or "a picture"
    first_word, second_word = (escape(label) for label in labels)
    html = (
        f'<figure class="retint" style="max-width:{_on_screen(width, second)}px">{_STYLE}'
        f'<div class="retint-pair">'
        f"{_image(was, f'{labels[0]}: {name}')}{_image(now, f'{labels[1]}: {name}')}"
        # hidden: so it is where the style is taken out, and it would do nothing. JupyterLab takes keys for shortcuts of
        # its own, unless the very element that has the focus says no
        f'<input type="range" hidden data-lm-suppress-shortcuts="true" min="0" max="100" step="1" value="50" '
        f'aria-label="{first_word}, {second_word}: {escape(name)}" aria-valuetext="50 % {first_word}" '
        f'data-word="{first_word}" oninput="{_MOVED}">'
        f'<i aria-hidden="true"></i><b aria-hidden="true" data-word="{first_word}"></b>'
        f'<b aria-hidden="true" data-word="{second_word}"></b></div>{_caption(caption, now)}</figure>'
    )
    return Slider(html, f"before and after: {name}, {second.width} x {second.height} px")


def show(
    picture: Source,
    *,
    width: int = WIDTH,
    side: int = PREVIEW_SIDE,
    caption: str | None = None,
    whole_up_to: int = 0,
) -> Picture:
    """Show one picture.

    Parameters
    ----------
    picture: a path, the bytes of a file, an image of Pillow, a photograph, or an array
    width: px on the screen at most
    side: px of the longer side at most of the copy that goes into the notebook
    caption: below it; None for the name of the file, where there is one
    whole_up_to: bytes up to which a file that browsers show goes into the notebook itself, and no copy of it: what is
        saved from the page is then the result to the last bit

    Raises
    ------
    InputError: it cannot be read
    """
    photo = photograph_of(picture)
    small = _whole(picture, photo, whole_up_to) or preview_of(photo, side)
    caption = _name_of(picture) if caption is None else caption
    name = caption or "a picture"
    html = (
        f'<figure class="retint" style="margin:0;max-width:{_on_screen(width, photo)}px">'
        f"{_image(small, name, inline=True)}{_caption(caption, small)}</figure>"
    )
    return Picture(html, f"{name}, {photo.width} x {photo.height} px")


def _on_screen(width: int, photo: Photograph) -> int:
    """Pixels across: as asked for, and not much more than the picture has."""
    return min(int(width), max(photo.width, _LEAST))


def _whole(picture: Source, photo: Photograph, most: int) -> Preview | None:
    """The file itself in place of a preview, if browsers show it and it is not too large."""
    if not most or not isinstance(picture, (str, Path)) or Path(picture).stat().st_size > most:
        return None
    content = Path(picture).read_bytes()
    kind = _SHOWN_BY_BROWSERS.get(sniff_format(content[:_HEAD_BYTES]) or "")
    size = photo.width, photo.height
    return None if kind is None else Preview(data_address(content, kind), *size, size, marked=True)


def _image(preview: Preview, description: str, *, inline: bool = False) -> str:
    style = ' style="max-width:100%;height:auto"' if inline else ""
    size = f'width="{preview.width}" height="{preview.height}"'
    return f'<img src="{preview.address}" {size}{style} alt="{escape(description)}" draggable="false">'


def _caption(caption: str, preview: Preview) -> str:
    width, height = preview.full_size
    told = f"shown at {preview.width} x {preview.height} of {width} x {height} px" if preview.reduced else ""
    text = ", ".join(part for part in (caption, told) if part)
    return f"<figcaption>{escape(text)}</figcaption>" if text else ""


def _name_of(source: Source) -> str:
    return Path(source).name if isinstance(source, (str, Path)) else ""
