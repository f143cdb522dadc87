"""Progress: a bar on a page, tqdm's on a terminal, nothing where nobody watches."""

from __future__ import annotations

import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from html_outline import outline_of

from retint.errors import RenderError, UnknownModelError
from retint.notebook import fetch_weights, film_progress, progress
from retint.notebook.progress import Bar, in_notebook
from retint.pipelines.film_options import FilmProgress


class Page:
    """Where a notebook would show things: keeps the HTML of each state."""

    def __init__(self) -> None:
        self.states: list[str] = []

    def display(self, shown: Any, *, display_id: bool) -> Page:
        assert display_id
        self.update(shown)
        return self

    def update(self, shown: Any) -> None:
        self.states.append(shown._repr_html_())


@pytest.fixture
def page(monkeypatch: pytest.MonkeyPatch) -> Page:
    import IPython.display

    page = Page()
    monkeypatch.setattr(progress, "in_notebook", lambda: True)
    monkeypatch.setattr(IPython.display, "display", page.display)
    monkeypatch.setattr(progress, "_PAUSE", 0.0)
    return page


def test_a_film_on_a_page(page: Page):
    with film_progress("<b>reel</b>") as tell:
        tell(FilmProgress("colour", 30, 120, 2, 15.0, 6.0))
        tell(FilmProgress("save", 120, 120, 4, 15.0, None))
    first, colour, save, end = page.states
    assert not outline_of(first).all("progress")[0].get("value")  # nothing is known yet
    (bar,) = outline_of(colour).all("progress")
    assert (bar["max"], bar["value"], bar["aria-label"]) == ("120", "30", "<b>reel</b>")
    assert "30 of 120 frames, scene 2, 15 frames a second, 6 s left" in outline_of(colour).text
    assert "120 of 120 frames, saving" in outline_of(save).text
    assert not outline_of(end).all("progress")
    assert "120 of 120 frames, done after 0." in outline_of(end).text
    assert not outline_of(colour).all("b")


def test_a_film_of_unknown_length(page: Page):
    with film_progress("reel") as tell:
        tell(FilmProgress("colour", 30, None, 1, 15.0, None))
    (bar,) = outline_of(page.states[1]).all("progress")
    assert "value" not in bar
    assert "30 frames, scene 1" in outline_of(page.states[1]).text


def test_work_that_failed_is_not_called_done(page: Page):
    with pytest.raises(RenderError), film_progress("reel") as tell:
        tell(FilmProgress("colour", 30, 120, 1, 15.0, 6.0))
        raise RenderError("planted")
    assert "30 of 120 frames, stopped after" in outline_of(page.states[-1]).text


def test_a_page_is_not_flooded(page: Page, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(progress, "_PAUSE", 3600.0)
    with film_progress("reel") as tell:
        for frames in range(1000):
            tell(FilmProgress("colour", frames, 1000, 1, 15.0, 6.0))
    assert len(page.states) <= 3


def test_bytes_are_told_in_megabytes(page: Page):
    with Bar("artistic", "MB", scale=1e-6) as bar:
        bar.update(51_000_000, 255_000_000)
    assert "artistic: 51 of 255 MB" in outline_of(page.states[1]).text
    assert repr(bar).startswith("artistic: 51 of 255 MB, done after")


def test_where_nobody_watches_nothing_is_said(capfd: pytest.CaptureFixture[str]):
    assert not in_notebook()
    with film_progress("reel") as tell:
        tell(FilmProgress("colour", 30, 120, 1, 15.0, 6.0))
    assert capfd.readouterr() == ("", "")


def test_a_notebook_is_known_by_its_kernel(monkeypatch: pytest.MonkeyPatch):
    for shell, wanted in ((None, False), (SimpleNamespace(), False), (SimpleNamespace(kernel=object()), True)):
        monkeypatch.setitem(sys.modules, "IPython", SimpleNamespace(get_ipython=lambda shell=shell: shell))
        assert in_notebook() is wanted
    monkeypatch.delitem(sys.modules, "IPython")
    assert not in_notebook()


def test_weights_that_are_here_need_no_bar(page: Page, tmp_path: Path):
    assert fetch_weights("lite").name == "lite.onnx"
    (tmp_path / "mine.onnx").touch()
    assert fetch_weights(tmp_path / "mine.onnx") == tmp_path / "mine.onnx"
    with pytest.raises(UnknownModelError, match='did you mean "artistic"'):
        fetch_weights("artistik")
    assert not page.states
