"""A Hyper-V host as far as starting virtual machines goes: its mode, and what it has of each guardian certificate."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Literal

from forensics.structure import dataclass, field
from forensics.tables.hyperv import GuardianRow
from forensics.tables.use import PolicyRow

State = Literal["usable", "unusable", "unknown", "no_private_key", "wrong_store", "absent", "not_examined"]
"""What a host has of one certificate: its key opens, does not, undecided; no key; only in another store; nothing."""

Mode = Literal["local", "hgs", "unknown"]


@dataclass(frozen=True, slots=True)
class Host:
    """One host.

    Attributes:
        machine_id: Its number; 0 when no host is known.
        name: Computer name.
        mode: Where Hyper-V looks for guardians' keys.
        examined: Its certificate stores were there to read.
        guardians: Rows of its stores by thumbprint, the guardians' store first.
    """

    machine_id: int = 0
    name: str | None = None
    mode: Mode = "unknown"
    examined: bool = False
    guardians: Mapping[str, tuple[GuardianRow, ...]] = field(default_factory=dict)

    def row(self, thumbprint: str | None) -> GuardianRow | None:
        """Return what the host has of a certificate, from the guardians' store where it is there."""
        return next(iter(self.guardians.get(thumbprint or "", ())), None)

    def state(self, thumbprint: str | None) -> State:
        """Say what the host has of a certificate; of one that could not be read nothing is known."""
        if not thumbprint:
            return "unknown"
        row = self.row(thumbprint)
        if row is None:
            return "absent" if self.examined else "not_examined"
        # A certificate that names no key has none for Windows, even where no key file was there to examine.
        if (
            row.verdict == "unusable"
            and not row.has_key_file
            and (row.has_key_file is False or row.broken_at == "claim")
        ):
            return "no_private_key"
        if row.origin == "wrong_store":
            return "wrong_store"
        return "usable" if row.verdict == "usable" else "unusable" if row.verdict == "unusable" else "unknown"

    def not_after(self, thumbprint: str | None) -> datetime | None:
        """Return when a certificate of the host ends."""
        row = self.row(thumbprint)
        return row.not_after if row else None


def host_of(
    machine_id: int, name: str | None, examined: bool, guardians: Iterable[GuardianRow], policies: Iterable[PolicyRow]
) -> Host:
    """Make a host of its rows.

    Args:
        machine_id: Its number.
        name: Computer name.
        examined: Its SOFTWARE hive was read.
        guardians: Rows of one machine.
        policies: Rows of the same machine.
    """
    by_thumbprint: dict[str, list[GuardianRow]] = {}
    for row in guardians:
        if row.origin in ("store", "wrong_store") and row.thumbprint:
            by_thumbprint.setdefault(row.thumbprint, []).append(row)
    # The guardians' store counts; of several others the one whose key is there.
    ordered = {
        t: tuple(sorted(rows, key=lambda r: (r.origin != "store", r.has_key_file is False)))
        for t, rows in by_thumbprint.items()
    }
    return Host(machine_id, name, _mode(examined, policies), examined, ordered)


def _mode(examined: bool, policies: Iterable[PolicyRow]) -> Mode:
    """Local mode is what both service addresses absent or empty mean; nowhere documented, but what the names say."""
    services = {"remoteattestationservice", "kdsservice"}
    values = {p.name.lower(): p.value.strip() for p in policies if p.area == "hgs_client"}
    if any(values.get(service) for service in services):
        return "hgs"
    return "local" if examined else "unknown"
