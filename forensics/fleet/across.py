"""What spans the machines of a fleet, made anew when its disks changed: identities and recovery agents, and the rules.

Only the columns that are asked for leave DuckDB, and rows one after the other.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from forensics.chain import identities
from forensics.facts import efs_agents, shared_keys
from forensics.fleet.across_views import SPANNING, add_view, add_views
from forensics.fleet.dataset import Dataset
from forensics.fleet.options import FleetOptions
from forensics.fleet.part import FINDING, finding_cells, parquet
from forensics.fleet.quick_file import write_quickly
from forensics.fleet.rules_across import ask_across
from forensics.fleet.stored import connect
from forensics.tables.narrow import narrow_rows
from forensics.tables.registry import ColumnSpec, column_specs
from forensics.tables.row import Row
from forensics.version import __version__

if TYPE_CHECKING:
    import duckdb

_AT_ONCE = 4096
"""Work: rows that are fetched at once."""
_STATE = "state.json"
_OF_IDENTITIES = {
    "secret": "generation = 'current' AND validated",
    "tpm": "ek_pub_sha256 IS NOT NULL",
    "event": "event_id = 6167",
    "key_file": "public_key_sha256 IS NOT NULL OR second_public_key_sha256 IS NOT NULL",
    "certificate": "has_key_link",
}
"""Which rows identities are compared by."""
_OF_AGENTS = {"certificate": "store_scope = 'policy' AND upper(store) = 'EFS'"}
_KEYS_OF_SEVERAL = """
CREATE TABLE keys_of_several AS
SELECT key FROM (
  SELECT public_key_sha256 AS key, machine_id FROM key_file
  UNION SELECT second_public_key_sha256, machine_id FROM key_file
) WHERE key IS NOT NULL GROUP BY key HAVING count(*) > 1
"""
_OF_KEYS = {
    "key_file": "public_key_sha256 IN (FROM keys_of_several) OR second_public_key_sha256 IN (FROM keys_of_several)",
    "certificate": "public_key_sha256 IN (FROM keys_of_several)",
    "key_chain": "(machine_id, key_file_path) IN (SELECT (machine_id, path) FROM key_file "
    "WHERE public_key_sha256 IN (FROM keys_of_several) OR second_public_key_sha256 IN (FROM keys_of_several))",
    "tpm": "ek_pub_sha256 IS NOT NULL",
}
"""Which rows tell of private keys that several machines have."""
_NEEDED = {"machine", *identities.READS, *efs_agents.READS, *shared_keys.READS} - {*SPANNING}


def update_across(dataset: Dataset, options: FleetOptions) -> None:
    """Write what spans machines, unless it is of the disks that there are.

    Raises:
        OSError: It cannot be written.
    """
    with connect(dataset, tables=()) as connection:
        now = _state_of(connection, options)
    if _told(dataset) == now:
        return
    _write(dataset, _STATE, b"{}")
    with connect(dataset, tables=_NEEDED) as connection:
        add_views(connection, dataset)
        disks = dict(connection.execute("SELECT machine_id, path FROM machine JOIN main.disk USING (disk)").fetchall())
        shared = identities.shared_identities(_rows(connection, identities.READS, _OF_IDENTITIES), disks)
        _write_rows(dataset, "shared_identity", shared)
        _write_rows(dataset, "efs_agent", efs_agents.efs_agents(_rows(connection, efs_agents.READS, _OF_AGENTS)))
        add_view(connection, dataset, "shared_identity")
        connection.execute(_KEYS_OF_SEVERAL)
        keys = shared_keys.shared_keys(_rows(connection, shared_keys.READS, _OF_KEYS), disks)
        _write_rows(dataset, "shared_key", keys)
    result = ask_across(dataset, options.rules)
    _write_table(dataset, "finding", FINDING, [finding_cells(finding) for finding in result.findings])
    _write_rows(dataset, "problem", result.problems)
    _write(dataset, _STATE, json.dumps(now).encode())


def is_out_of_date(dataset: Dataset, connection: duckdb.DuckDBPyConnection) -> bool:
    """Tell whether what spans machines is of other disks than there are now."""
    told = _told(dataset)
    return told is None or {**told, "options": ""} != {**_state_of(connection, None), "options": ""}


def _state_of(connection: duckdb.DuckDBPyConnection, options: FleetOptions | None) -> dict[str, Any]:
    """Return what changes with every change of the disks, and with the rules."""
    sql = "SELECT count(*), CAST(max(written) AS VARCHAR), CAST(bit_xor(hash(disk)) AS VARCHAR) FROM main.disk"
    row = connection.execute(sql).fetchone()
    return {"disks": list(row or ()), "version": __version__, "options": options.key if options is not None else ""}


def _told(dataset: Dataset) -> dict[str, Any] | None:
    try:
        told = json.loads((dataset.path / "across" / _STATE).read_bytes()[: 1 << 16])
    except (OSError, ValueError, RecursionError):
        return None
    return told if isinstance(told, dict) else None


def _rows(
    connection: duckdb.DuckDBPyConnection, reads: Mapping[str, Sequence[str]], wanted: Mapping[str, str]
) -> Iterator[Row]:
    for table, columns in reads.items():
        names = ("machine_id", *columns)
        told = ", ".join(f'"{name}"' for name in names)
        sql = (
            f'SELECT {told} FROM "{table}" WHERE ({wanted.get(table, "true")}) '
            "AND machine_id NOT IN (SELECT machine_id FROM machine WHERE kind = 'former') ORDER BY ALL"
        )
        cursor = connection.cursor().execute(sql)
        while values := cursor.fetchmany(_AT_ONCE):
            yield from narrow_rows(table, names, values)


def _write_rows(dataset: Dataset, table: str, rows: Iterable[Row]) -> None:
    specs = column_specs(table)
    _write_table(dataset, table, specs, [[getattr(row, spec.name) for spec in specs] for row in rows])


def _write_table(dataset: Dataset, table: str, columns: Sequence[ColumnSpec], rows: Sequence[Sequence[Any]]) -> None:
    write_quickly(dataset.across(table), parquet(columns, rows))


def _write(dataset: Dataset, name: str, content: bytes) -> None:
    write_quickly(dataset.path / "across" / name, content)
