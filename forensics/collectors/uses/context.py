"""What every module of uses works with: the hives, the certificates by thumbprint, and the row they yield."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from functools import cached_property

from forensics.collectors.evidence import KeyFolder
from forensics.collectors.guard import guard
from forensics.collectors.profiles import SYSTEM_SID, Profile
from forensics.collectors.registry_view import RegistryView
from forensics.collectors.service_identities import ServiceIdentity
from forensics.collectors.user_hives import user_hives
from forensics.collectors.uses.accounts import account_sid, joined_domain
from forensics.collectors.uses.consumers import Consumer
from forensics.disk.tree import NotFound
from forensics.formats.iis_configuration import IisConfiguration, parse_iis_configuration
from forensics.formats.ini_text import decode_text
from forensics.formats.protected_configuration import providers_named
from forensics.formats.thumbprint import SHA1_SIZE
from forensics.formats.xml_text import MAX_XML_SIZE
from forensics.language import sentence
from forensics.late_methods import dataclass
from forensics.registry.hive import Key
from forensics.sources.coverage import Place
from forensics.sources.installation import MAX_SMALL_FILE, Installation
from forensics.tables.certificate import CertificateRow, KeyFileRow
from forensics.tables.event import EventRow
from forensics.tables.machine import MachineRow, UserRow
from forensics.tables.outcome import PRESENT
from forensics.tables.use import Certainty, CertificateUseRow

MY = "MY"
MAX_CANDIDATES = 50
"""Evidence: certificates that one service may choose from, the longest-lived."""
IIS_CONFIG_NAME = "applicationHost.config"
IIS_CONFIG = f"System32/inetsrv/config/{IIS_CONFIG_NAME}"
MAX_TEXT = 400
"""Display: characters of a name or path."""

# What the computer's view of a store is made of.
_COMPUTER_SCOPES = frozenset({"machine", "enterprise", "policy"})


def clip(text: str | None) -> str | None:
    """Shorten text from the disk: cells of a hive and names in XML may be megabytes long, and used many times."""
    return text if text is None or len(text) <= MAX_TEXT else f"{text[: MAX_TEXT - 1]}…"


@dataclass(frozen=True, slots=True)
class Provenance:
    """Where a reference was read: provenance and timestamp."""

    path: str
    time: datetime | None = None


@dataclass(frozen=True, slots=True)
class IisFile:
    """applicationHost.config and where it was read.

    Attributes:
        place: The file.
        configuration: What it says.
        encrypted_by: Names of the providers that encrypted values in it.
    """

    place: Provenance
    configuration: IisConfiguration
    encrypted_by: frozenset[str]


class UseContext:
    """One installation with what was already collected of it.

    Args:
        installation: Where hives are opened and problems recorded.
        machine: Its identity.
        certificates: Every certificate of every store.
        profiles: Every profile.
        users: Every account.
        key_files: Every key file.
        key_folders: The folders in which key files were looked for.
        events: Every record of the event logs.
        service_identities: Every service by lower-case name.
    """

    def __init__(
        self,
        installation: Installation,
        machine: MachineRow,
        certificates: Sequence[CertificateRow],
        profiles: Sequence[Profile],
        users: Sequence[UserRow],
        key_files: Sequence[KeyFileRow] = (),
        key_folders: Sequence[KeyFolder] = (),
        events: Sequence[EventRow] = (),
        service_identities: Mapping[str, ServiceIdentity] | None = None,
    ) -> None:
        self.installation = installation
        self.machine = machine
        self.certificates = certificates
        self.profiles = profiles
        self.users = users
        self.key_files = key_files
        self.key_folders = key_folders
        self.events = events
        self.service_identities = service_identities or {}
        self.software = RegistryView.of_machine(installation, "SOFTWARE")
        self.system = RegistryView.of_machine(installation, "SYSTEM")
        self.control = f"{installation.control_set()}\\Control"
        self.services = f"{installation.control_set()}\\Services"

    def user_hives(self) -> Iterator[tuple[Profile, RegistryView]]:
        """Yield each profile with its registry."""
        return user_hives(self.installation, self.profiles)

    def use(
        self,
        consumer: Consumer,
        place: Provenance,
        thumbprint: str | None,
        *,
        detail: str | None = None,
        store: str | None = MY,
        owner_sid: str | None = SYSTEM_SID,
        certainty: Certainty = "proved",
        fault: str | None = None,
        sha256: str | None = None,
        account: str | None = None,
        container: str | None = None,
    ) -> CertificateUseRow:
        """Return a row; ``present`` is looked up, ``account`` is the consumer's unless given.

        Whether the account would open the key is judged later, of all uses in one place. Where a consumer names a key
        of the computer's and no certificate, ``container`` is its name.
        """
        return CertificateUseRow(
            machine_id=self.installation.machine_id,
            thumbprint=thumbprint,
            sha256=sha256,
            consumer=consumer.name,
            detail=clip(detail),
            store=clip(store),
            owner_sid=owner_sid,
            account=account or consumer.account,
            service=consumer.service,
            container=clip(container),
            certainty=certainty,
            present=self.present(thumbprint, store, owner_sid),
            fault=clip(fault),
            breaks=consumer.breaks,
            repair=consumer.repair,
            source_path=place.path,
            source_time=place.time,
        )

    def service_account(self, row: CertificateUseRow, service: str) -> CertificateUseRow:
        """Fill in the account that a service runs as."""
        row.service = clip(service)
        row.account_name = clip(self.system.text(f"{self.services}\\{service}", "ObjectName"))
        row.account = self.account_sid(row.account_name)
        return row

    def account_sid(self, name: str | None) -> str | None:
        """Return the SID of an account by the name that a service or an application pool gives it."""
        return account_sid(name, self.machine.computer_name, self.users, joined_domain(self.machine))

    def file(
        self, path: str, limit: int = MAX_SMALL_FILE, name: str | None = None, service: str | None = None
    ) -> tuple[Provenance, bytes] | None:
        """Return place and content of a file; None when there is none, or none that can be read.

        Args:
            path: Path in the tree.
            limit: Bytes beyond which it is not what it should be.
            name: Name under which coverage tells whether it was there.
            service: Service that reads it; where that is installed and the file was not seen, coverage says that uses
                may be missing.
        """
        outcome = PRESENT
        found = None
        with guard(self.installation, path) as guarded:
            try:
                entry = self.installation.tree.entry(path)
            except NotFound:
                # Not by Installation.read, which would list the whole folder to say why.
                outcome = self.installation.not_found
            else:
                content = self.installation.read(entry, limit)
                outcome = content.outcome
                found = (Provenance(entry.path, entry.modified), content.data) if outcome.is_there else None
        outcome = guarded.failure or outcome
        if name is not None:
            self.installation.coverage.tell("file", name, outcome, path)
        if service is not None and not outcome.is_whole and self._may_be_installed(service):
            self.installation.coverage.tell("uses", service, outcome, path)
        return found

    @cached_property
    def iis(self) -> IisFile | None:
        """The configuration of IIS; None where there is none, or none that can be read."""
        path = self.installation.in_windows(IIS_CONFIG)
        found = self.file(path, MAX_XML_SIZE, IIS_CONFIG_NAME, "W3SVC")
        if found is None:
            return None
        place, data = found
        with guard(self.installation, path):
            return IisFile(place, parse_iis_configuration(data), frozenset(providers_named(decode_text(data))))
        return None

    def _may_be_installed(self, service: str) -> bool:
        return self.system.saw(f"{self.services}\\{service}").state != "absent"

    def raw_thumbprint(self, view: RegistryView, key: Key | str, name: str) -> str | None:
        """Return a SHA-1 kept as 20 bytes in upper hex; another length is a problem."""
        data = view.data(key, name)
        if data is None:
            return None
        if len(data) != SHA1_SIZE:
            message = sentence("{count} bytes; a SHA-1 has 20", count=len(data))
            self.installation.problem(view.where(key, name), "bad_length", message)
            return None
        return data.hex().upper()

    def present(self, thumbprint: str | None, store: str | None, owner_sid: str | None) -> bool | None:
        """Tell whether a certificate is in a store; None when the store was not examined, or nothing is asked for."""
        if thumbprint is None or store is None:
            return None
        if any(
            row.store.lower() == store.lower() and _belongs(row, owner_sid)
            for row in self._by_thumbprint.get(thumbprint, ())
        ):
            return True
        if thumbprint in self._unread or not self.examined(store, owner_sid):
            return None
        return False

    @cached_property
    def _unread(self) -> frozenset[str]:
        """Thumbprints of certificates that stores hold and that cannot be read."""
        return frozenset(row.name for row in self.installation.coverage if row.area == "certificate")

    def examined(self, store: str, owner_sid: str | None) -> bool:
        """Tell whether a certificate that was not found in a store is really not there."""
        if owner_sid == SYSTEM_SID:
            return self.installation.coverage.saw_store(store).is_whole
        return self._saw_own.get(owner_sid, False)

    @cached_property
    def _saw_own(self) -> dict[str | None, bool]:
        """Whether the folder of users' own certificates was seen, by the user's SID; None: those of all users."""
        found: dict[str | None, bool] = {}
        for profile in self.profiles:
            if profile.scope == "user":
                path = f"{profile.roaming}/Microsoft/SystemCertificates/My/Certificates"
                seen = not profile.elsewhere and self.installation.coverage.saw(Place.of_folder(path)).is_whole
                for sid in {profile.sid, None}:
                    found[sid] = found.get(sid, True) and seen
        return found

    @cached_property
    def _by_thumbprint(self) -> dict[str, list[CertificateRow]]:
        found: dict[str, list[CertificateRow]] = {}
        for row in self.certificates:
            found.setdefault(row.thumbprint, []).append(row)
        return found

    @property
    def host(self) -> str:
        """DNS name of the machine in lower case, as far as it is known."""
        machine = self.machine
        parts = (machine.host_name or machine.computer_name, machine.domain_name)
        return ".".join(part for part in parts if part).lower()

    def my_certificates(self, owner_sid: str | None = SYSTEM_SID) -> Iterator[CertificateRow]:
        """Yield the certificates of a personal store that claim a private key; None: of every user."""
        for row in self.certificates:
            if row.store.upper() == MY and row.has_key_link and not row.archived and _belongs(row, owner_sid):
                yield row

    def candidates(
        self,
        consumer: Consumer,
        place: Provenance,
        certificates: Iterable[CertificateRow],
        detail: str,
        owner_sid: str | None = SYSTEM_SID,
    ) -> Iterator[CertificateUseRow]:
        """Yield a row for each certificate the consumer may choose; one without thumbprint when there is none."""
        latest = sorted(
            certificates, key=lambda c: (-c.not_after.timestamp() if c.not_after else 0.0, c.thumbprint, c.source_path)
        )
        if len(latest) > MAX_CANDIDATES:
            message = sentence(
                "only the {max_candidates} longest-lived of {count} candidates for {name} are told",
                max_candidates=MAX_CANDIDATES,
                count=len(latest),
                name=consumer.name,
            )
            self.installation.problem(place.path, "too_many", message)
        for row in latest[:MAX_CANDIDATES]:
            owner = row.owner_sid if owner_sid is None else owner_sid
            account = consumer.account if owner == SYSTEM_SID else owner
            yield self.use(
                consumer, place, row.thumbprint, detail=detail, owner_sid=owner, certainty="candidate", account=account
            )
        if not latest:
            none = self.use(consumer, place, None, detail=detail, owner_sid=owner_sid, certainty="candidate")
            none.present = False if self.examined(MY, owner_sid) else None
            none.account = consumer.account if owner_sid == SYSTEM_SID else owner_sid
            yield none


def _belongs(row: CertificateRow, owner_sid: str | None) -> bool:
    if owner_sid == SYSTEM_SID:
        return row.store_scope in _COMPUTER_SCOPES and row.owner_sid == SYSTEM_SID
    return row.store_scope == "user" and row.owner_sid not in (None, SYSTEM_SID) and owner_sid in (None, row.owner_sid)


def is_for(row: CertificateRow, host: str) -> bool:
    """Tell whether a certificate names a host, given in lower case."""
    names = {name.lower() for name in row.san}
    return f"dns:{host}" in names or any(part.lower() == f"cn={host}" for part in (row.subject or "").split(","))


def may_authenticate(row: CertificateRow, usage: str) -> bool:
    """Tell whether a certificate's extended key usages allow ``usage``; none at all allow everything."""
    return not row.eku or usage in row.eku or "anyExtendedKeyUsage" in row.eku
