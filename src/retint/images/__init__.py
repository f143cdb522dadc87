"""Photographs in and out: read as they are, written marked and whole."""

from __future__ import annotations

from retint.images.atomic import whole_file
from retint.images.formats import FORMATS, describe_stranger, result_format, result_suffix, sniff_format
from retint.images.marks import DIGITAL_SOURCE_TYPE, was_coloured, was_restored
from retint.images.photograph import MachineMark, Mark, Metadata, Photograph, Pixels, RestorationMark
from retint.images.quality import DEFAULT_QUALITY
from retint.images.reading import MAX_PIXELS, read_photo
from retint.images.writing import write_photo

__all__ = [
    "DEFAULT_QUALITY",
    "DIGITAL_SOURCE_TYPE",
    "FORMATS",
    "MAX_PIXELS",
    "MachineMark",
    "Mark",
    "Metadata",
    "Photograph",
    "Pixels",
    "RestorationMark",
    "describe_stranger",
    "read_photo",
    "result_format",
    "result_suffix",
    "sniff_format",
    "was_coloured",
    "was_restored",
    "whole_file",
    "write_photo",
]
