"""Table efs_agent: the recovery agents of EFS that policy hands out, each once for all members of its domain."""

from __future__ import annotations

from datetime import datetime
from typing import ClassVar

from forensics.late_methods import dataclass
from forensics.tables.row import Row, column


@dataclass(kw_only=True, slots=True)
class EfsAgentRow(Row):
    """One recovery agent of a domain, or of a computer that is in none."""

    table: ClassVar[str] = "efs_agent"
    description: ClassVar[str] = (
        "Recovery agents of EFS by policy; those of a domain once for all its members, with machine_id 0"
    )
    spans_machines: ClassVar[bool] = True

    domain: str | None = column("DNS name of the domain whose policy it is, lower case; null: a computer in none", None)
    thumbprint: str = column("SHA-1 of the agent's certificate, upper hex")
    subject: str | None = column("Subject, RFC 4514", None)
    not_after: datetime | None = column("Valid until, UTC", None)
    others_until: datetime | None = column(
        "Until when another agent of the same policy is valid, UTC; null: none", None
    )
    members: list[str] = column("Computers examined that have it, 50 at most", factory=list)
