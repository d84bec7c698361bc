"""Certificates that name the role they were made for: by subject, issuer, template, friendly name or store.

Which of them its role uses stands in a directory or database that is not on this disk, so it is inferred: the one that
a setting names, else the one that was issued last. The others are earlier ones.

References:
    Microsoft Learn: Maintain the Exchange Server OAuth certificate; Renew the federation certificate; Network Device
    Enrollment Service; dsregcmd; Web Management Service; Azure Automation State Configuration. Others are known from
    machines only.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable, Iterator

from forensics.collectors.profiles import SYSTEM_SID
from forensics.collectors.uses.consumers import CONFIG_MGR, DSC, ENTRA_JOIN, MDM, WEB_MANAGEMENT, Consumer
from forensics.collectors.uses.context import MY, Provenance, UseContext
from forensics.collectors.uses.generations import newest
from forensics.collectors.uses.roles import (
    AD_FS,
    ADMIN_CENTER,
    AZURE_GUEST_AGENT,
    EXCHANGE,
    EXCHANGE_AUTH,
    EXCHANGE_FEDERATION,
    NDES,
    WEB_APPLICATION_PROXY,
    earlier,
)
from forensics.late_methods import dataclass
from forensics.tables.certificate import CertificateRow
from forensics.tables.use import Certainty, CertificateUseRow

Test = Callable[[CertificateRow], bool]

_SCEP_TEMPLATES = frozenset({"CEPEncryption", "EnrollmentAgentOffline"})
_REQUEST_AGENT = "msEnrollmentAgent"
_SCEP = "Microsoft\\Cryptography\\MSCEP"
_EXCHANGE = ("MSExchangeTransport", "MSExchangeIS", "MSExchangeServiceHost")
_FEDERATION = frozenset({"exchange delegation federation", "exchange federated sharing"})


@dataclass(frozen=True, slots=True)
class _Role:
    """How a role's certificates are known.

    Attributes:
        consumer: The role.
        fits: Tells its certificates.
        services: One of them is registered where the role is installed; empty: the certificate alone tells it.
        key: Key of SOFTWARE that is there where the role is installed.
        kind: What certificates of the role that follow one another share.
        store: Where they lie.
        is_set: The setting that names the one that is used is known: what it does not name may be left over.
        is_optional: The product may be without it, which is told elsewhere: the certificate may be left over.
    """

    consumer: Consumer
    fits: Test
    services: tuple[str, ...] = ()
    key: str | None = None
    kind: Callable[[CertificateRow], Hashable] = lambda row: None
    store: str = MY
    is_set: bool = False
    is_optional: bool = False


def _names(row: CertificateRow, start: str, whole: bool = False, of_issuer: bool = False) -> bool:
    """Tell whether the common name of subject or issuer is, or begins with, a text, in whatever case."""
    name = ((row.issuer if of_issuer else row.subject) or "").lower()
    wanted = f"cn={start}".lower()
    parts = map(str.strip, name.split(",")) if wanted in name else ()
    return any(part == wanted if whole else part.startswith(wanted) for part in parts)


def _is_of_federation(row: CertificateRow) -> bool:
    """Tell a certificate of the federation trust by its friendly name, or as the one that Exchange signed itself."""
    named = (row.friendly_name or "").lower() in _FEDERATION
    return named or bool(row.self_signed and _names(row, "Federation", whole=True))


_ROLES = (
    _Role(EXCHANGE_AUTH, lambda row: _names(row, "Microsoft Exchange Server Auth Certificate", whole=True)),
    _Role(
        EXCHANGE,
        lambda row: row.friendly_name == "Microsoft Exchange",
        services=_EXCHANGE,
    ),
    _Role(EXCHANGE_FEDERATION, _is_of_federation, services=_EXCHANGE, is_optional=True),
    _Role(
        NDES,
        lambda row: row.template in _SCEP_TEMPLATES or _REQUEST_AGENT in row.eku,
        key=_SCEP,
        kind=lambda row: row.template,
    ),
    _Role(
        AD_FS,
        lambda row: _names(row, "ADFS Signing - ") or _names(row, "ADFS Encryption - "),
        services=("adfssrv",),
        kind=lambda row: row.subject,
        # AD FS makes those of its tokens in its database; none in My is normal.
        is_optional=True,
    ),
    _Role(WEB_APPLICATION_PROXY, lambda row: _names(row, "ADFS ProxyTrust - "), services=("appproxysvc",)),
    _Role(
        ADMIN_CENTER,
        lambda row: (
            _names(row, "WindowsAdminCenterSelfSigned", whole=True) or _names(row, "Windows Admin Center", whole=True)
        ),
        services=("WindowsAdminCenter", "ServerManagementGateway"),
    ),
    _Role(WEB_MANAGEMENT, lambda row: _names(row, "WMSvc-"), services=("WMSVC",), is_set=True),
    _Role(
        AZURE_GUEST_AGENT,
        lambda row: _names(row, "Windows Azure CRP Certificate Generator", of_issuer=True),
        services=("WindowsAzureGuestAgent", "RdAgent"),
        kind=lambda row: row.subject,
        # The platform names another one each time that it protects settings.
        is_optional=True,
    ),
    _Role(DSC, lambda row: _names(row, "DSC-OaaS")),
    _Role(ENTRA_JOIN, lambda row: _names(row, "MS-Organization-Access", of_issuer=True), is_set=True),
    _Role(
        MDM,
        lambda row: (
            _names(row, "Microsoft Intune MDM Device CA", of_issuer=True)
            or _names(row, "SC_Online_Issuing", of_issuer=True)
        ),
        is_set=True,
    ),
    _Role(CONFIG_MGR, lambda row: True, services=("CcmExec",), kind=lambda row: row.friendly_name, store="SMS"),
)


def recognised_uses(context: UseContext, known: Iterable[CertificateUseRow]) -> Iterator[CertificateUseRow]:
    """Yield a row for each certificate of the computer that tells the role it was made for.

    Args:
        context: What is examined.
        known: The uses that settings tell of; these certificates are not yielded again.
    """
    named: dict[str, set[str | None]] = defaultdict(set)
    for use in known:
        named[use.consumer].add(use.thumbprint)
    rows = [
        row
        for row in context.certificates
        if row.store_scope == "machine" and row.owner_sid == SYSTEM_SID and row.has_key_link and not row.archived
    ]
    for role in _ROLES:
        found = [row for row in rows if row.store.upper() == role.store and role.fits(row)]
        service = _installed_service(context, role)
        if found and (service or _needs_no_proof(context, role)):
            yield from _of_role(context, role, found, named[role.consumer.name], role.consumer.service or service)


def _installed_service(context: UseContext, role: _Role) -> str | None:
    registered = (name for name in role.services if context.system.key(f"{context.services}\\{name}") is not None)
    return next(registered, None)


def _needs_no_proof(context: UseContext, role: _Role) -> bool:
    """Tell whether the certificate alone tells the role, or the key of its settings is there."""
    return not role.services and (role.key is None or context.software.key(role.key) is not None)


def _of_role(
    context: UseContext, role: _Role, found: Iterable[CertificateRow], named: set[str | None], service: str | None
) -> Iterator[CertificateUseRow]:
    kinds: dict[Hashable, list[CertificateRow]] = defaultdict(list)
    for row in found:
        kinds[role.kind(row)].append(row)
    certainty: Certainty = "candidate" if role.is_set or role.is_optional else "likely"
    for kind, rows in kinds.items():
        # A role of several certificates says which of them this is.
        of_role = str(kind) if len(kinds) > 1 and kind else None
        is_named = (role.is_set and named) or any(row.thumbprint in named for row in rows)
        serving = [] if is_named else newest(rows, role.kind)
        for row in rows:
            if row in serving:
                use = _use(context, role.consumer, row, detail=of_role, certainty=certainty)
                yield context.service_account(use, service) if service and not use.account else use
            elif row.thumbprint not in named:
                yield _use(context, earlier(role.consumer), row, detail=role.consumer.name)


def _use(
    context: UseContext,
    consumer: Consumer,
    row: CertificateRow,
    *,
    detail: str | None = None,
    certainty: Certainty = "likely",
) -> CertificateUseRow:
    place = Provenance(row.source_path, row.source_time)
    use = context.use(consumer, place, row.thumbprint, detail=detail, store=row.store, certainty=certainty)
    # It was read from that very store.
    use.present = True
    return use
