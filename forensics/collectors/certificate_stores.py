"""Where certificates lie: every system store of the machine, its services and its users.

References:
    Microsoft, System Store Locations (CertOpenStore).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from datetime import datetime

from forensics.collectors.guard import guard
from forensics.collectors.moved_data import with_own_data
from forensics.collectors.profiles import SYSTEM_SID, Profile, hive_path
from forensics.collectors.registry_view import RegistryView
from forensics.formats.errors import FormatError
from forensics.language import sentence
from forensics.late_methods import dataclass
from forensics.registry.hive import Key
from forensics.sources.coverage import FURTHER_CERTIFICATES, OWN_CERTIFICATES
from forensics.sources.installation import Installation
from forensics.tables.certificate import StoreScope
from forensics.tables.coverage_names import CoverageArea
from forensics.tables.outcome import NOT_COLLECTED, Outcome, State

MAX_ELEMENTS = 10_000
"""Evidence: certificates of one installation, and of one store's root or folder."""
UNREADABLE_AREA: CoverageArea = "certificate"
"""Area of the coverage rows of elements that are there and hold no certificate that can be read."""

MAX_ELEMENT_SIZE = 1 << 20
"""Format: bytes of one stored certificate with its properties."""
MAX_TOTAL_SIZE = 64 << 20
"""Evidence: bytes of all elements of one installation together."""

PERSONAL_STORES = frozenset({"my", "remote desktop", "shielded vm local certificates", "webhosting"})
"""Stores, in lower case, whose certificates should have a private key."""

HANDED_OUT: frozenset[StoreScope] = frozenset({"policy", "enterprise"})
"""Scopes whose certificates a domain hands out to its members: their keys lie elsewhere by design."""

