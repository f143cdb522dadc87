"""Rendering: a photograph in, the same photograph in colour out."""

from __future__ import annotations

from retint.rendering.colorizer import Colorizer, load_colorizer

__all__ = ["Colorizer", "load_colorizer"]
