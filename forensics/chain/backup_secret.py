"""DPAPI_SYSTEM of the backup hives (RegBack): asked only for a master key that no secret of today opens."""

from __future__ import annotations

from forensics.collectors.lsa import collect_lsa
from forensics.dpapi.lsa import DpapiSystem, unlock_dpapi_system
from forensics.late_methods import dataclass
from forensics.sources.backup_hives import BACKUP_FOLDER, reader_of_backups
from forensics.sources.installation import Installation


@dataclass(frozen=True, slots=True)
class BackupSecret:
    """What the backup hives gave.

    Attributes:
        folder: Where they lie.
        system: Their DPAPI_SYSTEM.
    """

    folder: str
    system: DpapiSystem


def backup_secret(installation: Installation) -> BackupSecret | None:
    """Open the DPAPI_SYSTEM of an installation's backup hives; None where there are none, or it does not open."""
    reader = reader_of_backups(installation)
    system = unlock_dpapi_system(collect_lsa(reader)) if reader is not None else DpapiSystem()
    if system.current is None and system.previous is None:
        return None
    return BackupSecret(installation.in_windows(BACKUP_FOLDER), system)
