"""Where weights are kept, and what the environment says about fetching them.

RETINT_HOME     folder instead of the platform's cache folder; weights lie in its subfolder `weights`
RETINT_OFFLINE  1: nothing is downloaded
RETINT_MIRROR   base address that is tried before a file's own addresses, as {base}/{file}
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import urlsplit

from retint.errors import WeightsError
from retint.weights.catalog import Entry


def home_folder(environ: Mapping[str, str] | None = None, platform: str = sys.platform) -> Path:
    """RETINT_HOME, else `retint` in the platform's cache folder. It need not exist yet.

    Raises
    ------
    WeightsError
        No folder is known: the user has no home directory, and RETINT_HOME is not set.
    """
    environ = os.environ if environ is None else environ
    try:
        if chosen := environ.get("RETINT_HOME"):
            return Path(chosen).expanduser().absolute()
        if platform == "win32":
            local = environ.get("LOCALAPPDATA")
            return Path(local) / "retint" if local else Path.home() / "AppData" / "Local" / "retint"
        if platform == "darwin":
            return Path.home() / "Library" / "Caches" / "retint"
        cache = environ.get("XDG_CACHE_HOME", "")
        # a relative XDG_CACHE_HOME is to be ignored, says the XDG base directory specification
        return Path(cache) / "retint" if os.path.isabs(cache) else Path.home() / ".cache" / "retint"
    except RuntimeError as error:
        raise WeightsError(f"no folder for weights ({error}). Set RETINT_HOME to one.") from error


def weights_folder(home: Path | None = None) -> Path:
    """The folder of the weights files within `home` (default: `home_folder()`)."""
    return (home_folder() if home is None else home) / "weights"


def offline_asked(environ: Mapping[str, str] | None = None) -> bool:
    """Whether RETINT_OFFLINE asks to leave the network alone; any value but 0, false, no, off and nothing does."""
    environ = os.environ if environ is None else environ
    return environ.get("RETINT_OFFLINE", "").strip().lower() not in ("", "0", "false", "no", "off")


def addresses_of(entry: Entry, environ: Mapping[str, str] | None = None) -> tuple[str, ...]:
    """The addresses of a file in the order to try, the mirror's first.

    Raises
    ------
    WeightsError
        RETINT_MIRROR is not an http or https address.
    """
    environ = os.environ if environ is None else environ
    base = environ.get("RETINT_MIRROR", "").strip()
    if not base:
        return entry.addresses
    parts = urlsplit(base)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise WeightsError(f"RETINT_MIRROR is {base!r}, wanted a base address like https://example.org/weights.")
    return (f"{base.rstrip('/')}/{entry.file}", *entry.addresses)
