"""Which private keys lie on several of the installations examined together, and what each is for.

A key is known by its public half, which its file has in clear: that two files hold one key needs no secret. That the
private key is there is proved only where it was opened.

References:
    Microsoft Learn, Maintain the Exchange Server OAuth certificate (one for all servers); Manage TLS certificates in
    AD FS (each server of the farm).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import field
from typing import Any, NamedTuple

from forensics.facts.renewal import GUARDIANS
from forensics.late_methods import dataclass
from forensics.tables.answer import Answer
from forensics.tables.certificate import CertificateRow, KeyFileRow
from forensics.tables.identity import SharedIdentityRow
from forensics.tables.key_chain import KeyChainRow
from forensics.tables.machine import MachineRow
from forensics.tables.row import Row
from forensics.tables.shared_key import Holders, KeyRole, SharedKeyRow
from forensics.tables.timestamps import as_utc
from forensics.tables.tpm import TpmRow

MAX_LISTED = 50
"""Display: holders, certificates or users that one row names; its counts are of all."""
READS: Mapping[str, tuple[str, ...]] = {
    "machine": ("kind", "computer_name", "hardware_id", "image_state", "source_path"),
    "key_file": (
        *("path", "kind", "folder_kind", "scope", "owner_sid", "exportable"),
        *("public_key_sha256", "second_public_key_sha256", "source_path", "source_time"),
    ),
    "key_chain": ("key_file_path", "private_key", "verdict", "recoverable"),
    "certificate": (
        *("thumbprint", "store", "public_key_sha256", "subject", "issuer", "san", "eku", "is_ca", "self_signed"),
        *("used_by", "not_after"),
    ),
    "shared_identity": ("member", "shared_group"),
    "tpm": ("ek_pub_sha256",),
}
"""Columns that are read of each table, ``machine_id`` besides. A fleet may leave out the key files, chains and
certificates of keys that only one machine has.
"""

_ENOUGH = 5  # pairs of name and hardware, two of each at most: more than one name and one piece of hardware cover
_OF_AUTHORITIES = frozenset({"AD CS", "AD CS (earlier generation)"})
_OF_ALL_SERVERS = frozenset({"Exchange Auth", "Exchange federation"})
_OF_CONSUMER: tuple[tuple[str, KeyRole], ...] = (
    ("Entra join", "entra_device"),
    ("MDM", "mdm"),
    ("ConfigMgr client", "configmgr"),
    ("AD FS", "federation"),
)


def shared_keys(rows: Iterable[Row], disks: Mapping[int, str]) -> list[SharedKeyRow]:
    """Compare the keys of all installations of a case.

    Args:
        rows: All rows so far, with their facts, in any order; read once. Those of other tables than :data:`READS` are
            passed over.
        disks: The disk or collection of each installation, by ``machine_id``.
    """
    found = _Rows()
    for row in rows:
        found.take(row)
    return found.shared(disks)


class _Holder(NamedTuple):
    """One installation, as far as keys need it."""

    machine: MachineRow
    disk: str

    @property
    def name(self) -> str:
        return self.machine.computer_name or f"installation {self.machine.machine_id}"


@dataclass
class _Rows:
    """What is needed of the rows, by machine and by key."""

    machines: dict[int, MachineRow] = field(default_factory=dict)
    files: dict[str, list[KeyFileRow]] = field(default_factory=lambda: defaultdict(list))
    chains: dict[tuple[int, str], list[KeyChainRow]] = field(default_factory=lambda: defaultdict(list))
    certificates: dict[str, list[CertificateRow]] = field(default_factory=lambda: defaultdict(list))
    groups: dict[int, int] = field(default_factory=dict)
    tpms: dict[int, str] = field(default_factory=dict)

    def take(self, row: Row) -> None:
        if isinstance(row, MachineRow):
            # A profile is no computer: it has the keys of those on which its user worked.
            if row.kind != "profile":
                self.machines[row.machine_id] = row
        elif isinstance(row, KeyFileRow):
            # What lies elsewhere is a copy that somebody put aside: nothing looks for keys there.
            for public in {row.public_key_sha256, row.second_public_key_sha256} if row.folder_kind else ():
                if public:
                    self.files[public].append(row)
        elif isinstance(row, KeyChainRow):
            if row.key_file_path:
                self.chains[row.machine_id, row.key_file_path].append(row)
        elif isinstance(row, CertificateRow):
            if row.public_key_sha256:
                self.certificates[row.public_key_sha256].append(row)
        elif isinstance(row, SharedIdentityRow):
            self.groups[row.member] = row.shared_group
        elif isinstance(row, TpmRow) and row.ek_pub_sha256:
            self.tpms[row.machine_id] = row.ek_pub_sha256

    def shared(self, disks: Mapping[int, str]) -> list[SharedKeyRow]:
        made = []
        for public, files in self.files.items():
            there = [file for file in files if file.machine_id in self.machines]
            if len({file.machine_id for file in there}) > 1:
                made.append(self._row(public, there, disks))
        return made

    def _row(self, public: str, files: Sequence[KeyFileRow], disks: Mapping[int, str]) -> SharedKeyRow:
        by_machine: dict[int, list[KeyFileRow]] = defaultdict(list)
        for file in files:
            by_machine[file.machine_id].append(file)
        holders = {n: _Holder(self.machines[n], disks.get(n, self.machines[n].source_path)) for n in by_machine}
        certificates = [c for c in self.certificates.get(public, ()) if c.machine_id in holders]
        states = {number: self._state(number, mine) for number, mine in by_machine.items()}
        dead = {number for number, state in states.items() if state == "dead"}
        in_use = [certificate for certificate in certificates if certificate.used_by]
        told = in_use or certificates
        ends = (certificate.not_after for certificate in told)
        in_tpm = all(file.kind == "tpm" for file in files)
        tpms = self._tpms(holders) if in_tpm else {}
        users = {file.owner_sid for file in files if file.scope == "user" and file.owner_sid}
        return SharedKeyRow(
            machine_id=0,
            public_key_sha256=public,
            role=_role(files, certificates, holders.values()),
            subject=next((certificate.subject for certificate in told if certificate.subject), None),
            thumbprints=list(dict.fromkeys(certificate.thumbprint for certificate in told))[:MAX_LISTED],
            not_after=min((as_utc(end) for end in ends if end is not None), default=None),
            used_by=sorted({name for certificate in in_use for name in certificate.used_by or ()}),
            in_use_on=len({certificate.machine_id for certificate in in_use}),
            machines=len(holders),
            holders=[f"{one.name} on {one.disk}" for one in holders.values()][:MAX_LISTED],
            proved_on=sum(state == "proved" for state in states.values()),
            dead_on=len(dead),
            exportable=_exportable(files),
            users=sorted(users)[:MAX_LISTED],
            relation=self._relation([one for number, one in holders.items() if number not in dead]),
            in_tpm=in_tpm,
            tpms=list(tpms),
            tpm_holders=list(tpms.values()),
            source_path=files[0].source_path,
            source_time=files[0].source_time,
        )

    def _state(self, number: int, files: Iterable[KeyFileRow]) -> str:
        """Tell whether the private key was opened on a machine, is known not to open there, or neither."""
        chains = [chain for file in files for chain in self.chains.get((number, file.path), ())]
        if any(chain.private_key == "proved" for chain in chains):
            return "proved"
        is_dead = bool(chains) and all(chain.verdict == "unusable" and chain.recoverable is False for chain in chains)
        return "dead" if is_dead else "not opened"

    def _tpms(self, holders: Mapping[int, _Holder]) -> dict[str, str]:
        """Return two endorsement keys that differ, or the one that is known, and a computer that has each."""
        found: dict[str, str] = {}
        for number, holder in holders.items():
            if number in self.tpms and len(found) < 2:
                found.setdefault(self.tpms[number], holder.name)
        return found

    def _relation(self, holders: Sequence[_Holder]) -> Holders:
        """Say what those are to each other that may use a key."""
        there = [one for one in holders if not one.machine.is_generalized]
        if len(there) < 2:
            return "generalized" if len(holders) > len(there) else "same_computer"
        pairs = {(one.machine.called, one.machine.hardware): None for one in there}
        if _are_several([(name, hardware) for name, hardware in pairs if name is not None]):
            groups = {self.groups.get(one.machine.machine_id) for one in there}
            if len(groups) == 1 and None not in groups:
                return "clones"
            return "partly_clones" if self._some_are_clones(there) else "unrelated"
        is_one = len(pairs) == 1 and None not in next(iter(pairs))
        return "same_computer" if is_one else "unknown"

    def _some_are_clones(self, holders: Iterable[_Holder]) -> bool:
        """Tell whether several computers among them share an identity; states of one computer are not several."""
        sharing: dict[int, dict[tuple[str, str | None], None]] = defaultdict(dict)
        for one in holders:
            group = self.groups.get(one.machine.machine_id)
            if group is not None and one.machine.called is not None:
                sharing[group][one.machine.called, one.machine.hardware] = None
        return any(_are_several(pairs) for pairs in sharing.values())


def _are_several(pairs: Iterable[tuple[str, str | None]]) -> bool:
    """Tell whether some computers are several: two differ in their names, and are not known to share hardware."""
    kept: list[tuple[str, str | None]] = []
    for name, hardware in pairs:
        if any(name != other and (hardware is None or hardware != owned) for other, owned in kept):
            return True
        names = sum(other == name for other, _ in kept)
        shared = sum(hardware is not None and owned == hardware for _, owned in kept)
        if len(kept) < _ENOUGH and names < 2 and shared < 2:
            kept.append((name, hardware))
    return False


def _exportable(files: Iterable[KeyFileRow]) -> Answer:
    answers = {file.exportable for file in files}
    return "yes" if "yes" in answers else "no" if answers == {"no"} else "unknown"


def _role(files: Iterable[KeyFileRow], certificates: Sequence[CertificateRow], holders: Iterable[_Holder]) -> KeyRole:
    """Return the first role that the stores, uses and names of its certificates say."""
    used = {name for certificate in certificates for name in certificate.used_by or ()}
    stores = {certificate.store.lower() for certificate in certificates}
    issuers = [(certificate.issuer or "").lower() for certificate in certificates]
    if used & _OF_AUTHORITIES:
        return "authority"
    if GUARDIANS in stores:
        return "guardian"
    if all(file.scope == "user" for file in files):
        return "user"
    if any(c.is_ca and not _serves(c) for c in certificates):
        return "authority"
    if not certificates:
        return "unnamed"
    if any(issuer.startswith("cn=ms-organization-access") for issuer in issuers):
        return "entra_device"
    if any(issuer.startswith("cn=microsoft intune mdm device ca") for issuer in issuers):
        return "mdm"
    if "sms" in stores:
        return "configmgr"
    if used & _OF_ALL_SERVERS:
        return "exchange"
    role = next((role for consumer, role in _OF_CONSUMER if consumer in used), None)
    return role or _by_name(certificates, stores, holders)


def _by_name(certificates: Sequence[CertificateRow], stores: Collection[str], holders: Iterable[_Holder]) -> KeyRole:
    is_self_signed = all(certificate.self_signed for certificate in certificates)
    if is_self_signed and "remote desktop" in stores:
        return "remote_desktop"
    if is_self_signed:
        return "self_signed"
    computers = {holder.machine.called for holder in holders if holder.machine.called}
    is_of_servers = any("serverAuth" in certificate.eku for certificate in certificates)
    named = max(len(computers & _hosts(certificate)) for certificate in certificates)
    if named and not (named > 1 and is_of_servers):
        return "machine"
    return "server" if is_of_servers else "other"


def _serves(certificate: CertificateRow) -> bool:
    """Tell a self-signed certificate of a server, which many tools let be an authority too."""
    return certificate.self_signed is True and bool(certificate.used_by or "serverAuth" in certificate.eku)


def _hosts(certificate: Any) -> set[str]:
    """Return the first labels of the names of a certificate, in lower case: computers, where it names any."""
    names = [name.partition(":")[2] for name in certificate.san if name.lower().startswith("dns:")]
    names += [part[3:] for part in (certificate.subject or "").split(",") if part[:3].upper() == "CN="]
    return {name.partition(".")[0].casefold() for name in names}
