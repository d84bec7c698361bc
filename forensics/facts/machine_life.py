"""When a Windows was sealed, got its identity, and was last seen alive."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import datetime

from forensics.facts.tables import Tables
from forensics.language import sentence
from forensics.tables.certificate import CertificateRow, KeyFileRow
from forensics.tables.event import EventRow, SetupEventRow
from forensics.tables.machine import MachineRow, ServiceRow
from forensics.tables.row import Row
from forensics.tables.secrets import SecretRow
from forensics.tables.timestamps import as_utc
from forensics.tables.use import CertificateUseRow, PolicyRow, ProviderRow, TemplateRow

_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
# Rows read from keys of the machine's own hives, which only this Windows writes; profiles roam.
_REGISTRY_ROWS: tuple[type[Row], ...] = (
    CertificateRow,
    CertificateUseRow,
    MachineRow,
    PolicyRow,
    ProviderRow,
    ServiceRow,
    SecretRow,
    TemplateRow,
)
_VALIDATION = re.compile(r"validat", re.IGNORECASE)
_HIVE = re.compile(r"(?:[^\\]*/)?(?:SYSTEM|SOFTWARE|SECURITY|SAM)\\", re.IGNORECASE)


def machine_life(row: MachineRow, tables: Tables) -> MachineRow:
    """Return a machine with the times of its life.

    Args:
        row: The machine.
        tables: All rows.
    """
    seen = max(_signs_of_life(row, tables), default=None)
    keys = [key for key in tables.of(KeyFileRow, row.machine_id) if key.scope in ("machine", "system")]
    setup = tables.of(SetupEventRow, row.machine_id)
    generalized_at = _generalized_at(setup)
    guid = (row.machine_guid or "").lower()
    return replace(
        row,
        last_seen_alive=seen[0] if seen else None,
        last_seen_by=seen[1] if seen else None,
        generalized_at=generalized_at,
        sealed_at=_clone_time(row.clone_tag),
        sysprep_succeeded_at=_last(setup, lambda event: event.kind == "sysprep_succeeded"),
        sysprep_failure=_failure(setup, generalized_at),
        specialize_skips_crypto=_skips_crypto(setup),
        machine_guid_assigned_at=_last(setup, lambda event: bool(guid) and event.machine_guid == guid),
        earlier_identity_at=_earlier_identity(keys),
        dpapi_system_set_at=max((as_utc(s.set_at) for s in _current_secrets(row, tables) if s.set_at), default=None),
    )


def _earlier_identity(keys: list[KeyFileRow]) -> datetime | None:
    earlier = (key.created for key in keys if key.guid_is_current is False)
    return min((as_utc(created) for created in earlier if created is not None), default=None)


def _current_secrets(row: MachineRow, tables: Tables) -> Iterator[SecretRow]:
    return (secret for secret in tables.of(SecretRow, row.machine_id) if secret.generation == "current")


def _signs_of_life(row: MachineRow, tables: Tables) -> Iterator[tuple[datetime, str]]:
    """Yield each time at which Windows must have run, and where it was read."""
    if row.last_shutdown is not None:
        yield as_utc(row.last_shutdown), "ShutdownTime"
    if row.machine_guid_time is not None:
        yield as_utc(row.machine_guid_time), sentence("the registry key of MachineGuid")
    for event in tables.of(EventRow, row.machine_id):
        if event.time is not None:
            yield as_utc(event.time), event.source_path
    for row_class in _REGISTRY_ROWS:
        for read in tables.of(row_class, row.machine_id):
            if read.source_time is not None and _HIVE.match(read.source_path):
                yield as_utc(read.source_time), read.source_path


def _last(events: list[SetupEventRow], wanted: Callable[[SetupEventRow], bool]) -> datetime | None:
    return max((as_utc(event.time) for event in events if event.time is not None and wanted(event)), default=None)


def _generalized_at(events: list[SetupEventRow]) -> datetime | None:
    """Return when Sysprep last ran with /generalize; a run that failed in validation generalized nothing.

    Args:
        events: In the order of their lines.
    """
    times: list[datetime] = []
    for log in {event.source_path for event in events}:
        run: list[datetime] = []
        for event in (e for e in events if e.source_path == log):
            if event.kind == "sysprep_begun":
                times += run
                run = []
            elif event.kind in ("error", "module_failed") and _VALIDATION.search(event.message):
                run = []
            elif event.phase == "generalize" and event.time is not None:
                run.append(as_utc(event.time))
        times += run
    return max(times, default=None)


def _failure(events: list[SetupEventRow], since: datetime | None) -> str | None:
    if since is None:
        return None
    failed = (e for e in events if e.kind == "module_failed" and e.time is not None and as_utc(e.time) >= since)
    return max((event.message for event in failed), default=None)


def _skips_crypto(events: list[SetupEventRow]) -> bool | None:
    kinds = {event.kind for event in events if event.phase == "action_file"}
    return "crypto_specialize_missing" in kinds if kinds else None


def _clone_time(tag: str | None) -> datetime | None:
    # Not by strptime, which reads names of months in this machine's language.
    try:
        _, month, day, time, year = (tag or "").split()
        return datetime.fromisoformat(f"{year}-{_MONTHS.index(month) + 1:02}-{day:0>2}T{time}+00:00")
    except ValueError:
        return None
