"""`python -m retint` is `retint`."""

from __future__ import annotations

from retint.cli import main

if __name__ == "__main__":
    main(prog_name="retint")
