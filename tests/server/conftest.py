from __future__ import annotations

from serving import command, inside  # noqa: F401  # fixtures
