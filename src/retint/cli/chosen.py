"""The model that -m chooses: told wrong at once, and brought here if it has to be."""

from __future__ import annotations

from pathlib import Path

import click

from retint.errors import UnknownModelError, WeightsError


def refuse_unknown(model: str) -> None:
    """Tell of a wrong -m at once, rather than when the first photograph is read. Raises click.UsageError."""
    from retint.weights import locate
    from retint.weights.catalog import is_name, require_generator

    try:
        require_generator(model)
        locate(model)
    except UnknownModelError as error:
        raise click.UsageError(f"-m {model}: {error}") from error
    except WeightsError as error:
        if not is_name(model) and not Path(model).expanduser().is_file():
            raise click.UsageError(f"-m {model}: {error}") from error
        # Else it is a matter of the weights, not of the command: loading will tell, if anything is to be done at all.


def download(model: str, *, offline: bool) -> None:
    """Download the weights where they are not here yet, with a progress bar on a terminal. Raises WeightsError."""
    from retint.weights import locate

    if locate(model) is None:
        bring(model, offline=offline)


def bring(name: str, *, offline: bool) -> Path:
    """The file of weights of the catalogue, downloaded where it is not here yet. Raises WeightsError."""
    from tqdm import tqdm

    from retint.cli.report import quiet
    from retint.weights import fetch

    with tqdm(desc=f"downloading {name}", unit="B", unit_scale=True, disable=quiet(), leave=False) as bar:

        def show(here: int, whole: int) -> None:
            bar.total = whole or None
            bar.update(here - bar.n)

        return fetch(name, offline=offline, progress=show)
