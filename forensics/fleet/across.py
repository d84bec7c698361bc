"""What spans the machines of a fleet, made anew when its disks changed: identities and recovery agents, and the rules.

Only the columns that are asked for leave DuckDB, and rows one after the other.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from forensics.chain import identities
from forensics.facts import efs_agents
from forensics.fleet.dataset import Dataset
from forensics.fleet.options import FleetOptions
from forensics.fleet.part import FINDING, finding_cells, parquet
from forensics.fleet.quick_file import write_quickly
from forensics.fleet.rules_across import ask_across
from forensics.fleet.stored import connect, select
from forensics.tables.finding import Finding
from forensics.tables.narrow import narrow_rows
from forensics.tables.registry import ROW_CLASSES, ColumnSpec, column_specs
from forensics.tables.row import Row
from forensics.version import __version__

if TYPE_CHECKING:
    import duckdb

_AT_ONCE = 4096
"""Work: rows that are fetched at once."""
_STATE = "state.json"
SPANNING = tuple(name for name, row_class in ROW_CLASSES.items() if row_class.spans_machines)
"""Tables of which the rules see what was made over all machines, and not what each disk says by itself."""


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
    with connect(dataset) as connection:
        _write_rows(dataset, "shared_identity", identities.shared_identities(*_of_identities(connection)))
        _write_rows(dataset, "efs_agent", efs_agents.efs_agents(_of_agents(connection)))
        for table in SPANNING:
            rows = select([place for place in (dataset.across(table),) if place.exists()], column_specs(table))
            connection.execute(f'CREATE OR REPLACE VIEW "{table}" AS {rows}')
        findings, problems = ask_across(connection, dataset, options)
    _write_findings(dataset, findings)
    _write_rows(dataset, "problem", problems)
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
    except (OSError, ValueError):
        return None
    return told if isinstance(told, dict) else None


def _of_identities(connection: duckdb.DuckDBPyConnection) -> tuple[Iterator[Row], Mapping[int, str]]:
    wanted = {
        "secret": "generation = 'current' AND validated",
        "tpm": "ek_pub_sha256 IS NOT NULL",
        "event": "event_id = 6167",
        "key_file": "public_key_sha256 IS NOT NULL OR second_public_key_sha256 IS NOT NULL",
        "certificate": "has_key_link",
    }
    disks = connection.execute("SELECT machine_id, path FROM machine JOIN main.disk USING (disk)").fetchall()
    return _rows(connection, identities.READS, wanted), dict(disks)


def _of_agents(connection: duckdb.DuckDBPyConnection) -> Iterator[Row]:
    wanted = {"certificate": "store_scope = 'policy' AND upper(store) = 'EFS'"}
    return _rows(connection, efs_agents.READS, wanted)


def _rows(
    connection: duckdb.DuckDBPyConnection, reads: Mapping[str, Sequence[str]], wanted: Mapping[str, str]
) -> Iterator[Row]:
    for table, columns in reads.items():
        names = ("machine_id", *columns)
        told = ", ".join(f'"{name}"' for name in names)
        sql = (
            f'SELECT {told} FROM "{table}" WHERE ({wanted.get(table, "true")}) '
            "AND machine_id NOT IN (SELECT machine_id FROM machine WHERE kind = 'former') ORDER BY machine_id"
        )
        cursor = connection.cursor().execute(sql)
        while values := cursor.fetchmany(_AT_ONCE):
            yield from narrow_rows(table, names, values)


def _write_rows(dataset: Dataset, table: str, rows: Iterable[Row]) -> None:
    specs = column_specs(table)
    _write_table(dataset, table, specs, [[getattr(row, spec.name) for spec in specs] for row in rows])


def _write_findings(dataset: Dataset, findings: Iterable[Finding]) -> None:
    _write_table(dataset, "finding", FINDING, [finding_cells(finding) for finding in findings])


def _write_table(dataset: Dataset, table: str, columns: Sequence[ColumnSpec], rows: Sequence[Sequence[Any]]) -> None:
    write_quickly(dataset.across(table), parquet(columns, rows))


def _write(dataset: Dataset, name: str, content: bytes) -> None:
    write_quickly(dataset.path / "across" / name, content)
