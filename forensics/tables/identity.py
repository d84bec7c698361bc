"""Table shared_identity: computers that are not told apart, by what was examined together or by their own logs."""

from __future__ import annotations

from datetime import datetime
from typing import ClassVar, Literal

from forensics.late_methods import dataclass
from forensics.tables.row import Row, column

Relation = Literal["clone", "same_computer", "generalized", "alone", "unknown"]
Shared = Literal["machine_sid", "machine_guid", "dpapi_system", "ek_pub"]
Enforces = Literal["yes", "no", "unknown"]


@dataclass(kw_only=True, slots=True)
class SharedIdentityRow(Row):
    """One installation that shares with another what is a computer's own, or was refused for it."""

    table: ClassVar[str] = "shared_identity"
    description: ClassVar[str] = (
        "Installations examined together that share a machine SID, MachineGuid, DPAPI_SYSTEM or TPM, and those whose "
        "log has event 6167 of LsaSrv; machine_id is 0, `member` names the installation"
    )
    spans_machines: ClassVar[bool] = True

    shared_group: int = column("Number of the group that shares, from 1")
    member: int = column("Its `machine.machine_id`", names_machine=True)
    computer_name: str | None = column("Name of the computer", None)
    disk: str = column("Disk or collection that holds it")
    relation: Relation = column(
        "two computers; two states of one; one of them is generalized and gets its own identity at its next start; "
        "only its log tells; it cannot be told"
    )
    reason: str = column("What the relation rests on")
    shares: list[Shared] = column("what it shares; a domain controller's SID does not count", factory=list)
    with_members: list[str] = column("The others of its group, by computer and disk", factory=list)
    machine_sid: str | None = column("Its machine SID", None)
    machine_guid: str | None = column("Its MachineGuid", None)
    hardware_id: str | None = column("As in table machine", None)
    build: str | None = column("CurrentBuild", None)
    ubr: int | None = column("Update build revision", None)
    enforces: Enforces = column(
        "its build has the check that KB5064081 (26100.5074, preview of August 2025) brought", "unknown"
    )
    group_enforces: Enforces = column("the strongest of its group", "unknown")
    refused: int = column("Number of events 6167 of LsaSrv in its log", 0)
    refused_last: datetime | None = column("The last of them, UTC", None)
    shared_keys: int = column(
        "Number of its key files and certificates with a key that another of its group has too", 0
    )
    shared_key_files: list[str] = column(
        "Paths of those key files as its Windows writes them, 50 at most", factory=list
    )
    shared_certificates: list[str] = column("Thumbprints of those certificates, upper hex, 50 at most", factory=list)
