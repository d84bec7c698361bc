"""What one source came to, as whoever examined it hands it on: a child over a pipe, or this process."""

from __future__ import annotations

from dataclasses import field, replace
from typing import TYPE_CHECKING

from forensics.language import joined
from forensics.late_methods import dataclass
from forensics.tables.machine_numbers import renumbered
from forensics.tables.record import ProblemRow
from forensics.tables.row import Row
from forensics.tables.source import SourceEntry

if TYPE_CHECKING:
    from forensics.chain.domain_controllers import DomainController
    from forensics.collectors.hyperv.evidence import HyperVEvidence


@dataclass
class ExaminedSource:
    """One source that was examined, or could not be.

    Attributes:
        entries: Its entry, and one for each piece of evidence that was found in it.
        rows: What was read and judged.
        machines: Installations that were numbered, those among them of which nothing is told in the end.
        users_seen: Names and SIDs of the users that it knows, lower case.
        disks: The disk or collection of each installation, by ``machine_id``.
        hyperv: What it holds of Hyper-V.
        unopened: Why it could not be examined: kind and sentence.
        mixed: What tells that an installation is of two machines, by ``machine_id``.
        is_data_disk: It was read whole and holds no Windows.
        controllers: Its domain controllers.
    """

    entries: list[SourceEntry]
    rows: list[Row] = field(default_factory=list)
    machines: int = 0
    users_seen: set[str] = field(default_factory=set)
    disks: dict[int, str] = field(default_factory=dict)
    hyperv: list[HyperVEvidence] = field(default_factory=list)
    unopened: list[tuple[str, str]] = field(default_factory=list)
    mixed: dict[int, str] = field(default_factory=dict)
    is_data_disk: bool = False
    controllers: list[DomainController] = field(default_factory=list)

    def failed(self, kind: str, message: str) -> None:
        """Record why all of it, or something that spans it, could not be examined."""
        entry = self.entries[0]
        self.rows.append(ProblemRow(machine_id=0, source_path=entry.path, kind=kind, message=message))
        if not entry.machine_ids:
            entry.error = message
            self.unopened.append((kind, message if entry.path in message else joined([entry.path, message], ": ")))

    def shifted(self, by: int) -> ExaminedSource:
        """Return the same with machines that are numbered after so many of other sources."""
        if not by:
            return self

        def number(machine_id: int) -> int:
            return machine_id + by if machine_id else 0

        for entry in self.entries:
            entry.machine_ids = [number(machine_id) for machine_id in entry.machine_ids]
        for evidence in self.hyperv:
            evidence.machine_id = number(evidence.machine_id)
            evidence.guardian_files = [renumbered(row, number) for row in evidence.guardian_files]
            for vm in evidence.vms:
                vm.row = renumbered(vm.row, number)
        controllers = [replace(c, first=number(c.first), machine_id=number(c.machine_id)) for c in self.controllers]
        return replace(
            self,
            rows=[renumbered(row, number) for row in self.rows],
            disks={number(machine_id): disk for machine_id, disk in self.disks.items()},
            mixed={number(machine_id): why for machine_id, why in self.mixed.items()},
            controllers=controllers,
        )
