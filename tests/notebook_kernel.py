"""Runs notebooks as Jupyter does, offline, with nothing of the person's own settings."""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import nbformat
from nbclient import NotebookClient

SRC = Path(__file__).parents[1] / "src"


def run_notebook(notebook: Any, folder: Path, home: Path, **environment: str) -> None:
    """Execute a notebook in place. Raises nbclient's CellExecutionError for a cell that fails.

    folder: in which its kernel runs; home: for what Jupyter and matplotlib write
    """
    there = {
        "PYTHONPATH": os.pathsep.join([str(SRC), os.environ.get("PYTHONPATH", "")]).rstrip(os.pathsep),
        "http_proxy": "http://127.0.0.1:9",  # nobody answers there
        "https_proxy": "http://127.0.0.1:9",
        "no_proxy": "127.0.0.1,localhost",
        "MPLCONFIGDIR": str(home / "matplotlib"),
        "IPYTHONDIR": str(home / "ipython"),
        "JUPYTER_RUNTIME_DIR": str(home / "runtime"),
        "JUPYTER_CONFIG_DIR": str(home / "config"),
        "JUPYTER_DATA_DIR": str(home / "data"),
    }
    client = NotebookClient(notebook, timeout=600, kernel_name="python3", resources={"metadata": {"path": str(folder)}})
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Jupyter's own; those of the cells stay in their outputs
        client.execute(env={**os.environ, **there, **environment})


def outputs(notebook: Any, kind: str) -> Iterator[str]:
    """Those of a media type, of all cells in order; "stream/stderr" and "stream/stdout" for text."""
    for cell in notebook.cells:
        for output in cell.get("outputs", ()):
            if output.output_type == "stream":
                if kind == f"stream/{output.name}":
                    yield output.text
            elif kind in output.get("data", {}):
                yield output.data[kind]


def notebook_of(*cells: str) -> Any:
    """A notebook of these cells of code."""
    return nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in cells])
