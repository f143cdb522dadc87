"""A payload, catalogue entries of it, and nothing of this machine's own settings."""

from __future__ import annotations

import hashlib
import os
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from retint.weights import Entry


@pytest.fixture(autouse=True)
def _plain_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing of this machine's own settings, proxies included."""
    for name in list(os.environ):
        if name.startswith("RETINT_") or name.lower().endswith("_proxy"):
            monkeypatch.delenv(name)


@pytest.fixture
def payload() -> bytes:
    """300 kB that could be weights."""
    return b"\x80\x02" + random.Random(0).randbytes(299_998)


@pytest.fixture
def entry_for(payload: bytes) -> Callable[..., Entry]:
    """Builds a catalogue entry of the payload at some addresses."""

    def build(*addresses: str, **changes: Any) -> Entry:
        numbers: dict[str, Any] = {"size": len(payload), "sha256": hashlib.sha256(payload).hexdigest()}
        numbers |= {"name": "planted", "file": "planted.pth", "role": "generator", "about": "", "licence": "MIT"}
        return Entry(**(numbers | {"addresses": addresses} | changes))

    return build


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / "home"
