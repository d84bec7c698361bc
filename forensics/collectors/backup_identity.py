"""Who the machine was when Windows last made backup copies of its hives (RegBack)."""

from __future__ import annotations

from forensics.collectors.lsa import DPAPI_SYSTEM
from forensics.collectors.machine import collect_machine
from forensics.collectors.registry_view import RegistryView
from forensics.sources.backup_hives import backed_up_at, reader_of_backups, tell_backup_hives
from forensics.sources.installation import Installation
from forensics.tables.machine import MachineRow


def fill_backup_identity(installation: Installation, row: MachineRow) -> None:
    """Add to a machine what its backup hives say of it.

    Args:
        installation: Whose they are.
        row: Its row.
    """
    tell_backup_hives(installation)
    reader = reader_of_backups(installation)
    if reader is None:
        return
    then = collect_machine(reader)
    row.regback_at = backed_up_at(installation)
    row.regback_machine_guid = then.machine_guid
    row.regback_computer_name = then.computer_name
    row.regback_machine_sid = then.machine_sid
    row.regback_dpapi_system_set_at = RegistryView.of_machine(reader, "SECURITY").time(f"{DPAPI_SYSTEM}\\CupdTime", "")
