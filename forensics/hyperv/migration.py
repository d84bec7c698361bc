"""What must be done, and in what order, to move virtual machines from one Hyper-V host to another."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import field
from datetime import datetime
from typing import TYPE_CHECKING

from forensics.case_tables import CaseTables
from forensics.disk.evidence_files import EvidenceFiles
from forensics.hyperv.host import Host, host_of
from forensics.hyperv.operations import Answer, answers_for, new_virtual_tpm, own_pair
from forensics.hyperv.transfers import Transfer, transfers_of
from forensics.language import _, listed, sentence
from forensics.late_methods import dataclass
from forensics.report.accounted import head_lines
from forensics.report.result import Result, UnsuitableCaseError
from forensics.sources.coverage import together
from forensics.sources.vm_files import INVENTORY
from forensics.tables.hyperv import GuardianRow, VmGuardianRow, VmRow
from forensics.tables.machine import MachineRow
from forensics.tables.outcome import ABSENT, NOT_COLLECTED, Outcome
from forensics.tables.row import Row

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, slots=True)
class VmPlan:
    """One virtual machine or checkpoint on the way to the target.

    Attributes:
        vm: Its row.
        wrappings: The guardians of its key protector.
        answers: One for each operation.
    """

    vm: VmRow
    wrappings: tuple[VmGuardianRow, ...]
    answers: tuple[Answer, ...]

    @property
    def name(self) -> str:
        """What to call it."""
        name = self.vm.name or self.vm.vm_id or self.vm.source_path
        return sentence("{name} (checkpoint)", name=name) if self.vm.is_checkpoint else name


@dataclass(frozen=True, repr=False)
class MigrationPlan(Result):
    """What :func:`plan_migration` returns; a notebook shows it as text, steps and commands included.

    Attributes:
        source: The host that is left; one without ``machine_id`` when only exports were given.
        target: The host that is moved to.
        vms: Every virtual machine and checkpoint, those with a virtual TPM first.
        new_vm: What becomes of a new virtual machine with a virtual TPM on the target.
        transfers: Certificates that the virtual machines need and the target does not have in working order.
        keep: Every certificate that they need: never delete one of them.
        renew: Certificates of the target's own youngest pair that have ended.
        as_of: The moment "expired" refers to.
        listed: Whether the list of the source's virtual machines was seen whole: if not, there may be more of them.
        not_examined: What of the evidence was not examined, and why, one sentence each.
        read: What was read as evidence.
    """

    formats = ("text", "html", "json")

    source: Host
    target: Host
    vms: tuple[VmPlan, ...]
    new_vm: Answer
    transfers: tuple[Transfer, ...]
    keep: tuple[Transfer, ...]
    renew: tuple[GuardianRow, ...]
    as_of: datetime
    listed: Outcome
    not_examined: tuple[str, ...] = ()
    read: EvidenceFiles = field(default_factory=EvidenceFiles, compare=False)

    @property
    def evidence(self) -> EvidenceFiles:
        return self.read

    @property
    def has_obstacles(self) -> bool:
        """Something does not work as it is, or could not be told."""
        if not self.listed.is_whole:
            return True
        answers = (self.new_vm, *(answer for vm in self.vms for answer in vm.answers))
        return any(answer.result != "works" for answer in answers)

    @property
    def operations(self) -> pd.DataFrame:
        """What becomes of each operation with each virtual machine, those with a virtual TPM first.

        Columns ``vm``, ``is_checkpoint``, ``operation``, ``result``, ``because``, ``certainty``, ``source``.
        """
        from forensics.hyperv.plan_frames import operations_frame

        return operations_frame(self.vms)

    @property
    def certificates(self) -> pd.DataFrame:
        """The guardians' certificates that the target needs with their private keys, and what each host has of them.

        Columns ``thumbprint``, ``role``, ``guardian``, ``host``, ``not_after``, ``needed_by`` (list of names),
        ``on_source``, ``exportable``, ``on_target``.
        """
        from forensics.hyperv.plan_frames import certificates_frame

        return certificates_frame(self.transfers)

    def _render(self, format: str, width: int | None) -> str:
        from forensics.hyperv.plan_text import migration_document, render_migration

        if format == "json":
            return json.dumps(migration_document(self), indent=2, ensure_ascii=False) + "\n"
        if format == "html":
            from forensics.hyperv.plan_page import render_migration_page

            return render_migration_page(self)
        return render_migration(self, width)


def plan_migration(source: CaseTables | None, target: CaseTables, exports: CaseTables | None = None) -> MigrationPlan:
    """Tell which virtual machines would start on another Hyper-V host, and what must be carried there first.

    Args:
        source: The case of the host that is left; None when only exports are moved.
        target: The case of the host that is moved to; its ``as_of`` is what "expired" refers to.
        exports: The case of exported virtual machines.

    Raises:
        UnsuitableCaseError: The target holds no Windows, it cannot be told which of several is the host, or what is
            moved was seen and is neither a virtual machine nor a guardian.

    Examples:
        >>> import forensics
        >>> plan = forensics.plan_migration(forensics.examine("host.vhdx"), forensics.examine("new-host.vhdx"))
        >>> starts = plan.operations[plan.operations.operation == "start"]
        >>> starts[starts.result == "fails"].vm.tolist()
        ['DC01', 'GONE01', 'WEB01 - before the update (checkpoint)']
    """
    as_of = target.as_of
    target_host = _host(_rows(target), "target", may_be_new=True)
    if not target_host.machine_id:
        raise UnsuitableCaseError(
            "target", _("no Windows was found in what {} names: name the disk of the host the machines move to")
        )
    source_host = _host(_rows(source), "source", may_be_new=False)
    moved = [*_rows(source), *_rows(exports)]
    listed = _listed(source)
    is_given = source is not None or exports is not None
    if is_given and listed.is_whole and not any(isinstance(row, GuardianRow | VmRow) for row in moved):
        raise UnsuitableCaseError(
            "exports" if source is None else "source",
            _(
                "there is nothing to move in what {} names, neither a virtual machine nor a guardian: name the disk of "
                "a Hyper-V host or the folder of an export"
            ),
        )
    wrappings = [row for row in moved if isinstance(row, VmGuardianRow)]
    vms = _vms(moved)
    plans = []
    for vm in vms:
        own = tuple(w for w in wrappings if w.configuration == vm.source_path and w.machine_id == vm.machine_id)
        plans.append(VmPlan(vm, own, tuple(answers_for(target_host, vm, own, as_of))))
    needed = transfers_of(
        ((plan.name, plan.wrappings) for plan in plans if plan.vm.vtpm == "present"), source_host, target_host
    )
    return MigrationPlan(
        source=source_host,
        target=target_host,
        vms=tuple(plans),
        new_vm=new_virtual_tpm(target_host, as_of),
        transfers=tuple(t for t in needed if t.on_target != "usable"),
        keep=tuple(needed),
        renew=tuple(r for r in own_pair(target_host) if r.not_after is not None and r.not_after < as_of),
        as_of=as_of,
        listed=listed,
        not_examined=tuple(
            line for case in (source, target, exports) if case is not None for line in head_lines(case.sources)
        ),
        read=EvidenceFiles.together(*(case.evidence for case in (source, target, exports) if case is not None)),
    )


def _listed(source: CaseTables | None) -> Outcome:
    """Say whether the host's own list of virtual machines was seen; a whole disk without one is no host."""
    if source is None:
        return ABSENT
    seen = [Outcome(row.outcome, row.detail) for row in source.rows("coverage") if row.name == INVENTORY]
    return together(seen) if seen else ABSENT if source.has_whole_disks else NOT_COLLECTED


