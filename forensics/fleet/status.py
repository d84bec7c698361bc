"""What a dataset holds: how many inputs came to what, why others failed, and what is not of today."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from forensics.fleet.across import is_out_of_date
from forensics.fleet.dataset import Dataset, DatasetChangedError
from forensics.fleet.disk_record import STATES
from forensics.fleet.lock import is_running
from forensics.fleet.stored import connect, read_parquet, reading
from forensics.language import _, _n, listed, message, told
from forensics.late_methods import dataclass
from forensics.report.folded_lines import fold
from forensics.report.result import Result
from forensics.tables.sanitise import sanitise
from forensics.tables.timestamps import format_utc, told_time

if TYPE_CHECKING:
    import duckdb

_REASONS = 20
"""Display: reasons for which inputs failed that are told."""
_TRIES = 5
"""Work: how often what a run replaces meanwhile is read anew."""
_PAUSE = 0.2
"""Seconds before that."""
_ALARMING = "severity != 'info' AND verdict = 'match'"
_CONTROLLERS = (
    "SELECT DISTINCT path FROM machine JOIN main.disk USING (disk) "
    "WHERE domain_sid IN (machine_sid, machine_sid_policy) ORDER BY path LIMIT 5"
)
_WORDS = {
    "examined": message("{count} examined"),
    "failed": message("{count} failed"),
    "not_evidence": message("{count} no evidence"),
    "read_as_parent": message("{count} read as the parent of another disk"),
    "read_with": message("{count} read with another input, as a part of it"),
}


@dataclass(frozen=True, slots=True)
class Reason:
    """Why inputs failed.

    Attributes:
        failure: What failed.
        error: The reason, without the path of the input.
        inputs: How many.
        example: The path of one.
    """

    failure: str
    error: str
    inputs: int
    example: str


@dataclass(frozen=True, repr=False)
class FleetStatus(Result):
    """What :func:`fleet_status` returns.

    Attributes:
        path: Folder of the dataset.
        as_of: What "expired" refers to.
        running: A run is going on.
        inputs: How many inputs there are.
        states: How many of each state.
        without_windows: Examined ones that hold no Windows.
        partly: Examined ones of which something could not be.
        copies: Examined ones that are copies of another one, and count once.
        machines: Windows installations, former ones and profiles among them.
        findings: Findings of all rules.
        alarms: Those that are more than information, and chains of certificates that Windows would not open.
        reasons: Why inputs failed, the most frequent first.
        other_dates: Inputs whose rows are as of another date: a run was ended before it came to them.
        versions: How many inputs each version examined.
        stopped: Rules that were not asked to their end, and of how many inputs; 0: across machines.
        out_of_date: What spans machines is not of the disks that there are.
        waiting: Machines with users' keys that the backup key of their domain would open.
        controllers: Inputs that are, by their SIDs, domain controllers; a few of them.
        size: Bytes of the dataset.
    """

    formats = ("text", "json")

    path: Path
    as_of: datetime
    running: bool
    inputs: int
    states: dict[str, int]
    without_windows: int
    partly: int
    copies: int
    machines: int
    findings: int
    alarms: int
    reasons: tuple[Reason, ...]
    other_dates: int
    versions: dict[str, int]
    stopped: tuple[tuple[str, int], ...]
    out_of_date: bool
    waiting: int
    controllers: tuple[str, ...]
    size: int

    @property
    def is_incomplete(self) -> bool:
        """Something is not known that could be: an input failed, was examined in part, or what spans machines lacks."""
        return bool(self.states["failed"] or self.partly or self.other_dates or self.out_of_date)

    def _render(self, format: str, width: int | None) -> str:
        if format == "json":
            return json.dumps(self._document(), indent=2) + "\n"
        return "".join(f"{part}\n" for line in self._lines() for part in fold(sanitise(line), width))

    def _document(self) -> dict[str, object]:
        told = {name: getattr(self, name) for name in ("running", "inputs", "states", "without_windows", "partly")}
        told |= {name: getattr(self, name) for name in ("copies", "machines", "findings", "other_dates", "versions")}
        return {
            "dataset": str(self.path),
            "as_of": format_utc(self.as_of),
            **told,
            "failures": [{n: getattr(each, n) for n in Reason.__slots__} for each in self.reasons],
            "rules_stopped": [{"rule": rule, "inputs": inputs} for rule, inputs in self.stopped],
            "across_out_of_date": self.out_of_date,
            "waiting_for_domain_key": self.waiting,
            "domain_controllers": list(self.controllers),
            "bytes": self.size,
        }

    def _lines(self) -> Iterator[str]:
        if self.stopped:
            yield _(
                "Rules that were not asked to their end, so what they would have found is not known: {names}",
                names=listed(_stopped_rule(rule, count) for rule, count in self.stopped),
            )
        if self.running:
            yield _("{path}: a run is going on", path=self.path)
        else:
            yield _("{path}: no run is going on", path=self.path)
        yield _("as of {time}, {size} MB", time=told_time(self.as_of), size=f"{self.size / 1e6:.1f}")
        states = [_(_WORDS[state], count=self.states[state]) for state in STATES if self.states[state]]
        yield _n(
            "{count} input: {states}",
            "{count} inputs: {states}",
            self.inputs,
            states=listed(states) if states else _("none yet"),
        )
        yield from self._of_those_examined()
        machines = _n("{count} machine", "{count} machines", self.machines)
        yield listed([machines, _n("{count} finding", "{count} findings", self.findings)])
        for reason in self.reasons:
            yield _(
                "{count} failed ({failure}): {why}; such as {example}",
                count=reason.inputs,
                failure=reason.failure,
                why=told(reason.error),
                example=reason.example,
            )
        if self.waiting:
            yield self._waiting()
        if self.other_dates:
            yield _n(
                "{count} input is as of another date: run again to have it of this one",
                "{count} inputs are as of another date: run again to have them of this one",
                self.other_dates,
            )
        if len(self.versions) > 1:
            counts = sorted(self.versions.items())
            yield _(
                "examined by several versions ({versions}): run again to have all by this one",
                versions=listed(_("{count} by {version}", count=count, version=version) for version, count in counts),
            )
        if self.out_of_date:
            yield _("what spans machines (clones, rules across machines) is not of these disks: run again")

    def _of_those_examined(self) -> Iterator[str]:
        if self.partly:
            yield _(
                "{count} of those examined could not be examined in full: table source says what", count=self.partly
            )
        if self.without_windows:
            yield _("{count} of those examined hold no Windows", count=self.without_windows)
        if self.copies:
            yield _(
                "{count} of those examined are copies of others in all that was read, and count once",
                count=self.copies,
            )

    def _waiting(self) -> str:
        if not self.controllers:
            return _n(
                "users' keys on {count} machine wait for the backup key of their domain: secrets stay in the task of "
                "their disk, so examine it together with that of a domain controller, or run again with "
                "--domain-backup-key",
                "users' keys on {count} machines wait for the backup key of their domain: secrets stay in the task "
                "of their disk, so examine such a disk together with that of a domain controller, or run again with "
                "--domain-backup-key",
                self.waiting,
            )
        return _n(
            "users' keys on {count} machine wait for the backup key of their domain: secrets stay in the task of "
            "their disk, so examine it together with that of a domain controller, such as {path}, or run again with "
            "--domain-backup-key",
            "users' keys on {count} machines wait for the backup key of their domain: secrets stay in the task of "
            "their disk, so examine such a disk together with that of a domain controller, such as {path}, or run "
            "again with --domain-backup-key",
            self.waiting,
            path=self.controllers[0],
        )


def _stopped_rule(rule: str, inputs: int) -> str:
    if inputs:
        return _n("{rule} (of {count} input)", "{rule} (of {count} inputs)", inputs, rule=rule)
    return _("{rule} (across machines)", rule=rule)


def fleet_status(dataset: str | Path) -> FleetStatus:
    """Tell what a dataset holds, whether or not a run is going on.

    Raises:
        DatasetError: The folder is no dataset, or is written just now.

    Examples:
        >>> import forensics
        >>> forensics.fleet_status("fleet").machines
        2
    """
    for _try in range(_TRIES):
        with suppress(DatasetChangedError):
            return _status_now(Dataset.open(dataset))
        time.sleep(_PAUSE)
    return _status_now(Dataset.open(dataset))


def _status_now(dataset: Dataset) -> FleetStatus:
    running = is_running(dataset)
    with (
        connect(dataset, tables=("machine", "master_key", "key_chain", "finding", "problem", "source")) as connection,
        reading(dataset),
    ):
        return _status(dataset, running, connection)


def _status(dataset: Dataset, running: bool, connection: duckdb.DuckDBPyConnection) -> FleetStatus:
    def one(sql: str) -> int:
        row = connection.execute(sql).fetchone()
        return int(row[0]) if row else 0

    states: dict[str, int] = dict.fromkeys(STATES, 0)
    states |= connection.execute("SELECT state, count(*) FROM main.disk GROUP BY 1").fetchall()
    examined = "SELECT count(*) FROM main.disk WHERE state = 'examined'"
    of_date = format_utc(dataset.as_of, fraction=True)
    versions = "SELECT tool_version, count(*) FROM main.disk WHERE state = 'examined' GROUP BY 1 ORDER BY 1"
    return FleetStatus(
        path=dataset.path,
        as_of=dataset.as_of,
        running=running,
        inputs=sum(states.values()),
        states=states,
        without_windows=one(f"{examined} AND machines = 0"),
        partly=one(f"{examined} AND disk IN (SELECT disk FROM source WHERE error IS NOT NULL AND same_as IS NULL)"),
        copies=one(f"{examined} AND same_as IS NOT NULL"),
        machines=one("SELECT count(*) FROM machine"),
        findings=one("SELECT count(*) FROM finding") + _across_findings(dataset, connection),
        alarms=one(f"SELECT count(*) FROM finding WHERE {_ALARMING}")
        + one("SELECT count(*) FROM key_chain WHERE verdict = 'unusable' AND thumbprint IS NOT NULL")
        + _across_findings(dataset, connection, _ALARMING),
        reasons=tuple(_reasons(connection)),
        other_dates=one(f"{examined} AND as_of != TIMESTAMPTZ '{of_date}'"),
        versions=dict(connection.execute(versions).fetchall()),
        stopped=tuple(_stopped(dataset, connection)),
        out_of_date=is_out_of_date(dataset, connection),
        waiting=one(
            "SELECT count(DISTINCT machine_id) FROM master_key WHERE list_contains(missing_secret, 'domain_key')"
        ),
        controllers=tuple(path for (path,) in connection.execute(_CONTROLLERS).fetchall()),
        size=_size(dataset.path),
    )


def _reasons(connection: duckdb.DuckDBPyConnection) -> Iterator[Reason]:
    rows = connection.execute(
        "SELECT failure, replace(error, path, 'it') AS why, count(*) AS inputs, min(path) FROM main.disk "
        f"WHERE state = 'failed' GROUP BY 1, 2 ORDER BY inputs DESC, why LIMIT {_REASONS}"
    ).fetchall()
    yield from (Reason(failure or "source", why or "", inputs, example) for failure, why, inputs, example in rows)


def _across_findings(dataset: Dataset, connection: duckdb.DuckDBPyConnection, which: str = "true") -> int:
    place = dataset.across("finding")
    if not place.exists():
        return 0
    row = connection.execute(f"SELECT count(*) FROM {read_parquet([place])} WHERE {which}").fetchone()
    return int(row[0]) if row else 0


def _stopped(dataset: Dataset, connection: duckdb.DuckDBPyConnection) -> Iterator[tuple[str, int]]:
    sql = (
        "SELECT source_path, count(DISTINCT disk) FROM problem WHERE kind IN ('rule_stopped', 'rule_failed') GROUP BY 1"
    )
    found = connection.execute(sql).fetchall()
    place = dataset.across("problem")
    if place.exists():
        found += connection.execute(f"SELECT DISTINCT source_path, 0 FROM {read_parquet([place])}").fetchall()
    yield from sorted((Path(path).stem, count) for path, count in found)


def _size(folder: Path) -> int:
    total = 0
    pending = [str(folder)]
    while pending:
        try:
            with os.scandir(pending.pop()) as entries:
                for entry in entries:
                    if entry.is_dir(follow_symlinks=False):
                        pending.append(entry.path)
                    else:
                        total += entry.stat(follow_symlinks=False).st_size
        except OSError:
            continue
    return total
