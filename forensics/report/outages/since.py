"""Since when something is down, where the disk itself says so: never guessed."""

from __future__ import annotations

from collections import defaultdict
from datetime import datetime

from forensics.case_tables import CaseTables
from forensics.language import sentence
from forensics.report.facts import Facts, day
from forensics.tables.event import EventRow
from forensics.tables.key_chain import KeyChainRow
from forensics.tables.timestamps import as_utc

_ERROR = 2
"""Level of an event: 1 critical, 2 error."""


class Since:
    """Dates of a case by what stopped then.

    Args:
        case: The case.
        facts: Its rows by what is looked for.
    """

    def __init__(self, case: CaseTables, facts: Facts) -> None:
        self._facts = facts
        self._errors: dict[tuple[int, str], list[tuple[datetime, EventRow]]] = defaultdict(list)
        for event in case.rows("event"):
            if event.time is not None and event.level in range(1, _ERROR + 1):
                for name in filter(None, (event.thumbprint, event.key_file_name)):
                    self._errors[event.machine_id, name.lower()].append((event.time, event))

    def of_key(self, chain: KeyChainRow) -> str:
        """Return since when a key does not open: when its machine got another MachineGuid, else what the log has."""
        machine, file = self._facts.machine(chain.machine_id), self._facts.key_file(chain)
        assigned = machine.machine_guid_assigned_at if machine is not None else None
        made = file.created if file is not None else None
        is_renamed = chain.key_file == "other_machine_guid" and chain.broken_at == "key_file"
        # A file that was copied here later has been dead for as long as it is here.
        if is_renamed and assigned is not None and made is not None and as_utc(made) < as_utc(assigned):
            return sentence("since {date} (new MachineGuid)", date=day(assigned))
        return self.logged(chain.machine_id, chain.thumbprint, chain.key_file_path)

    def logged(self, machine_id: int, thumbprint: str | None, key_file: str | None = None) -> str:
        """Return the first error that the event log has of a certificate or a key file; empty where it has none."""
        names = [thumbprint or "", (key_file or "").rsplit("/", 1)[-1]]
        errors = [error for name in names if name for error in self._errors.get((machine_id, name.lower()), ())]
        if not errors:
            return ""
        time, event = min(errors, key=lambda error: error[0])
        return sentence(
            "first error in its log {date} (event {event_id})", date=day(time), event_id=str(event.event_id)
        )
