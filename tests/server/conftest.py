from __future__ import annotations

from serving import command, inside, networks  # noqa: F401  # fixtures
