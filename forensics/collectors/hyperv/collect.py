"""Collects the virtual machines of a source: on every volume of a host's disk, and in folders of exports."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import BinaryIO

from forensics.collectors.hyperv.configuration import guid_of, is_virtual_machine, read_configuration
from forensics.collectors.hyperv.evidence import HyperVEvidence, VmEvidence
from forensics.collectors.hyperv.guardian_files import collect_guardian_files
from forensics.formats.errors import FormatError
from forensics.formats.hyperv_storage import HyperVStorage, ReadAt, parse_hyperv_storage
from forensics.formats.vmgs import parse_vmgs
from forensics.sources.outcome import Outcome
from forensics.sources.place import Place
from forensics.sources.source import Source
from forensics.sources.tree import Entry, NotFound, Unreadable
from forensics.sources.vm_files import HYPER_V_FOLDER, INVENTORY, VmFiles, find_vm_files, has_hyper_v
from forensics.structure import dataclass, field
from forensics.tables.hyperv import VmRow

MAX_VMS = 1_000
_INVENTORY_NODE = "Configurations/VirtualMachines"
_SNAPSHOTS = "snapshots"


def collect_hyperv(source: Source) -> list[HyperVEvidence]:
    """Collect what each place of a source holds of Hyper-V; failures become problems of the source.

    A Windows that is no Hyper-V host is not searched, nor are the other volumes of its disk.
    """
    hosts = [place for place in source.places if has_hyper_v(place)]
    any_windows = any(place.windows and place.tree.complete for place in source.places)
    found = []
    for place in source.places:
        if place.tree.complete and not (place in hosts or (not place.windows and (hosts or not any_windows))):
            continue
        evidence = _Collector(source, place).collect(place in hosts)
        if evidence.vms or evidence.inventory is not None or evidence.guardian_files:
            found.append(evidence)
    return found


@dataclass
class _Collector:
    """One place of a source."""

    source: Source
    place: Place
    files: VmFiles = field(default_factory=VmFiles)
    states: dict[str, list[Entry]] = field(default_factory=dict)

    def collect(self, is_host: bool) -> HyperVEvidence:
        evidence = HyperVEvidence(self.place, self.source.path)
        self.files = find_vm_files(self.place)
        for path, reason in self.files.unreadable:
            self.source.problem(self.place.label(path), "unreadable", reason)
        for state in self.files.states:
            self.states.setdefault(state.name.lower(), []).append(state)
        if is_host:
            self._read_inventory(evidence)
        wanted = [entry for entry in self.files.configurations if self._is_wanted(entry)]
        if len(wanted) > MAX_VMS or self.files.truncated:
            message = f"not all folders or files were looked into; at most {MAX_VMS} virtual machines are read"
            self.source.problem(self.place.label(""), "too_many", message)
        for entry in wanted[:MAX_VMS]:
            with self._guard(entry.path):
                self._read_configuration(entry, evidence)
        _name_checkpoints(evidence)
        if evidence.vms:
            self.source.cover(
                "folder", "virtual machines", "present", self.place.label(""), f"{len(evidence.vms)} configurations"
            )
        with self._guard(""):
            evidence.guardian_files = collect_guardian_files(self.place, self.files, self._problem)
        return evidence

    def _is_wanted(self, entry: Entry) -> bool:
        if entry.name.lower() == INVENTORY:
            return False
        return self.place.wanted in (None, _stem(entry.name)) or _is_checkpoint(entry)

    def _read_inventory(self, evidence: HyperVEvidence) -> None:
        drive = f"{self.place.drive}/" if self.place.drive else ""
        path = f"{drive}{HYPER_V_FOLDER}/{INVENTORY}"
        with self._guard(path):
            try:
                entry = self.place.tree.entry(path)
            except NotFound:
                outcome: Outcome = "absent" if self.place.tree.complete else "not_examined"
                self.source.cover("file", INVENTORY, outcome, self.place.label(path))
                return
            storage = self._storage(entry)
            self._tell(entry.path, storage.errors)
            paths = {}
            for name in storage.children(_INVENTORY_NODE):
                value = storage.get(f"{_INVENTORY_NODE}/{name}")
                if guid_of(name) and value is not None and isinstance(value.value, str):
                    paths[guid_of(name) or name] = value.value
            evidence.inventory, evidence.inventory_path = paths, self.place.label(path)
            self.source.cover("file", INVENTORY, "present", self.place.label(path))

    def _read_configuration(self, entry: Entry, evidence: HyperVEvidence) -> None:
        row = VmRow(machine_id=0, source_path=self.place.label(entry.path), source_time=entry.modified)
        row.configuration_time = entry.modified
        row.is_checkpoint = _is_checkpoint(entry)
        if row.is_checkpoint:
            row.vm_id = guid_of(_stem(entry.name))
        try:
            storage = self._storage(entry)
        except FormatError as error:
            row.vm_id, row.outcome = row.vm_id or guid_of(_stem(entry.name)), "unreadable"
            if row.vm_id is not None:
                evidence.vms.append(VmEvidence(row))
            raise error
        if not is_virtual_machine(storage):
            return
        vm, problems = read_configuration(storage, row)
        row.vm_id = row.vm_id or guid_of(_stem(entry.name))
        self._tell(entry.path, problems)
        self._find_guest_state(entry, row)
        row.missing_disks = [disk for disk in row.disks if not self._has_disk(disk)]
        evidence.vms.append(vm)

    def _find_guest_state(self, entry: Entry, row: VmRow) -> None:
        """Look for the guest state where the configuration says, else beside it."""
        stem = entry.name[: -len(".vmcx")]
        names = [f"{stem}.vmgs", f"{stem}.vmrs"]
        if row.guest_state_file:
            names.insert(0, _basename(row.guest_state_file))
        for name in names:
            candidates = self.states.get(name.lower(), [])
            beside = [c for c in candidates if _folder(c.path).lower() == _folder(entry.path).lower()]
            for state in (beside or candidates)[:1]:
                row.guest_state, row.guest_state_time = "present", state.modified
                row.guest_state_file = row.guest_state_file or self.place.label(state.path)
                self._read_guest_state(state, row)
                return
        row.guest_state = "absent" if row.guest_state_file and self._is_whole(row.guest_state_file) else "not_examined"

    def _read_guest_state(self, state: Entry, row: VmRow) -> None:
        if not state.name.lower().endswith(".vmgs"):
            return
        try:
            with self._guard(state.path), self.place.tree.open(state) as file:
                vmgs = parse_vmgs(_read_at(file), state.size)
                names = ", ".join(
                    f"{e.name} {e.size} bytes{', encrypted' if e.encrypted else ''}" for e in vmgs.entries
                )
                row.guest_state_facts = f"version {vmgs.version}" + (f": {names}" if names else "")
        finally:
            if row.guest_state_facts is None:
                row.guest_state = "unreadable"

    def _is_whole(self, windows_path: str) -> bool:
        """Tell whether a path of the host lies on this very volume: on the system drive of a whole disk."""
        return self.place.tree.complete and bool(self.place.windows) and windows_path[:2].upper() == "C:"

    def _has_disk(self, windows_path: str) -> bool:
        name = _basename(windows_path).lower()
        return any(disk.name.lower() == name for disk in self.files.disks)

    def _storage(self, entry: Entry) -> HyperVStorage:
        with self.place.tree.open(entry) as file:
            return parse_hyperv_storage(_read_at(file), entry.size)

    def _tell(self, path: str, errors: Iterable[FormatError]) -> None:
        for error in errors:
            self._problem(path, error.kind, error.message, error.offset)

    def _problem(self, path: str, kind: str, message: str, offset: int | None = None) -> None:
        self.source.problem(self.place.label(path), kind, message, offset)

    @contextmanager
    def _guard(self, path: str) -> Iterator[None]:
        try:
            yield
        except FormatError as error:
            self._problem(path, error.kind, error.message, error.offset)
        except (NotFound, Unreadable) as error:
            self._problem(path, "unreadable", str(error))
        except Exception as error:  # whatever libraries raise on hostile bytes; their text may quote them
            self._problem(path, "unexpected", f"reading failed with {type(error).__name__}")


def _read_at(file: BinaryIO) -> ReadAt:
    def read(offset: int, count: int) -> bytes:
        file.seek(offset)
        return file.read(count)

    return read


def _name_checkpoints(evidence: HyperVEvidence) -> None:
    """Say of which virtual machine each checkpoint is: the one of its name, in the export that holds it."""
    machines = [vm.row for vm in evidence.vms if not vm.row.is_checkpoint]
    for vm in evidence.vms:
        row = vm.row
        if not row.is_checkpoint:
            continue
        export = _folder(_folder(row.source_path)).lower()
        near = [m for m in machines if m.source_path.lower().startswith(f"{export}/" if export else "")]
        named = [m for m in near or machines if m.name is not None and m.name == row.name]
        ids = {m.vm_id for m in named or near}
        row.checkpoint_of = ids.pop() if len(ids) == 1 else None


def _is_checkpoint(entry: Entry) -> bool:
    return _folder(entry.path).rsplit("/", 1)[-1].lower() == _SNAPSHOTS


def _stem(name: str) -> str:
    return name.rsplit(".", 1)[0].lower()


def _folder(path: str) -> str:
    return path.rsplit("/", 1)[0] if "/" in path else ""


def _basename(windows_path: str) -> str:
    return windows_path.replace("/", "\\").rsplit("\\", 1)[-1]
