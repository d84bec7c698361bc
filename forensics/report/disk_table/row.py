"""What one row of the table of disks holds, as an object and as columns."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import field
from datetime import datetime
from typing import Any, Literal, get_args

from forensics.late_methods import dataclass
from forensics.report.disk_table.blockers import BLOCKER_KINDS, Blocker, BlockerKind
from forensics.tables.finding import SEVERITIES, Severity
from forensics.tables.registry import ColumnSpec

DiskState = Literal["examined", "older_state", "not_examined"]
DISK_STATES: tuple[DiskState, ...] = get_args(DiskState)

SUMMARY = (
    ColumnSpec("source", "text", False, "Disk or collection: path of what counts as evidence"),
    ColumnSpec("kind", "text", False, "What it is, such as disk, folder or archive; unknown: it could not be opened"),
    ColumnSpec(
        "state",
        "text",
        False,
        "whether it was examined, and as it is today; older_state: a backup, or a disk on which another one builds",
        DISK_STATES,
    ),
    ColumnSpec("machine_id", "integer", False, "Which Windows installation; 0: none"),
    ColumnSpec("machine", "text", True, "What to call it; null: nothing of the disk could be examined, or no machine"),
    ColumnSpec("product", "text", True, "Which Windows it is"),
    ColumnSpec("roles", "list", False, "What it serves as, the most important first; likely ones say so"),
    ColumnSpec("down", "list", False, "Services and virtual machines that are down, the worst first"),
    ColumnSpec("doubtful", "integer", False, "Services of which the disk does not say whether they work"),
    ColumnSpec("keys", "integer", False, "Certificates in force that have or should have a private key"),
    ColumnSpec("dead", "integer", False, "Those of them whose key Windows would not open"),
    ColumnSpec("missed", "integer", False, "Dead ones that nothing has taken over from"),
    ColumnSpec("undecided", "integer", False, "Keys that the evidence does not decide"),
    ColumnSpec("savable", "integer", False, "Certificates whose dead key can be had from the disk"),
    ColumnSpec("next_end", "datetime", True, "Next end of a certificate somebody has to see to, of one in use first"),
    ColumnSpec("next_end_of", "text", True, "Subject of that certificate"),
    ColumnSpec("next_end_in_use", "boolean", True, "Something uses it"),
    ColumnSpec("blockers", "list", False, "What breaks when the disk is moved to another host, or cloned"),
    ColumnSpec("blocker_kinds", "list", False, "What these are about, each once", tuple(BLOCKER_KINDS)),
    ColumnSpec("not_examined", "list", False, "What of it was not examined, or in part, and why"),
    ColumnSpec("worst", "text", True, "The worst that a rule found; null: nothing", SEVERITIES),
)
ENDING = (
    ColumnSpec("machine_id", "integer", False, "Which Windows installation"),
    ColumnSpec("thumbprint", "text", False, "SHA-1 of the certificate, upper hex"),
    ColumnSpec("subject", "text", True, "Subject, RFC 4514"),
    ColumnSpec("store", "text", True, "Its store"),
    ColumnSpec("ends", "datetime", False, "When it ends, UTC"),
    ColumnSpec("in_use", "boolean", False, "Something uses it"),
    ColumnSpec("care", "text", False, "Whether somebody has to see to it", ("missed", "self-renewing", "replaced")),
    ColumnSpec("condition", "text", True, "What else is to know of it, such as that its key is dead"),
    ColumnSpec("used_by", "list", False, "What uses it"),
)


@dataclass(slots=True, kw_only=True)
class DiskRow:
    """A disk or collection, or one machine of several in it; its attributes are the columns of :data:`SUMMARY`."""

    source: str
    kind: str
    state: DiskState = "examined"
    machine_id: int = 0
    machine: str | None = None
    product: str | None = None
    roles: list[str] = field(default_factory=list)
    down: list[str] = field(default_factory=list)
    doubtful: int = 0
    keys: int = 0
    dead: int = 0
    missed: int = 0
    undecided: int = 0
    savable: int = 0
    next_end: datetime | None = None
    next_end_of: str | None = None
    next_end_in_use: bool | None = None
    blockers: list[str] = field(default_factory=list)
    blocker_kinds: list[BlockerKind] = field(default_factory=list)
    not_examined: list[str] = field(default_factory=list)
    worst: Severity | None = None

    @property
    def cells(self) -> list[Any]:
        """The values of the columns, in their order."""
        return [getattr(self, column.name) for column in SUMMARY]

    def add_blockers(self, blockers: Iterable[Blocker]) -> None:
        """Take more blockers."""
        for blocker in blockers:
            self.blockers.append(blocker.text)
            if blocker.kind not in self.blocker_kinds:
                self.blocker_kinds.append(blocker.kind)

    @property
    def rank(self) -> tuple[int, int, int, int, bool]:
        """What sorts rows, the worst first: what is down, then what was not examined at all, then dead keys."""
        group = 0 if self.down else 1 if self.state == "not_examined" else 2
        severity = SEVERITIES.index(self.worst) if self.worst else len(SEVERITIES)
        return group, -len(self.down), -self.missed, severity, not self.not_examined


@dataclass(frozen=True, slots=True, kw_only=True)
class EndingRow:
    """A certificate that is yet to end; its attributes are the columns of :data:`ENDING`."""

    machine_id: int
    thumbprint: str
    subject: str | None
    store: str | None
    ends: datetime
    in_use: bool
    care: str
    condition: str | None
    used_by: list[str]

    @property
    def cells(self) -> list[Any]:
        """The values of the columns, in their order."""
        return [getattr(self, column.name) for column in ENDING]
