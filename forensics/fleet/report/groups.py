"""What machines of a fleet have in common: causes, ends, identities, keys, blockers; counted in DuckDB."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any, get_args

from forensics.fleet.report.chosen import ROW_STATES
from forensics.late_methods import dataclass
from forensics.report.disk_table.blockers import BLOCKER_KINDS
from forensics.tables.finding import SEVERITIES, Severity
from forensics.tables.identity import Relation
from forensics.tables.record import RULE_PROBLEMS

if TYPE_CHECKING:
    import duckdb

MOST_NAMED = 50
"""Display: machines that a group names; it counts all, and the rows say of each to which groups it belongs."""
MOST_OF_A_MONTH = 50
"""Display: certificates that a month of the calendar names; it counts all."""
MOST_GROUPS = 500
"""Display: groups of clones, and keys on several machines, that are told one by one, the largest first."""
MOST_FAILED = 500
"""Display: inputs of which the lists of a report say why nothing of them was examined; the rows say it of all."""


@dataclass(frozen=True, slots=True)
class Accounts:
    """What became of the inputs: every one is in exactly one count.

    Attributes:
        total: Inputs.
        by_state: Counts by the words of :data:`ROW_STATES`, those that are not zero.
        pieces: Pieces of evidence in examined folders and archives that were not examined.
        in_part: Machines of which something was not examined, or in part.
        older: Rows that show an older state of a machine.
        machines: Machines that were examined.
    """

    total: int
    by_state: dict[str, int]
    pieces: int
    in_part: int
    older: int
    machines: int

    @property
    def all_examined(self) -> bool:
        """No input failed, and of none a piece."""
        return not (self.by_state.get("failed", 0) or self.pieces or self.in_part)


@dataclass(frozen=True, slots=True)
class Failed:
    """An input of which nothing was examined, or such a piece of one.

    Attributes:
        path: Its path.
        reason: Why.
    """

    path: str
    reason: str


@dataclass(frozen=True, slots=True)
class Cause:
    """What one rule found on machines.

    Attributes:
        rule: The rule.
        title: What it is.
        severity: The worst of its findings.
        machines: Machines on which it was found; 0 where it speaks of none in particular.
        findings: How many findings.
        likely: Findings that are not proved.
        undecided: Machines on which the evidence does not decide it.
        named: Some of the machines, by name.
    """

    rule: str
    title: str
    severity: Severity
    machines: int
    findings: int
    likely: int
    undecided: int
    named: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Ends:
    """A certificate that ends.

    Attributes:
        thumbprint: SHA-1, upper hex.
        subject: Its subject.
        ends: When, UTC.
        machines: Machines that have it with a key.
        in_use: Machines on which something uses it.
        self_renewing: Machines on which it renews itself.
        dead: Machines on which its key is dead.
        named: Some of the machines, those first on which it is in use.
        used_by: Some of what uses it.
    """

    thumbprint: str
    subject: str | None
    ends: datetime
    machines: int
    in_use: int
    self_renewing: int
    dead: int
    named: tuple[str, ...]
    used_by: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Month:
    """A month of the calendar.

    Attributes:
        month: Such as 2026-12.
        certificates: Certificates that end in it.
        machines: Machines that have one of them.
        in_use: Certificates of them that something uses.
        machines_in_use: Machines on which something uses one.
        first: The first of them: in use on the most machines before the rest.
    """

    month: str
    certificates: int
    machines: int
    in_use: int
    machines_in_use: int
    first: tuple[Ends, ...]


@dataclass(frozen=True, slots=True)
class Shared:
    """Machines that share an identity, or a key.

    Attributes:
        what: What they share: a machine SID and the like, or a key.
        relation: What that means, in a word.
        count: How many machines.
        named: Some of them.
    """

    what: str
    relation: str
    count: int
    named: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class KeyOfSeveral:
    """A private key that lies on several machines; the columns of table shared_key tell it.

    Attributes:
        key: SHA-256 of its public half, lower hex.
        role: What it is for.
        relation: What its machines are to each other.
        subject: Subject of its certificate.
        ends: When that ends, UTC.
        machines: How many machines have it.
        in_use: On how many something uses it.
        exportable: Whether Windows lets it be exported on one of them.
        named: Some of them, by computer and disk.
    """

    key: str
    role: str
    relation: str
    subject: str | None
    ends: datetime | None
    machines: int
    in_use: int
    exportable: str
    named: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Blocked:
    """Machines with blockers of one kind.

    Attributes:
        kind: What the blockers are about.
        title: In words.
        count: How many machines.
        named: Some of them.
    """

    kind: str
    title: str
    count: int
    named: tuple[str, ...]


class Groups:
    """Asks the database of the rows that were chosen.

    Args:
        connection: In which :class:`Chosen` has made its tables.
    """

    def __init__(self, connection: duckdb.DuckDBPyConnection) -> None:
        self._connection = connection

    def _asked(self, sql: str, values: Sequence[Any] = ()) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self._connection.sql(sql, params=list(values)).to_arrow_table().to_pylist()
        return found

    def accounts(self) -> Accounts:
        """Count the inputs of the fleet, whatever rows were chosen."""
        rows = self._asked(
            "SELECT CASE WHEN copy_of IS NOT NULL THEN 'copy' ELSE state END AS word, count(*) AS n FROM inputs "
            "GROUP BY 1"
        )
        by_state = {row["word"]: row["n"] for row in rows}
        [counts] = self._asked(
            "SELECT count(*) FILTER (s.state = 'not_examined') AS pieces, "
            "count(*) FILTER (s.state <> 'not_examined' AND len(s.not_examined) > 0) AS in_part, "
            "count(*) FILTER (s.state = 'older_state') AS older, count(*) FILTER (s.machine_id <> 0) AS machines "
            "FROM main.summary s JOIN inputs i ON i.disk = s.disk WHERE i.copy_of IS NULL AND i.state = 'examined'"
        )
        ordered = {word: by_state[word] for word in (*ROW_STATES, *by_state) if by_state.get(word)}
        return Accounts(sum(ordered.values()), ordered, **counts)

    def failed(self) -> list[Failed]:
        """Return what was not examined at all, and why."""
        rows = self._asked(
            "SELECT coalesce(source, path) AS path, array_to_string(not_examined, '; ') AS reason FROM told "
            f"WHERE state IN ('failed', 'not_examined') ORDER BY place LIMIT {MOST_FAILED}"
        )
        return [Failed(**row) for row in rows]

    def stopped(self) -> list[tuple[str, int]]:
        """Return what the rules could not say because one was stopped, or failed, and on how many disks."""
        kinds = ", ".join(f"'{kind}'" for kind in RULE_PROBLEMS)
        rows = self._asked(
            f"SELECT message, count(*) AS n FROM (SELECT message FROM main.problem WHERE kind IN ({kinds}) UNION ALL "
            f"SELECT message FROM across.problem WHERE kind IN ({kinds})) GROUP BY 1 ORDER BY n DESC, message"
        )
        return [(row["message"], row["n"]) for row in rows]

    def causes(self) -> list[Cause]:
        """Return what the rules found, more than information, the worst on the most machines first."""
        order = _order("severity")
        rows = self._asked(
            f"""
            SELECT rule, min_by(title, {order}) AS title,
                min_by(severity, {order}) FILTER (verdict = 'match') AS worst,
                count(DISTINCT machine_id) FILTER (verdict = 'match' AND machine_id <> 0) AS machines,
                count(*) FILTER (verdict = 'match') AS findings,
                count(*) FILTER (verdict = 'match' AND confidence <> 'proved') AS likely,
                count(DISTINCT machine_id) FILTER (verdict = 'unknown' AND machine_id <> 0) AS undecided,
                list(DISTINCT name ORDER BY name) FILTER (verdict = 'match' AND name IS NOT NULL)
                    [:{MOST_NAMED}] AS named
            FROM (SELECT f.*, {_NAME} AS name FROM found f LEFT JOIN told t ON t.machine_id = f.machine_id
                  AND t.machine_id <> 0 WHERE f.machine_id = 0 OR t.machine_id IS NOT NULL)
            WHERE severity <> 'info' GROUP BY rule HAVING findings > 0
            ORDER BY {_order("worst")}, machines DESC, rule
            """
        )
        return [Cause(severity=row.pop("worst"), named=tuple(row.pop("named") or ()), **row) for row in rows]

    def calendar(self) -> list[Month]:
        """Return the months in which certificates end that somebody may miss, the soonest first."""
        self._connection.execute(
            f"""
            CREATE OR REPLACE TEMP TABLE ends AS
            SELECT strftime(min(e.ends), '%Y-%m') AS month, e.thumbprint, any_value(e.subject) AS subject,
                min(e.ends) AS ends, count(DISTINCT e.machine_id) AS machines,
                count(DISTINCT e.machine_id) FILTER (e.in_use) AS in_use,
                count(DISTINCT e.machine_id) FILTER (e.care = 'self-renewing') AS self_renewing,
                count(DISTINCT e.machine_id) FILTER (e.condition LIKE 'key dead%') AS dead,
                list(DISTINCT {_NAME} ORDER BY {_NAME}) FILTER (e.in_use)[:{MOST_NAMED}] AS using,
                list(DISTINCT {_NAME} ORDER BY {_NAME})[:{MOST_NAMED}] AS having_it,
                list_sort(list_distinct(flatten(list(e.used_by))))[:{MOST_NAMED}] AS used_by
            FROM main.ending e JOIN told t ON t.machine_id = e.machine_id WHERE e.care <> 'replaced'
            GROUP BY e.thumbprint
            """
        )
        months = self._asked(
            "SELECT month, count(*) AS certificates, count(*) FILTER (in_use > 0) AS in_use FROM ends "
            "GROUP BY month ORDER BY month"
        )
        machines = {
            row["month"]: row
            for row in self._asked(
                "SELECT s.month, count(DISTINCT e.machine_id) AS machines, "
                "count(DISTINCT e.machine_id) FILTER (e.in_use) AS machines_in_use FROM ends s "
                "JOIN main.ending e ON e.thumbprint = s.thumbprint JOIN told t ON t.machine_id = e.machine_id "
                "WHERE e.care <> 'replaced' GROUP BY s.month"
            )
        }
        first: dict[str, list[Ends]] = {}
        for row in self._asked(
            f"SELECT * FROM ends QUALIFY row_number() OVER (PARTITION BY month ORDER BY {_FIRST}) <= {MOST_OF_A_MONTH} "
            f"ORDER BY month, {_FIRST}"
        ):
            month, using, having_it = row.pop("month"), row.pop("using") or [], row.pop("having_it") or []
            named = dict.fromkeys([*using, *having_it])
            told = {"named": tuple(named)[:MOST_NAMED], "used_by": tuple(row["used_by"] or ())}
            first.setdefault(month, []).append(Ends(**(row | told)))
        return [
            Month(
                month=row["month"],
                certificates=row["certificates"],
                machines=machines[row["month"]]["machines"],
                in_use=row["in_use"],
                machines_in_use=machines[row["month"]]["machines_in_use"],
                first=tuple(first[row["month"]]),
            )
            for row in months
        ]

    def used_by_many(self) -> list[Ends]:
        """Return the certificates that are in use on several machines, by the most; after :meth:`calendar`."""
        rows = self._asked(f"SELECT * FROM ends WHERE in_use > 1 ORDER BY {_FIRST} LIMIT {MOST_GROUPS}")
        found = []
        for row in rows:
            row.pop("month"), row.pop("having_it")
            using = tuple(row.pop("using") or ())
            found.append(Ends(**(row | {"named": using, "used_by": tuple(row["used_by"] or ())})))
        return found

    def clones(self) -> list[Shared]:
        """Return the groups of machines that share an identity, the largest first."""
        rows = self._asked(
            f"""
            SELECT 'group ' || i.shared_group || ': '
                || array_to_string(list_sort(list_distinct(flatten(list(coalesce(i.shares, []))))), ', ') AS what,
                min_by(i.relation, list_position([{_RELATIONS}], i.relation)) AS relation,
                count(*) AS count,
                list(DISTINCT coalesce({_NAME}, i.computer_name) ORDER BY coalesce({_NAME}, i.computer_name))
                    [:{MOST_NAMED}] AS named
            FROM across.shared_identity i LEFT JOIN told t ON t.machine_id = i.member
            GROUP BY i.shared_group HAVING count(t.machine_id) > 0 AND count(*) > 1
            ORDER BY count DESC, what LIMIT {MOST_GROUPS}
            """
        )
        return [Shared(**(row | {"named": tuple(row["named"] or ())})) for row in rows]

    def keys_of_several(self) -> list[KeyOfSeveral]:
        """Return the private keys that several computers of the fleet have, those on the most of them first.

        States of one computer are not several, nor can others use a key that their TPMs did not make.
        """
        rows = self._asked(
            "SELECT public_key_sha256 AS key, role, relation, subject, not_after AS ends, machines, "
            f"in_use_on AS in_use, exportable, holders[:{MOST_NAMED}] AS named FROM across.shared_key "
            "WHERE relation IN ('clones', 'partly_clones', 'unrelated') AND in_tpm IS NOT true "
            f"ORDER BY machines DESC, in_use DESC, key LIMIT {MOST_GROUPS}"
        )
        return [KeyOfSeveral(**(row | {"named": tuple(row["named"] or ())})) for row in rows]

    def blocked(self) -> list[Blocked]:
        """Return what keeps machines from being moved or cloned, on the most machines first."""
        rows = self._asked(
            f"SELECT kind, count(*) AS count, list({_NAME} ORDER BY t.place)[:{MOST_NAMED}] AS named "
            "FROM (SELECT *, unnest(blocker_kinds) AS kind FROM told) t GROUP BY kind ORDER BY count DESC, kind"
        )
        return [Blocked(row["kind"], BLOCKER_KINDS[row["kind"]], row["count"], tuple(row["named"])) for row in rows]


_NAME = "t.called"
_RELATIONS = ", ".join(f"'{relation}'" for relation in get_args(Relation))
"""The strongest first."""
_FIRST = "in_use DESC, machines DESC, ends, thumbprint"


def _order(column: str) -> str:
    words = ", ".join(f"'{name}'" for name in SEVERITIES)
    return f"list_position([{words}], {column})"
