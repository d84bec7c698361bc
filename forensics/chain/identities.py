"""Which of the installations examined together are clones of each other.

A machine SID, MachineGuid, DPAPI_SYSTEM and the TPM's endorsement key are each a computer's own. Two installations
that share one are two computers, or one computer at two times; the domain controllers of a domain, though, have the
domain's SID in common by design.

Everything is counted or looked up by hash, so that ten thousand clones take seconds.

References:
    KB5064081, KB5070568, KB5068222 (what Windows 11 24H2 and Server 2025 check since August and September 2025).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import field
from datetime import UTC, datetime
from itertools import islice
from typing import Any

from forensics.language import sentence
from forensics.late_methods import dataclass
from forensics.tables.identity import Enforces, Relation, Shared, SharedIdentityRow
from forensics.tables.machine import MachineRow
from forensics.tables.row import Row
from forensics.tables.windows_path import WindowsPaths

MAX_LISTED = 50
"""Display: members, key files or certificates that one row lists; its counts are of all."""
ENFORCING = (26100, 5074)

_ENOUGH = 5  # pairs of name and hardware, two of each at most: more than one name and one piece of hardware cover
_TRAITS: tuple[Shared, ...] = ("machine_sid", "machine_guid", "dpapi_system", "ek_pub")
_REFUSED = ("lsasrv", "lsa (lsasrv)")
_RELATIONS: tuple[Relation, ...] = ("clone", "unknown", "generalized", "same_computer")
_STRONGEST: tuple[Enforces, ...] = ("yes", "unknown", "no")


@dataclass
class _Member:
    """One installation, and what is its own."""

    machine: MachineRow
    disk: str
    at: int
    traits: dict[str, str]
    refused: list[datetime | None]
    keys: dict[str, str]
    certificates: set[str]

    @property
    def name(self) -> str:
        return f"{self.machine.computer_name or f'installation {self.machine.machine_id}'} on {self.disk}"


READS: Mapping[str, tuple[str, ...]] = {
    "machine": (
        *("kind", "computer_name", "machine_guid", "machine_sid", "machine_sid_policy", "domain_sid", "image_state"),
        *("hardware_id", "build", "ubr", "system_root", "drive", "profile_folder", "source_path", "source_time"),
    ),
    "secret": ("generation", "validated", "fingerprint"),
    "tpm": ("ek_pub_sha256",),
    "event": ("event_id", "provider", "time"),
    "key_file": ("path", "public_key_sha256", "second_public_key_sha256"),
    "certificate": ("thumbprint", "has_key_link"),
}
"""Columns that are read of each table, ``machine_id`` besides: all that the rows of a fleet need to have."""


def shared_identities(rows: Iterable[Row], disks: Mapping[int, str]) -> list[SharedIdentityRow]:
    """Compare all installations of a case.

    Args:
        rows: All rows so far, in any order; read once. Those of other tables than :data:`READS` are passed over.
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


@dataclass
class _Own:
    """What rows besides that of the machine say of one installation."""

    secret: str | None = None
    ek_pub: str | None = None
    refused: list[datetime | None] = field(default_factory=list)
    keys: dict[str, str] = field(default_factory=dict)
    certificates: set[str] = field(default_factory=set)

    def take(self, row: Any) -> None:
        if row.table == "secret" and row.generation == "current" and row.validated:
            self.secret = _identity(row.fingerprint) or self.secret
        elif row.table == "tpm":
            self.ek_pub = _identity(row.ek_pub_sha256) or self.ek_pub
        elif row.table == "event" and row.event_id == 6167 and row.provider.lower() in _REFUSED:
            self.refused.append(row.time)
        elif row.table == "key_file":
            for public in (row.public_key_sha256, row.second_public_key_sha256):
                if public:
                    self.keys.setdefault(public, row.path)
        elif row.table == "certificate" and row.has_key_link:
            self.certificates.add(row.thumbprint)


def _members(rows: Iterable[Row], disks: Mapping[int, str]) -> list[_Member]:
    machines: list[MachineRow] = []
    own: dict[int, _Own] = defaultdict(_Own)
    for row in rows:
        if isinstance(row, MachineRow):
            machines.append(row)
        elif row.table in READS:
            own[row.machine_id].take(row)
    paths = WindowsPaths(machines)
    # A profile is no computer: it has the keys of those on which its user worked.
    computers = {machine.machine_id: machine for machine in machines if machine.kind != "profile"}
    members: list[_Member] = []
    for at, (number, machine) in enumerate(computers.items()):
        found = own.pop(number, None) or _Own()
        keys = {public: paths.of(number, path) or "" for public, path in found.keys.items()}
        member = _Member(
            machine, disks.get(number, machine.source_path), at, {}, found.refused, keys, found.certificates
        )
        _take(member, "machine_guid", (machine.machine_guid or "").lower())
        if not machine.is_domain_controller:
            _take(member, "machine_sid", machine.machine_sid)
        _take(member, "dpapi_system", found.secret)
        _take(member, "ek_pub", found.ek_pub)
        members.append(member)
    return members


