"""The certificates by which a device proves who it is: Entra join, workplace join, device management.

References:
    Microsoft Learn, dsregcmd; call4cloud, "DMPCertThumbPrint and SslClientCertReference".
"""

from __future__ import annotations

from collections.abc import Iterator

from forensics.collectors.profiles import SYSTEM_SID
from forensics.collectors.registry_view import RegistryView
from forensics.collectors.uses.consumers import ENTRA_JOIN, MDM, WORKPLACE_JOIN
from forensics.collectors.uses.context import Provenance, UseContext
from forensics.formats.thumbprint import thumbprint_of_text
from forensics.language import joined, sentence
from forensics.late_methods import dataclass
from forensics.registry.hive import Key
from forensics.tables.use import CertificateUseRow

MAX_ENROLLMENTS = 1_000
"""Evidence: enrolments, accounts or joins of one kind."""

_WORKPLACE_JOIN = "Software\\Microsoft\\Windows NT\\CurrentVersion\\WorkplaceJoin\\JoinInfo"
_ENROLLMENTS = "Microsoft\\Enrollments"
_ACCOUNTS = "Microsoft\\Provisioning\\OMADM\\Accounts"
_THUMBPRINT, _REFERENCE = "DMPCertThumbPrint", "SslClientCertReference"
_NO_CERTIFICATE = "0" * 40


def entra_uses(context: UseContext) -> Iterator[CertificateUseRow]:
    """Yield the join of the device, and those of users who added a work account; the key's name is likely the hash."""
    system = context.system
    for key in system.subkeys(f"{context.control}\\CloudDomainJoin\\JoinInfo", MAX_ENROLLMENTS):
        yield _join(context, system, key, SYSTEM_SID)
    for profile, view in context.user_hives():
        for key in view.subkeys(_WORKPLACE_JOIN, MAX_ENROLLMENTS):
            yield _join(context, view, key, profile.sid)


def _join(context: UseContext, view: RegistryView, key: Key, owner: str | None) -> CertificateUseRow:
    tenant, user = view.text(key, "TenantId"), view.text(key, "UserEmail")
    named = [sentence("tenant {tenant}", tenant=tenant)] if tenant else []
    named += [sentence("user {name}", name=user)] if user else []
    thumbprint, _ = thumbprint_of_text(key.name)
    return context.use(
        ENTRA_JOIN if owner == SYSTEM_SID else WORKPLACE_JOIN,
        Provenance(view.where(key), key.timestamp),
        thumbprint,
        detail=joined(named, ", ") or None,
        owner_sid=owner,
        account=owner,
        certainty="likely",
    )


@dataclass(slots=True)
class _Reference:
    """What one place says of an enrolment's certificate."""

    thumbprint: str | None
    fault: str | None
    place: Provenance
    of_user: bool = False
    also: str | None = None


def mdm_uses(context: UseContext) -> Iterator[CertificateUseRow]:
    """Yield the certificate of each enrolment, and that of its OMA-DM account where the two differ."""
    accounts = dict(_account_references(context))
    for key in context.software.subkeys(_ENROLLMENTS, MAX_ENROLLMENTS):
        enrolled = _enrollment_reference(context, key)
        account = accounts.pop(key.name.lower(), None)
        details = _details(context, key)
        if enrolled and account and enrolled.thumbprint == account.thumbprint:
            account.fault = account.fault or enrolled.fault
            account.also = enrolled.place.path
            yield _mdm_use(context, account, details)
            continue
        for reference, other in ((enrolled, account), (account, enrolled)):
            if reference is not None:
                if other is not None:
                    names = sentence("{thumbprint} and {reference}", thumbprint=_THUMBPRINT, reference=_REFERENCE)
                    reference.fault = reference.fault or sentence(
                        "{names} of this enrolment name different certificates", names=names
                    )
                yield _mdm_use(context, reference, details)
    for name, account in accounts.items():
        yield _mdm_use(context, account, sentence("OMA-DM account {name}, no enrolment of that name", name=name))


def _details(context: UseContext, key: Key) -> str:
    software = context.software
    parts = [software.text(key, "ProviderID"), software.text(key, "UPN"), sentence("enrolment {name}", name=key.name)]
    return joined(filter(None, parts), ", ")


def _enrollment_reference(context: UseContext, key: Key) -> _Reference | None:
    text = context.software.text(key, _THUMBPRINT)
    if text is None:
        return None
    thumbprint, fault = thumbprint_of_text(text)
    place = Provenance(context.software.where(key, _THUMBPRINT), key.timestamp)
    # Zeros are what provisioning writes before there is a certificate.
    return None if thumbprint == _NO_CERTIFICATE else _Reference(thumbprint, fault, place)


def _account_references(context: UseContext) -> Iterator[tuple[str, _Reference]]:
    for key in context.software.subkeys(_ACCOUNTS, MAX_ENROLLMENTS):
        text = context.software.text(key, _REFERENCE)
        parts = [part.strip() for part in (text or "").split(";")]
        if len(parts) != 3:
            continue
        thumbprint, fault = thumbprint_of_text(parts[2])
        if thumbprint != _NO_CERTIFICATE:
            place = Provenance(context.software.where(key, _REFERENCE), key.timestamp)
            yield key.name.lower(), _Reference(thumbprint, fault, place, parts[1].lower() == "user")


def _mdm_use(context: UseContext, reference: _Reference, detail: str) -> CertificateUseRow:
    owner = None if reference.of_user else SYSTEM_SID
    row = context.use(MDM, reference.place, reference.thumbprint, detail=detail, owner_sid=owner, fault=reference.fault)
    row.also_set_at = [reference.also] if reference.also else []
    if reference.of_user:
        row.account = None
    return row
