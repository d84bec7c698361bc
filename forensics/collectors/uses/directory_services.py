"""AD LDS: each instance takes the certificate of its service's store, else one of the computer's that fits its name.

References:
    Microsoft Learn, "Configuring LDAP over SSL requirements for AD LDS"; instances are services named ADAM_<instance>.
"""

from __future__ import annotations

from collections.abc import Iterator

from forensics.collectors.uses.context import MY, Provenance, UseContext, is_for, may_authenticate
from forensics.collectors.uses.roles import AD_LDS
from forensics.language import sentence
from forensics.registry.hive import Key
from forensics.tables.use import CertificateUseRow

MAX_INSTANCES = 500
"""Evidence: instances of AD LDS."""

_PREFIX = "ADAM_"
_SSL_PORT = "Port SSL"


def directory_service_uses(context: UseContext) -> Iterator[CertificateUseRow]:
    """Yield a row for each certificate that an instance has in its service's store, else those it may choose."""
    system = context.system
    for service in system.subkeys(context.services, MAX_INSTANCES, _PREFIX):
        # A driver or a left-over has no account.
        if system.text(service, "ObjectName") is not None:
            yield from _instance(context, service)


def _instance(context: UseContext, service: Key) -> Iterator[CertificateUseRow]:
    name = service.name
    own = [
        row
        for row in context.certificates
        if row.store_scope == "service" and (row.service or "").lower() == name.lower() and row.store.upper() == MY
    ]
    port = context.system.number(f"{context.services}\\{name}\\Parameters", _SSL_PORT)
    detail = sentence("instance {name}", name=name[len(_PREFIX) :])
    if port:
        detail = sentence("instance {name}, port {port}", name=name[len(_PREFIX) :], port=port)
    for row in own:
        place = Provenance(row.source_path, row.source_time)
        use = context.use(AD_LDS, place, row.thumbprint, detail=detail, store=row.store, owner_sid=row.owner_sid)
        use.present = True
        yield context.service_account(use, name)
    if own:
        return
    able = [c for c in context.my_certificates() if may_authenticate(c, "serverAuth") and is_for(c, context.host)]
    place = Provenance(context.system.where(service), service.timestamp)
    # An instance without certificate answers LDAP only, and that is no fault.
    for use in context.candidates(AD_LDS, place, able, detail) if able else ():
        yield context.service_account(use, name)
