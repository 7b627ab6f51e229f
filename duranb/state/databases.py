"""What is in a DuckDB database in memory: told by its content, and kept as a file's bytes."""

from __future__ import annotations

import tempfile
from collections import OrderedDict
from pathlib import Path
from typing import Any

import blake3

MOST_CELLS = 20_000_000
"""Rows times columns up to which a database in memory is stored."""

_KEPT = 1 << 28
"""Bytes of contents that are kept, so that one that has not changed is not written once more."""

_contents: OrderedDict[str, bytes] = OrderedDict()

_DEFINITIONS = """
SELECT 'schema', database_name, schema_name, sql FROM duckdb_schemas() WHERE NOT internal
UNION ALL SELECT 'table', schema_name, table_name, sql FROM duckdb_tables() WHERE NOT internal
UNION ALL SELECT 'view', schema_name, view_name, sql FROM duckdb_views() WHERE NOT internal
UNION ALL SELECT 'index', schema_name, index_name, sql FROM duckdb_indexes()
UNION ALL SELECT 'sequence', schema_name, sequence_name, sql || coalesce(last_value, 0)
  FROM duckdb_sequences()
UNION ALL SELECT 'type', schema_name, type_name, logical_type || coalesce(labels::VARCHAR, '')
  FROM duckdb_types() WHERE NOT internal
UNION ALL SELECT 'macro', schema_name, function_name, parameters::VARCHAR || macro_definition
  FROM duckdb_functions() WHERE NOT internal AND macro_definition IS NOT NULL
ORDER BY ALL
"""


def told(connection: Any) -> str:
    """:func:`digest`, by the connection that the user has: a result that is still to be read from
    it is left alone."""
    with connection.cursor() as looking:
        return digest(looking)


def digest(connection: Any) -> str:
    """That of all that is in the database, by a connection of one's own; empty while nothing is."""
    found = connection.execute(_DEFINITIONS).fetchall()
    told = [row for row in found if row[0] != "schema" or row[2] != "main"]
    if not told:
        return ""
    hasher = blake3.blake3(repr(told).encode())
    for sort, schema, table, _ in told:
        if sort == "table":
            name = f"{_quoted(schema)}.{_quoted(table)}"
            rows = connection.execute(f"SELECT count(*), bit_xor(hash(t, rowid)) FROM {name} AS t")
            hasher.update(repr(rows.fetchall()).encode())
    return hasher.hexdigest(16)


def content(connection: Any, told: str) -> bytes:
    """The database with that digest as the bytes of a file. Raises TypeError for one that is too
    large."""
    if told in _contents:
        _contents.move_to_end(told)
        return _contents[told]
    (cells,) = connection.execute(
        "SELECT coalesce(sum(estimated_size * column_count), 0) FROM duckdb_tables()"
    ).fetchall()[0]
    if cells > MOST_CELLS:
        raise TypeError(
            f"cannot pickle a DuckDB connection to memory with {int(cells):,} values in it: "
            "duckdb.connect('FILE.duckdb') keeps them in a file"
        )
    (name,) = connection.execute("SELECT current_database()").fetchall()[0]
    with tempfile.TemporaryDirectory(prefix="duranb-") as folder:
        file = Path(folder, "content.duckdb")
        connection.execute(f"ATTACH {_text(file)} AS {_BESIDE}")
        try:
            connection.execute(f"COPY FROM DATABASE {_quoted(name)} TO {_BESIDE}")
        finally:
            connection.execute(f"DETACH {_BESIDE}")
        found = file.read_bytes()
    _contents[told] = found
    while sum(map(len, _contents.values())) > _KEPT and len(_contents) > 1:
        _contents.popitem(last=False)
    return found


def fill(connection: Any, found: bytes) -> None:
    """Put what was in a database into a new one in memory."""
    with tempfile.TemporaryDirectory(prefix="duranb-") as folder:
        file = Path(folder, "content.duckdb")
        file.write_bytes(found)
        (name,) = connection.execute("SELECT current_database()").fetchall()[0]
        connection.execute(f"ATTACH {_text(file)} AS {_BESIDE} (READ_ONLY)")
        try:
            connection.execute(f"COPY FROM DATABASE {_BESIDE} TO {_quoted(name)}")
        finally:
            connection.execute(f"DETACH {_BESIDE}")


_BESIDE = "__duranb"


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _text(path: Path) -> str:
    return "'" + str(path).replace("'", "''") + "'"
