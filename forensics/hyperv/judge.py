"""Judges the virtual machines of all sources together: a host's system and data disks may be two sources."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, TypeVar

from forensics.collectors.hyperv.evidence import HyperVEvidence, VmEvidence
from forensics.hyperv.guardians import guardian_rows, needed_by
from forensics.hyperv.host import Host, host_of
from forensics.hyperv.places import FoundVm, Place, with_hosts
from forensics.hyperv.start import NO_HOST, start_on
from forensics.hyperv.uses import guardian_uses
from forensics.language import sentence
from forensics.sources.vm_files import on_drive
from forensics.tables.certificate import CertificateRow, KeyFileRow
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
        found: What the places of all sources hold; it stays as it was read.
        rows: All other rows of the examination.
    """
    return judge_places([_place(evidence) for evidence in found], rows)


def judge_places(places: Sequence[Place], rows: Iterable[Row]) -> list[Row]:
    """Return what :func:`judge_hyperv` does.

    Args:
        places: Of all sources; their rows are filled.
        rows: All other rows.
    """
    return _Judgement(places, list(rows)).rows()


class _Judgement:
    def __init__(self, places: Sequence[Place], rows: list[Row]) -> None:
        self.places = places
        self.names = {r.machine_id: r.computer_name for r in rows if isinstance(r, MachineRow)}
        self.certificates = _by_machine(r for r in rows if isinstance(r, CertificateRow))
        self.chains = _by_machine(r for r in rows if isinstance(r, KeyChainRow) and r.thumbprint)
        self.of_hosts = _by_machine(
            r for r in rows if isinstance(r, CoverageRow | KeyChainRow | KeyFileRow | PolicyRow)
        )

    def rows(self) -> list[Row]:
        vms = with_hosts(self.places)
        for vm in vms:
            for wrapping in vm.wrappings:
                wrapping.machine_id = vm.row.machine_id
        wrappings = [wrapping for vm in vms for wrapping in vm.wrappings]
        of_machine = _by_machine(wrappings)
        guardians: list[GuardianRow] = []
        for machine_id in self.names:
            guardians += guardian_rows(
                self.certificates.get(machine_id, []), self.chains.get(machine_id, []), of_machine.get(machine_id, [])
            )
        guardians += self._files()
        of_host = _by_machine(guardians)
        hosts = {m: self._host(m, of_host.get(m, [])) for m in self.names}
        needs: dict[int, list[tuple[str, list[str]]]] = {}
        for vm in vms:
            self._fill(vm, hosts.get(vm.row.machine_id, Host()))
            needs.setdefault(vm.row.machine_id, []).append((_told(vm.row), vm.row.needs))
        for machine_id, rows in of_host.items():
            needed_by(rows, needs.get(machine_id, []))
        uses = guardian_uses(wrappings, self.certificates, self.chains)
        return [*guardians, *(vm.row for vm in vms), *wrappings, *uses]

    def _files(self) -> Iterator[GuardianRow]:
        for place in self.places:
            for row in place.files:
                row.machine_id = place.machine_id
                yield row

    def _host(self, machine_id: int, guardians: list[GuardianRow]) -> Host:
        return host_of(machine_id, self.names[machine_id], guardians, self.of_hosts.get(machine_id, []))

    def _fill(self, vm: FoundVm, host: Host) -> None:
        row = vm.row
        for wrapping in vm.wrappings:
            encryption, signing = wrapping.encryption_thumbprint, wrapping.signing_thumbprint
            wrapping.encryption_here = host.state(encryption) if encryption and host.machine_id else "not_examined"
            wrapping.signing_here = host.state(signing) if signing and host.machine_id else "not_examined"
            wrapping.encryption_key_file = host.key_file(encryption, wrapping.encryption_public_key_sha256)
            wrapping.signing_key_file = host.key_file(signing, wrapping.signing_public_key_sha256)
        start = start_on(host, row, vm.wrappings)
        row.starts_here, row.starts_because = start.starts, start.because
        if start.because == NO_HOST and self.names:
            row.starts_because = sentence(
                "no host that was examined lists it: keymortem migrate --to HOST tells what becomes of it"
            )


