"""The log of a notebook's history, artifacts by their content, and the database derived from it."""

from duranb.store.copying import copy_history
from duranb.store.memory import MemoryStore
from duranb.store.paths import is_store, store_path
from duranb.store.port import Port, Receipt
from duranb.store.store import Store
from duranb.store.view import StoreView

__all__ = [
    "MemoryStore",
    "Port",
    "Receipt",
    "Store",
    "StoreView",
    "copy_history",
    "is_store",
    "store_path",
]
