"""DuckDB behind one owner thread: the events, and artifacts by their content."""

from duranb.store.store import Store, store_path
from duranb.store.view import StoreView

__all__ = ["Store", "StoreView", "store_path"]
