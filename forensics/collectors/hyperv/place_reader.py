"""Reads the virtual machines of one volume or folder."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import BinaryIO

from forensics.collectors.guard import Guarded, what_failed
from forensics.collectors.hyperv.checkpoints import is_checkpoint, name_checkpoints
from forensics.collectors.hyperv.configuration import read_configuration
from forensics.collectors.hyperv.evidence import HyperVEvidence, VmEvidence
from forensics.collectors.hyperv.guardian_files import collect_guardian_files
from forensics.collectors.hyperv.guest_state import told_guest_state
from forensics.collectors.system_drive import USUAL_DRIVE, system_drive
from forensics.disk.tree import Entry, NotFound, Unreadable
from forensics.formats.errors import FormatError
from forensics.formats.hyperv.storage import HyperVStorage, ReadAt, parse_hyperv_storage
from forensics.formats.hyperv.vm_configuration import guid_of, is_torn, is_virtual_machine, listed_guid
from forensics.formats.hyperv.vm_xml import HEAD_SIZE, may_be_vm_xml, parse_vm_xml
from forensics.formats.hyperv.vmgs import parse_vmgs
from forensics.formats.xml_text import MAX_XML_SIZE
from forensics.language import said_by, sentence, sentence_n
from forensics.sources.installation import CUTS, outcome_of
from forensics.sources.searched_tree import SearchedTree
from forensics.sources.source import Source
from forensics.sources.vm_files import (
    HYPER_V_FOLDER,
    INVENTORY,
    MAX_FILES,
    VmFiles,
    below_drive,
    find_vm_files,
    on_drive,
)
from forensics.tables.hyperv import VmRow
from forensics.tables.outcome import ABSENT, NOT_COLLECTED, PRESENT, Outcome

MAX_VMS = 1_000
"""Evidence: configurations of virtual machines in one place."""
MAX_LISTED = 2_000
"""Evidence: virtual machines of a host's list."""

_INVENTORY_NODE = "Configurations/VirtualMachines"
_TPM_STATE = "TPM_NVRAM"
_MAX_ERRORS = 20
"""Display: faults of one file that are told one by one."""


