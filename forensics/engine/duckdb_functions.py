"""Rules on DuckDB: the evidence as rules expect it, and the functions of theirs that DuckDB lacks.

The SQL of rules stays in the subset that SQLite and DuckDB share, which :mod:`forensics.engine.dialect_differences`
checks, so the statements of :class:`forensics.engine.compiler.Query` run over a fleet's Parquet files as they are::

    connection = duckdb.connect()
    add_functions(connection)
    for table in ROW_CLASSES:
        add_table(connection, table, f"read_parquet('fleet/{table}.parquet')")
    add_examination(connection, datetime.now(UTC))
    found = run_on_duckdb(DuckTables(connection), load_packs().across_machines, datetime.now(UTC))

:mod:`forensics.engine.duckdb_run` has the last line. :meth:`Query.matches <forensics.engine.compiler.Query.matches>`,
with all texts, runs in DuckDB too, which takes minutes to plan it where values build on values.

What still differs: text that is no number makes ``CAST`` an error in DuckDB and 0 in SQLite; ``lower`` and ``upper``
know other letters than A to Z in DuckDB only; ``group_concat`` has no order of its own in either; DuckDB counts
``rowid`` from 0.

References:
    https://duckdb.org/docs/stable/sql/statements/create_macro
    https://www.sqlite.org/lang_datefunc.html
"""

from __future__ import annotations

from datetime import datetime
from typing import Any, Protocol

from forensics.tables.registry import ROW_CLASSES, ColumnSpec, column_specs
from forensics.tables.timestamps import format_utc

# SQLite counts milliseconds since noon of the first day, and divides at last: so does this, to the last bit.
JULIANDAY = (
    "CREATE OR REPLACE MACRO julianday(moment) AS "
    "(epoch_ms(TRY_CAST(moment AS TIMESTAMP)) + 210866760000000) / 86400000.0"
)

# As forensics.tables.windows_path writes it, from the table of machines.
WINDOWS_PATH = r"""
CREATE OR REPLACE MACRO windows_path(of_machine, in_source) AS coalesce(
  CASE WHEN regexp_matches(in_source, '^partition [0-9]+/')
  THEN replace(regexp_replace(in_source, '^(partition [0-9]+)/', '\1:/'), '/', '\') END,
  (SELECT CASE WHEN m.root <> '' AND starts_with(lower(in_source), lower(m.root) || '/')
     THEN coalesce(m.drive, '%SystemDrive%') || '\'
       || replace(ltrim(substr(in_source, length(m.root) + 2), '/'), '/', '\')
     WHEN regexp_matches(in_source, '^[A-Z]:/') THEN replace(in_source, '/', '\')
     ELSE coalesce(m.drive, '%SystemDrive%') || '\' || replace(ltrim(in_source, '/'), '/', '\') END
   FROM (SELECT machine_id,
     CASE WHEN profile_folder IS NULL THEN drive ELSE '%USERPROFILE%' END AS drive,
     coalesce(profile_folder,
       regexp_replace(coalesce(system_root, ''),
       '(^|/)((windows\.old( ?\([0-9]{1,3}\)|\.[0-9]{3})?|\$windows\.~bt/newos|\$windows\.~q/data)/)?[^/]*$',
       '', 'i')) AS root FROM machine) AS m
   WHERE m.machine_id = of_machine LIMIT 1),
  'C:\' || replace(ltrim(in_source, '/'), '/', '\'))
"""

_WHOLE = "%Y-%m-%dT%H:%M:%SZ"
_FRACTION = "%Y-%m-%dT%H:%M:%S.%fZ"


class Connection(Protocol):
    """What is used of a DuckDB connection."""

    def execute(self, query: str, parameters: Any = None) -> Any:
        """Run a statement."""


def add_functions(connection: Connection) -> None:
    """Give DuckDB the functions of rules that it lacks."""
    connection.execute(JULIANDAY)


def add_examination(connection: Connection, as_of: datetime) -> None:
    """Make the table ``examination``, from which rules take the moment that "expired" refers to."""
    connection.execute("CREATE OR REPLACE TABLE examination (as_of VARCHAR)")
    connection.execute("INSERT INTO examination VALUES (?)", [format_utc(as_of)])


def add_table(connection: Connection, table: str, source: str | None = None) -> None:
    """Make a table of evidence: times and lists as text, booleans 0 and 1, as in the case file.

    It must be a table, not a view: findings name rows by ``rowid``, which views do not have.

    Args:
        connection: Of DuckDB.
        table: Name of the table.
        source: SQL of where its rows are, such as ``read_parquet('fleet/machine.parquet')``, as keymortem exports them;
            the table stays empty without it. It is put into the statement as it is.

    Raises:
        KeyError: There is no such table.
    """
    specs = column_specs(ROW_CLASSES[table].table)
    columns = ", ".join(f'"{s.name}" {"BIGINT" if s.kind in ("integer", "boolean") else "VARCHAR"}' for s in specs)
    connection.execute(f'CREATE OR REPLACE TABLE "{table}" ({columns})')
    if source is not None:
        names = ", ".join(f'"{s.name}"' for s in specs)
        connection.execute(f'INSERT INTO "{table}" ({names}) SELECT {", ".join(map(_as_text, specs))} FROM {source}')
    if table == "machine":
        connection.execute(WINDOWS_PATH)


def _as_text(spec: ColumnSpec) -> str:
    name = f'"{spec.name}"'
    if spec.kind == "datetime":
        moment = f"timezone('UTC', {name})"
        whole, fraction = f"strftime({moment}, '{_WHOLE}')", f"strftime({moment}, '{_FRACTION}')"
        return f"CASE WHEN microsecond({moment}) % 1000000 = 0 THEN {whole} ELSE {fraction} END"
    if spec.kind == "list":
        # With the blanks of Python's json, which the case file has and rules see.
        return (
            f"'[' || array_to_string(list_transform({name}, lambda item: CAST(to_json(item) AS VARCHAR)), ', ') || ']'"
        )
    return name
