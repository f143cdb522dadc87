"""`retint models`: what there is, bring it here, look at it, turn it into ONNX."""

from __future__ import annotations

import contextlib
import importlib.util
import json
import os
import sys
from collections.abc import Callable, Generator
from pathlib import Path
from typing import Any, Literal

import click

from retint.errors import OutputExistsError, RetintError, WeightsError
from retint.weights import CATALOG, Entry, Holding, fetch_entry, holdings, locate, status, weights_folder
from retint.weights.catalog import entry_of, is_name, require_generator
from retint.weights.description import describe_file
from retint.weights.download import megabytes
from retint.weights.home import addresses_of

_offline = click.option("--offline", is_flag=True, help="Download nothing (also: RETINT_OFFLINE=1).")
_json = click.option("--json", "as_json", is_flag=True, help="One JSON object a line.")


@click.group()
def models() -> None:
    """List, fetch, show and export models."""


@models.command("list")
@_json
@click.option("--offline", is_flag=True, help="No effect: a list never uses the network.", hidden=True)
def list_models(as_json: bool, offline: bool) -> None:
    """List the models and, apart, what else training and figures need; and which of them are on this machine."""
    rows = holdings()
    if as_json:
        for row in rows:
            click.echo(json.dumps(_as_json(row)))
        return
    width = max(len(row.entry.name) for row in rows)
    for colours in (True, False):
        if not colours:
            click.echo("\nfor training and figures, not for colouring:")
        for row in rows:
            if (row.entry.role == "generator") == colours:
                click.echo(f"{row.entry.name:{width}}  {_state(row):14}  {_size(row):>7}  {row.entry.about}")
    click.echo(f"\nfolder: {weights_folder()}")


@models.command("fetch")
@click.argument("names", nargs=-1, required=True, metavar="NAME...")
@_offline
def fetch_models(names: tuple[str, ...], offline: bool) -> None:
    """Download models, or weights for training, and print where they lie.

    What is here already is checked and not downloaded again.
    """
    failed = bring([entry_of(name) for name in dict.fromkeys(names)], offline=offline)
    if failed:
        click.get_current_context().exit(1)


@models.command("show")
@click.argument("name_or_path")
@_json
@click.option("--offline", is_flag=True, help="No effect: showing never uses the network.", hidden=True)
def show_model(name_or_path: str, as_json: bool, offline: bool) -> None:
    """Show what is known of a model, or what a weights file is."""
    facts: dict[str, object] = {}
    path: Path | None
    if is_name(name_or_path):
        entry = CATALOG[name_or_path]
        facts = _as_json(status(entry))
        path = locate(name_or_path) if facts["state"] in ("embedded", "here", "damaged") else None
    else:
        path = locate(name_or_path)
    if path is not None:
        facts |= describe_file(path)
        if str(facts["kind"]).startswith("torch") and not facts.get("variant") and not facts["catalogue_name"]:
            facts |= _variant_of(path)
    if as_json:
        click.echo(json.dumps(facts))
        return
    width = max(map(len, facts)) + 2
    for key, value in facts.items():
        items: list[object] = value if isinstance(value, list) else [] if value is None else [value]
        for index, item in enumerate(items):
            click.echo(f"{'' if index else key.replace('_', ' '):{width}}{item}")


@models.command("export")
@click.argument("name_or_path")
@click.option("-o", "--output", type=click.Path(path_type=Path), help="The ONNX file. Default: NAME.onnx, here.")
@click.option("--precision", type=click.Choice(["fp32", "fp16"]), default="fp32", show_default=True)
@click.option("--saturation", default=1.0, show_default=True, help="Multiply the chroma by this (lite's kind only).")
@click.option("--overwrite", is_flag=True, help="Replace the output if it exists.")
@_offline
def export_model(
    name_or_path: str,
    output: Path | None,
    precision: Literal["fp32", "fp16"],
    saturation: float,
    overwrite: bool,
    offline: bool,
) -> None:
    """Turn torch weights into an ONNX file, verified against torch before it is written."""
    require_generator(name_or_path)
    target = output or (
        Path(f"{name_or_path}.onnx") if is_name(name_or_path) else Path(name_or_path).with_suffix(".onnx")
    )
    if is_name(name_or_path) and not CATALOG[name_or_path].needs_torch:
        raise WeightsError(f"{name_or_path} is ONNX already: {locate(name_or_path)}")
    _refuse_target(target, overwrite=overwrite)
    weights = _fetch_one(name_or_path, offline=offline)
    if weights.suffix.lower() == ".onnx":
        raise WeightsError(f"{weights} is ONNX already. Give the name of a model, or a .pth file.")

    if _restores(weights):
        _export_restorer(weights, target, precision, saturation)
        return
    from retint.rendering.export import export_onnx

    entry = CATALOG.get(name_or_path)
    export_onnx(
        weights,
        target,
        precision=precision,
        name=None if entry is None else entry.name,
        default_render_factor=None if entry is None else entry.default_render_factor,
        saturation=saturation,
    )
    click.echo(str(target))


