"""Services that Schannel's records name by their process, and of which no setting tells the certificate.

References:
    Microsoft Learn, Schannel events 36869, 36870 and 36871; newer builds add CallerProcessImageName.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator

from forensics.collectors.uses.consumers import SERVICE
from forensics.collectors.uses.context import Provenance, UseContext, may_authenticate
from forensics.language import sentence
from forensics.tables.event import EventRow
from forensics.tables.use import CertificateUseRow

_NO_CREDENTIAL_AT_ALL = 36871
"""Logged where versions of TLS do not fit, too."""
_NO_CREDENTIAL = frozenset({36869, 36870, _NO_CREDENTIAL_AT_ALL})


def schannel_uses(context: UseContext, known: Iterable[CertificateUseRow]) -> Iterator[CertificateUseRow]:
    """Yield the certificates that such a service may have wanted: likely the only one that nothing else uses.

    Args:
        context: What is examined.
        known: The uses that settings tell of: a service among them is not asked again.
    """
    uses = [use for use in known if use.thumbprint is not None and use.certainty != "candidate"]
    told = {use.service.lower() for use in uses if use.service}
    latest: dict[str, EventRow] = {}
    for event in context.events:
        if event.service is not None and event.service.lower() not in told and is_server_failure(event):
            latest[event.service] = event
    if not latest:
        return
    used = {use.thumbprint for use in uses}
    able = [c for c in context.my_certificates() if may_authenticate(c, "serverAuth")]
    for service, event in latest.items():
        detail = sentence("{service} (Schannel {event_id} names its process)", service=service, event_id=event.event_id)
        place = Provenance(event.source_path, event.time)
        for row in context.candidates(SERVICE, place, able, detail) if able else ():
            if len(able) == 1 and row.thumbprint not in used and event.event_id != _NO_CREDENTIAL_AT_ALL:
                row.certainty = "likely"
            yield context.service_account(row, service)


def is_server_failure(event: EventRow) -> bool:
    """Tell whether Schannel says that a server had no credential; clients' own certificates are another matter."""
    if event.provider != "Schannel" or event.event_id not in _NO_CREDENTIAL:
        return False
    data = json.loads(event.data)
    kind = str(data.get("Type", "")).lower()
    return kind == "server" if event.event_id == _NO_CREDENTIAL_AT_ALL else kind != "client"
