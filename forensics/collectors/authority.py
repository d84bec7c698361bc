"""Table ca: the certification authorities of a machine, and what they need to attest keys of TPMs.

References:
    https://learn.microsoft.com/windows-server/identity/ad-ds/manage/component-updates/tpm-key-attestation
    Certsrv.h, ENUM_CATYPES: the meaning of CAType.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from forensics.collectors.evidence import CertificateEvidence
from forensics.collectors.registry_view import RegistryView
from forensics.language import sentence
from forensics.registry.hive import Key
from forensics.sources.installation import Installation
from forensics.tables.authority import CaRow, CaType, StoreFound
from forensics.tables.outcome import State

MAX_AUTHORITIES = 50
"""Evidence: certification authorities of one installation."""
MAX_DIRECTORIES = 100
"""Evidence: folders of endorsement keys that one authority names."""
MAX_TEXT = 1024
"""Display: characters of a name or path."""

_SERVICE = "Services\\CertSvc"
_WITHOUT_CERTIFICATES: dict[State, StoreFound] = {"present": "empty", "absent": "absent"}
_STORES = "Microsoft\\SystemCertificates"
# Who opens a store of the computer sees in it what policy and the directory put there.
_COMPUTER_S = ("machine", "policy", "enterprise")
_TYPES: dict[int, CaType] = {
    0: "enterprise_root",
    1: "enterprise_subordinate",
    3: "standalone_root",
    4: "standalone_subordinate",
}


def collect_authorities(installation: Installation, certificates: Sequence[CertificateEvidence]) -> Iterator[CaRow]:
    """Yield each configured certification authority.

    Args:
        installation: What is examined.
        certificates: Its certificates, those of EKROOT and EKCA among them.
    """
    system = RegistryView.of_machine(installation, "SYSTEM")
    service = f"{installation.control_set()}\\{_SERVICE}"
    configuration = system.key(f"{service}\\Configuration")
    if configuration is None:
        return
    active = system.text(configuration, "Active")
    for key in system.subkeys(configuration, MAX_AUTHORITIES):
        row = _row(system, service, key)
        row.active = None if active is None else key.name.lower() == active.lower()
        _add_stores(installation, row, certificates)
        yield row


def _row(system: RegistryView, service: str, key: Key) -> CaRow:
    number = system.number(key, "CAType")
    kind = _TYPES.get(number if number is not None else -1, "unknown")
    value = system.value(key, "EndorsementKeyListDirectories")
    directories = [] if value is None else value.texts or ([value.text] if value.text else [])
    if len(directories) > MAX_DIRECTORIES:
        message = sentence("only the first {max_directories} folders are looked at", max_directories=MAX_DIRECTORIES)
        system.cut(key, message, value="EndorsementKeyListDirectories")
    return CaRow(
        machine_id=system.installation.machine_id,
        name=key.name[:MAX_TEXT],
        common_name=(system.text(key, "CommonName") or "")[:MAX_TEXT] or None,
        type=kind,
        enterprise=None if kind == "unknown" else kind.startswith("enterprise"),
        service_start=system.number(service, "Start"),
        account=system.text(service, "ObjectName"),
        ek_list_directories=[text[:MAX_TEXT] for text in directories[:MAX_DIRECTORIES]],
        source_path=system.where(key),
        source_time=key.timestamp,
    )


def _add_stores(installation: Installation, row: CaRow, certificates: Sequence[CertificateEvidence]) -> None:
    software = RegistryView.of_machine(installation, "SOFTWARE")
    stores = {
        store: [c.row for c in certificates if c.row.store.lower() == store and c.row.store_scope in _COMPUTER_S]
        for store in ("ekroot", "ekca")
    }
    outcomes: dict[str, StoreFound] = {}
    for store, found in stores.items():
        seen = software.saw(f"{_STORES}\\{store}")
        is_whole = installation.coverage.saw_store(store).is_whole
        without: StoreFound = _WITHOUT_CERTIFICATES.get(seen.state, "not_examined") if is_whole else "not_examined"
        outcomes[store] = "present" if found else without
    row.ekroot, row.ekca = outcomes["ekroot"], outcomes["ekca"]
    row.ekroot_count, row.ekca_count = (
        None if outcomes[store] == "not_examined" else len(found) for store, found in stores.items()
    )
    known = {c.subject for found in stores.values() for c in found}
    row.missing_issuers = sorted({c.issuer for c in stores["ekca"] if c.issuer and c.issuer not in known})
