"""Progress of long work: a bar of HTML in a notebook, tqdm's on a terminal, nothing where nobody watches.

tqdm's own bar for notebooks is a widget: it needs ipywidgets here and an extension in the page, and without them warns
and falls back to text. `<progress>` needs neither, and stays readable when the notebook is opened later.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

if TYPE_CHECKING:
    from tqdm import tqdm

    from retint.pipelines.film_options import FilmProgress

_PAUSE = 0.25  # seconds between two pictures of the bar: what is sent to a page stays in the notebook's queue


def in_notebook() -> bool:
    """Whether this runs in the kernel of a notebook, whose pages show HTML."""
    shell = sys.modules.get("IPython")  # who runs in a kernel has it imported
    current: Any = None if shell is None else shell.get_ipython()
    return current is not None and getattr(current, "kernel", None) is not None


class Bar:
    """A bar of progress, as the place allows. A context: leaving it says whether the work was done."""

    def __init__(self, name: str, unit: str, *, scale: float = 1.0) -> None:
        """unit: of what is counted, times `scale`: `Bar("artistic", "MB", scale=1e-6)` counts bytes"""
        self._name, self._unit, self._scale = name, unit, scale
        self._done, self._total, self._note, self._ended = 0, 0, "", False
        self._started, self._shown = time.monotonic(), 0.0
        self._display: Any = None  # IPython's handle of what is on the page
        self._text: tqdm[NoReturn] | None = None

    def update(self, done: int, total: int | None, note: str = "") -> None:
        """Tell how much is done, of how much (None or 0 where that is not known)."""
        self._done, self._total, self._note = done, total or 0, note
        if self._text is not None:
            self._text.total = self._total * self._scale or None
            self._text.set_postfix_str(note, refresh=False)
            self._text.update(done * self._scale - self._text.n)
        elif time.monotonic() - self._shown >= _PAUSE:
            self._draw()

    def __enter__(self) -> Bar:
        self._started = time.monotonic()
        if in_notebook():
            from IPython.display import display

            self._display = display(self, display_id=True)
        else:
            from tqdm import tqdm

            # None: only on a terminal
            self._text = tqdm(desc=self._name, unit=self._unit, disable=None, dynamic_ncols=True, leave=False)
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if self._text is not None:
            self._text.close()
        end = "done" if kind is None else "stopped"
        self._note = f"{end} after {time.monotonic() - self._started:.1f} s"
        self._ended = True
        self._draw()

    def _draw(self) -> None:
        if self._display is not None:
            self._shown = time.monotonic()
            self._display.update(self)

    def _counted(self) -> str:
        done, total = (f"{count * self._scale:.0f}" for count in (self._done, self._total))
        share = f"{done} of {total} {self._unit}" if self._total else f"{done} {self._unit}"
        return ", ".join(part for part in (share, self._note) if part)

    def _repr_html_(self) -> str:
        name = escape(self._name)
        told = f"{name}: {escape(self._counted())}"
        if self._ended:  # nothing moves any more
            return f"<div>{told}</div>"
        extent = f' max="{self._total}" value="{min(self._done, self._total)}"' if self._total else ""
        bar = f'<progress aria-label="{name}"{extent} style="width:16em;vertical-align:middle"></progress>'
        return f"<div>{bar} {told}</div>"

    def __repr__(self) -> str:
        return f"{self._name}: {self._counted()}"


@contextmanager
def film_progress(name: str = "film") -> Generator[Callable[[FilmProgress], None]]:
    """A bar for a film, within whose block it is coloured.

    >>> with film_progress("reel.mp4") as progress:
    ...     retint.colorize_film("reel.mp4", "reel-color.mp4", progress=progress)
    """
    with Bar(name, "frames") as bar:

        def tell(progress: FilmProgress) -> None:
            left = "" if progress.seconds_left is None else f", {progress.seconds_left:.0f} s left"
            colouring = f"scene {progress.scene}, {progress.per_second:.0f} frames a second{left}"
            bar.update(progress.frames, progress.of, "saving" if progress.stage == "save" else colouring)

        yield tell


def fetch_weights(name: str | Path) -> Path:
    """The weights of a model, downloaded under a bar where they are not here; as `retint models fetch NAME`.

    Raises
    ------
    WeightsError and its kin: there is no such model, or it cannot be downloaded
    """
    from retint.weights import fetch, locate

    here = locate(name)
    if here is not None:
        return here
    with Bar(str(name), "MB", scale=1e-6) as bar:
        return fetch(name, progress=bar.update)
