"""What to call a virtual machine, and which ones hang on a guardian's certificate."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import replace

from forensics.facts.tables import Tables
from forensics.language import sentence
from forensics.tables.hyperv import GuardianRow, VmGuardianRow, VmRow

_NOT_HERE = ("no", "likely_no")


class VirtualMachines:
    """The virtual machines of an examination by host.

    Args:
        tables: All rows.
    """

    def __init__(self, tables: Tables) -> None:
        self._tables = tables
        self._hosts: dict[int, _Host] = {}

    def label(self, vm: VmRow) -> str:
        """Return what to call a virtual machine or checkpoint, so that no two of a host are called the same."""
        name = vm.name or vm.vm_id or vm.source_path
        if vm.name and self._host(vm.machine_id).same_name[vm.name.lower()] > 1:
            name = f"{name} ({vm.vm_id or ''} at {vm.source_path})"
        return _told(name, vm.is_checkpoint)

    def guardian(self, row: GuardianRow) -> GuardianRow:
        """Return a guardian's certificate with the virtual machines that hang on it."""
        if row.thumbprint is None:
            return row
        # Machines of an export belong to no host.
        named = {name for machine_id in {0, row.machine_id} for name in self._host(machine_id).named_by[row.thumbprint]}
        return replace(
            row, named_by=_listed(named), stops=_listed(self._host(row.machine_id).stopped_by[row.thumbprint])
        )

    def _host(self, machine_id: int) -> _Host:
        if machine_id not in self._hosts:
            self._hosts[machine_id] = _Host(
                self._tables.of(VmRow, machine_id), self._tables.of(VmGuardianRow, machine_id)
            )
        return self._hosts[machine_id]


class _Host:
    """The virtual machines of one host."""

    def __init__(self, vms: list[VmRow], wrappings: list[VmGuardianRow]) -> None:
        identities = {(vm.name.lower(), vm.vm_id) for vm in vms if vm.name and vm.vm_id and not vm.is_checkpoint}
        self.same_name = Counter(name for name, _ in identities)
        not_started = defaultdict(set)
        for vm in vms:
            if vm.starts_here in _NOT_HERE:
                not_started[vm.source_path].add(_told(vm.name or vm.vm_id or vm.source_path, vm.is_checkpoint))
        self.named_by: dict[str, set[str]] = defaultdict(set)
        self.stopped_by: dict[str, set[str]] = defaultdict(set)
        for wrapping in wrappings:
            name = _told(wrapping.vm_name or wrapping.vm_id or wrapping.configuration, wrapping.is_checkpoint)
            for thumbprint in (wrapping.encryption_thumbprint, wrapping.signing_thumbprint):
                if thumbprint:
                    self.named_by[thumbprint].add(name)
            if wrapping.encryption_thumbprint:
                self.stopped_by[wrapping.encryption_thumbprint] |= not_started[wrapping.configuration]


def _told(name: str, is_checkpoint: bool) -> str:
    return sentence("{name} (checkpoint)", name=name) if is_checkpoint else name


def _listed(names: Iterable[str]) -> str | None:
    return ", ".join(sorted(names)) or None