def _place(evidence: HyperVEvidence) -> Place:
    listed = evidence.inventory
    return Place(
        evidence.machine_id,
        is_volume=evidence.disk is not None,
        vms=[_found(vm) for vm in evidence.vms],
        listed=listed,
        is_whole=evidence.inventory_seen.is_whole,
        listed_only={vm_id: _listed_only(evidence, vm_id, path) for vm_id, path in (listed or {}).items()},
        disk_names=evidence.disk_names,
        files=[replace(row) for row in evidence.guardian_files],
    )


def _found(vm: VmEvidence) -> FoundVm:
    row = replace(vm.row, needs=list(vm.row.needs))
    wrappings = [
        _wrapping(row, at, protector, each) for at, protector in vm.protectors.items() for each in protector.wrappings
    ]
    for wrapping in wrappings:
        row.needs += [t for t in (wrapping.encryption_thumbprint, wrapping.signing_thumbprint) if t]
    if len(vm.protectors) == 1:
        for wrapping in wrappings:
            if wrapping.is_owner:
                row.owner = wrapping.signing_thumbprint
            if wrapping.wrapped_last:
                row.last_wrapped_by, row.last_host = wrapping.signing_thumbprint, wrapping.host
    row.needs = list(dict.fromkeys(row.needs))
    return FoundVm(row, wrappings)


def _wrapping(row: VmRow, at: str, protector: KeyProtector, wrapping: Wrapping) -> VmGuardianRow:
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
        encryption_public_key_sha256=encryption.public_key_sha256 if encryption else None,
        signing_public_key_sha256=signing.public_key_sha256 if signing else None,
        signatures=_signatures(wrapping),
    )


def _signatures(wrapping: Wrapping) -> Signatures:
    answers = {wrapping.signing_signature, wrapping.encryption_signature}
    return "invalid" if "invalid" in answers else "valid" if answers == {"valid"} else "not_checked"


def _listed_only(evidence: HyperVEvidence, vm_id: str, path: str) -> VmRow:
    """A virtual machine that the host lists, whose configuration lies where the sources do not reach."""
    from forensics.formats.hyperv.vm_configuration import guid_of

    split = on_drive(path)
    on_system_drive = split is not None and f"{split[0]}:" == evidence.drive and evidence.is_complete
    hidden = evidence.hidden.get(path)
    return VmRow(
        machine_id=evidence.machine_id,
        vm_id=guid_of(vm_id) or vm_id,
        outcome="absent" if on_system_drive and not hidden else "not_examined",
        registered=True,
        listed_at=path,
        starts_here="unknown",
        starts_because=_why_unread(path, hidden, on_system_drive),
        source_path=evidence.inventory_path,
    )


def _why_unread(path: str, hidden: str | None, is_absent: bool) -> str:
    """Say what became of the configuration of a virtual machine that a host lists."""
    if hidden:
        return sentence(
            "the host lists it, and its configuration {path} could not be looked for: {hidden}",
            path=path,
            hidden=hidden,
        )
    if is_absent:
        return sentence("the host lists it, and its configuration {path} is not on this disk", path=path)
    return sentence("the host lists it, and its configuration {path} lies where these sources do not reach", path=path)


def _told(row: VmRow) -> str:
    name = row.name or row.vm_id or row.source_path
    return sentence("{name} (checkpoint)", name=name) if row.is_checkpoint else name


def _by_machine(rows: Iterable[AnyRow]) -> dict[int, list[AnyRow]]:
    sorted_rows: dict[int, list[AnyRow]] = {}
    for row in rows:
        sorted_rows.setdefault(row.machine_id, []).append(row)
    return sorted_rows