def bring(entries: list[Entry], *, offline: bool) -> int:
    """Fetch each, print where it lies, tell each failure in a line on stderr; the number of failures."""
    failed = 0
    for entry in entries:
        try:
            with progress_bar(entry.name) as progress:
                path = fetch_entry(entry, offline=offline, progress=progress)
        except RetintError as error:
            click.echo(f"retint: {error}", err=True)
            failed += 1
        else:
            click.echo(str(path))
    return failed


@contextlib.contextmanager
def progress_bar(name: str) -> Generator[Callable[[int, int], None], None, None]:
    """What to give to `fetch` as progress: a bar that appears with the first bytes, silent off a terminal."""
    if not sys.stderr.isatty():
        yield lambda here, whole: None
        return
    from tqdm import tqdm

    with contextlib.ExitStack() as stack:
        bar: Any = None

        def progress(here: int, whole: int) -> None:
            nonlocal bar
            if bar is None:  # what was here already is no part of the rate
                bar = tqdm(desc=name, unit="B", unit_scale=True, initial=here, total=whole or None, leave=False)
                stack.enter_context(bar)
            bar.total = whole or None
            bar.update(here - bar.n)

        yield progress


def _variant_of(path: Path) -> dict[str, object]:
    """Which variant a torch file holds; only torch can tell."""
    if importlib.util.find_spec("torch") is None:
        return {"note": "which variant it holds is told with the torch extra: pip install retint[torch]"}
    from retint.networks.checkpoints import read_checkpoint

    try:
        return {"variant": read_checkpoint(path).variant}
    except WeightsError as error:
        return {"note": str(error)}


def _restores(weights: Path) -> bool:
    """Whether torch weights are those of a network that restores. Without torch no; exporting says what it needs."""
    if importlib.util.find_spec("torch") is None:
        return False
    from retint.networks.mender_files import is_mender

    return is_mender(weights)


def _export_restorer(weights: Path, target: Path, precision: Literal["fp16", "fp32"], saturation: float) -> None:
    if saturation != 1:
        raise WeightsError(f"got saturation {saturation:g} for {weights.name}, which restores and does not colour")
    from retint.rendering.export_mender import export_mender

    click.echo(str(export_mender(weights, target, precision=precision)))


def _fetch_one(name_or_path: str, *, offline: bool) -> Path:
    found = locate(name_or_path)
    if found is not None:
        return found
    entry = entry_of(name_or_path)
    with progress_bar(entry.name) as progress:
        return fetch_entry(entry, offline=offline, progress=progress)


def _refuse_target(target: Path, *, overwrite: bool) -> None:
    """Before a download and minutes of export, not after."""
    if os.path.isdir(target):
        raise click.BadParameter(f"{target} is a folder; name a file", param_hint="-o")
    if os.path.exists(target) and not overwrite:
        raise OutputExistsError(f"{target} exists. Choose another name with -o, or give --overwrite.")


def _as_json(row: Holding) -> dict[str, object]:
    entry = row.entry
    return {
        "name": entry.name,
        "about": entry.about,
        "role": entry.role,
        "variant": entry.variant,
        "state": row.state,
        "path": None if row.path is None else str(row.path),
        "size": entry.size if entry.size is not None else row.size,
        "size_here": row.size,
        "sha256": entry.sha256,
        "licence": entry.licence,
        "default_render_factor": entry.default_render_factor,
        "needs_torch": entry.needs_torch,
        "addresses": None if entry.embedded else list(addresses_of(entry)),
    }


def _state(row: Holding) -> str:
    if row.state == "partial" and row.entry.size and row.size is not None:
        return f"partial ({100 * row.size // row.entry.size} %)"
    return row.state


def _size(row: Holding) -> str:
    size = row.entry.size if row.entry.size is not None else row.size if row.state != "partial" else None
    return "" if size is None else megabytes(size)
