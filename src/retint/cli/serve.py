"""`retint serve`: the page and the HTTP API."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable
from pathlib import Path
from typing import Literal

import click

from retint.errors import MissingExtraError


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.option(
    "--host", default="127.0.0.1", show_default=True, help="Address to listen at; 0.0.0.0: all of this machine's."
)
@click.option("--port", type=click.IntRange(0, 65535), default=8484, show_default=True, help="0: any that is free.")
@click.option(
    "-m",
    "--model",
    "models",
    multiple=True,
    metavar="NAME|FILE",
    help="Model to use where a request names none: lite (the default), artistic, stable, video, or a weights file. "
    "Further ones, for weights files, may be chosen by requests.",
)
@click.option("--device", type=click.Choice(["auto", "cpu", "cuda", "mps"]), default="auto", show_default=True)
@click.option(
    "--data",
    type=click.Path(file_okay=False, path_type=Path),
    metavar="DIR",
    help="The only folder that is written to. By default below RETINT_HOME, or the cache folder.",
)
@click.option(
    "--token",
    envvar="RETINT_TOKEN",
    show_envvar=True,
    metavar="TEXT",
    help="Ask requests for it. Better in the environment than here, where other users of the machine see it.",
)
@click.option("--name", "names", multiple=True, metavar="HOST", help="Further name by which the server is reached.")
@click.option(
    "--keep",
    type=click.FloatRange(1, 100_000),
    default=60,
    show_default=True,
    metavar="MINUTES",
    help="How long films are kept after they are done.",
)
@click.option(
    "--photographs",
    type=click.IntRange(1, 1000),
    default=32,
    show_default=True,
    help="In work at once; further ones are told to come again.",
)
@click.option(
    "--films", type=click.IntRange(1, 1000), default=8, show_default=True, help="In the queue at most; as above."
)
@click.option(
    "--photo-mib", type=click.IntRange(1, 4096), default=128, show_default=True, help="Of a photograph's file, at most."
)
@click.option(
    "--film-mib", type=click.IntRange(1, 1 << 20), default=8192, show_default=True, help="Of a film's file, at most."
)
@click.option(
    "--megapixels", type=click.IntRange(1, 300), default=100, show_default=True, help="Of a photograph, at most."
)
@click.option("--open", "show", is_flag=True, help="Open the page in the browser.")
def serve(
    host: str,
    port: int,
    models: tuple[str, ...],
    device: Literal["auto", "cpu", "cuda", "mps"],
    data: Path | None,
    token: str | None,
    names: tuple[str, ...],
    keep: float,
    photographs: int,
    films: int,
    photo_mib: int,
    film_mib: int,
    megapixels: int,
    show: bool,
) -> None:
    """Serve a page and an HTTP API, on this machine only unless --host says otherwise.

    Photographs and films are dropped on the page, or posted to the API (GET /openapi.json). Nothing goes to any other
    host. Ctrl-C stops it; films that were in work can be gone on with after the next start.

    Exit codes: 0 stopped; 1 it could not start; 2 the command was wrong.
    """
    try:
        from retint.server.run import serve as run
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] in ("starlette", "uvicorn", "python_multipart", "anyio"):
            raise MissingExtraError(
                "serving needs the extra server; install it with: pip install 'retint[server]'"
            ) from error
        raise
    from retint.cli.chosen import download, refuse_unknown
    from retint.server.settings import MIB, Settings
    from retint.weights.catalog import is_name
    from retint.weights.home import home_folder, offline_asked

    for model in models:
        refuse_unknown(model)
    if token is not None and not re.fullmatch(r"[!-~]+", token):
        raise click.UsageError("--token wants letters, digits and signs of ASCII, without spaces; give another")
    for model in models:  # named here by who runs it; for a request nothing is ever fetched
        download(model, offline=offline_asked())
    default = models[0] if models else "lite"
    settings = Settings(
        data=(data or home_folder() / "serve").absolute(),
        host=host,
        port=port,
        names=names,
        token=token,
        models=tuple(model for model in models if not is_name(model)),
        model=default if is_name(default) else Path(default).stem,
        device=device,
        photographs=photographs,
        films=films,
        photo_bytes=photo_mib * MIB,
        film_bytes=film_mib * MIB,
        photo_pixels=megapixels * 1_000_000,
        keep_seconds=keep * 60,
    )
    if token is None and not _private(host):
        click.echo(
            f"retint: {host} can be reached by other machines, and there is no --token: who reaches it may use it",
            err=True,
        )

    def ready(address: str, _: Callable[[], None]) -> None:
        click.echo(f"retint: {address}  (Ctrl-C stops it)", err=True)
        if show:
            click.launch(address)

    run(settings, ready)


def _private(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