def _take(member: _Member, trait: str, value: str | None) -> None:
    if identity := _identity(value):
        member.traits[trait] = identity


def _identity(value: str | None) -> str | None:
    """Return a value that can be a computer's own: nothing but zeros is what a tool left that reset it."""
    return value if value and value.removeprefix("S-1-5-21").strip("0-") else None


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
    witnesses = _Witnesses(group)
    for member in group:
        machine = member.machine
        relation, reason = _relation(member, witnesses.of(member))
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
            with_members=list(islice((other.name for other in group if other is not member), MAX_LISTED)),
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


def _relation(member: _Member, others: Iterable[_Member]) -> tuple[Relation, str]:
    """Say what a member is to those that share something with it: a clone of any, else undecided, else the same."""
    found = [_pair(member, other) for other in others]
    if not found:
        return "alone", sentence("no other computer of its identity was examined")
    return min(found, key=lambda pair: _RELATIONS.index(pair[0]))


class _Witnesses:
    """The few of a group that decide what one of its members is to the others; there may be thousands.

    Of the members that have a trait in common it keeps, in their order, only those that can be the first of their kind
    for somebody: what :func:`_relation` says of them is what it would say of all.

    Args:
        group: The members.
    """

    def __init__(self, group: Sequence[_Member]) -> None:
        self._kept: dict[tuple[Any, ...], list[_Member]] = defaultdict(list)
        for member in group:
            for trait in member.traits.items():
                self._keep(trait, member)

    def of(self, member: _Member) -> list[_Member]:
        """Return those, in the order of the group, without the member itself."""
        found: dict[int, _Member] = {}
        called, hardware = member.machine.called, member.machine.hardware
        for trait in member.traits.items():
            for bucket in (None, "generalized", "unnamed", ("name", called), ("hardware", hardware)):
                found |= {other.at: other for other in self._kept.get((trait, bucket), ())}
        found.pop(member.at, None)
        return [found[at] for at in sorted(found)]

    def _keep(self, trait: tuple[str, str], member: _Member) -> None:
        called, owned = member.machine.called, member.machine.hardware
        if member.machine.is_generalized or called is None:
            self._first_two(self._kept[trait, "generalized" if member.machine.is_generalized else "unnamed"], member)
            return
        kept = self._kept[trait, None]
        # A clone has another name and other hardware. Of two with one name, one has other hardware than the member; of
        # two with one piece of hardware, one another name; and of five such no name and no hardware is on all.
        pairs = {(other.machine.called, other.machine.hardware) for other in kept}
        names = sum(name == called for name, _ in pairs)
        hardware = sum(owned is not None and other == owned for _, other in pairs)
        if len(kept) < _ENOUGH and (called, owned) not in pairs and names < 2 and hardware < 2:
            kept.append(member)
        same_name = self._kept[trait, ("name", called)]
        hardware_told = {other.machine.hardware for other in same_name}
        if len(same_name) < 2 or (len(same_name) == 2 and len(hardware_told | {owned}) > len(hardware_told) == 1):
            same_name.append(member)
        same_hardware = self._kept[trait, ("hardware", owned)]
        if owned is not None and len(same_hardware) < 2 and called not in {o.machine.called for o in same_hardware}:
            same_hardware.append(member)

    @staticmethod
    def _first_two(kept: list[_Member], member: _Member) -> None:
        if len(kept) < 2:
            kept.append(member)


def _pair(one: _Member, other: _Member) -> tuple[Relation, str]:
    names = [m.machine.computer_name for m in (one, other)]
    hardware = [m.machine.hardware for m in (one, other)]
    same_name = None if None in names else one.machine.called == other.machine.called
    same_hardware = None if None in hardware else hardware[0] == hardware[1]
    if one.machine.is_generalized or other.machine.is_generalized:
        return "generalized", sentence("one of the two is generalized, and not yet set up anew")
    if same_name is None:
        return "unknown", sentence("the name of one of the two could not be read")
    if same_name and same_hardware:
        return "same_computer", sentence("name and hardware are the same: states of one computer at two times")
    if same_name:
        why = (
            sentence("their hardware differs: moved, or cloned")
            if same_hardware is False
            else sentence("their hardware is not known")
        )
        return "unknown", sentence("both are called {names}; {why}", names=names[0], why=why)
    if same_hardware:
        return "unknown", sentence(
            "{names} and {names2} last started on the same hardware: renamed, or cloned there",
            names=names[0],
            names2=names[1],
        )
    differ = sentence("names and hardware") if same_hardware is False else "names"
    return "clone", sentence(
        "{names} and {names2} differ in their {differ}", names=names[0], names2=names[1], differ=differ
    )
