"""Looks up the rows that a key chain row speaks of."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable
from datetime import datetime
from functools import cached_property
from typing import Any, Protocol

from forensics.case_tables import CaseTables
from forensics.language import _, joined, sentence, told
from forensics.report.profiles import introduced_profile, is_profile, profile_name
from forensics.tables.certificate import CertificateRow, KeyFileRow
from forensics.tables.key_chain import KeyChainRow
from forensics.tables.machine import MachineRow, ServiceRow
from forensics.tables.secrets import MasterKeyRow, SecretRow
from forensics.tables.source import entry_of
from forensics.tables.timestamps import in_zone, told_day, told_times
from forensics.tables.windows_path import WindowsPaths, windows_folder

_COMMON_NAME = re.compile(r"(?:^|,|\+)CN=((?:\\.|[^,+\\])*)", re.IGNORECASE)
_ESCAPED = re.compile(r"\\(.)")


class HasPlace(Protocol):
    """A row, or what was made of one."""

    @property
    def machine_id(self) -> int: ...
    @property
    def source_path(self) -> str: ...


class Facts:
    """The rows of a case by what a report looks for.

    Args:
        case: The case.
    """

    def __init__(self, case: CaseTables) -> None:
        self.case = case
        self._machines: dict[int, MachineRow] = {row.machine_id: row for row in case.whole.rows("machine")}
        self._present = [row.machine_id for row in case.present.rows("machine")]
        self._key_files: dict[tuple[int, str], KeyFileRow] = {
            (row.machine_id, row.path.lower()): row for row in case.rows("key_file")
        }
        self._paths = WindowsPaths(self._machines.values())
        self._indexes: dict[str, dict[tuple[int, str], list[Any]]] = {}

    def machine(self, machine_id: int) -> MachineRow | None:
        """Return the installation of a row."""
        return self._machines.get(machine_id)

    def computer(self, machine_id: int) -> str:
        """Return the name of an installation, which others may have too."""
        row = self.machine(machine_id)
        if row is not None and is_profile(row):
            return profile_name(row)
        if row is not None and row.computer_name:
            return row.computer_name
        return sentence("installation {number}", number=machine_id) if machine_id else sentence("no one computer")

    def machine_name(self, machine_id: int) -> str:
        """Return what to call an installation: its name, and what tells it from others of that name."""
        apart = self._apart.get(machine_id)
        name = self.computer(machine_id)
        return sentence("{name} ({place})", name=name, place=apart) if apart else name

    def whose(self, machine_id: int) -> str:
        """Return of which computer, or of whose profile, something is, as the end of a sentence."""
        row = self.machine(machine_id)
        name = self.machine_name(machine_id)
        return sentence("the {profile}", profile=name) if row is not None and is_profile(row) else name

    def introduced(self, machine: MachineRow) -> str:
        """Say which Windows an installation is, and where it was found."""
        place = self.place(machine.machine_id, with_volume=len(self._present) > 1)
        if is_profile(machine):
            return sentence("{profiles}, in {place}", profiles=introduced_profile(machine), place=place)
        windows = product(machine, with_update=True)
        name = self.computer(machine.machine_id)
        if machine.domain_name:
            return sentence(
                "{name}: {windows}, domain {domain}, in {place}",
                name=name,
                windows=windows,
                domain=machine.domain_name,
                place=place,
            )
        return sentence("{name}: {windows}, in {place}", name=name, windows=windows, place=place)

    def place(self, machine_id: int, with_volume: bool = True) -> str:
        """Return the source of an installation and, where it has one, its volume."""
        row = self.machine(machine_id)
        source = self._source_of(machine_id)
        return joined([source, row.volume], ", ") if with_volume and row and row.volume else source

    def named_with_place(self, machine_id: int) -> str:
        """Return what to call an installation where no list says which source it is of: the only one by its name."""
        if len(self._present) < 2 or machine_id not in self._present:
            return self.machine_name(machine_id)
        return sentence("{name} in {place}", name=self.computer(machine_id), place=self.place(machine_id))

    def on(self, machine_id: int, with_place: bool = True) -> str:
        """Return on which computer, or in whose profile, something is, as the end of a sentence."""
        row = self.machine(machine_id)
        name = self.named_with_place(machine_id) if with_place else self.machine_name(machine_id)
        if row is not None and is_profile(row):
            return sentence("in the {profile}", profile=name)
        return sentence("on {computer}", computer=name)

    def before(self, machine_id: int, with_place: bool = False) -> str:
        """Return where something is, in the spoken language, as what stands before a sentence about it."""
        row = self.machine(machine_id)
        name = self.named_with_place(machine_id) if with_place else self.machine_name(machine_id)
        if row is not None and is_profile(row):
            return _("In the {profile}: ", profile=name)
        return _("On {computer}: ", computer=name)

    def _source_of(self, machine_id: int) -> str:
        row = self.machine(machine_id)
        if row is not None and row.source is not None:
            return row.source
        entry = entry_of(self.case.sources, machine_id)
        return entry.path if entry is not None else "?"

    @cached_property
    def _apart(self) -> dict[int, str]:
        """What tells installations of one name apart, by their numbers: source, volume or folder, as few as do."""
        named: dict[str, list[int]] = defaultdict(list)
        for number in self._present:
            named[self.computer(number).casefold()].append(number)
        found = {
            number: windows_folder(row.system_root, row.drive)
            for number, row in self._machines.items()
            if row.kind == "former"
        }
        for numbers in named.values():
            if len(numbers) > 1:
                found |= self._told_apart(numbers)
        return found

    def _told_apart(self, numbers: list[int]) -> dict[int, str]:
        sources = {number: self._source_of(number) for number in numbers}
        files = {number: source.replace("\\", "/").rsplit("/", 1)[-1] for number, source in sources.items()}
        is_told_by_file = len(set(files.values())) == len(set(sources.values()))
        columns = (
            files if is_told_by_file else sources,
            {number: self._machines[number].volume or "" for number in numbers},
            {number: self._machines[number].system_root or "" for number in numbers},
        )
        told: dict[int, list[str]] = {number: [] for number in numbers}
        for column in columns:
            if len(set(column.values())) > 1:
                for number in numbers:
                    told[number] += [column[number]] if column[number] else []
        labels = {number: joined(parts, ", ") for number, parts in told.items()}
        is_told = len(set(labels.values())) == len(numbers)
        if is_told:
            return labels
        return {n: joined([*told[n], sentence("installation {number}", number=n)], ", ") for n in numbers}

    def path(self, machine_id: int, path: str | None) -> str:
        """Write a path of the source as the Windows of an installation does; empty for None."""
        return told_times(self._paths.of(machine_id, path) or "")

    def read_in(self, row: HasPlace) -> str:
        """Write where a row was read as its Windows does, where that lay in the source with its folders."""
        machine = self.machine(row.machine_id)
        root = machine and (machine.system_root or machine.profile_folder)
        is_laid_out = root and ("/" in row.source_path or row.source_path == root)
        return self.path(row.machine_id, row.source_path) if is_laid_out else row.source_path

    def found_in(self, chain: KeyChainRow) -> str:
        """Write where the key of a chain was found, which may be in another installation; empty where it was not."""
        return told_times(told(chain.recovery_place or "")) or self.path(
            chain.recoverable_on or chain.machine_id, chain.recoverable_from
        )

    def told_found(self, chain: KeyChainRow) -> str:
        """Say where the key of a chain was found, and what opened its file where that is not in its place."""
        machine, place = chain.recoverable_on or chain.machine_id, self.found_in(chain)
        master_key = self.path(machine, chain.recoverable_master_key)
        hives = self.path(machine, chain.recoverable_hives)
        if master_key and hives:
            return _(
                "key found in {place}, by the master key in {master_key}, by the DPAPI_SYSTEM of the hives in {hives}",
                place=place,
                master_key=master_key,
                hives=hives,
            )
        if master_key:
            return _("key found in {place}, by the master key in {master_key}", place=place, master_key=master_key)
        if hives:
            return _("key found in {place}, by the DPAPI_SYSTEM of the hives in {hives}", place=place, hives=hives)
        return _("key found in {place}", place=place)

    def told_copy(self, chain: KeyChainRow) -> str:
        """Say where a key file lies that has the public key of a chain and did not open; empty where none does."""
        if chain.key_copy is None:
            return ""
        path = self.path(chain.key_copy_on or chain.machine_id, chain.key_copy)
        if not chain.key_copy_on:
            return _("a file with its public key, which did not open: {path}", path=path)
        return _(
            "a file with its public key, which did not open: {path} of {computer}",
            path=path,
            computer=self.machine_name(chain.key_copy_on),
        )

    def key_file(self, chain: KeyChainRow) -> KeyFileRow | None:
        """Return the key file that was judged."""
        return self._key_files.get((chain.machine_id, (chain.key_file_path or "").lower()))

    def certificate(self, chain: KeyChainRow) -> CertificateRow | None:
        """Return the certificate of a chain, in its own store."""
        rows: list[CertificateRow] = self._of(chain, "certificate", "thumbprint", chain.thumbprint)
        rows.sort(key=lambda r: r.store == chain.store and r.owner_sid == chain.owner_sid, reverse=True)
        return rows[0] if rows else None

    def uses(self, chains: Iterable[KeyChainRow]) -> list[str]:
        """Return the services and settings that name the certificates of some chains, each once."""
        named: dict[tuple[int, str], None] = {}
        for chain in chains:
            certificate = self.certificate(chain)
            for use in (certificate.uses if certificate else None) or ():
                named[chain.machine_id, use] = None
        return [use for _, use in named]

    def master_key(self, chain: KeyChainRow) -> MasterKeyRow | None:
        """Return the master key file that the chain's blob names."""
        rows: list[MasterKeyRow] = self._of(chain, "master_key", "guid", chain.master_key_guid)
        return rows[0] if rows else None

    def secret(self, chain: KeyChainRow, generation: str) -> SecretRow | None:
        """Return a generation of DPAPI_SYSTEM."""
        rows: list[SecretRow] = self._of(chain, "secret", "generation", generation)
        return rows[0] if rows else None

    def service(self, chain: KeyChainRow, name: str) -> ServiceRow | None:
        """Return a service, by name without case."""
        rows: list[ServiceRow] = [r for r in self.case.rows("service") if r.machine_id == chain.machine_id]
        return next((r for r in rows if r.name.lower() == name.lower()), None)

    def _of(self, chain: KeyChainRow, table: str, column: str, value: str | None) -> list[Any]:
        index = self._indexes.get(table)
        if index is None:
            index = self._indexes[table] = defaultdict(list)
            for row in self.case.rows(table):
                index[row.machine_id, getattr(row, column)].append(row)
        return [] if value is None else index.get((chain.machine_id, value), [])


