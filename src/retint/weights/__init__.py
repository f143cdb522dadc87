"""Weights: what there is, where it is kept, how it comes here."""

from retint.weights.catalog import CATALOG, Entry, entry_of
from retint.weights.checks import verify
from retint.weights.connection import Patience
from retint.weights.home import home_folder, weights_folder
from retint.weights.store import Holding, fetch, fetch_entry, holdings, locate, status

__all__ = [
    "CATALOG",
    "Entry",
    "Holding",
    "Patience",
    "entry_of",
    "fetch",
    "fetch_entry",
    "holdings",
    "home_folder",
    "locate",
    "status",
    "verify",
    "weights_folder",
]
