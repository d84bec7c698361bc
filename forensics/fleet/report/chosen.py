"""The rows that a report tells: a row for each input, and for each machine in it, the worst first."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING, Any, Literal, get_args

from forensics.language import _, listed
from forensics.late_methods import dataclass
from forensics.report.disk_table.row import SUMMARY
from forensics.tables.finding import SEVERITIES
from forensics.tables.registry import ColumnSpec

if TYPE_CHECKING:
    import duckdb

RowState = Literal[
    "examined", "older_state", "not_examined", "failed", "not_evidence", "read_as_parent", "read_with", "copy"
]
ROW_STATES: tuple[RowState, ...] = get_args(RowState)
_OF_THE_INPUT = ("source", "kind", "state", "machine_id")
COLUMNS = (
    ColumnSpec("path", "text", False, "The input, as it was named or listed"),
    ColumnSpec("disk", "text", False, "Key of the input, by which it is asked for: fleet report --disk"),
    ColumnSpec(
        "state",
        "text",
        False,
        "what became of it; not_examined: of a folder or archive this piece; copy: another input is the same in all "
        "that was read",
        ROW_STATES,
    ),
    ColumnSpec("source", "text", True, "The piece of evidence in it, where that is not the input itself"),
    *(replace(column, nullable=column.kind != "list") for column in SUMMARY if column.name not in _OF_THE_INPUT),
    ColumnSpec("rules", "list", False, "Rules that found something more than information"),
)
"""What a row says; numbers are null where nothing was examined."""
_BATCH = 500
"""Work: rows that are held at once."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Filters:
    """Which rows a report tells; all of them where nothing is asked for.

    Attributes:
        down: Only machines on which something is down.
        dead: Only machines with a dead key.
        ends_before: Only machines on which a certificate ends before, UTC, that somebody has to see to.
        machine: Only machines of this name, whatever its case.
    """

    down: bool = False
    dead: bool = False
    ends_before: datetime | None = None
    machine: str | None = None

    @property
    def words(self) -> str:
        """What was asked for; empty where nothing was."""
        told = [
            _("something is down") if self.down else "",
            _("a key is dead") if self.dead else "",
            _("a certificate ends before {day}", day=f"{self.ends_before:%Y-%m-%d}") if self.ends_before else "",
            _("the machine is called {name}", name=self.machine) if self.machine else "",
        ]
        return listed(filter(None, told), ", and ")

    def where(self) -> tuple[str, dict[str, Any]]:
        """Return a condition on rows and its values."""
        values: dict[str, Any] = {}
        told = ["len(down) > 0"] if self.down else []
        told += ["dead > 0"] if self.dead else []
        if self.ends_before is not None:
            values["before"] = self.ends_before.isoformat()
            told.append(
                "EXISTS (FROM ending e WHERE e.disk = told.disk AND e.machine_id = told.machine_id "
                "AND e.care = 'missed' AND e.ends < CAST($before AS TIMESTAMPTZ))"
            )
        if self.machine:
            values["machine"] = self.machine
            told.append("lower(machine) = lower($machine)")
        return " AND ".join(told) or "true", values


