"""DuckDB behind one owner thread: the events, and artifacts by their content."""

from duranb.store.moving import adopt, left_behind
from duranb.store.paths import store_path
from duranb.store.store import Store
from duranb.store.view import StoreView

__all__ = ["Store", "StoreView", "adopt", "left_behind", "store_path"]
