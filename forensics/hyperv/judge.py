"""Judges the virtual machines of all sources together: a host's system and data disks may be two sources."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, TypeVar

from forensics.collectors.hyperv.evidence import HyperVEvidence, VmEvidence
from forensics.hyperv.guardians import guardian_rows, needed_by
from forensics.hyperv.host import Host, host_of
from forensics.hyperv.start import NO_HOST, start_on
from forensics.hyperv.uses import guardian_uses
from forensics.sources.vm_files import on_drive
from forensics.tables.certificate import CertificateRow
from forensics.tables.hyperv import GuardianRow, Signatures, VmGuardianRow, VmRow
from forensics.tables.key_chain import KeyChainRow
from forensics.tables.machine import MachineRow
from forensics.tables.record import CoverageRow
from forensics.tables.row import Row
from forensics.tables.use import PolicyRow

if TYPE_CHECKING:
    from forensics.formats.hyperv.key_protector import KeyProtector, Wrapping

AnyRow = TypeVar("AnyRow", bound=Row)


def judge_hyperv(found: Sequence[HyperVEvidence], rows: Iterable[Row]) -> list[Row]:
    """Return the rows of tables guardian, vm and vm_guardian, and those of certificate_use about virtual machines.

    Args:
        found: What the places of all sources hold.
        rows: All other rows of the examination.
    """
    return _Judgement(found, list(rows)).rows()


class _Judgement:
    def __init__(self, found: Sequence[HyperVEvidence], rows: list[Row]) -> None:
        # The rows that judging fills are its own; what was collected stays as it was read.
        self.found = [_copied(evidence) for evidence in found]
        self.names = {r.machine_id: r.computer_name for r in rows if isinstance(r, MachineRow)}
        self.certificates = _by_machine(r for r in rows if isinstance(r, CertificateRow))
        self.chains = _by_machine(r for r in rows if isinstance(r, KeyChainRow) and r.thumbprint)
        self.of_hosts = _by_machine(r for r in rows if isinstance(r, CoverageRow | KeyChainRow | PolicyRow))
        self.hosts_listing: dict[str, set[int]] = {}

    def rows(self) -> list[Row]:
        vms = self._vms()
        protectors: dict[int, list[KeyProtector]] = {}
        for vm in vms:
            protectors.setdefault(vm.row.machine_id, []).extend(vm.protectors.values())
        guardians: list[GuardianRow] = []
        for machine_id in self.names:
            guardians += guardian_rows(
                self.certificates.get(machine_id, []), self.chains.get(machine_id, []), protectors.get(machine_id, [])
            )
        guardians += self._files()
        hosts = {m: self._host(m, guardians) for m in self.names}
        wrappings: list[VmGuardianRow] = []
        for vm in vms:
            host = hosts.get(vm.row.machine_id, Host())
            own = list(_wrappings(vm, host))
            self._fill(vm, own, host)
            wrappings += own
        for machine_id in {row.machine_id for row in guardians}:
            needs = ((_told(vm.row), vm.row.needs) for vm in vms if vm.row.machine_id == machine_id)
            needed_by((g for g in guardians if g.machine_id == machine_id), needs)
        uses = guardian_uses(wrappings, self.certificates, self.chains)
        return [*guardians, *(vm.row for vm in vms), *wrappings, *uses]

    def _vms(self) -> list[VmEvidence]:
        """Return every configuration with its host, and those that a host lists but the sources do not hold."""
        for evidence in self.found:
            for vm_id in evidence.inventory or ():
                self.hosts_listing.setdefault(vm_id, set()).add(evidence.machine_id)
        vms: list[VmEvidence] = []
        for evidence in self.found:
            host = evidence.machine_id or self._only_host_of(evidence)
            for vm in evidence.vms:
                vm.row.machine_id = host or self._listed_on(vm.row)
                vms.append(vm)
        self._find_disks()
        known = {(vm.row.machine_id, vm.row.vm_id) for vm in vms}
        for evidence in self.found:
            if evidence.inventory is not None:
                own = [vm.row for vm in vms if vm.row.machine_id == evidence.machine_id and not vm.row.is_checkpoint]
                _tell_registered(own, evidence.inventory, evidence.inventory_seen.is_whole)
            for vm_id, path in (evidence.inventory or {}).items():
                if (evidence.machine_id, vm_id) not in known:
                    vms.append(VmEvidence(_listed_only(evidence, vm_id, path)))
        return vms

    def _listed_on(self, row: VmRow) -> int:
        """Return the one host that lists a virtual machine found on a disk or in an export of its own, else 0."""
        hosts = self.hosts_listing.get(row.checkpoint_of or row.vm_id or "", set()) - {0}
        return next(iter(hosts)) if len(hosts) == 1 else 0

    def _only_host_of(self, evidence: HyperVEvidence) -> int:
        """Return the host whose data disk a volume is: all its listed virtual machines are listed by that one."""
        if evidence.place.disk is None:
            return 0
        hosts = {self._listed_on(vm.row) for vm in evidence.vms} - {0}
        return hosts.pop() if len(hosts) == 1 else 0

    def _find_disks(self) -> None:
        """Strike out missing disks that lie on another disk of the same host."""
        names: dict[int, set[str]] = {}
        for evidence in self.found:
            for machine_id in {vm.row.machine_id for vm in evidence.vms} | {evidence.machine_id}:
                names.setdefault(machine_id, set()).update(evidence.disk_names)
        for evidence in self.found:
            for vm in evidence.vms:
                if vm.row.machine_id:
                    here = names[vm.row.machine_id]
                    vm.row.missing_disks = [disk for disk in vm.row.missing_disks if _file_name(disk) not in here]

    def _files(self) -> Iterator[GuardianRow]:
        for evidence in self.found:
            for row in evidence.guardian_files:
                row.machine_id = evidence.machine_id
                yield row

    def _host(self, machine_id: int, guardians: list[GuardianRow]) -> Host:
        return host_of(
            machine_id,
            self.names[machine_id],
            (g for g in guardians if g.machine_id == machine_id),
            self.of_hosts.get(machine_id, []),
        )

    def _fill(self, vm: VmEvidence, wrappings: list[VmGuardianRow], host: Host) -> None:
        row = vm.row
        for wrapping in wrappings:
            row.needs += [t for t in (wrapping.encryption_thumbprint, wrapping.signing_thumbprint) if t]
        if len(vm.protectors) == 1:
            for wrapping in wrappings:
                if wrapping.is_owner:
                    row.owner = wrapping.signing_thumbprint
                if wrapping.wrapped_last:
                    row.last_wrapped_by, row.last_host = wrapping.signing_thumbprint, wrapping.host
        row.needs = list(dict.fromkeys(row.needs))
        start = start_on(host, row, wrappings)
        row.starts_here, row.starts_because = start.starts, start.because
        if start.because == NO_HOST and self.names:
            row.starts_because = (
                "no host that was examined lists it: keymortem migrate --to HOST tells what becomes of it"
            )


def _copied(evidence: HyperVEvidence) -> HyperVEvidence:
    vms = [replace(vm, row=replace(vm.row, needs=list(vm.row.needs))) for vm in evidence.vms]
    return replace(evidence, vms=vms, guardian_files=[replace(row) for row in evidence.guardian_files])


def _wrappings(vm: VmEvidence, host: Host) -> Iterator[VmGuardianRow]:
    for at, protector in vm.protectors.items():
        for wrapping in protector.wrappings:
            yield _wrapping(vm.row, at, protector, wrapping, host)


def _wrapping(row: VmRow, at: str, protector: KeyProtector, wrapping: Wrapping, host: Host) -> VmGuardianRow:
    signing, encryption = wrapping.signing, wrapping.encryption
    name = next((c.name for c in (encryption, signing) if c is not None and c.name is not None), None)
    return VmGuardianRow(
        machine_id=row.machine_id,
        source_path=f"{row.source_path}, {at}",
        source_time=row.source_time,
        vm_id=row.vm_id,
        vm_name=row.name,
        configuration=row.source_path,
        is_checkpoint=row.is_checkpoint,
        wrapping=wrapping.id,
        is_owner=wrapping.id is not None and wrapping.id == protector.owner_id,
        wrapped_last=wrapping.id is not None and wrapping.id == protector.last_wrapped_by,
        guardian=name.guardian if name else None,
        host=name.host if name else None,
        encryption_thumbprint=encryption.thumbprint if encryption else None,
        encryption_not_before=encryption.not_before if encryption else None,
        encryption_not_after=encryption.not_after if encryption else None,
        signing_thumbprint=signing.thumbprint if signing else None,
        signing_not_before=signing.not_before if signing else None,
        signing_not_after=signing.not_after if signing else None,
        encryption_here=host.state(encryption.thumbprint) if encryption and host.machine_id else "not_examined",
        signing_here=host.state(signing.thumbprint) if signing and host.machine_id else "not_examined",
        signatures=_signatures(wrapping),
    )


def _signatures(wrapping: Wrapping) -> Signatures:
    answers = {wrapping.signing_signature, wrapping.encryption_signature}
    return "invalid" if "invalid" in answers else "valid" if answers == {"valid"} else "not_checked"


def _tell_registered(rows: Sequence[VmRow], inventory: Mapping[str, str], is_whole: bool) -> None:
    """Say which configurations the host's list means: of several of one machine those at the path it names."""
    for row in rows:
        row.registered = True if row.vm_id in inventory else False if is_whole else None
    for vm_id, path in inventory.items():
        of_machine = [row for row in rows if row.vm_id == vm_id]
        split = on_drive(path)
        tail = f"/{split[1].lower()}" if split else None
        named = [row for row in of_machine if tail is not None and f"/{row.source_path.lower()}".endswith(tail)]
        if named:
            for row in of_machine:
                row.registered = row in named


