"""The log of a notebook's history, artifacts by their content, and the database derived from it."""

from duranb.store.memory import MemoryStore
from duranb.store.moving import adopt, copy_history, left_behind
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
    "adopt",
    "copy_history",
    "is_store",
    "left_behind",
    "store_path",
]
