"""DuckDB behind one owner thread: the events, and artifacts by their content."""

from duranb.store.memory import MemoryStore
from duranb.store.paths import store_path
from duranb.store.port import Port, Receipt
from duranb.store.store import Store
from duranb.store.view import StoreView

__all__ = [
    "MemoryStore",
    "Port",
    "Receipt",
    "Store",
    "StoreView",
    "store_path",
]