def _listed_only(evidence: HyperVEvidence, vm_id: str, path: str) -> VmRow:
    """A virtual machine that the host lists, whose configuration lies where the sources do not reach."""
    from forensics.formats.hyperv.vm_configuration import guid_of

    split = on_drive(path)
    on_system_drive = split is not None and f"{split[0]}:" == evidence.drive and evidence.place.tree.complete
    hidden = evidence.hidden.get(path)
    where = "is not on this disk" if on_system_drive else "lies where these sources do not reach"
    return VmRow(
        machine_id=evidence.machine_id,
        vm_id=guid_of(vm_id) or vm_id,
        outcome="absent" if on_system_drive and not hidden else "not_examined",
        registered=True,
        starts_here="unknown",
        starts_because=f"the host lists it, and its configuration {path} "
        + (f"could not be looked for: {hidden}" if hidden else where),
        source_path=evidence.inventory_path,
    )


def _file_name(windows_path: str) -> str:
    return windows_path.replace("/", "\\").rsplit("\\", 1)[-1].lower()


def _told(row: VmRow) -> str:
    name = row.name or row.vm_id or row.source_path
    return f"{name} (checkpoint)" if row.is_checkpoint else name


def _by_machine(rows: Iterable[AnyRow]) -> dict[int, list[AnyRow]]:
    sorted_rows: dict[int, list[AnyRow]] = {}
    for row in rows:
        sorted_rows.setdefault(row.machine_id, []).append(row)
    return sorted_rows
