"""Every error that retint raises on purpose.

    RetintError
    |-- InputError              what was given cannot be used
    |   |-- UnreadablePhotoError    empty, truncated, not a picture, too many pixels
    |   |-- UnreadableFilmError     empty, cut off, not a film, sound alone, no frame in it
    |   `-- UnsupportedInputError   a kind of file that needs an extra, or is not handled
    |-- OutputError             the result cannot be written there
    |   `-- OutputExistsError       the file exists, and overwriting was not asked for
    |-- WeightsError            weights cannot be had or used
    |   |-- UnknownModelError       no such name in the catalogue
    |   |-- DownloadError           every address failed
    |   |-- ChecksumError           size or SHA-256 differ from the catalogue
    |   `-- OfflineError            it would need the network, and offline was asked for
    |-- RenderError             the network could not make a picture
    |   `-- RenderMemoryError       it does not fit; names a render factor that does
    |-- MissingExtraError       an optional dependency is not installed; names the pip command
    |-- ServeError              the server cannot start
    `-- TrainingError           a training run cannot start or go on
        `-- RecipeError             the recipe is wrong

Each message says what was got, what was wanted, and what to do.
"""

from __future__ import annotations


class RetintError(Exception):
    """Base of all errors raised by retint on purpose. Its text is one line, fit to show to a person."""


class InputError(RetintError):
    """What was given cannot be used."""


class UnreadablePhotoError(InputError):
    """The file is empty, truncated, not a picture, or has too many pixels."""


class UnreadableFilmError(InputError):
    """The file is empty, cut off, not a film, has no picture stream, or no frame that can be decoded."""


class UnsupportedInputError(InputError):
    """A kind of file that needs an extra, or that retint does not handle."""


class OutputError(RetintError):
    """The result cannot be written there."""


class OutputExistsError(OutputError):
    """The output file exists, and overwriting was not asked for."""


class WeightsError(RetintError):
    """Weights cannot be had or used."""


class UnknownModelError(WeightsError):
    """No model of that name in the catalogue, and no file of that name."""


class DownloadError(WeightsError):
    """Every address of a file failed."""


class ChecksumError(WeightsError):
    """Size or SHA-256 of a file differ from the catalogue."""


class OfflineError(WeightsError):
    """It would need the network, and offline was asked for."""


class RenderError(RetintError):
    """The network could not make a picture."""


class RenderMemoryError(RenderError):
    """A render does not fit into memory. The text names a render factor that does."""


class MissingExtraError(RetintError):
    """An optional dependency is not installed. The text names the pip command."""


class ServeError(RetintError):
    """The server cannot start: its address or its folder cannot be had."""


class TrainingError(RetintError):
    """A training run cannot start or go on."""


class RecipeError(TrainingError):
    """The recipe is wrong."""