_MACHINE_ROOTS: tuple[tuple[StoreScope, str], ...] = (
    ("machine", "Microsoft\\SystemCertificates"),
    ("enterprise", "Microsoft\\EnterpriseCertificates"),
    ("policy", "Policies\\Microsoft\\SystemCertificates"),
)
_USER_ROOTS: tuple[tuple[StoreScope, str], ...] = (
    ("user", "Software\\Microsoft\\SystemCertificates"),
    ("policy", "Software\\Policies\\Microsoft\\SystemCertificates"),
)
_SERVICES = "Microsoft\\Cryptography\\Services"
_ENDORSEMENT = "Services\\TPM\\WMI\\Endorsement"
_MY_FOLDER = "Microsoft/SystemCertificates/My/Certificates"
_SHA1_NAME = re.compile(r"[0-9a-f]{40}", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Element:
    """One stored certificate with its properties, unparsed.

    Attributes:
        name: Name of its key or file: the SHA-1 of the certificate in hex.
        data: The serialized element.
        store: Store name; ``MY`` for the personal store however it is spelt.
        scope: Value of ``store_scope``.
        owner_sid: Whose store it is.
        service: Service whose store it is.
        source_path: Registry value or file.
        source_time: Timestamp of that key or file, UTC.
    """

    name: str
    data: bytes
    store: str
    scope: StoreScope
    owner_sid: str | None
    service: str | None
    source_path: str
    source_time: datetime | None


def collect_elements(installation: Installation, profiles: Sequence[Profile]) -> Iterator[Element]:
    """Yield the elements of every store, at most :data:`MAX_ELEMENTS` and :data:`MAX_TOTAL_SIZE` bytes in all."""
    left = MAX_TOTAL_SIZE
    for count, element in enumerate(_elements(installation, profiles)):
        left -= len(element.data)
        if count >= MAX_ELEMENTS or left < 0:
            message = sentence(
                "not all certificates are read: at most {max_elements}, or {max_total_size} bytes of them",
                max_elements=MAX_ELEMENTS,
                max_total_size=MAX_TOTAL_SIZE,
            )
            installation.problem(element.source_path, "too_many", message)
            _cover_the_rest(installation, element.source_path, message)
            return
        yield element


def _elements(installation: Installation, profiles: Sequence[Profile]) -> Iterator[Element]:
    yield from _machine_stores(installation)
    default = RegistryView.of_machine(installation, "DEFAULT")
    for scope, root in _USER_ROOTS:
        yield from _stores(default, root, scope, SYSTEM_SID, None)
    for profile in profiles:
        if profile.scope != "system":
            yield from _user_hive(installation, profile)
        if profile.elsewhere:
            name, own = f"{OWN_CERTIFICATES} {profile.sid or profile.path}", f"{profile.roaming}/{_MY_FOLDER}"
            installation.coverage.tell("folder", name, NOT_COLLECTED, own)
        else:
            yield from _my_files(installation, with_own_data(installation, profile))


def _machine_stores(installation: Installation) -> Iterator[Element]:
    software = RegistryView.of_machine(installation, "SOFTWARE")
    for scope, root in _MACHINE_ROOTS:
        yield from _stores(software, root, scope, SYSTEM_SID, None)
    for service in software.subkeys(_SERVICES):
        root = f"{_SERVICES}\\{service.name}\\SystemCertificates"
        yield from _stores(software, root, "service", SYSTEM_SID, service.name)
    # Certificates of the TPM's endorsement keys, which Windows keeps beside what else it knows of the TPM.
    system = RegistryView.of_machine(installation, "SYSTEM")
    root = f"{installation.control_set()}\\{_ENDORSEMENT}"
    if system.key(root) is not None:
        yield from _stores(system, root, "machine", SYSTEM_SID, None)


def _user_hive(installation: Installation, profile: Profile) -> Iterator[Element]:
    path = hive_path(installation, profile)
    if path is None:
        return
    view = RegistryView(installation, installation.hive_at(path, f"NTUSER.DAT of {profile.sid or profile.path}"))
    for scope, root in _USER_ROOTS:
        yield from _stores(view, root, scope, profile.sid, None)


def _stores(
    view: RegistryView, root: str, scope: StoreScope, owner_sid: str | None, service: str | None
) -> Iterator[Element]:
    if view.hive is None:
        return
    stores = list(view.subkeys(root))
    view.tell(root)
    left = MAX_ELEMENTS
    for store in stores:
        if left <= 0:
            message = sentence("only the first {max_elements} certificates were read", max_elements=MAX_ELEMENTS)
            view.installation.problem(view.where(root), "too_many", message)
            _cover_the_rest(view.installation, view.where(root), message)
            return
        certificates = f"{root}\\{store.name}\\Certificates"
        for element in view.subkeys(certificates, left):
            left -= 1
            data = _blob(view, element)
            if data is None:
                cover_unreadable(view.installation, element.name, store.name, view.where(element, "Blob"))
            else:
                yield Element(
                    name=element.name,
                    data=data,
                    store=store.name,
                    scope=scope,
                    owner_sid=owner_sid,
                    service=service,
                    source_path=view.where(element, "Blob"),
                    source_time=element.timestamp,
                )
        view.tell(certificates)


def _cover_the_rest(installation: Installation, path: str, message: str) -> None:
    installation.coverage.tell(UNREADABLE_AREA, FURTHER_CERTIFICATES, Outcome("not_examined", message), path)


def cover_unreadable(
    installation: Installation, name: str, store: str, source_path: str, state: State = "unreadable"
) -> None:
    """Record that a store has an element that cannot be read: its certificate is not absent.

    Args:
        installation: Where it is recorded.
        name: Name of the element, by which Windows finds it; nothing is recorded unless it is a thumbprint.
        store: Name of the store.
        source_path: Registry value or file.
        state: What came of reading it.
    """
    if _SHA1_NAME.fullmatch(name):
        installation.coverage.tell(
            UNREADABLE_AREA, name.upper(), Outcome(state, sentence("store {store}", store=store)), source_path
        )


def _blob(view: RegistryView, element: Key) -> bytes | None:
    with guard(view.installation, view.where(element, "Blob")):
        value = element.value("Blob")
        if value is None or not value.data:
            raise FormatError("no_blob", 0, sentence("the certificate's key has no Blob value, or an empty one"))
        if len(value.data) > MAX_ELEMENT_SIZE:
            message = sentence(
                "{count} bytes; at most {max_element_size} are expected of a certificate",
                count=len(value.data),
                max_element_size=MAX_ELEMENT_SIZE,
            )
            raise FormatError("too_large", 0, message)
        return value.data
    return None


def _my_files(installation: Installation, profile: Profile) -> Iterator[Element]:
    path = f"{profile.roaming}/{_MY_FOLDER}"
    listing = installation.listing(path)
    if profile.scope == "user" or listing.outcome.state != "absent":
        name = f"{OWN_CERTIFICATES} {profile.sid or profile.path}"
        installation.coverage.tell("folder", name, listing.outcome, path)
    files = [entry for entry in listing.entries if not entry.is_dir]
    if len(files) > MAX_ELEMENTS:
        message = sentence(
            "only the first {max_elements} of {count} certificates were read",
            max_elements=MAX_ELEMENTS,
            count=len(files),
        )
        installation.cut(
            "folder",
            f"{OWN_CERTIFICATES} {profile.sid or profile.path}",
            path,
            message,
        )
    for entry in files[:MAX_ELEMENTS]:
        content = installation.read(entry, MAX_ELEMENT_SIZE)
        if not content.outcome.is_there:
            cover_unreadable(installation, entry.name, "My", entry.path, content.outcome.state)
            continue
        yield Element(
            name=entry.name,
            data=content.data,
            store="My",
            scope="user",
            owner_sid=profile.sid,
            service=None,
            source_path=entry.path,
            source_time=entry.modified,
        )
