"""Applications with settings of their own: the certificates, and the keys of encryption, that their files name."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from itertools import islice
from typing import TYPE_CHECKING

from forensics.collectors.guard import guard
from forensics.collectors.profiles import SYSTEM_SID
from forensics.collectors.uses.configuration_files import ADMIN_CENTER as ADMIN_CENTER_FOLDER
from forensics.collectors.uses.configuration_files import COVERED, ConfigurationFile, configuration_files
from forensics.collectors.uses.configuration_keys import configuration_key_uses
from forensics.collectors.uses.context import MY, Provenance, UseContext
from forensics.collectors.uses.roles import ADMIN_CENTER, APPLICATION
from forensics.formats.protected_configuration import providers_named
from forensics.language import sentence
from forensics.tables.certificate import CertificateRow
from forensics.tables.use import Certainty, CertificateUseRow

if TYPE_CHECKING:
    from forensics.formats.certificate_mention import Mention

_ADMIN_CENTER_SERVICE = "WindowsAdminCenter"


def application_uses(context: UseContext) -> Iterator[CertificateUseRow]:
    """Yield a row for each certificate that a file of settings names, and for each key that encrypted values need."""
    encrypted: dict[str, Provenance] = {}
    if context.iis is not None:
        encrypted = dict.fromkeys(sorted(context.iis.encrypted_by), context.iis.place)
    by_thumbprint: dict[str, list[CertificateRow]] = defaultdict(list)
    for row in context.certificates:
        by_thumbprint[row.thumbprint].append(row)
    for file in configuration_files(context):
        with guard(context.installation, file.place.path):
            yield from _named_in(context, file, by_thumbprint)
            for provider in sorted(providers_named(file.text)):
                encrypted.setdefault(provider, file.place)
    yield from configuration_key_uses(context, encrypted)


def _named_in(
    context: UseContext, file: ConfigurationFile, by_thumbprint: dict[str, list[CertificateRow]]
) -> Iterator[CertificateUseRow]:
    from forensics.formats.certificate_mention import MAX_MENTIONS, mentions

    found = list(islice(mentions(file.text), MAX_MENTIONS + 1))
    for mention in found[:MAX_MENTIONS]:
        if mention.thumbprint is not None:
            yield from _by_thumbprint(context, file, mention, by_thumbprint.get(mention.thumbprint, ()))
        else:
            yield from _by_subject(context, file, mention)
    if len(found) > MAX_MENTIONS:
        message = sentence(
            "only the first {max_mentions} certificates that this file names are told", max_mentions=MAX_MENTIONS
        )
        context.installation.cut("uses", COVERED, file.place.path, message)


def _by_thumbprint(
    context: UseContext, file: ConfigurationFile, mention: Mention, found: list[CertificateRow] | tuple[()]
) -> Iterator[CertificateUseRow]:
    """Yield the use of a certificate by its hash; a hash of none on this disk must stand where one is expected."""
    with_key = [row for row in found if row.has_key_link]
    if not found and mention.role != "uses":
        return
    row = next(iter(with_key or found), None)
    # One without a key here may be a partner's, which is named to be trusted.
    certainty: Certainty = "likely" if mention.role != "trusts" and (with_key or not found) else "candidate"
    store = mention.store or (row.store if row else MY)
    owner = None if mention.of_user else row.owner_sid if row else SYSTEM_SID
    yield _use(context, file, mention.thumbprint, store, owner, certainty)


def _by_subject(context: UseContext, file: ConfigurationFile, mention: Mention) -> Iterator[CertificateUseRow]:
    """Yield the use of the certificate with that subject that lasts longest, as .NET chooses it."""
    owner = None if mention.of_user else SYSTEM_SID
    wanted = (mention.subject or "").lower()
    able = [
        row
        for row in context.my_certificates(owner)
        if wanted in (row.subject or "").lower() and row.not_after is not None
    ]
    best = max(able, key=lambda row: (row.not_after, row.thumbprint), default=None)
    if best is not None:
        yield _use(context, file, best.thumbprint, best.store, best.owner_sid, "likely")


def _use(
    context: UseContext,
    file: ConfigurationFile,
    thumbprint: str | None,
    store: str,
    owner: str | None,
    certainty: Certainty,
) -> CertificateUseRow:
    is_admin_center = f"/{ADMIN_CENTER_FOLDER.lower()}/" in f"/{file.place.path.lower()}"
    of = file.site.name if file.site is not None else file.service
    row = context.use(
        ADMIN_CENTER if is_admin_center else APPLICATION,
        file.place,
        thumbprint,
        detail=f"{of}, {file.path}" if of else file.path,
        store=store,
        owner_sid=owner,
        certainty=certainty,
    )
    if is_admin_center:
        return context.service_account(row, _ADMIN_CENTER_SERVICE)
    if file.service is not None:
        return context.service_account(row, file.service)
    if file.site is not None:
        row.account_name = file.site.account
        row.account = context.account_sid(file.site.account)
    return row
