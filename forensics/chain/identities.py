"""Which of the installations examined together are clones of each other.

A machine SID, MachineGuid, DPAPI_SYSTEM and the TPM's endorsement key are each a computer's own. Two installations
that share one are two computers, or one computer at two times; the domain controllers of a domain, though, have the
domain's SID in common by design.

References:
    KB5064081, KB5070568, KB5068222 (what Windows 11 24H2 and Server 2025 check since August and September 2025).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import field
from datetime import UTC, datetime
from typing import Any

from forensics.late_methods import dataclass
from forensics.tables.identity import Enforces, Relation, Shared, SharedIdentityRow
from forensics.tables.machine import MachineRow
from forensics.tables.row import Row
from forensics.tables.windows_path import WindowsPaths

MAX_LISTED = 50
"""Display: members, key files or certificates that one row lists; its counts are of all."""
ENFORCING = (26100, 5074)

_TRAITS: tuple[Shared, ...] = ("machine_sid", "machine_guid", "dpapi_system", "ek_pub")
_REFUSED = ("lsasrv", "lsa (lsasrv)")
_STRONGEST: tuple[Enforces, ...] = ("yes", "unknown", "no")
_GENERALIZED = ("IMAGE_STATE_GENERALIZE_RESEAL", "IMAGE_STATE_SPECIALIZE_RESEAL")


@dataclass
class _Member:
    """One installation, and what is its own."""

    machine: MachineRow
    disk: str
    traits: dict[str, str] = field(default_factory=dict)
    refused: list[datetime | None] = field(default_factory=list)
    keys: dict[str, str] = field(default_factory=dict)
    certificates: set[str] = field(default_factory=set)

    @property
    def name(self) -> str:
        return f"{self.machine.computer_name or f'installation {self.machine.machine_id}'} on {self.disk}"


def shared_identities(rows: Sequence[Row], disks: Mapping[int, str]) -> list[SharedIdentityRow]:
    """Compare all installations of a case.

    Args:
        rows: All rows of the case so far.
        disks: The disk or collection of each installation, by ``machine_id``.
    """
    members = _members(rows, disks)
    result: list[SharedIdentityRow] = []
    number = 0
    for group in _groups(members):
        if len(group) > 1 or group[0].refused:
            number += 1
            result += _rows(group, number)
    return result


def _members(rows: Iterable[Row], disks: Mapping[int, str]) -> list[_Member]:
    tables: dict[str, list[Any]] = defaultdict(list)
    for row in rows:
        if row.table in ("machine", "secret", "tpm", "event", "key_file", "certificate"):
            tables[row.table].append(row)
    # A profile is no computer: it has the keys of those on which its user worked.
    computers = [m for m in tables["machine"] if m.kind != "profile"]
    members = {m.machine_id: _Member(m, disks.get(m.machine_id, m.source_path)) for m in computers}
    for member in members.values():
        _take(member, "machine_guid", (member.machine.machine_guid or "").lower())
        if not _is_domain_controller(member.machine):
            _take(member, "machine_sid", member.machine.machine_sid)
    for row in tables["secret"]:
        if row.generation == "current" and row.validated and row.machine_id in members:
            _take(members[row.machine_id], "dpapi_system", row.fingerprint)
    for row in tables["tpm"]:
        if row.machine_id in members:
            _take(members[row.machine_id], "ek_pub", row.ek_pub_sha256)
    for row in tables["event"]:
        if row.event_id == 6167 and row.provider.lower() in _REFUSED and row.machine_id in members:
            members[row.machine_id].refused.append(row.time)
    paths = WindowsPaths(tables["machine"])
    for row in tables["key_file"]:
        for public in (row.public_key_sha256, row.second_public_key_sha256):
            if public and row.machine_id in members:
                member = members[row.machine_id]
                member.keys.setdefault(public, paths.of(row.machine_id, row.path) or "")
    for row in tables["certificate"]:
        if row.has_key_link and row.machine_id in members:
            members[row.machine_id].certificates.add(row.thumbprint)
    return list(members.values())


def _take(member: _Member, trait: str, value: str | None) -> None:
    # Nothing but zeros is what a tool left that reset it, not an identity.
    if value and value.removeprefix("S-1-5-21").strip("0-"):
        member.traits[trait] = value


def _is_domain_controller(machine: MachineRow) -> bool:
    """Tell whether the account domain of the machine is the AD domain: only on its controllers it is."""
    return machine.domain_sid is not None and machine.domain_sid in (machine.machine_sid_policy, machine.machine_sid)


def _groups(members: Sequence[_Member]) -> list[list[_Member]]:
    """Put together whoever shares anything with anyone, in the order of the members."""
    parent = list(range(len(members)))

    def root(at: int) -> int:
        while parent[at] != at:
            parent[at] = parent[parent[at]]
            at = parent[at]
        return at

    first: dict[tuple[str, str], int] = {}
    for number, member in enumerate(members):
        for trait in member.traits.items():
            one, other = sorted((root(first.setdefault(trait, number)), root(number)))
            parent[other] = one
    groups: dict[int, list[_Member]] = defaultdict(list)
    for number, member in enumerate(members):
        groups[root(number)].append(member)
    return list(groups.values())


def _rows(group: Sequence[_Member], number: int) -> Iterator[SharedIdentityRow]:
    strongest = min((_enforces(member.machine) for member in group), key=_STRONGEST.index)
    traits, keys, certificates = _counts(group)
    for member in group:
        machine = member.machine
        relation, reason = _relation(member, group)
        files = sorted({path for public, path in member.keys.items() if keys[public] > 1})
        named = sorted(thumbprint for thumbprint in member.certificates if certificates[thumbprint] > 1)
        yield SharedIdentityRow(
            machine_id=0,
            shared_group=number,
            member=machine.machine_id,
            computer_name=machine.computer_name,
            disk=member.disk,
            relation=relation,
            reason=reason,
            shares=[t for t in _TRAITS if t in member.traits and traits[t, member.traits[t]] > 1],
            with_members=[other.name for other in group if other is not member][:MAX_LISTED],
            machine_sid=machine.machine_sid,
            machine_guid=machine.machine_guid,
            hardware_id=machine.hardware_id,
            build=machine.build,
            ubr=machine.ubr,
            enforces=_enforces(machine),
            group_enforces=strongest,
            refused=len(member.refused),
            refused_last=max((t for t in member.refused if t), default=None, key=lambda t: t.astimezone(UTC)),
            shared_keys=len(files) + len(named),
            shared_key_files=files[:MAX_LISTED],
            shared_certificates=named[:MAX_LISTED],
            source_path=machine.source_path,
            source_time=machine.source_time,
        )


_Counts = tuple[Mapping[tuple[str, str], int], Mapping[str, int], Mapping[str, int]]


def _counts(group: Iterable[_Member]) -> _Counts:
    """Count how many members have each trait, public key and certificate."""
    traits: dict[tuple[str, str], int] = defaultdict(int)
    keys: dict[str, int] = defaultdict(int)
    certificates: dict[str, int] = defaultdict(int)
    for member in group:
        for trait in member.traits.items():
            traits[trait] += 1
        for public in member.keys:
            keys[public] += 1
        for thumbprint in member.certificates:
            certificates[thumbprint] += 1
    return traits, keys, certificates


def _enforces(machine: MachineRow) -> Enforces:
    if machine.build is None or not machine.build.isdecimal() or len(machine.build) > 9:
        return "unknown"
    build = int(machine.build)
    if build < ENFORCING[0]:
        return "no"
    if machine.ubr is None:
        return "unknown"
    return "yes" if (build, machine.ubr) >= ENFORCING else "no"


def _relation(member: _Member, group: Sequence[_Member]) -> tuple[Relation, str]:
    """Say what a member is to the others: a clone of any of them, else undecided, else the same computer."""
    found = [_pair(member, other) for other in group if other is not member and _have_in_common(member, other)]
    if not found:
        return "alone", "no other computer of its identity was examined"
    order = ("clone", "unknown", "generalized", "same_computer")
    return min(found, key=lambda pair: order.index(pair[0]))


def _have_in_common(one: _Member, other: _Member) -> bool:
    return not one.traits.items().isdisjoint(other.traits.items())


def _pair(one: _Member, other: _Member) -> tuple[Relation, str]:
    names = [m.machine.computer_name for m in (one, other)]
    hardware = [m.machine.hardware_id for m in (one, other)]
    same_name = None if None in names else len({str(n).casefold() for n in names}) == 1
    same_hardware = None if None in hardware else len({str(h).casefold() for h in hardware}) == 1
    if any((m.machine.image_state or "").startswith(_GENERALIZED) for m in (one, other)):
        return "generalized", "one of the two is generalized, and not yet set up anew"
    if same_name is None:
        return "unknown", "the name of one of the two could not be read"
    if same_name and same_hardware:
        return "same_computer", "name and hardware are the same: states of one computer at two times"
    if same_name:
        why = "their hardware differs: moved, or cloned" if same_hardware is False else "their hardware is not known"
        return "unknown", f"both are called {names[0]}; {why}"
    if same_hardware:
        return "unknown", f"{names[0]} and {names[1]} last started on the same hardware: renamed, or cloned there"
    differ = "names and hardware" if same_hardware is False else "names"
    return "clone", f"{names[0]} and {names[1]} differ in their {differ}"