class PlaceReader:
    """One place of a source.

    Args:
        source: The source.
        place: The volume or folder.
        machine_id: Number of the Windows to which it belongs, 0 for none.
        is_host: It holds the folder of a Hyper-V host.

    Attributes:
        files: What the search found.
        evidence: What was read of it.
        disk_names: Lower-case names of the virtual disks there.
    """

    def __init__(self, source: Source, place: SearchedTree, machine_id: int, *, is_host: bool) -> None:
        self.source = source
        self.place = place
        self.is_host = is_host
        self.files = VmFiles()
        hosts = [i for i in source.installations if machine_id and i.machine_id == machine_id]
        drive = system_drive(hosts[0]) if hosts else None
        self.evidence = HyperVEvidence(place.disk, place.tree.complete, machine_id, drive or USUAL_DRIVE)
        self.disk_names: frozenset[str] = frozenset()
        self._known: set[str] = set()

    def find(self) -> None:
        """Search the place, and read the list of a host."""
        self.files = find_vm_files(self.place)
        for path, kind, reason in self.files.unreadable:
            self._problem(path, kind, reason)
        self._known = {entry.path.lower() for entry in self.files.configurations}
        if self.is_host:
            self._read_inventory()

    def find_listed(self, readers: Sequence[PlaceReader]) -> None:
        """Look where the host's list says for configurations that the search did not come to."""
        for windows_path in (self.evidence.inventory or {}).values():
            for reader, path in self._candidates(windows_path, readers):
                try:
                    if path.lower() in reader._known or reader._adopt(path):
                        break
                except Unreadable as error:
                    reader._problem(path, error.kind, said_by(error))
                    self.evidence.hidden[windows_path] = said_by(error)

    def leave_to(self, readers: Sequence[PlaceReader]) -> None:
        """Leave configurations of a folder of exports to the Windows to which the folder belongs too."""
        if self.place.disk is None:
            known = {path for r in readers if r.place.disk and r.place.tree is self.place.tree for path in r._known}
            self.files.configurations = [e for e in self.files.configurations if e.path.lower() not in known]

    def list_disks(self) -> None:
        """Note the names of the virtual disks, once all files were found."""
        self.disk_names = frozenset(disk.name.lower() for disk in self.files.disks)

    def read(self, readers: Sequence[PlaceReader]) -> HyperVEvidence:
        """Read every configuration that was found.

        Args:
            readers: All places of the source: disks and guest states may lie on another than the configuration.
        """
        evidence = self.evidence
        wanted = [entry for entry in self.files.configurations if self._is_wanted(entry)]
        if self.files.truncated:
            message = sentence(
                "too many folders or files: the search for virtual machines ended early, and only what a "
                "host's list names was looked up beyond that"
            )
            self._problem("", "too_many", message)
        for kind in sorted(self.files.full):
            self._problem(
                "",
                "too_many",
                sentence("only the first {max_files} files of kind {kind} are taken", max_files=MAX_FILES, kind=kind),
            )
        if len(wanted) > MAX_VMS:
            message = sentence(
                "only {most} of {count} configurations of virtual machines are read", most=MAX_VMS, count=len(wanted)
            )
            self._problem("", "too_many", message)
        wanted.sort(key=is_checkpoint)
        for entry in wanted[:MAX_VMS]:
            self._read_configuration(entry, readers)
        others = sum(not is_checkpoint(entry) for entry in self.files.configurations) - 1
        name_checkpoints(evidence.vms, others_unread=self.place.wanted is not None and others > 0)
        if self.place.wanted is not None:
            evidence.vms = [vm for vm in evidence.vms if self._belongs_to_wanted(vm.row)]
        if evidence.vms:
            detail = sentence_n("{count} configuration", "{count} configurations", len(evidence.vms))
            self.source.coverage.tell("folder", "virtual machines", Outcome("present", detail), self._label(""))
        evidence.disk_names = self.disk_names
        with self._guard(""):
            evidence.guardian_files = collect_guardian_files(self.place, self.files, self._problem)
        return evidence

    def _is_wanted(self, entry: Entry) -> bool:
        if entry.name.lower() == INVENTORY:
            return False
        return self.place.wanted in (None, _stem(entry.name)) or is_checkpoint(entry)

    def _belongs_to_wanted(self, row: VmRow) -> bool:
        return not row.is_checkpoint or row.checkpoint_of is not None or row.vm_id == self.place.wanted

    # --- the host's list

    def _read_inventory(self) -> None:
        path = below_drive(self.place, f"{HYPER_V_FOLDER}/{INVENTORY}")
        with self._guard(path) as guarded:
            try:
                entry = self.place.tree.entry(path)
            except NotFound:
                seen = ABSENT if self.place.tree.complete else NOT_COLLECTED
                self._tell_inventory(path, seen)
                return
            storage = self._storage(entry)
            self._tell(entry.path, storage.errors)
            seen = Outcome("partial", sentence("values of it may be lost")) if is_torn(storage) else PRESENT
            paths: dict[str, str] = {}
            for name in storage.children(_INVENTORY_NODE):
                value = storage.get(f"{_INVENTORY_NODE}/{name}")
                guid = listed_guid(name)
                if guid is None or value is None or not isinstance(value.value, str):
                    continue
                if len(paths) == MAX_LISTED:
                    message = sentence(
                        "only the first {max_listed} virtual machines of the list are taken", max_listed=MAX_LISTED
                    )
                    self._problem(path, "too_many", message)
                    seen = Outcome("partial", message)
                    break
                paths[guid] = value.value
            self.evidence.inventory, self.evidence.inventory_path = paths, self.place.label(path)
            self._tell_inventory(path, seen)
        if guarded.failure is not None:
            self._tell_inventory(path, guarded.failure)

    def _tell_inventory(self, path: str, seen: Outcome) -> None:
        self.evidence.inventory_seen = seen
        self.source.coverage.tell("file", INVENTORY, seen, self.place.label(path))

    def _candidates(self, windows_path: str, readers: Sequence[PlaceReader]) -> Iterator[tuple[PlaceReader, str]]:
        """Yield where a path of this host may lie; which volume bears a letter other than Windows' is not known."""
        split = on_drive(windows_path)
        if split is None:
            return
        letter, path = split
        if f"{letter}:" == self.evidence.drive and self.place.windows:
            yield self, below_drive(self.place, path)
            return
        for reader in readers:
            if not reader.place.windows:
                yield reader, path

    def _adopt(self, path: str) -> bool:
        """Take a configuration that stands where the search did not come to, with what lies around it.

        Raises:
            Unreadable: It cannot be looked for.
        """
        try:
            entry = self.place.tree.entry(path)
        except NotFound:
            return False
        if entry.is_dir:
            return False
        seen = {e.path.lower() for kind in (self.files.states, self.files.disks) for e in kind} | self._known
        folder = _folder(path)
        for near in (folder, f"{_folder(folder)}/Snapshots".lstrip("/")):
            try:
                around = self.place.tree.entries(near)
            except (NotFound, Unreadable):
                continue
            for other in around:
                if not other.is_dir and other.path.lower() not in seen and self.files.has_room(other):
                    self.files.take(other)
        if not any(e.path.lower() == entry.path.lower() for e in self.files.configurations):
            self.files.configurations.append(entry)
        self._known |= {e.path.lower() for e in self.files.configurations}
        return True

    # --- configurations

    def _read_configuration(self, entry: Entry, readers: Sequence[PlaceReader]) -> None:
        row = VmRow(machine_id=0, source_path=self.place.label(entry.path), source_time=entry.modified)
        row.configuration_time = entry.modified
        row.on_disk, row.volume = self.place.disk, (self.place.name or None) if self.place.disk is not None else None
        row.is_checkpoint = is_checkpoint(entry)
        named = guid_of(_stem(entry.name))
        if row.is_checkpoint:
            row.vm_id = named
        vm: VmEvidence | None = None
        storage: HyperVStorage | None = None
        with self._guard(entry.path) as guarded:
            if entry.name.lower().endswith(".xml") and not self._is_vm_xml(entry):
                self.files.documents.append(entry)
                return
            storage = self._storage(entry)
        if guarded.failure is not None and guarded.failure.state == "not_examined":
            row.starts_because = sentence("its configuration could not be read: {why}", why=guarded.failure.why)
        if storage is not None and not is_virtual_machine(storage) and not storage.errors:
            return
        with self._guard(entry.path):
            if storage is not None and is_virtual_machine(storage):
                vm, problems = read_configuration(storage, row)
                row.vm_id = row.vm_id or named
                self._tell(entry.path, problems)
                self._find_guest_state(entry, row, readers)
                if vm.tpm_was_off and _TPM_STATE in (row.guest_state_facts or ""):
                    row.vtpm = "unknown"
                row.missing_disks = [disk for disk in row.disks if not self._has_disk(disk, readers)]
        if vm is None:
            row.vm_id, row.outcome = row.vm_id or named, "not_examined" if row.starts_because else "unreadable"
            if storage is not None and not is_virtual_machine(storage):
                self._tell(entry.path, storage.errors)
        # What bears no GUID and cannot be read may be anything.
        if vm is not None or row.vm_id is not None:
            self.evidence.vms.append(vm or VmEvidence(row))

    def _find_guest_state(self, entry: Entry, row: VmRow, readers: Sequence[PlaceReader]) -> None:
        """Look for the guest state beside the configuration, then where that says, then by its name."""
        stem = _stem(entry.name)
        needs_vmgs = (row.guest_state_file or "").lower().endswith(".vmgs")
        names = [f"{stem}.vmgs"] if needs_vmgs else [f"{stem}.vmgs", f"{stem}.vmrs"]
        if row.guest_state_file:
            names.insert(0, _basename(row.guest_state_file))
        folder = _folder(entry.path).lower()
        for name in names:
            here = [s for s in self.files.states if s.name.lower() == name]
            beside = [state for state in here if _folder(state.path).lower() == folder]
            others = [(r, s) for r in readers if r is not self for s in r.files.states if s.name.lower() == name]
            for reader, state in [(self, s) for s in (beside or here)] + others:
                row.guest_state, row.guest_state_time = "present", state.modified
                row.guest_state_file = row.guest_state_file or reader.place.label(state.path)
                reader._read_guest_state(state, row)
                return
        if row.guest_state_file:
            seen = _on_system_drive(row.guest_state_file, readers)
            row.guest_state = seen.state if seen else "not_examined"
        other = next((s for s in self.files.states if s.path.lower() == f"{folder}/{stem}.vmrs".lstrip("/")), None)
        if needs_vmgs and other is not None:
            message = sentence(
                "its configuration names the guest state {name}, which is not beside it or elsewhere in this source; "
                "the .vmrs that is there does not stand in for it (likely)",
                name=row.guest_state_file,
            )
            row.guest_state_facts = message
            self._problem(other.path, "missing_guest_state", message)

    def _read_guest_state(self, state: Entry, row: VmRow) -> None:
        if not state.name.lower().endswith(".vmgs"):
            return
        with self._guard(state.path) as guarded, self.place.tree.open(state) as file:
            vmgs = parse_vmgs(_read_at(file), state.size)
            self._tell(state.path, vmgs.errors)
            row.guest_state_facts = told_guest_state(vmgs)
        row.guest_state = guarded.failure.state if guarded.failure else "present"

    @staticmethod
    def _has_disk(windows_path: str, readers: Sequence[PlaceReader]) -> bool:
        name = _basename(windows_path)
        if any(name in reader.disk_names for reader in readers):
            return True
        seen = _on_system_drive(windows_path, readers)
        return seen is not None and seen.state != "absent"

    # --- reading

    def _storage(self, entry: Entry) -> HyperVStorage:
        with self.place.tree.open(entry) as file:
            if entry.name.lower().endswith(".xml"):
                return parse_vm_xml(file.read(MAX_XML_SIZE + 1))
            return parse_hyperv_storage(_read_at(file), entry.size)

    def _is_vm_xml(self, entry: Entry) -> bool:
        with self.place.tree.open(entry) as file:
            return may_be_vm_xml(file.read(HEAD_SIZE))

    def _tell(self, path: str, errors: Iterable[FormatError]) -> None:
        for count, error in enumerate(errors):
            if count == _MAX_ERRORS:
                self._problem(
                    path,
                    "too_many",
                    sentence("more is wrong with this file than the first {max_errors} things", max_errors=_MAX_ERRORS),
                )
                return
            self._problem(path, error.kind, error.message, error.offset)

    def _problem(self, path: str, kind: str, message: str, offset: int | None = None) -> None:
        if not path and kind in CUTS:
            self.source.cut("folder", "virtual machines", self._label(path), message, kind)
            return
        self.source.problem(self._label(path), kind, message, offset)

    def _label(self, path: str) -> str:
        return self.place.label(path) if path else self.place.name or self.source.path

    @contextmanager
    def _guard(self, path: str) -> Iterator[Guarded]:
        guarded = Guarded()
        try:
            yield guarded
        except Exception as error:
            guarded.failure, kind, offset = what_failed(error)
            self._problem(path, kind, guarded.failure.why or "", offset)


def _on_system_drive(windows_path: str, readers: Sequence[PlaceReader]) -> Outcome | None:
    """Say whether a path of a host is there; None where that is not told: only the system drive's letter is known."""
    split = on_drive(windows_path)
    drives = [reader for reader in readers if reader.place.windows and reader.place.tree.complete]
    if split is None or len(drives) != 1 or f"{split[0]}:" != drives[0].evidence.drive:
        return None
    place = drives[0].place
    try:
        place.tree.entry(below_drive(place, split[1]))
    except NotFound:
        return ABSENT
    except Unreadable as error:
        return outcome_of(error)
    return PRESENT


def _read_at(file: BinaryIO) -> ReadAt:
    def read(offset: int, count: int) -> bytes:
        file.seek(offset)
        return file.read(count)

    return read


def _stem(name: str) -> str:
    return name.rsplit(".", 1)[0].lower()


def _folder(path: str) -> str:
    return path.rsplit("/", 1)[0] if "/" in path else ""


def _basename(windows_path: str) -> str:
    return windows_path.replace("/", "\\").rsplit("\\", 1)[-1].lower()