_INPUTS = """
CREATE OR REPLACE TEMP TABLE inputs AS
SELECT *, CASE WHEN state = 'examined' THEN same_as END AS copy_of FROM main.disk
"""
_SHARED = """
CREATE OR REPLACE TEMP TABLE shared AS
SELECT member AS machine_id, shared_group, relation, count(*) OVER (PARTITION BY shared_group) - 1 AS others
FROM across.shared_identity WHERE shared_group IS NOT NULL
"""
_RULES = """
CREATE OR REPLACE TEMP TABLE found AS
SELECT machine_id, rule, title, severity, confidence, verdict, subjects FROM main.finding
UNION ALL SELECT machine_id, rule, title, severity, confidence, verdict, subjects FROM across.finding
"""
_SEVERITY = f"list_position([{', '.join(repr(name) for name in SEVERITIES)}], {{}})"
_FILE = r"regexp_extract(coalesce(source, path), '[^/\\]*$')"
_TOLD = f"""
CREATE OR REPLACE TEMP TABLE told AS
SELECT row_number() OVER (
    ORDER BY CASE WHEN len(down) > 0 THEN 0 WHEN state IN ('failed', 'not_examined') THEN 1
             WHEN state IN ('examined', 'older_state') THEN 2 ELSE 3 END,
    len(down) DESC, missed DESC NULLS LAST, {_SEVERITY.format("worst")} NULLS LAST, len(not_examined) DESC,
    next_end NULLS LAST, path, machine_id) AS place, *,
    -- What tells machines of one name apart: the name of the file, where that is another, else its path.
    CASE WHEN machine IS NULL THEN path WHEN count(*) OVER (PARTITION BY lower(machine)) = 1 THEN machine
         WHEN count(*) OVER (PARTITION BY lower(machine), {_FILE}) = 1 THEN machine || ' (' || {_FILE} || ')'
         ELSE machine || ' (' || coalesce(source, path) || ')' END AS called
FROM (
    SELECT i.path, i.disk, coalesce(s.machine_id, 0) AS machine_id,
        CASE WHEN i.copy_of IS NOT NULL THEN 'copy' WHEN i.state <> 'examined' THEN i.state
             ELSE coalesce(s.state, 'examined') END AS state,
        nullif(s.source, i.path) AS source, s.machine, s.product, coalesce(s.roles, []) AS roles,
        coalesce(s.down, []) AS down, s.doubtful, s.keys, s.dead, s.missed, s.undecided, s.savable,
        s.next_end, s.next_end_of, s.next_end_in_use,
        CASE WHEN h.relation IN ('clone', 'unknown') THEN list_append(coalesce(s.blockers, []),
            CASE h.relation WHEN 'clone' THEN 'shares' ELSE 'may share' END || ' its identity with ' || h.others
            || CASE h.others WHEN 1 THEN ' other' ELSE ' others' END || ' (group ' || h.shared_group || ')')
            ELSE coalesce(s.blockers, []) END AS blockers,
        list_concat(coalesce(s.blocker_kinds, []),
            CASE WHEN h.relation IN ('clone', 'unknown') AND NOT list_contains(s.blocker_kinds, 'identity')
                 THEN ['identity'] ELSE [] END) AS blocker_kinds,
        list_concat(
            CASE WHEN i.error IS NOT NULL THEN [i.error]
                 WHEN i.read_with IS NOT NULL THEN ['read with ' || i.read_with]
                 WHEN i.copy_of IS NOT NULL THEN ['the same in all that was read as ' || i.copy_of] ELSE [] END,
            coalesce(s.not_examined, [])) AS not_examined,
        s.worst,
        coalesce(r.rules, []) AS rules, h.shared_group
    FROM inputs i
    LEFT JOIN main.summary s ON s.disk = i.disk AND i.copy_of IS NULL AND i.state = 'examined'
    LEFT JOIN shared h ON h.machine_id = s.machine_id AND s.machine_id <> 0
    LEFT JOIN (
        SELECT machine_id, list_sort(list(DISTINCT rule)) AS rules FROM found
        WHERE verdict = 'match' AND severity <> 'info' GROUP BY ALL
    ) r ON r.machine_id = s.machine_id AND s.machine_id <> 0
)
"""


class Chosen:
    """The rows that are told, in the database.

    Args:
        connection: Of a fleet; temporary tables are made in it.
        filters: Which rows.
    """

    def __init__(self, connection: duckdb.DuckDBPyConnection, filters: Filters) -> None:
        self._connection = connection
        for statement in (_INPUTS, _SHARED, _RULES, _TOLD):
            connection.execute(statement)
        self.of_all = self._count()
        condition, values = filters.where()
        if condition != "true":
            connection.execute(f"CREATE OR REPLACE TEMP TABLE kept AS FROM told WHERE {condition}", values)
            connection.execute("CREATE OR REPLACE TEMP TABLE told AS FROM kept")
        self.count = self._count()

    def _count(self) -> int:
        [(count,)] = self._connection.execute("SELECT count(*) FROM told").fetchall()
        return int(count)

    def totals(self) -> tuple[int, int, int]:
        """Return machines with something down, dead keys, and keys that can be saved."""
        query = "SELECT count(*) FILTER (len(down) > 0), coalesce(sum(dead), 0), coalesce(sum(savable), 0) FROM told"
        [(down, dead, savable)] = self._connection.execute(query).fetchall()
        return int(down), int(dead), int(savable)

    def sentences(self) -> list[str]:
        """Return of what texts in the rows were made, each as table sentence has it."""
        texts = " UNION ALL ".join(
            f"SELECT unnest({column}) FROM told" for column in ("roles", "down", "blockers", "not_examined")
        )
        query = f"SELECT DISTINCT json FROM main.sentence WHERE json_extract_string(json, '$[0]') IN ({texts})"
        return [json for (json,) in self._connection.execute(query).fetchall()]

    def rows(self, most: int | None = None) -> Iterator[dict[str, Any]]:
        """Yield rows by the names of :data:`COLUMNS`, the worst first; only a few of them are in memory.

        Args:
            most: How many; None for all.
        """
        names = ", ".join(f'"{column.name}"' for column in COLUMNS)
        query = f"SELECT place, {names} FROM told WHERE place > ? ORDER BY place LIMIT ?"
        last, left = 0, self.count if most is None else min(most, self.count)
        while left > 0:
            # Each batch is asked for by itself: a reader may stop at any row.
            batch = self._connection.sql(query, params=[last, min(left, _BATCH)]).to_arrow_table().to_pylist()
            if not batch:
                return
            left -= len(batch)
            for row in batch:
                last = row.pop("place")
                yield row