def _rows(case: CaseTables | None) -> list[Row]:
    return [row for table in case.present.tables.values() for row in table] if case is not None else []


def _host(rows: Sequence[Row], argument: str, *, may_be_new: bool) -> Host:
    """Find the Hyper-V host among the machines of an examination.

    Args:
        rows: The examination.
        argument: Names it in messages.
        may_be_new: A Windows with neither guardians nor virtual machines is taken too: a host that is still empty. Else
            it is a guest, whose disk lies in the export.
    """
    machines = [row for row in rows if isinstance(row, MachineRow)]
    ids = {r.machine_id for r in rows if isinstance(r, GuardianRow | VmRow)}
    hosts = [m for m in machines if m.machine_id in ids]
    machines = hosts or (machines if may_be_new else [])
    if len(machines) > 1:
        names = listed(m.computer_name or str(m.machine_id) for m in machines)
        if hosts:
            several = _("{{}} holds several Hyper-V hosts ({names}): name the disk of one", names=names)
        else:
            several = _("{{}} holds several installations of Windows ({names}): name the disk of one", names=names)
        raise UnsuitableCaseError(argument, several)
    if not machines:
        return Host()
    machine = machines[0]
    mine = [row for row in rows if row.machine_id == machine.machine_id]
    return host_of(
        machine.machine_id,
        machine.computer_name,
        (r for r in mine if isinstance(r, GuardianRow)),
        mine,
    )


def _vms(rows: Iterable[Row]) -> list[VmRow]:
    """Return each virtual machine once, those with a virtual TPM first; the export tells more than the host's list."""
    found: dict[tuple[object, ...], VmRow] = {}
    for row in rows:
        if isinstance(row, VmRow):
            identity = (row.vm_id, row.is_checkpoint, tuple(row.needs)) if row.vm_id else (row.source_path,)
            found.setdefault(identity, row)
    read = {row.vm_id for row in found.values() if row.outcome == "present"}
    vms = [row for row in found.values() if row.outcome == "present" or row.vm_id not in read]
    return sorted(vms, key=lambda v: (v.vtpm != "present", (v.name or "").lower(), v.is_checkpoint))