def product(machine: MachineRow, with_update: bool = False) -> str:
    """Return which Windows an installation is: its product and build.

    Args:
        machine: Its row.
        with_update: The build with its update, as ``17763.5``.
    """
    name = machine.product_name or sentence("Windows (product name not read)")
    if not machine.build:
        return name
    update = f".{machine.ubr}" if with_update and machine.ubr is not None else ""
    return sentence("{product} build {build}", product=name, build=f"{machine.build}{update}")


def day(moment: datetime | None) -> str:
    """Return the date in the zone that was asked for, else UTC, or ``an unknown date``."""
    return told_day(moment) if moment else sentence("an unknown date")


def days_left(chain: KeyChainRow, as_of: datetime) -> int:
    """Return the days from ``as_of`` to a certificate's last day, by the same calendar."""
    assert chain.ends is not None
    return (in_zone(chain.ends).date() - in_zone(as_of).date()).days


def common_name(subject: str | None) -> str | None:
    """Return the first common name of a subject or issuer (RFC 4514); None where it has none."""
    match = _COMMON_NAME.search(subject or "")
    return _ESCAPED.sub(r"\1", match[1]) if match is not None else None


def label(chain: KeyChainRow) -> str:
    """Return what to call a chain: subject, else container, else file name."""
    if chain.thumbprint:
        return chain.subject or sentence("(certificate without subject)")
    return sentence("key file {name}", name=(chain.key_file_path or "?").rsplit("/", 1)[-1])
