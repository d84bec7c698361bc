"""From the process that an event names to the service whose program it is, and the account as which that runs.

Schannel's records name the process that wanted a credential; PID 4 is the kernel, in which http.sys serves.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping

from forensics.collectors.service_identities import ServiceIdentity, program_name
from forensics.formats.access_check import SYSTEM
from forensics.tables.event import EventRow

# The kernel, and LSASS: TLS of http.sys and of Active Directory.
_OF_WINDOWS = frozenset({"system", "lsass"})
_OF_MANY = "svchost"


def fill_processes(events: Iterable[EventRow], services: Mapping[str, ServiceIdentity] | None) -> None:
    """Fill ``service`` and ``account`` of the events that name a process, where this disk tells them.

    Of a program that several services share, such as svchost.exe, nobody knows which it was.

    Args:
        events: Rows of table event.
        services: Services by lower-case name; None where their list was not there to read.
    """
    by_program: dict[str | None, list[ServiceIdentity]] = defaultdict(list)
    for service in (services or {}).values():
        if service.image not in (None, _OF_MANY):
            by_program[service.image].append(service)
    for row in events:
        name = program_name(row.process) if row.process else None
        if name is None:
            continue
        running = by_program.get(name, [])
        accounts = {service.account_sid for service in running}
        if len(running) == 1:
            row.service = running[0].name
        row.account = SYSTEM if name in _OF_WINDOWS else accounts.pop() if len(accounts) == 1 else None
