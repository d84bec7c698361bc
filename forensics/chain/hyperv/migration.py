"""What must be done, and in what order, to move virtual machines from one Hyper-V host to another."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime

from forensics.chain.hyperv.host import Host, host_of
from forensics.chain.hyperv.operations import Answer, answers_for, new_virtual_tpm, own_pair
from forensics.structure import dataclass
from forensics.tables.hyperv import GuardianRow, VmGuardianRow, VmRow
from forensics.tables.machine import MachineRow
from forensics.tables.record import CoverageRow
from forensics.tables.row import Row
from forensics.tables.use import PolicyRow


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
        return f"{name} (checkpoint)" if self.vm.is_checkpoint else name


@dataclass(frozen=True, slots=True)
class Transfer:
    """One certificate that the target needs with its private key.

    Attributes:
        thumbprint: Upper hex.
        role: ``encryption`` or ``signing``.
        guardian: Guardian's name, where the certificate tells it.
        host: Host on which it was made, where the certificate tells it.
        not_after: When it ends, UTC.
        partner: Thumbprint of the other certificate of the pair.
        needed_by: Names of virtual machines.
        on_source: What the source host has of it; ``not_examined`` without one.
        exportable: yes, no or unknown, as its key file on the source says.
        on_target: What the target has of it.
    """

    thumbprint: str
    role: str
    guardian: str | None
    host: str | None
    not_after: datetime | None
    partner: str | None
    needed_by: tuple[str, ...]
    on_source: str
    exportable: str | None
    on_target: str

    @property
    def can_be_exported(self) -> bool | None:
        """Windows on the source can export it with its private key; None: not known."""
        if self.on_source in ("unusable", "no_private_key", "absent") or self.exportable == "no":
            return False
        # From the wrong store a key exports as well as from the right one.
        return True if self.on_source in ("usable", "wrong_store") and self.exportable == "yes" else None


@dataclass(frozen=True, slots=True)
class Migration:
    """The plan.

    Attributes:
        source: The host that is left; one without ``machine_id`` when only exports were given.
        target: The host that is moved to.
        vms: Every virtual machine and checkpoint, those with a virtual TPM first.
        new_vm: What becomes of a new virtual machine with a virtual TPM on the target.
        transfers: Certificates that the virtual machines need and the target does not have in working order.
        keep: Thumbprints that virtual machines need: never delete them.
        renew: Certificates of the target's own youngest pair that have ended.
        as_of: The moment "expired" refers to.
    """

    source: Host
    target: Host
    vms: tuple[VmPlan, ...]
    new_vm: Answer
    transfers: tuple[Transfer, ...]
    keep: tuple[str, ...]
    renew: tuple[GuardianRow, ...]
    as_of: datetime


def plan_migration(source: Sequence[Row], target: Sequence[Row], exports: Sequence[Row], as_of: datetime) -> Migration:
    """Make the plan.

    Args:
        source: Rows of the examination of the host that is left; may be empty.
        target: Rows of the examination of the host that is moved to.
        exports: Rows of the examination of exported virtual machines; may be empty.
        as_of: The moment "expired" refers to.

    Raises:
        ValueError: The target holds no Windows, or a source holds more than one with guardians.
    """
    target_host = _host(target, "--to")
    if not target_host.machine_id:
        raise ValueError("no Windows was found in what --to names: name the disk of the host the machines move to")
    source_host = _host(source, "--from")
    wrappings = [row for row in (*source, *exports) if isinstance(row, VmGuardianRow)]
    vms = _vms([*source, *exports])
    plans = []
    for vm in vms:
        own = tuple(w for w in wrappings if w.configuration == vm.source_path and w.machine_id == vm.machine_id)
        plans.append(VmPlan(vm, own, tuple(answers_for(target_host, vm, own, as_of))))
    transfers = _transfers(plans, source_host, target_host)
    return Migration(
        source=source_host,
        target=target_host,
        vms=tuple(plans),
        new_vm=new_virtual_tpm(target_host, as_of),
        transfers=tuple(t for t in transfers if t.on_target != "usable"),
        keep=tuple(t.thumbprint for t in transfers),
        renew=tuple(r for r in own_pair(target_host) if r.not_after is not None and r.not_after < as_of),
        as_of=as_of,
    )


def _host(rows: Sequence[Row], option: str) -> Host:
    """Find the Hyper-V host among the machines of an examination."""
    machines = [row for row in rows if isinstance(row, MachineRow)]
    if len(machines) > 1:
        ids = {r.machine_id for r in rows if isinstance(r, GuardianRow | VmRow)}
        machines = [m for m in machines if m.machine_id in ids] or machines[:1]
    if len(machines) > 1:
        names = ", ".join(m.computer_name or str(m.machine_id) for m in machines)
        raise ValueError(f"{option} holds several Hyper-V hosts ({names}): name the disk of one")
    if not machines:
        return Host()
    machine = machines[0]
    mine = [row for row in rows if row.machine_id == machine.machine_id]
    examined = any(
        isinstance(r, CoverageRow) and (r.area, r.name, r.outcome) == ("hive", "SOFTWARE", "present") for r in mine
    )
    return host_of(
        machine.machine_id,
        machine.computer_name,
        examined,
        (r for r in mine if isinstance(r, GuardianRow)),
        (r for r in mine if isinstance(r, PolicyRow)),
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


def _transfers(plans: Sequence[VmPlan], source: Host, target: Host) -> list[Transfer]:
    """List every certificate that virtual machines with a virtual TPM name, each once, pairs together.

    One guardian's pair is enough to start a machine, and the owner's pair is needed to change its protector: a guardian
    that is neither the owner nor on the source host is left out.
    """
    found: dict[str, Transfer] = {}
    for plan in plans:
        if plan.vm.vtpm != "present":
            continue
        for wrapping in plan.wrappings:
            if not _matters(wrapping, plan.wrappings, source):
                continue
            pair = (
                (wrapping.encryption_thumbprint, "encryption", wrapping.encryption_not_after),
                (wrapping.signing_thumbprint, "signing", wrapping.signing_not_after),
            )
            for index, (thumbprint, role, not_after) in enumerate(pair):
                if thumbprint is None:
                    continue
                before = found.get(thumbprint)
                users = (*(before.needed_by if before else ()), plan.name)
                row = source.row(thumbprint)
                found[thumbprint] = Transfer(
                    thumbprint=thumbprint,
                    role=role,
                    guardian=wrapping.guardian,
                    host=wrapping.host,
                    not_after=not_after,
                    partner=pair[1 - index][0],
                    needed_by=tuple(dict.fromkeys(users)),
                    on_source=source.state(thumbprint),
                    exportable=row.exportable if row else None,
                    on_target=target.state(thumbprint),
                )
    return list(found.values())


def _matters(wrapping: VmGuardianRow, wrappings: Sequence[VmGuardianRow], source: Host) -> bool:
    if wrapping.is_owner or len(wrappings) == 1 or not any(w.is_owner for w in wrappings):
        return True
    return source.state(wrapping.encryption_thumbprint) not in ("absent", "not_examined")
