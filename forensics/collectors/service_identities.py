"""Which account each service runs as, and whether the service's own SID is in its token.

References:
    https://learn.microsoft.com/windows/win32/api/winsvc/ns-winsvc-service_sid_info (ServiceSidType: 0, 1, 3)
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from forensics.collectors.registry_view import RegistryView
from forensics.collectors.uses.accounts import account_sid, joined_domain
from forensics.late_methods import dataclass
from forensics.sources.installation import Installation
from forensics.tables.machine import MachineRow, UserRow

_HOST_GROUP = re.compile(r"svchost(?:\.exe)?\"?\s.*-k\s+(\S+)", re.IGNORECASE)
# In quotes; else up to .exe, since folders have blanks in their names; else a name without extension.
_PROGRAM = re.compile(r'"([^"]+)"|(.+?\.exe)(?=\s|$)|(\S+)', re.IGNORECASE)
_LONGEST = 1_000
"""Display: characters of an ImagePath that are looked at for the group of a service host."""


@dataclass(frozen=True, slots=True)
class ServiceIdentity:
    """As whom one service runs.

    Attributes:
        name: Its key's name.
        account: ObjectName; None where none is set, which is so of drivers.
        account_sid: SID of that account; None where only a domain controller could tell.
        sid_type: ServiceSidType; None where none is set, which counts as 0.
        host_group: Group of the service host (``svchost -k``) in which it runs, lower case.
        image: Name of its program without folder and ``.exe``, lower case; None where none is set.
        folder: Folder of its program as ImagePath names it, with variables; None where it names none.
    """

    name: str
    account: str | None
    account_sid: str | None
    sid_type: int | None
    host_group: str | None
    image: str | None = None
    folder: str | None = None


def collect_service_identities(
    installation: Installation, machine: MachineRow, users: Sequence[UserRow]
) -> dict[str, ServiceIdentity] | None:
    """Return the services by lower-case name; None where the list of services was not there to read."""
    system = RegistryView.of_machine(installation, "SYSTEM")
    services = system.key(f"{installation.control_set()}\\Services")
    if services is None:
        return None
    found: dict[str, ServiceIdentity] = {}
    domain = joined_domain(machine)
    for key in system.subkeys(services):
        # Drivers have no account; reading two values of each service is all that this costs.
        account = system.text(key, "ObjectName")
        if account is None:
            continue
        path = (system.text(key, "ImagePath") or "")[:_LONGEST]
        host = _HOST_GROUP.search(path)
        found[key.name.lower()] = ServiceIdentity(
            name=key.name,
            account=account,
            account_sid=account_sid(account, machine.computer_name, users, domain),
            sid_type=system.number(key, "ServiceSidType"),
            host_group=host[1].lower() if host else None,
            image=program_name(path),
            folder=_program(path).rpartition("\\")[0] or None,
        )
    return found


def program_name(path: str) -> str | None:
    """Return the name of a program without folder, arguments and ``.exe``, lower case; None where there is none.

    Args:
        path: An ImagePath, or the name of a process as an event gives it.
    """
    return _program(path).rpartition("\\")[2].strip().lower().removesuffix(".exe") or None


def _program(path: str) -> str:
    """Return the path of a program without arguments; empty where there is none."""
    found = _PROGRAM.match(path.strip())
    return (found[1] or found[2] or found[3]).replace("/", "\\") if found else ""
